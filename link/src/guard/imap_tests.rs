use proptest::prelude::*;

use super::*;

/// What the library gets to see of these bytes, and the literals that were set aside.
fn passed(bytes: &[u8], limit: usize) -> Result<Vec<(String, Vec<Bytes>)>, WireError> {
    let (mut framing, mut input, mut out) = (ImapFraming::new(limit), BytesMut::from(bytes), Vec::new());
    while let Step::Response(response) = framing.next(&mut input)? {
        Response::parse(&response).expect("the library understands it");
        out.push((String::from_utf8_lossy(&response).into_owned(), framing.take_literals()));
    }
    Ok(out)
}

fn texts(bytes: &[u8]) -> Vec<String> {
    passed(bytes, 100_000).unwrap().into_iter().map(|(text, _)| text).collect()
}

const MAIL: &[u8] = b"* 1 FETCH (UID 1 BODY[] {7}\r\na\r\nb\r\n\n FLAGS ())\r\n* 2 EXISTS\r\n";

#[test]
fn a_response_ends_after_its_literals_and_they_are_set_aside() {
    let got = passed(MAIL, 1000).unwrap();
    assert_eq!(got[0].0, "* 1 FETCH (UID 1 BODY[] {2}\r\n\u{0}0 FLAGS ())\r\n");
    assert_eq!(literal_of(b"\x000", &got[0].1), "a\r\nb\r\n\n");
    assert_eq!(got[1].0, "* 2 EXISTS\r\n");
    assert_eq!(literal_of(b"own", &got[0].1), "own");
}

#[test]
fn a_huge_literal_is_refused_before_it_arrives() {
    assert!(matches!(passed(b"* 1 FETCH (BODY[] {4294967295}\r\n", 1000), Err(WireError::TooLong(_))));
}

#[test]
fn a_response_goes_on_behind_a_literal_that_is_too_large() {
    let mail = [b"* 1 FETCH (UID 1 BODY[] {9000}\r\n".as_slice(), &[b'x'; 9000], b" FLAGS ())\r\n"].concat();
    let got = passed(&mail, 1000).unwrap();
    assert_eq!(got[0].0, "* 1 FETCH (UID 1 BODY[] {2}\r\n\u{0}0 FLAGS ())\r\n");
    assert_eq!(literal_of(b"\x000", &got[0].1), "");
}

#[test]
fn text_of_a_status_may_look_like_a_literal() {
    assert_eq!(texts(b"* OK you are number {42}\r\n"), ["* OK you are number {42}\r\n"]);
}

#[test]
fn lines_may_end_without_a_carriage_return() {
    assert_eq!(texts(b"* 3 EXISTS\n"), ["* 3 EXISTS\r\n"]);
}

// imap-proto: `unwrap` of a conversion to UTF-8.
#[test]
fn metadata_that_is_not_utf8_does_not_reach_the_library() {
    assert_eq!(
        texts(b"* METADATA \"\" (/shared/comment \"\xff\xfe\" /shared/admin {3}\r\n\xc3(a)\r\n"),
        ["* METADATA \"\" (/shared/comment \"??\" /shared/admin {3}\r\n?(a)\r\n"]
    );
}

// imap-proto: asks for more data though the response is complete, for ever.
#[test]
fn metadata_without_a_vendor_is_dropped() {
    assert!(texts(b"* METADATA \"\" (/shared/vendor \"x\")\r\n").is_empty());
}

// imap-proto: cuts off one byte behind the code, in the middle of a character.
#[test]
fn a_code_without_a_space_behind_it_does_not_split_a_character() {
    for line in ["A1 OK [ALERT]\u{e9}\r\n", "* OK [READ-ONLY]\u{20ac} text\r\n", "A1 NO [TRYCREATE]x\r\n"] {
        assert_eq!(texts(line.as_bytes()).len(), 1, "{line}");
    }
}

// imap-proto: `unwrap` of a date.
#[test]
fn an_internal_date_that_is_nil_is_no_date() {
    assert_eq!(
        texts(b"* 1 FETCH (UID 1 InternalDate nil)\r\n"),
        ["* 1 FETCH (UID 1 InternalDate \"?\")\r\n"]
    );
}

