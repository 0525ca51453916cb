//! Cards of this and of other programs.

use proptest::prelude::*;

use super::*;

fn one(text: &str) -> Card {
    let mut cards = parse(text);
    assert_eq!(cards.len(), 1, "{text}");
    cards.remove(0)
}

fn alice() -> Card {
    Card {
        address: "alice@example.org".into(),
        name: "Alice, the; first".into(),
        key: Some("a2V5".into()),
        picture: Some("cGljdHVyZQ==".into()),
        status: Some("back\\slash\nand line".into()),
        timestamp: Some(1_709_208_000),
    }
}

#[test]
fn layout() {
    assert_eq!(
        format(&[alice()], 0),
        "BEGIN:VCARD\r\nVERSION:4.0\r\nEMAIL:alice@example.org\r\nFN:Alice\\, the\\; first\r\n\
         KEY:data:application/pgp-keys;base64\\,a2V5\r\nPHOTO:data:image/jpeg;base64\\,cGljdHVyZQ==\r\n\
         NOTE:back\\\\slash\\nand line\r\nREV:20240229T120000Z\r\nEND:VCARD"
    );
    let bare = Card { address: "bob@example.org".into(), ..Default::default() };
    assert_eq!(
        format(&[bare], 0),
        "BEGIN:VCARD\r\nVERSION:4.0\r\nEMAIL:bob@example.org\r\nFN:bob@example.org\r\nREV:19700101T000000Z\r\nEND:VCARD"
    );
    assert_eq!(format(&[], 0), "");
}

#[test]
fn several_cards_keep_their_order() {
    let bob = Card { address: "bob@example.org".into(), timestamp: Some(5), ..Default::default() };
    assert_eq!(parse(&format(&[alice(), bob.clone()], 0)), [alice(), bob]);
}

#[test]
fn other_ways_to_write_keys_and_pictures() {
    for key in [
        "KEY;PGP;ENCODING=BASE64:a2V5",
        "KEY;TYPE=PGP;ENCODING=b:a2V5",
        "KEY:data:application/pgp-keys;base64\\,a2V5",
        "item2.key:data:application/pgp-keys;base64,a2V5",
        "KEY;PREF=1:data:application/pgp-keys;base64,a2V5",
    ] {
        let card = one(&format!("begin:vcard\n{key}\nend:vcard"));
        assert_eq!(card.key.as_deref(), Some("a2V5"), "{key}");
    }
    for photo in [
        "PHOTO;JPEG;ENCODING=BASE64:cGlj",
        "PHOTO;ENCODING=BASE64;JPEG:cGlj",
        "PHOTO;TYPE=JPEG;ENCODING=b:cGlj",
        "PHOTO;ENCODING=b;TYPE=JPEG:cGlj",
        "PHOTO;ENCODING=BASE64;TYPE=JPEG:cGlj",
        "PHOTO;TYPE=JPEG;ENCODING=BASE64:cGlj",
        "PHOTO:data:image/jpeg;base64,cGlj",
    ] {
        let card = one(&format!("BEGIN:VCARD\n{photo}\nEND:VCARD"));
        assert_eq!(card.picture.as_deref(), Some("cGlj"), "{photo}");
    }
    for other in
        ["PHOTO:https://example.org/x.jpg", "PHOTO;TYPE=PNG;ENCODING=b:cGlj", "KEY:https://example.org/key"]
    {
        let card = one(&format!("BEGIN:VCARD\n{other}\nEND:VCARD"));
        assert_eq!((card.picture, card.key), (None, None), "{other}");
    }
}

#[test]
fn folded_lines_groups_and_first_occurrences() {
    let card = one(
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Alice\r\n  Smith\r\nFN:Other\r\nitem1.EMAIL;TYPE=\"home\";PREF=1:al\r\n\tice@example.org\r\n\
         EMAIL:second@example.org\r\nREV:2024-02-29T12:00:00Z\r\nX-UNKNOWN:x\r\nno colon\r\nEND:VCARD\r\n",
    );
    assert_eq!(card.address, "alice@example.org");
    assert_eq!(card.name, "Alice Smith");
    assert_eq!(card.timestamp, Some(1_709_208_000));
}

#[test]
fn names_and_addresses_in_one_place() {
    let card = one("BEGIN:VCARD\nEMAIL:\"Alice\" <alice@example.org>\nEND:VCARD");
    assert_eq!((card.address.as_str(), card.display_name()), ("alice@example.org", "Alice"));
    let nameless = one("BEGIN:VCARD\nEMAIL:a@b.org\nFN:a@b.org\nEND:VCARD");
    assert_eq!((nameless.name.as_str(), nameless.display_name()), ("", "a@b.org"));
}

#[test]
fn quotes_escapes_and_controls() {
    let card = one(
        "BEGIN:VCARD\nEMAIL;X=\"a:b\":a@b.org\nFN:a\\:b \\n\\\\c\u{7}d\nBEGIN:VCARD\nFN:inner\nEND:VCARD",
    );
    assert_eq!((card.address.as_str(), card.name.as_str()), ("a@b.org", "a\\:b  \\c d"));
}

#[test]
fn an_address_has_no_line_ends() {
    let card = one("BEGIN:VCARD\nEMAIL:bob@exam\rple\\n.net\nEND:VCARD");
    assert_eq!(card.address, "bob@example.net");
    assert_eq!(one(&format(std::slice::from_ref(&card), 0)).address, card.address);
}

#[test]
fn defects_cost_only_the_property() {
    let card = one("BEGIN:VCARD\nEMAIL:a@b.org\nREV:yesterday\nKEY:data:,\nEND:VCARD");
    assert_eq!(card, Card { address: "a@b.org".into(), ..Default::default() });
    assert!(parse("").is_empty());
    assert!(parse("EMAIL:a@b.org\nEND:VCARD").is_empty());
    assert!(parse("BEGIN:VCARD\nEMAIL:a@b.org").is_empty(), "an unfinished card is none");
}

#[test]
fn the_number_of_cards_is_bounded() {
    let text = "BEGIN:VCARD\nEND:VCARD\n".repeat(parse::MAX_CARDS + 10);
    assert_eq!(parse(&text).len(), parse::MAX_CARDS);
}

proptest! {
    #[test]
    fn written_cards_read_back(
        address in "[a-z,;]{1,9}@[a-z]{1,9}", name in "([^\\s\\x00-\\x1f\\x7f-\\x9f<>]([^\\x00-\\x1f\\x7f-\\x9f]{0,20}[^\\s\\x00-\\x1f\\x7f-\\x9f])?)?",
        key in prop::option::of("[A-Za-z0-9+/]{1,90}={0,2}"), picture in prop::option::of("[A-Za-z0-9+/]{4,90}"),
        status in prop::option::of("[^\r\u{85}\u{2028}\u{2029}]{1,50}"), timestamp in 0..4_000_000_000i64,
    ) {
        let card = Card { address, name, key, picture, status, timestamp: Some(timestamp) };
        prop_assume!(card.name != card.address);
        let text = format(&[card.clone(), card.clone()], 0);
        prop_assert_eq!(parse(&text), [card.clone(), card]);
    }

    #[test]
    fn any_text_is_survived(lines in prop::collection::vec(
        "((item1\\.)?(BEGIN|END|EMAIL|FN|KEY|PHOTO|REV|NOTE)[;A-Za-z=]{0,20}:(VCARD|data:|.{0,30})|.{0,20})", 0..20,
    )) {
        let _ = parse(&lines.join("\r\n"));
    }
}
