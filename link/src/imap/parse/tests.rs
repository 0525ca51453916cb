//! Responses of servers, well-formed and not.

use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> Response {
    Response::parse(&Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

#[test]
fn login_answer_with_capabilities() {
    let Response::Tagged(tag, line) = parse("A0001 OK [CAPABILITY IMAP4rev1 IDLE ID] Logged in\r\n") else {
        panic!()
    };
    assert_eq!((tag.as_str(), line.status, line.text.as_str()), ("A0001", Status::Ok, "Logged in"));
    assert_eq!(line.code, Some(Code::Capability(vec!["IMAP4rev1".into(), "IDLE".into(), "ID".into()])));
}

#[test]
fn refused_login_keeps_the_text_of_the_server() {
    let Response::Tagged(_, line) = parse("A0001 NO [AUTHENTICATIONFAILED] Authentication failed.\r\n")
    else {
        panic!()
    };
    assert_eq!(line.text, "[AUTHENTICATIONFAILED] Authentication failed.");
    assert_eq!(
        parse("A1 BAD"),
        Response::Tagged("A1".into(), StatusLine { status: Status::Bad, code: None, text: String::new() })
    );
}

#[test]
fn prefetched_headers_in_a_literal() {
    let header = "From: <bob@example.org>\r\nContent-Type: multipart/encrypted;\r\n boundary=\"x)\"\r\n\r\n";
    let answer = format!(
        "* 1 FETCH (UID 7 RFC822.SIZE 3005 BODY[HEADER.FIELDS (MESSAGE-ID \"DATE\" FROM)] {{{}}}\r\n{header})\r\n",
        header.len()
    );
    let Response::Fetch(data) = parse(&answer) else { panic!() };
    assert_eq!((data.uid, data.size), (Some(7), Some(3005)));
    assert_eq!(data.body.unwrap(), header);
}

#[test]
fn a_body_ending_in_line_ends_is_complete_even_at_the_end_of_input() {
    let Response::Fetch(data) = parse("* 3 FETCH (FLAGS (\\Seen $x) UID 9 BODY[] {4}\r\na\r\n\n)\r\n") else {
        panic!()
    };
    assert!(data.seen && !data.deleted);
    assert_eq!(data.body.unwrap(), "a\r\n\n");
}

#[test]
fn keywords_may_hold_brackets() {
    let Response::Fetch(data) =
        parse("* 1 FETCH (UID 7 FLAGS (to[do BODY[x \\Seen x]) BODY[TEXT] \"b\")\r\n")
    else {
        panic!()
    };
    assert_eq!((data.uid, data.seen, data.body.as_deref()), (Some(7), true, Some(&b"b"[..])));
}

#[test]
fn metadata_values_as_quoted_string_literal_and_nil() {
    let Response::Metadata(entries) = parse(
        "* METADATA \"\" (/shared/comment NIL /shared/vendor/x/turn \"a\\\"b\" /shared/admin {3}\r\nx y)\r\n",
    ) else {
        panic!()
    };
    let values: Vec<_> = entries.iter().map(|(_, v)| v.as_deref()).collect();
    assert_eq!(values, [None, Some(&b"a\"b"[..]), Some(&b"x y"[..])]);
}

#[test]
fn quota_and_its_roots() {
    assert_eq!(parse("* QUOTAROOT INBOX \"User quota\"\r\n"), Response::QuotaRoot(vec!["User quota".into()]));
    let resource = QuotaResource { name: "STORAGE".into(), usage: 0, limit: 512_000 };
    assert_eq!(
        parse("* QUOTA \"User quota\" (STORAGE 0 512000)\r\n"),
        Response::Quota("User quota".into(), vec![resource])
    );
}

#[test]
fn select_answers_and_odds() {
    assert_eq!(parse("* 18 EXISTS\r\n"), Response::Exists(18));
    assert_eq!(parse("* 2 EXPUNGE\r\n"), Response::Other);
    assert_eq!(parse("* FLAGS (\\Seen \\*)\r\n"), Response::Other);
    assert_eq!(parse("+ idling\r\n"), Response::Continue);
    assert_eq!(parse("* STATUS \"INBOX\" (UIDNEXT 5)\r\n"), Response::FolderStatus(Some(5)));
    let Response::Status(line) = parse("* OK [UIDVALIDITY 1795469054] UIDs valid\r\n") else { panic!() };
    assert_eq!(line.code, Some(Code::UidValidity(1_795_469_054)));
    assert_eq!(
        parse("* ID (\"name\" \"Dovecot\" \"x\" NIL)\r\n"),
        Response::Id(vec![("name".into(), "Dovecot".into())])
    );
    assert_eq!(parse("* ID NIL"), Response::Id(vec![]));
}

#[test]
fn deep_nesting_is_refused() {
    let deep = format!("* 1 FETCH {}{}\r\n", "(".repeat(100_000), ")".repeat(100_000));
    assert_eq!(Response::parse(&Bytes::from(deep)), Err(ParseError));
}

#[test]
fn quoted_strings_cannot_carry_line_ends() {
    assert_eq!(quote("a\"b\\c").unwrap(), "\"a\\\"b\\\\c\"");
    assert_eq!(quote("a\r\nA2 LOGOUT"), None);
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Response::parse(&Bytes::from(bytes));
    }

    #[test]
    fn garbage_after_a_known_start_never_panics(start in prop::sample::select(vec![
        "* 1 FETCH (", "* METADATA \"\" (", "* QUOTA \"", "A1 OK [", "* ID (", "* STATUS ", "* 1 FETCH (BODY[] {9",
    ]), rest in "[ -~\\r\\n]{0,120}") {
        let _ = Response::parse(&Bytes::from(format!("{start}{rest}")));
    }

    #[test]
    fn any_quoted_value_is_read_back(value in "[ -~]{0,60}") {
        let answer = format!("* METADATA \"\" (/shared/comment {})\r\n", quote(&value).unwrap());
        let Response::Metadata(entries) = Response::parse(&Bytes::from(answer)).unwrap() else { panic!() };
        prop_assert_eq!(entries[0].1.as_deref(), Some(value.as_bytes()));
    }
}
