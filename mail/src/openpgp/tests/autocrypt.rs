//! Header fields with keys.

use super::*;
use crate::openpgp::autocrypt::{BadHeader, Header, PreferEncrypt, gossip, select};

fn value(prefix: &str) -> String {
    format!("{prefix}keydata={}", alice().certificate.to_base64())
}

#[test]
fn own_header_is_folded_as_mail_lines() {
    let header = Header::own(addr("Alice@Example.org"), alice().certificate);
    let folded = header.to_folded();
    let lines: Vec<_> = folded.split("\r\n").collect();
    assert_eq!(lines[0], "addr=alice@example.org; prefer-encrypt=mutual;");
    assert!(lines[1].starts_with(" keydata=xjME"));
    assert_eq!((lines[1].len(), lines[2].len()), (79, 79));
    assert!(lines[2..].iter().all(|line| line.starts_with(' ') && line.len() <= 79));
    assert_eq!(Header::parse(&folded).unwrap(), header);
    assert_eq!(Header::parse(&header.to_unfolded()).unwrap(), header);
}

#[test]
fn gossip_has_no_preference() {
    let header = Header::gossip(addr("alice@example.org"), alice().certificate);
    assert!(header.to_unfolded().starts_with("addr=alice@example.org; keydata="));
    assert_eq!(Header::parse(&header.to_folded()).unwrap(), header);
}

#[test]
fn attributes_follow_the_rules_of_autocrypt() {
    let parse = |prefix: &str| Header::parse(&value(prefix));
    assert_eq!(parse("addr=a@b.c; other=1; ").unwrap_err(), BadHeader::Critical);
    assert!(!parse("addr=a@b.c; _other=1; ").unwrap().verified);
    assert!(parse("addr=a@b.c; _verified=1; ").unwrap().verified);
    assert_eq!(
        parse("addr=a@b.c; prefer-encrypt=reset;").unwrap().prefer_encrypt,
        PreferEncrypt::NoPreference
    );
    assert_eq!(parse("addr=a@b.c; prefer-encrypt=mutual;").unwrap().prefer_encrypt, PreferEncrypt::Mutual);
    assert_eq!(parse("junk; addr = x@y.z ; addr=a@b.c;").unwrap().addr, addr("a@b.c"));
    assert_eq!(parse("").unwrap_err(), BadHeader::Addr);
    assert_eq!(parse("Addr=a@b.c;").unwrap_err(), BadHeader::Critical);
    assert_eq!(Header::parse("addr=a@b.c").unwrap_err(), BadHeader::NoKey);
    assert_eq!(Header::parse("addr=a@b.c; keydata=?").unwrap_err(), BadHeader::Key(KeyError::NotBase64));
}

#[test]
fn the_last_valid_header_for_the_sender_counts() {
    let own =
        |person: &Person, address: &str| Header::own(addr(address), person.certificate.clone()).to_unfolded();
    let from = addr("alice@example.org");
    let values = [
        own(&bob(), "alice@example.org"),
        own(&alice(), "alice@example.org"),
        value("addr=alice@example.org; x=1;"),
    ];
    let chosen = select(values.iter().map(String::as_str), &from, |_| None).unwrap();
    assert_eq!(chosen.certificate, alice().certificate);

    let foreign = [own(&bob(), "bob@example.net")];
    assert!(select(foreign.iter().map(String::as_str), &from, |_| None).is_none());
}

#[test]
fn a_known_certificate_is_not_parsed_again() {
    let alice = alice();
    let text = Header::own(addr("a@b.c"), alice.certificate.clone()).to_unfolded();
    let mut asked = Vec::new();
    let header = Header::parse_with(&text, |octets| {
        asked = octets.to_vec();
        Some(bob().certificate)
    })
    .unwrap();
    assert_eq!(asked, alice.certificate.as_bytes());
    assert_eq!(header.certificate, bob().certificate);
}

#[test]
fn gossip_costs_signature_checks_for_wanted_addresses_only() {
    let value = |person: &Person, address: &str| {
        Header::gossip(addr(address), person.certificate.clone()).to_unfolded()
    };
    let mut values = vec![value(&alice(), "alice@example.org"), value(&carol(), "stranger@x.org")];
    // Two people may share an address.
    values.push(value(&bob(), "alice@example.org"));
    values.push("addr=bob@example.net; keydata=AAAA".to_owned());
    let wanted = |address: &Address| address.domain() != "x.org";
    let found = gossip(values.iter().map(String::as_str), wanted, |_| None);
    let keys: Vec<_> = found.iter().map(|header| header.certificate.fingerprint()).collect();
    assert_eq!(keys, [alice().fingerprint(), bob().fingerprint()]);

    let flood = vec![value(&alice(), "alice@example.org"); 500];
    let mut checked = 0;
    let found = gossip(flood.iter().map(String::as_str), wanted, |_| {
        checked += 1;
        None
    });
    assert!(checked <= 8 && found.len() == checked, "{checked}");
}
