//! Contacts as vCards.

use volary_mail::vcard::{Card, format, parse};

use crate::mails::tiny_png;
use crate::people::{ALICE, BOB, NOW};

/// Cards that are read of one text.
const MAX_CARDS: usize = 1000;

/// Reads cards, and what is written of them again.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let cards = parse(&text);
    assert!(cards.len() <= MAX_CARDS);
    for card in &cards {
        assert!(!card.name.contains(char::is_control), "{:?}", card.name);
        assert!(card.name.is_empty() || card.name != card.address);
    }
    let written = format(&cards, NOW);
    let read = parse(&written);
    assert_eq!(read.len(), cards.len(), "{written}");
    for (read, card) in read.iter().zip(&cards) {
        let what = |card: &Card| (card.address.clone(), card.key.clone(), card.picture.clone());
        assert_eq!(what(read), what(card));
    }
    // The first writing may tidy up; after that nothing changes any more.
    let again = format(&read, NOW);
    assert_eq!(parse(&again), read);
}

/// Cards of this program and of others.
pub fn seeds() -> Vec<Vec<u8>> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let full = Card {
        address: "alice@example.org".into(),
        name: "Alice, the; \\first".into(),
        key: Some(ALICE.certificate.to_base64()),
        picture: Some(STANDARD.encode(tiny_png())),
        status: Some("two\nlines".into()),
        timestamp: Some(NOW),
    };
    let bare = Card { address: BOB.mailbox.address.clone(), ..Card::default() };
    let own = [format(std::slice::from_ref(&full), NOW), format(&[full, bare], NOW)];
    let foreign = [
        "BEGIN:VCARD\nVERSION:3.0\nN:Last;First;;;\nFN:First\n  Last\nitem1.EMAIL;TYPE=\"x:y\";PREF=1:al\n\tice@example.org\n\
         PHOTO;ENCODING=b;TYPE=JPEG:cGlj\nKEY;TYPE=PGP;ENCODING=B:a2V5\nREV:2024-02-29T12:00:00+01:30\nNOTE:a\\,b\\;c\\\\d\\ne\nEND:VCARD\n",
        "begin:vcard\r\nemail:\"Bob\" <bob@example.net>\r\nphoto;jpeg;encoding=base64:cGlj\r\nkey:data:application/pgp-keys;base64\\,a2V5\r\n\
         rev:20240229T120000\r\nend:vcard\r\nBEGIN:VCARD\r\nBEGIN:VCARD\r\nFN:x\r\nEND:VCARD",
    ];
    own.into_iter().chain(foreign.map(str::to_owned)).map(String::into_bytes).collect()
}
