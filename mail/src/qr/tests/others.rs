//! Codes without invites.

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::proxy::ProxyUrl;

#[test]
fn accounts() {
    for (text, domain) in [
        ("dcaccount:example.org", "example.org"),
        ("DCACCOUNT://1.2.3.4", "1.2.3.4"),
        ("dcaccount:_x.test", "_x.test"),
        ("dcaccount:HTTPS://x", "HTTPS://x"),
        ("dcaccount:https://[::1]:9", "[::1]"),
        ("dcaccount:https://h:8/x", "h"),
    ] {
        let Code::Account(account) = parse(text).expect(text) else { panic!("{text}") };
        assert_eq!(account.domain(), domain);
        assert_eq!(matches!(account, AccountCode::Url { .. }), text.contains("https:"));
    }
    assert_eq!(error("DCACCOUNT:"), "dcaccount payload is empty");
    assert_eq!(error("dcaccount:///x"), "Hostname in dcaccount URL cannot start with /");
    assert_eq!(error("dcaccount:https://"), "Invalid account URL: empty host");
}

#[test]
fn new_accounts_have_the_lengths_that_relays_want() {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let (address, password) = AccountCode::new_credentials("Example.org", &mut rng).unwrap();
    let (user, domain) = address.as_str().split_once('@').unwrap();
    assert_eq!((user.len(), domain, password.len()), (9, "example.org", 22));
    assert!(user.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
    assert!(password.bytes().all(|b| b.is_ascii_alphanumeric()));
    assert_ne!(AccountCode::new_credentials("example.org", &mut rng).unwrap().0, address);
}

#[test]
fn logins() {
    let text = "dclogin://u%2Bx%40host.org/ignored?v=1&p=a+b%26&ih=imap.host&ip=993&iu=me&ipw=other&is=ssl&sh=smtp.host&sp=25&ss=starttls&ic=2&sc=9";
    let Code::Login(LoginCode::V1 { address, password, imap, smtp, certificates }) = parse(text).unwrap()
    else {
        panic!("{text}")
    };
    assert_eq!((address.as_str(), password.as_str()), ("u+x@host.org", "a b&"));
    assert_eq!(
        imap,
        ServerLogin {
            host: Some("imap.host".into()),
            port: Some(993),
            user: Some("me".into()),
            password: Some("other".into()),
            security: Security::Tls,
        }
    );
    assert_eq!((smtp.port, smtp.security, smtp.password), (Some(25), Security::Starttls, None));
    assert_eq!(certificates, Certificates::AcceptInvalid);

    let Code::Login(later) = parse("dclogin:A@host?v=2").unwrap() else { panic!() };
    assert_eq!(later, LoginCode::Unknown { address: "A@host".into() });
    assert!(parse("dclogin:user@[192.0.2.1]?v=1&p=").is_ok());
}

#[test]
fn defects_of_logins() {
    for (text, wanted) in [
        ("dclogin:a@b", "invalid DCLOGIN payload E4"),
        ("dclogin:", "invalid DCLOGIN payload E4"),
        ("dclogin:a@b?p=1", "invalid DCLOGIN payload: version missing E7"),
        ("dclogin:a@b?p=1&v=", "version could not be parsed as number E6"),
        ("dclogin:a@b?p=1&v=-1", "version could not be parsed as number E6"),
        ("dclogin:a@b?v=1", "password missing"),
        ("dclogin:email?p=1&v=1", "Invalid DCLOGIN payload: invalid username \"email\"."),
        ("dclogin:a%FF@b?v=1", "Address must be UTF-8: invalid utf-8 sequence of 1 bytes from index 1"),
        ("dclogin:a@b?p=1&v=1&ip=70000", "could not parse imap port: number too large to fit in target type"),
        ("dclogin:a@b?p=1&v=1&sp=-1", "could not parse smtp port: invalid digit found in string"),
        ("dclogin:a@b?p=1&v=1&is=tls", "Unknown security level: tls"),
        ("dclogin:a@b?p=1&v=1&ic=4", "Unknown certificatecheck level: 4"),
    ] {
        assert_eq!(error(text), wanted, "{text}");
    }
}

fn proxy(text: &str) -> ProxyUrl {
    match parse(text).expect(text) {
        Code::Proxy(proxy) => proxy,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn proxies_and_their_normal_form() {
    for (text, host, port, normal) in [
        ("socks5://1.2.3.4", "1.2.3.4", 1080, "socks5://1.2.3.4:1080"),
        ("SOCKS5://h:1", "h", 1, "socks5://h:1"),
        ("socks5://u:p@h/path?x", "h", 1080, "socks5://u:p@h:1080"),
        ("socks5://u@h", "h", 1080, "socks5://h:1080"),
        ("http://[::1]:80", "[::1]", 80, "http://[::1]:80"),
        ("https://u:p%40@h.example:8080#x", "h.example", 8080, "https://u:p%40@h.example:8080"),
        ("http://a-b:c_d@h:1", "h", 1, "http://a%2Db:c%5Fd@h:1"),
        ("https://example.org:443", "example.org", 443, "https://example.org:443"),
        (
            "ss://YWVzLTEyOC1nY206dGVzdA==@192.168.100.1:8888#Example1",
            "192.168.100.1",
            8888,
            "ss://YWVzLTEyOC1nY206dGVzdA@192.168.100.1:8888#Example1",
        ),
        ("ss://YWVzLTEyOC1nY206dGVzdA@h", "h", 8388, "ss://YWVzLTEyOC1nY206dGVzdA@h"),
    ] {
        let proxy = proxy(text);
        assert_eq!((proxy.host.as_str(), proxy.port, proxy.url.as_str()), (host, port, text));
        assert_eq!(proxy.normalised(), normal);
        assert_eq!(ProxyUrl::parse(normal).unwrap().normalised(), normal);
    }
}

#[test]
fn shadowsocks_credentials() {
    for text in [
        "ss://YWVzLTEyOC1nY206dGVzdA@[::1]:1/?plugin=x",
        "ss://aes-128-gcm:te%73t@h:1",
        "ss://YWVzLTEyOC1nY206dGVzdEAxOTIuMTY4LjEuMTo4ODg4",
    ] {
        assert_eq!(proxy(text).credentials, Some(("aes-128-gcm".into(), "test".into())), "{text}");
    }
    for (text, wanted) in [
        ("ss://", "missing host"),
        ("ss://Zm9v", "invalid server address"),
        ("ss://foo:bar@h:1", "unknown encryption method"),
        ("ss://!!!@h:1", "invalid user info"),
        ("ss://YWJj@h:1", "invalid user info"),
    ] {
        assert_eq!(error(text), wanted, "{text}");
    }
}

#[test]
fn telegram_links() {
    for (text, url) in [
        ("https://t.me/socks?server=H&port=x&user=a b&pass=p%40", "socks5://a%20b:p%40@H:1080"),
        ("HTTPS://T.ME/SOCKS?server=a", "socks5://a:1080"),
        ("https://t.me/socksfoo?server=y&port=70000", "socks5://y:1080"),
        ("https://t.me/socks?server=a&user=x&port=99", "socks5://a:99"),
        ("https://t.me/socks?server=a&pass=", "socks5://:@a:1080"),
    ] {
        assert_eq!(proxy(text).url, url);
    }
    assert!(error("https://t.me/socks?x=1").starts_with("Bad t.me/socks url:"));
    for no_server in ["a b", "h/path", "u@h", "h:1", "::1", "h%23x"] {
        assert!(
            error(&format!("https://t.me/socks?server={no_server}")).contains("no server name"),
            "{no_server}"
        );
    }
    // There is no empty password, so the address that is kept names no user either.
    let nameless = proxy("https://t.me/socks?server=a&user=x&pass=");
    assert_eq!((nameless.credentials.as_ref(), nameless.normalised().as_str()), (None, "socks5://a:1080"));
    assert_eq!(nameless.put_first(&nameless.put_first("")), "socks5://a:1080");
    assert!(matches!(parse("https://t.me/proxy?server=a").unwrap(), Code::Url(_)));
}

#[test]
fn one_code_brings_one_proxy() {
    for several in [
        "ss://YWVzLTEyOC1nY206dGVzdA@192.168.100.1:8888#x\nsocks5://other.example:1080",
        "socks5://a:1080\nsocks5://b:1080",
        "http://a:80\r\nhttp://b:80",
    ] {
        assert!(
            !matches!(parse(several), Ok(Code::Proxy(_))) && ProxyUrl::parse(several).is_err(),
            "{several:?}"
        );
    }
}

#[test]
fn the_latest_proxy_comes_first() {
    let mut list = "http://old:1\nsocks5://1.2.3.4:1080\nnonsense".to_owned();
    list = proxy("socks5://1.2.3.4").put_first(&list);
    assert_eq!(list, "socks5://1.2.3.4:1080\nhttp://old:1\nnonsense");
    list = proxy("https://u:p@h.example:8080#x").put_first(&list);
    assert_eq!(list, "https://u:p@h.example:8080\nsocks5://1.2.3.4:1080\nhttp://old:1\nnonsense");
    assert_eq!(proxy("socks5://a").put_first(""), "socks5://a:1080");
}

#[test]
fn urls_and_texts() {
    for text in [
        "geo:1,2",
        "tel:+1",
        "foo:bar",
        "a:",
        "http:/x",
        "http:h:80",
        "http://h:",
        "http://h:80?",
        "http://h:80/#x",
        "HTTP://h:8080",
        "https://example.org/",
        "SS://x",
        "ss:foo",
        "MAILTO:a@b.org",
        "DCWEBRTC:x",
        "socks5h://x",
        "HTTPS://I.DELTA.CHAT/#x",
        "http://i.delta.chat/#x",
        "https://i.delta.chat/?x#y",
        "https://i.delta.chat/%23y",
    ] {
        assert_eq!(parse(&format!(" {text}\r\n")).unwrap(), Code::Url(text.into()));
    }
    for text in
        ["", "foo bar", "1a:b", "a b:c", "http://a b:80", "http://h:99999", "http://", "//x", "a@b.org"]
    {
        assert_eq!(parse(text).unwrap(), Code::Text(text.into()));
    }
    assert_eq!(error("socks5:foo"), "URL has no host");
}

#[test]
fn addresses_with_drafts() {
    let code = |text: &str| match parse(text).expect(text) {
        Code::Address(code) => code,
        other => panic!("{text}: {other:?}"),
    };
    for (text, draft) in [
        ("mailto:a%40b.org?subject=hi+x&body=y%0Az", Some("hi x\ny\nz")),
        ("mailto:a@b.org?subject=hi+x&body=%FF", Some("hi%20x\n%FF")),
        ("mailto:a@b.org?body=y", Some("y")),
        ("mailto:a@b.org?Subject=x&subject=", None),
        ("mailto://a@b.org", None),
        ("SMTP:a@b.org:subject:body", None),
        ("MATMSG:SUB:x;TO: a@b.org ;BODY:y;;", None),
    ] {
        let code = code(text);
        assert_eq!(
            (code.address.as_str(), code.draft.as_deref(), code.name),
            ("a@b.org", draft, None),
            "{text}"
        );
    }
    let card =
        code("BEGIN:VCARD\r\nVERSION:3.0\r\nN:Last;First\r\nFN:x\r\nEMAIL;TYPE=work:a@b.org\r\nEMAIL:c@d.e");
    assert_eq!((card.address.as_str(), card.name.as_deref()), ("a@b.org", Some("First Last")));
    assert_eq!(error("mailto:x"), "Bad e-mail address");
    assert_eq!(error("SMTP:a@b"), "Invalid SMTP scheme payload");
    assert_eq!(error("MATMSG:SUB:x;"), "Invalid MATMSG found");
    assert_eq!(error("BEGIN:VCARD\nFN:x\nEND:VCARD"), "Bad e-mail address");
}

#[test]
fn backups() {
    let id = "ab".repeat(32);
    let flat = format!(r#"{{"node_id":"{id}","relay_url":null,"direct_addresses":["192.0.2.2:44843"]}}"#);
    let Code::Backup(backup) = parse(&format!("DCBACKUP5:tok&{flat}")).unwrap() else { panic!() };
    assert_eq!((backup.auth_token.as_str(), backup.node.node_id), ("tok", [0xab; 32]));
    assert_eq!(backup.node.to_json(), flat);
    assert_eq!(backup.to_text(), format!("DCBACKUP5:tok&{flat}"));

    let base32 = "vov2xk5lvov2xk5lvov2xk5lvov2xk5lvov2xk5lvov2xk5lvovq";
    let nested = format!(
        r#"DCBACKUP2:t&{{"node_id":"{base32}","info":{{"relay_url":"https://r.example","direct_addresses":["[::1]:1"]}}}}"#
    );
    let Code::Backup(backup) = parse(&nested).unwrap() else { panic!() };
    assert_eq!(backup.node.node_id, [0xab; 32]);
    assert_eq!(backup.node.relay_url.as_deref(), Some("https://r.example/"));

    assert_eq!(parse("DCBACKUP9:").unwrap(), Code::BackupTooNew);
    for (text, wanted) in [
        ("DCBACKUP", "DCBACKUP scheme separator missing"),
        ("DCBACKUP:x", "Not a valid number: cannot parse integer from empty string"),
        ("DCBACKUP5:a", "Backup QR code has no separator"),
        ("DCBACKUP5:a&b", "Invalid node addr in backup QR code: expected value at line 1 column 1"),
        ("dcbackup5:a&{}", "Invalid DCBACKUP scheme"),
        ("DCBACKUP5:a&{}", "Invalid node addr in backup QR code: missing field `node_id` at line 1 column 2"),
    ] {
        assert_eq!(error(text), wanted, "{text}");
    }
}

#[test]
fn secrets_stay_out_of_logs() {
    for text in [
        "dclogin:a@b.org?v=1&p=hunter2",
        "socks5://u:hunter2@h",
        &format!(r#"DCBACKUP5:hunter2&{{"node_id":"{}","direct_addresses":[]}}"#, "ab".repeat(32)),
    ] {
        assert!(!format!("{:?}", parse(text).unwrap()).contains("hunter2"), "{text}");
    }
}

proptest! {
    #[test]
    fn node_ids_read_back(id: [u8; 32], ports in prop::collection::btree_set(1..u16::MAX, 0..5)) {
        let node = NodeAddr {
            node_id: id,
            relay_url: None,
            direct_addresses: ports.into_iter().map(|port| ([192, 0, 2, 1], port).into()).collect(),
        };
        prop_assert_eq!(NodeAddr::from_json(&node.to_json()).unwrap(), node);
    }

    #[test]
    fn normal_forms_of_proxies_are_stable(
        user in ".{0,8}", pass in ".{1,8}", host in "[a-z]{1,10}", port: u16, scheme in "(socks5|http|https)",
    ) {
        let encode = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let text = format!("{scheme}://{}:{}@{host}:{port}", encode(&user), encode(&pass));
        let read = ProxyUrl::parse(&text).unwrap();
        prop_assert_eq!(read.normalised(), text);
        prop_assert_eq!(read.credentials, Some((user, pass)));
    }
}
