//! Invites and fingerprints.

use proptest::prelude::*;

use super::*;
use crate::{
    openpgp::Fingerprint,
    securejoin::{GroupId, Scope, Token},
};

const FPR: &str = "1A2B3C4D5E6F708192A3B4C5D6E7F8091A2B3C4D";
const AUTH: &str = "9WCj-7huKUXnmRw2uJKQhgHI";
const NUMBER: &str = "mwiqKXHhcna9X4b6BdSMTqsW";
const GROUP: &str = "V1tamBsv5AUJR7gDIL_vOtgX";

fn invite(text: &str) -> Invite {
    match parse(text).expect(text) {
        Code::Invite(invite) => invite,
        other => panic!("{text}: {other:?}"),
    }
}

fn is_fingerprint(text: &str) -> bool {
    matches!(parse(text).expect(text), Code::Fingerprint(_))
}

#[test]
fn contact_link() {
    let text = format!("https://i.delta.chat/#{FPR}&v=3&i={NUMBER}&s={AUTH}&a=alice%40example.org&n=Alice");
    let invite = invite(&text);
    assert_eq!(
        invite,
        Invite {
            fingerprint: FPR.parse().unwrap(),
            addresses: addresses(&["alice@example.org"]),
            inviter_name: "Alice".into(),
            target: Target::Contact,
            invite_number: Token::parse(NUMBER),
            auth: Token::parse(AUTH).unwrap(),
            v3: true,
        }
    );
    assert_eq!(invite.link(), text);
    assert_eq!(invite.scope(), Scope::Contact);
}

#[test]
fn group_link() {
    let text = format!(
        "https://i.delta.chat/#{FPR}&v=3&x={GROUP}&i={NUMBER}&s={AUTH}&a=alice%40example.org&n=Alice&g=Gr%C3%B6%C3%9Fe+%26+Co%3A+A%2BB_test.x"
    );
    let invite = invite(&text);
    let id = GroupId::parse(GROUP).unwrap();
    assert_eq!(invite.target, Target::Group { id: id.clone(), name: "Größe & Co: A+B_test.x".into() });
    assert_eq!(invite.link(), text);
    assert_eq!(invite.scope(), Scope::Chat(id));
}

#[test]
fn channel_link_with_relays() {
    let text = format!(
        "https://i.delta.chat/#{FPR}&v=3&x={GROUP}&j={NUMBER}&s={AUTH}&a=u3%40three.example&r=u2%40two.example,u1%40one.example&n=&b=News"
    );
    let invite = invite(&text);
    assert!(matches!(&invite.target, Target::Channel { name, .. } if name == "News"));
    assert_eq!(invite.addresses, addresses(&["u3@three.example", "u2@two.example", "u1@one.example"]));
    assert_eq!(invite.link(), text);
}

#[test]
fn links_of_older_writers() {
    let contact =
        invite(&format!("https://i.delta.chat/#{FPR}&a=a%5Fb%40example.org&n=A%20B&i={NUMBER}&s={AUTH}"));
    assert!(!contact.v3);
    assert_eq!((contact.addresses[0].as_str(), contact.inviter_name.as_str()), ("a_b@example.org", "A B"));
    let channel =
        invite(&format!("https://i.delta.chat/#{FPR}&a=a%40b.org&b=Chan&x={GROUP}&j={NUMBER}&s={AUTH}"));
    assert!(matches!(channel.target, Target::Channel { .. }));
    assert_eq!(channel.invite_number, Token::parse(NUMBER));
}

#[test]
fn long_names_are_cut() {
    let mut invite = invite(&format!("OPENPGP4FPR:{FPR}#a=a@b.org&s={AUTH}"));
    for (name, written) in [
        ("abcdefghijklmnopqrstuvwxy", "&n=abcdefghijklmnopqrstuvwxy"),
        ("abcdefghijklmnopqrstuvwxyz", "&n=abcdefghijklmnopqrstuvwx_"),
        ("Zoë 🎉 Very Long Display-Name", "&n=Zo%C3%AB+%F0%9F%8E%89+Very+Long+Display%2D_"),
    ] {
        invite.inviter_name = name.into();
        assert!(invite.link().ends_with(written), "{}", invite.link());
    }
    let id = GroupId::parse(GROUP).unwrap();
    invite.target = Target::Group { id, name: "n".repeat(26) };
    let cut = format!("&n=Zo%C3%AB+%F0%9F%8E%89+Very+Long_&g={}_", "n".repeat(24));
    assert!(invite.link().ends_with(&cut), "{}", invite.link());
    assert!(
        matches!(super::invites::invite(&invite.link()).target, Target::Group { name, .. } if name.ends_with('…'))
    );
}

