//! Scanned, pasted and clicked codes.

use volary_mail::address::Address;
use volary_mail::openpgp::Fingerprint;
use volary_mail::proxy::ProxyUrl;
use volary_mail::qr::{BackupCode, Code, Invite, LocalFacts, NodeAddr, Target, classify, parse, svg};
use volary_mail::securejoin::{GroupId, Token};

use crate::people::ALICE;

/// Addresses that are kept of an invite.
const MAX_ADDRESSES: usize = 32;

/// Reads the text as a code, and what it wrote again.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(code) = parse(&text) else { return };
    match &code {
        Code::Invite(invite) => check_invite(invite),
        Code::Fingerprint(fingerprint) => {
            assert_eq!(parse(&format!("OPENPGP4FPR:{fingerprint}")).ok().as_ref(), Some(&code));
        }
        Code::Proxy(proxy) => check_proxy(proxy),
        Code::Backup(backup) => {
            assert_eq!(parse(&backup.to_text()).ok().as_ref(), Some(&code));
            assert_eq!(NodeAddr::from_json(&backup.node.to_json()).ok().as_ref(), Some(&backup.node));
        }
        Code::Address(address) => check_address(&address.address),
        _ => {}
    }
    let own_addresses = [Address::parse("alice@example.org").expect("an address")];
    for own_fingerprint in [None, Some(ALICE.key.fingerprint())] {
        for (auth_known, contact) in [(false, None), (true, Some(10))] {
            let facts = LocalFacts { own_fingerprint, own_addresses: &own_addresses, auth_known, contact };
            let _ = classify(code.clone(), &facts);
        }
    }
}

fn check_address(address: &Address) {
    assert_eq!(Address::parse(address.as_str()).as_ref(), Ok(address));
}

fn check_invite(invite: &Invite) {
    assert!((1..=MAX_ADDRESSES).contains(&invite.addresses.len()));
    invite.addresses.iter().for_each(check_address);
    // Long names and lists are cut when an invite is written; what is left comes back as it is.
    for text in [invite.link(), invite.openpgp4fpr()] {
        let Ok(Code::Invite(read)) = parse(&text) else { panic!("not an invite any more: {text}") };
        assert_eq!(
            (read.fingerprint, &read.auth, &read.invite_number, read.scope()),
            (invite.fingerprint, &invite.auth, &invite.invite_number, invite.scope())
        );
        assert!(invite.addresses.starts_with(&read.addresses));
        assert_eq!(parse(&read.link()).ok(), Some(Code::Invite(read)));
    }
    if let Ok(picture) = svg::render(&invite.link()) {
        assert!(picture.len() < 1 << 22);
    }
}

fn check_proxy(proxy: &ProxyUrl) {
    let again = ProxyUrl::parse(&proxy.normalised()).expect("an address that we wrote");
    assert_eq!(again.normalised(), proxy.normalised());
    assert_eq!((again.host, again.port, again.protocol), (proxy.host.clone(), proxy.port, proxy.protocol));
    let list = proxy.put_first("socks5://example.org:1080\nhttp://example.net");
    assert_eq!(proxy.put_first(&list), list, "an address stands in the list once");
}

/// One code of each kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let id = || GroupId::parse("8mWFNc8SqO0ACwDHvH9EOgG4").unwrap();
    let name = || "Gr\u{fc}ppe mit einem langen Namen_".to_owned();
    let mut seeds = Vec::new();
    for target in [
        Target::Contact,
        Target::Group { id: id(), name: name() },
        Target::Channel { id: id(), name: name() },
    ] {
        let invite = Invite {
            fingerprint: ALICE.key.fingerprint(),
            addresses: ["alice@example.org", "al+ice@two.example"]
                .map(|a| Address::parse(a).unwrap())
                .to_vec(),
            inviter_name: "Alice & Bob".into(),
            v3: target == Target::Contact,
            target,
            invite_number: Token::parse("XwVuTsRqPoNmLkJiHgFeDcBa"),
            auth: Token::parse("AbCdEfGhIjKlMnOpQrStUvWx").unwrap(),
        };
        seeds.extend([invite.link(), invite.openpgp4fpr()]);
    }
    let backup = BackupCode {
        auth_token: "token".into(),
        node: NodeAddr {
            node_id: [7; 32],
            relay_url: Some("https://relay.example.org/".into()),
            direct_addresses: ["127.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap()].into(),
        },
    };
    seeds.push(backup.to_text());
    seeds.push(fingerprint_code(&ALICE.key.fingerprint()));
    seeds.extend(OTHERS.iter().map(|&code| code.to_owned()));
    seeds.into_iter().map(String::into_bytes).collect()
}

fn fingerprint_code(fingerprint: &Fingerprint) -> String {
    format!("OPENPGP4FPR:{}", fingerprint.grouped())
}

const OTHERS: [&str; 20] = [
    "dcaccount:example.org",
    "dcaccount:https://example.org/new_email?t=1w",
    "dclogin:alice@example.org?p=secret&v=1&ih=imap.example.org&ip=993&is=ssl&sh=smtp.example.org&sp=465&ss=starttls&ic=1&iu=u&ipw=x&su=u&spw=y",
    "dclogin://alice@example.org/?p=secret&v=2",
    "https://t.me/socks?server=example.org&port=1080&user=a&pass=b",
    "socks5://user:pass@example.org:1080",
    "socks5://[::1]",
    "http://user:p%40ss@example.org:8080",
    "https://example.org:443",
    "ss://YWVzLTEyOC1nY206dGVzdA@192.168.100.1:8888#Example1",
    "DCBACKUP2:token&{\"node_id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"info\":{\"direct_addresses\":[\"1.2.3.4:5\"]}}",
    "DCBACKUP99:x",
    "mailto:alice@example.org?subject=Hello&body=x%20y",
    "SMTP:alice@example.org:subject:body",
    "MATMSG:TO:alice@example.org;SUB:subject;BODY:body;;",
    "BEGIN:VCARD\r\nFN:Alice\r\nEMAIL:alice@example.org\r\nEND:VCARD",
    "BEGIN:VCARD\nVERSION:3.0\nN:Last;First\nEMAIL;TYPE=PREF:<alice@example.org>\nEND:VCARD",
    "https://example.org/#x",
    "https://i.delta.chat#0123456789abcdef0123456789ABCDEF01234567&a=a%40b.org&n=A&s=x",
    "just text",
];
