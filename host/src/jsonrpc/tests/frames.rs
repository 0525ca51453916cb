//! What a line may look like, and what is said to one that does not.

use serde_json::{Value, json};

use super::super::frame::{self, Call, Failure, Id, METHOD_NOT_FOUND, PARSE_ERROR, Params};

fn call(line: &str) -> Call {
    frame::parse(line.as_bytes()).unwrap_or_else(|refused| panic!("{line} was refused: {refused:?}"))
}

fn refused(line: impl AsRef<[u8]>) -> (Id, i32) {
    match frame::parse(line.as_ref()) {
        Ok(call) => panic!("accepted as {call:?}"),
        Err((id, Failure { code, .. })) => (id, code),
    }
}

#[test]
fn a_request_may_be_written_in_several_ways() {
    let plain = call(r#"{"jsonrpc":"2.0","id":7,"method":"get_config","params":[1,"displayname"]}"#);
    assert_eq!(plain.id, Id::Number(7));
    assert_eq!(plain.method, "get_config");
    assert_eq!(plain.params, Params::List(vec![json!(1), json!("displayname")]));
    for other in [
        r#"{"id":7,"method":"get_config","params":[1,"displayname"]}"#,
        r#"  {"params":[1,"displayname"], "method":"get_config", "id":7}  "#,
        "{\"id\":7,\"method\":\"get_config\",\"params\":[1,\"displayname\"]}\r",
        r#"{"id":7,"method":"get_config","params":[1,"displayname"],"extra":{"a":[]}}"#,
    ] {
        assert_eq!(call(other), plain, "{other}");
    }
}

#[test]
fn parameters_may_be_missing_or_null() {
    for line in [
        r#"{"id":1,"method":"m"}"#,
        r#"{"id":1,"method":"m","params":null}"#,
        r#"{"id":1,"method":"m","params":[]}"#,
    ] {
        assert_eq!(call(line).params, Params::List(Vec::new()), "{line}");
    }
    assert_eq!(call(r#"{"id":1,"method":"m","params":{}}"#).params, Params::Named);
}

#[test]
fn ids_are_texts_or_small_numbers() {
    assert_eq!(call(r#"{"id":"main-12","method":"m"}"#).id, Id::Text("main-12".into()));
    assert_eq!(call(r#"{"id":"","method":"m"}"#).id, Id::Text(String::new()));
    assert_eq!(call(r#"{"id":0,"method":"m"}"#).id, Id::Number(0));
    assert_eq!(call(r#"{"id":4294967295,"method":"m"}"#).id, Id::Number(u32::MAX));
    for id in ["4294967296", "-1", "1.5", "1.0", "true", "[]", "{}"] {
        assert_eq!(refused(format!(r#"{{"id":{id},"method":"m"}}"#)), (Id::Null, PARSE_ERROR), "{id}");
    }
}

#[test]
fn lines_that_are_no_json_are_refused_without_id() {
    let deep = "[".repeat(10_000);
    let deep_inside = format!(r#"{{"id":1,"method":"m","params":{deep}"#);
    let lines: [&[u8]; 14] = [
        b"",
        b"   ",
        b"not json",
        b"{",
        b"{\"id\":1,\"method\":\"m\"} x",
        b"\0",
        b"\xef\xbb\xbf{\"id\":1,\"method\":\"m\"}",
        b"{\"id\":1,\"method\":\"\xff\"}",
        br#"{"id":1,"method":"\ud800"}"#,
        br#"{"id":1,"method":"m","params":[1e999]}"#,
        br#"{"id":1,"id":2,"method":"m"}"#,
        br#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"m"}"#,
        deep.as_bytes(),
        deep_inside.as_bytes(),
    ];
    for line in lines {
        assert_eq!(refused(line), (Id::Null, PARSE_ERROR), "{}", String::from_utf8_lossy(line));
    }
    let (_, Failure { message, .. }) = frame::parse(b"").unwrap_err();
    assert_eq!(message, "EOF while parsing a value at line 1 column 0");
}

#[test]
fn json_that_is_no_request_is_refused_without_id() {
    for line in [
        "[]",
        "null",
        "1",
        "\"text\"",
        "{}",
        r#"[{"id":1,"method":"m"},{"id":2,"method":"m"}]"#,
        r#"["2.0",1,"m",[]]"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"m"}"#,
        r#"{"jsonrpc":null,"id":1,"method":"m"}"#,
        r#"{"jsonrpc":2,"id":1,"method":"m"}"#,
        r#"{"jsonrpc":"2.0"}"#,
    ] {
        assert_eq!(refused(line), (Id::Null, PARSE_ERROR), "{line}");
    }
}

#[test]
fn half_a_request_is_refused_under_its_id() {
    for line in [
        r#"{"id":3}"#,
        r#"{"id":3,"result":1}"#,
        r#"{"id":3,"method":4}"#,
        r#"{"id":3,"method":"m","params":1}"#,
    ] {
        assert_eq!(refused(line), (Id::Number(3), PARSE_ERROR), "{line}");
    }
}

#[test]
fn notifications_are_not_carried_out() {
    for line in [r#"{"method":"add_account"}"#, r#"{"id":null,"method":"add_account","params":[]}"#] {
        assert_eq!(refused(line), (Id::Null, METHOD_NOT_FOUND), "{line}");
    }
}

#[test]
fn nul_characters_inside_texts_are_kept() {
    assert_eq!(
        call(r#"{"id":1,"method":"m","params":["a\u0000b"]}"#).params,
        Params::List(vec![json!("a\0b")])
    );
}

#[test]
fn answers_are_compact_lines_in_a_fixed_order() {
    let line = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    assert_eq!(
        line(frame::answer(&Id::Text("main-1".into()), &json!({"name": "Älice"}))),
        "{\"jsonrpc\":\"2.0\",\"id\":\"main-1\",\"result\":{\"name\":\"Älice\"}}\n"
    );
    assert_eq!(
        line(frame::answer(&Id::Number(4), &Value::Null)),
        "{\"jsonrpc\":\"2.0\",\"id\":4,\"result\":null}\n"
    );
    assert_eq!(
        line(frame::refusal(&Id::Null, &Failure::method_not_found())),
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32601,\"message\":\"Method not found\"}}\n"
    );
}