#[test]
fn separators_blanks_and_case() {
    for text in [
        format!("openpgp4fpr:{}%23a=b%40c.org&s={AUTH}", FPR.to_lowercase()),
        format!(" \tOPENPGP4FPR:{FPR}#a=MAILTO:B@C.org&s={AUTH} \r\n"),
        format!("https://i.delta.chat#{FPR}&a=b@c.org&s={AUTH}"),
        format!("https://i.delta.chat/#{FPR}&zz=1&s=short&flag&s={AUTH}&a=b@c.org"),
    ] {
        let invite = invite(&text);
        assert_eq!(invite.fingerprint.to_string(), FPR);
        assert_eq!(invite.addresses[0].as_str(), "b@c.org");
    }
    let plus = invite(&format!("OPENPGP4FPR:{FPR}#a=b+c@d.e&s={AUTH}"));
    assert_eq!(plus.addresses[0].as_str(), "b+c@d.e");
    // With a hash after the fingerprint, the rest of a link is one parameter.
    assert!(is_fingerprint(&format!("https://i.delta.chat/#{FPR}#a=b@c.d&s={AUTH}")));
}

#[test]
fn tokens_of_wrong_length_count_as_missing() {
    for (len, good) in [(10, false), (11, true), (32, true), (33, false)] {
        let text = format!("OPENPGP4FPR:{FPR}#a=a@b.org&s={}", "t".repeat(len));
        assert_eq!(is_fingerprint(&text), !good, "{len}");
    }
    let short = invite(&format!("OPENPGP4FPR:{FPR}#a=a@b.org&s={AUTH}&i=short"));
    assert!(short.v3 && short.invite_number.is_none());
}

#[test]
fn the_version_mark() {
    let v3 = |mark: &str| invite(&format!("OPENPGP4FPR:{FPR}#a=a@b.org&i={NUMBER}&s={AUTH}{mark}")).v3;
    assert!(!v3("") && v3("&v=3") && v3("&v=2&v=3") && !v3("&v=3&v=2") && !v3("&v=03"));
}

#[test]
fn what_decides_the_target() {
    let target = |more: &str| invite(&format!("OPENPGP4FPR:{FPR}#a=a@b.org&s={AUTH}{more}")).target;
    assert!(
        matches!(target(&format!("&x={GROUP}&g=a+b_&b=c")), Target::Group { name, .. } if name == "a b…")
    );
    assert!(matches!(target(&format!("&x={GROUP}&g=")), Target::Group { .. }));
    assert!(matches!(target(&format!("&x={GROUP}&b=c")), Target::Channel { .. }));
    for more in ["&g=a", "&x=bad&g=a", &format!("&x={GROUP}")] {
        assert_eq!(target(more), Target::Contact, "{more}");
    }
}

#[test]
fn the_first_relay_stands_in_for_a_missing_address() {
    let invite = invite(&format!("OPENPGP4FPR:{FPR}#r=b@c.d,e@f.g&s={AUTH}"));
    assert_eq!(invite.addresses, addresses(&["b@c.d", "e@f.g"]));
}

#[test]
fn defects_of_invites() {
    let base = format!("OPENPGP4FPR:{FPR}#s={AUTH}");
    for (more, text) in [
        ("&a=", "Bad e-mail address"),
        ("&a=b@c.d&r=x", "Bad e-mail address"),
        ("&a=b@c.d&r=", "Bad e-mail address"),
        ("&a=b%FF@c.d", "invalid utf-8 sequence of 1 bytes from index 1"),
        ("&a=b@c.d&n=%FF", "Invalid QR param n: invalid utf-8 sequence of 1 bytes from index 0"),
        ("&g=%e4", "Invalid QR param g: incomplete utf-8 byte sequence from index 0"),
    ] {
        assert_eq!(error(&format!("{base}{more}")), format!("failed to decode OPENPGP4FPR QR code: {text}"));
    }
    assert_eq!(
        error(&format!("https://i.delta.chat/#{}&a=x", &FPR[2..])),
        format!(
            "failed to decode https://i.delta.chat/# QR code: Failed to parse fingerprint in the QR code: wrong fingerprint length: {}",
            &FPR[2..]
        )
    );
    assert_eq!(
        error(&format!("OPENPGP4FPR:{}", &FPR[1..])),
        "failed to decode OPENPGP4FPR QR code: Failed to parse fingerprint in the QR code: Odd number of digits"
    );
}

