//! Every request of the schema has its line in the table of `calls.rs`, and the line says what the schema says.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{env, fs};

use prost::Message as _;
use volary_proto::*;

/// A request as the files of the schema describe it.
#[derive(Debug)]
struct Described {
    name: String,
    number: u32,
    /// First words of its comment.
    comment: String,
    /// Numbers of its fields by name.
    fields: BTreeMap<String, u32>,
}

/// All requests, in the order of the envelope.
fn described() -> Vec<Described> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto/volary/v1");
    let files = fs::read_dir(dir).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let text = files.collect::<Vec<_>>().join("\n");
    let envelope = text.split("\nmessage Request {").nth(1).unwrap().split("\n}\n").next().unwrap();
    envelope
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter_map(|line| request(&text, line))
        .collect()
}

fn request(schema: &str, line: &str) -> Option<Described> {
    let (field, number) = line.strip_suffix(';')?.split_once(" = ")?;
    let name = field.split(' ').next()?.to_owned();
    let (before, body) = schema.split_once(&format!("\nmessage {name} {{"))?;
    let comment = before.lines().rev().take_while(|line| line.starts_with("//")).last()?.to_owned();
    let body = body.split('}').next()?;
    let fields = body.lines().filter_map(|line| {
        let (field, number) = line.trim().strip_suffix(';')?.split_once(" = ")?;
        Some((field.rsplit(' ').next()?.to_owned(), number.parse().ok()?))
    });
    Some(Described { name, number: number.parse().ok()?, comment, fields: fields.collect() })
}

/// A request with a number in one of its fields, by way of the wire.
fn with_field(described: &Described, field: &str, value: u32) -> request::Kind {
    let mut call = Vec::new();
    prost::encoding::uint32::encode(described.fields[field], &value, &mut call);
    let mut bytes = Vec::new();
    prost::encoding::bytes::encode(described.number, &call, &mut bytes);
    Request::decode(bytes.as_slice()).unwrap().kind.unwrap()
}

fn empty(described: &Described) -> request::Kind {
    let mut bytes = Vec::new();
    prost::encoding::bytes::encode(described.number, &Vec::<u8>::new(), &mut bytes);
    Request::decode(bytes.as_slice()).unwrap().kind.unwrap()
}

#[test]
fn every_request_has_a_class_that_agrees_with_its_comment() {
    let described = described();
    assert_eq!(described.len(), CALLS.len());
    let names: BTreeSet<&str> = CALLS.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names.len(), CALLS.len(), "a request is in the table twice");
    for request in &described {
        let kind = empty(request);
        assert_eq!(kind.name(), request.name);
        let (_, class, answer) = CALLS.iter().find(|(name, ..)| *name == request.name).unwrap();
        assert_eq!(*class, kind.class());
        let mode = match kind.mode() {
            Mode::Command => "Command",
            Mode::Query => "Query",
        };
        let said = format!("// {mode}, answered by `{answer}`.");
        assert!(request.comment.starts_with(&said), "{}: {}", request.name, request.comment);
    }
}

#[test]
fn a_request_goes_where_its_number_says() {
    for request in described() {
        let scope = empty(&request).scope();
        assert_eq!(scope == Scope::Process, request.number < 60, "{}", request.name);
        let of_chats = (110..250).contains(&request.number);
        assert!(of_chats || !matches!(scope, Scope::Chat | Scope::App), "{}", request.name);
    }
}

#[test]
fn a_request_tells_the_chat_and_the_messages_that_its_fields_name() {
    for request in described() {
        // The chat is one of another profile.
        let elsewhere = request.name == "ForwardMessagesToAccount";
        match request.fields.contains_key("chat_id") && !elsewhere {
            true => assert_eq!(with_field(&request, "chat_id", 12).chat_id(), Some(12), "{}", request.name),
            false => assert_eq!(empty(&request).chat_id(), None, "{}", request.name),
        }
        let names_messages =
            ["msg_id", "msg_ids"].into_iter().find(|field| request.fields.contains_key(*field));
        match names_messages {
            Some(field) => {
                assert_eq!(with_field(&request, field, 34).message_ids(), [34], "{}", request.name);
            }
            None => assert!(empty(&request).message_ids().is_empty(), "{}", request.name),
        }
        let scope = empty(&request).scope();
        let names_one = request.fields.contains_key("chat_id") || names_messages.is_some();
        assert!(names_one || !matches!(scope, Scope::Chat | Scope::App), "{}", request.name);
    }
}

#[test]
fn requests_of_a_kind_are_few_and_known() {
    let marked = |mark: fn(&Class) -> bool| -> Vec<&str> {
        CALLS.iter().filter(|(_, class, _)| mark(class)).map(|(name, ..)| *name).collect()
    };
    assert_eq!(
        marked(|class| class.frees_space),
        ["DeleteChat", "RemoveDraft", "DeleteMessages", "DeleteContact"]
    );
    assert_eq!(marked(|class| class.needs_key), ["GetAccountInfo", "MakeVcard"]);
    let queries_of_connections = marked(|class| class.concerns_io && class.mode == Mode::Query);
    let known = [
        "GetConnectivity",
        "GetConnectivityHtml",
        "GetRelayStatuses",
        "WaitForAllWorkDone",
        "GetBackupQr",
        "GetBackupQrSvg",
        "GetHttpResponse",
        "GetIceServers",
    ];
    assert_eq!(queries_of_connections, known);
    assert!(marked(|class| class.frees_space && class.mode == Mode::Query).is_empty());
}

/// Programs outside of this repository have stored or sent these numbers.
#[test]
fn field_numbers_that_were_given_up_are_reserved() {
    for list in ["ChatListItems", "MessageLoadResults", "MessageSearchResults", "ContactMap"] {
        let answers = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto/volary/v1/answers.proto");
        let text = fs::read_to_string(answers).unwrap();
        let body = text.split(&format!("\nmessage {list} {{\n")).nth(1).unwrap();
        assert!(body.starts_with("  reserved 1;"), "{list}");
    }
}