// imap-proto hands on quoted strings with their escapes.
#[test]
fn quoted_strings_with_escapes_become_literals() {
    assert_eq!(
        texts(b"* METADATA \"\" (/shared/comment \"a \\\"b\\\" \\\\\" /shared/admin \"c\")\r\n"),
        ["* METADATA \"\" (/shared/comment {7}\r\na \"b\" \\ /shared/admin \"c\")\r\n"]
    );
    assert_eq!(
        texts(b"* 1 FETCH (FLAGS (\\Seen) BODY[] \"\\\"\")\r\n"),
        ["* 1 FETCH (FLAGS (\\Seen) BODY[] {1}\r\n\")\r\n"]
    );
}

// imap-proto refuses a list of capabilities without IMAP4rev1.
#[test]
fn capabilities_are_heard_whatever_the_revision() {
    assert_eq!(texts(b"* CAPABILITY IMAP4rev2 IDLE\r\n"), ["* CAPABILITY IMAP4rev1 IMAP4rev2 IDLE\r\n"]);
    assert_eq!(
        texts(b"A1 OK [CAPABILITY IMAP4rev2] in\r\n"),
        ["A1 OK [CAPABILITY IMAP4rev1 IMAP4rev2] in\r\n"]
    );
}

// async-imap: `unwrap` of the text of a BAD to IDLE; imap-proto fails on a NUL in a text.
#[test]
fn a_status_that_is_not_understood_loses_its_text_and_not_its_meaning() {
    assert_eq!(texts(b"A1 BAD\r\n"), ["A1 BAD\r\n"]);
    assert_eq!(texts(b"A1 NO a\0[b]c\xff\r\n"), ["A1 NO abc\r\n"]);
    assert_eq!(texts(b"+\0\r\n"), ["+ \r\n"]);
}

#[test]
fn what_is_unknown_is_dropped_and_what_may_be_a_mail_is_not() {
    assert_eq!(texts(b"* XYZZY (1 2\r\n* 99999999999 EXISTS\r\n* 1 EXISTS\r\n"), ["* 1 EXISTS\r\n"]);
    for mail in [
        &b"* 1 FETCH ((((((((((((((\r\n"[..],
        b"*  1 FETCH (UID 1)\r\n",
        b"* 1  fetch (UID 1)\r\n",
        b"* 1 FETCH (UID 1 BODY[] x y)\r\n",
        b"\x00\xff\xfe\r\n",
        b"HTTP/1.1 400 Bad\r\n",
    ] {
        assert!(matches!(passed(mail, 1000), Err(WireError::Unreadable)), "{mail:?}");
    }
}

#[test]
fn an_endless_line_and_too_many_literals_are_refused() {
    assert!(matches!(passed(&[b'x'; 70_000], 100_000), Err(WireError::TooLong(MAX_LINE))));
    let literals = [b"* 1 FETCH (".as_slice(), &b"BODY[] {0}\r\n ".repeat(100)].concat();
    assert!(matches!(passed(&literals, 100_000), Err(WireError::TooLong(_))));
}

proptest! {
    #[test]
    fn pieces_give_the_same_as_the_whole(cuts in prop::collection::vec(0..MAIL.len(), 0..10)) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        cuts.push(MAIL.len());
        let (mut framing, mut input, mut out, mut at) = (ImapFraming::new(1000), BytesMut::new(), Vec::new(), 0);
        for cut in cuts {
            input.extend_from_slice(&MAIL[at..cut]);
            at = cut;
            while let Step::Response(response) = framing.next(&mut input).unwrap() {
                out.push((String::from_utf8_lossy(&response).into_owned(), framing.take_literals()));
            }
        }
        prop_assert_eq!(out, passed(MAIL, 1000).unwrap());
    }

    #[test]
    fn garbage_never_panics(
        head in prop::sample::select(vec!["* ", "* 1 FETCH (", "* METADATA \"\" (/shared/", "A1 OK [", "* OK [", "+ ", "* ID ("]),
        bytes in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let _ = passed(&[head.as_bytes(), &bytes, b")\r\n"].concat(), 200);
    }
}