#[test]
fn own_codes_are_those_with_the_own_key() {
    let code = || parse(&format!("OPENPGP4FPR:{FPR}#a=a@b.org&s={AUTH}&x={GROUP}&b=c")).unwrap();
    let own: Fingerprint = FPR.parse().unwrap();
    let kind = |facts: LocalFacts<'_>| classify(code(), &facts).unwrap().kind();
    let own_addresses = addresses(&["a@b.org"]);
    assert_eq!(kind(LocalFacts::default()), "askJoinBroadcast");
    assert_eq!(kind(LocalFacts { own_fingerprint: Some(own), ..Default::default() }), "reviveJoinBroadcast");
    let known = LocalFacts { own_fingerprint: Some(own), auth_known: true, ..Default::default() };
    assert_eq!(kind(known), "withdrawJoinBroadcast");
    let foreign = LocalFacts { own_addresses: &own_addresses, ..Default::default() };
    assert!(matches!(
        classify(code(), &foreign),
        Err(QrError::Invite { source, .. }) if matches!(*source, QrError::ForeignKeyAtOwnAddress)
    ));
}

#[test]
fn fingerprints_belong_to_contacts() {
    let code = || parse(&format!("OPENPGP4FPR:{FPR}#a=someone@else.org")).unwrap();
    let contact = LocalFacts { contact: Some(12), ..Default::default() };
    assert_eq!(classify(code(), &contact).unwrap(), Scanned::KnownFingerprint { contact: 12 });
    let own =
        LocalFacts { own_fingerprint: Some(FPR.parse().unwrap()), contact: Some(1), ..Default::default() };
    for facts in [LocalFacts::default(), own] {
        assert_eq!(
            classify(code(), &facts).unwrap_err().to_string(),
            "failed to decode OPENPGP4FPR QR code: Contact matching the fingerprint is not found"
        );
    }
}

prop_compose! {
    fn any_invite()(
        octets: [u8; 20], long: bool,
        list in prop::collection::vec("[a-z0-9+_.ü-]{1,8}[a-z]@[a-z]{1,8}\\.[a-z]{2,4}", 1..=MAX_ADDRESSES),
        name in ".{0,14}", title in ".{0,24}", kind in 0..3u8,
        id in "[A-Za-z0-9_-]{11,32}", number in prop::option::of("[A-Za-z0-9_-]{11,32}"),
        auth in "[A-Za-z0-9_-]{11,32}", v3: bool,
    ) -> Invite {
        // A final underscore marks a cut name when it is read.
        let clean = |text: String| text.trim_end_matches('_').to_owned();
        let mut list: Vec<_> = list.iter().map(|text| Address::parse(text).unwrap()).collect();
        list.sort();
        list.dedup();
        let id = GroupId::parse(&id).unwrap();
        Invite {
            fingerprint: if long { Fingerprint::V6([octets[0]; 32]) } else { Fingerprint::V4(octets) },
            addresses: list,
            inviter_name: clean(name),
            target: match kind {
                0 => Target::Contact,
                1 => Target::Group { id, name: clean(title) },
                _ => Target::Channel { id, name: clean(title) },
            },
            v3: v3 || number.is_none(),
            invite_number: number.as_deref().and_then(Token::parse),
            auth: Token::parse(&auth).unwrap(),
        }
    }
}

use super::super::invite::MAX_ADDRESSES;

proptest! {
    #[test]
    fn written_invites_read_back(written in any_invite()) {
        prop_assert_eq!(&invite(&written.link()), &written);
        prop_assert_eq!(&invite(&written.openpgp4fpr()), &written);
        prop_assert!(written.link()["https://i.delta.chat/#".len()..]
            .bytes().all(|b| b.is_ascii_alphanumeric() || b"&=%.,_+-".contains(&b)));
    }

    #[test]
    fn any_parameters_are_survived(text in ".{0,200}", head in prop::sample::select(vec![
        "OPENPGP4FPR:", "https://i.delta.chat/#", "https://i.delta.chat#", "DCACCOUNT:", "DCLOGIN:a@b?", "DCBACKUP5:",
        "https://t.me/socks", "ss://", "socks5://", "http://", "mailto:", "SMTP:", "MATMSG:", "BEGIN:VCARD\n", "",
    ])) {
        let _ = parse(&format!("{head}{text}"));
    }
}
