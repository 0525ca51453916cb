//! Lines of JSON-RPC, with an engine behind it that refuses everything.

use std::future::{Future, ready};
use std::sync::Arc;

use tokio::io::BufReader;
use volary::bus::{Bus, EventSource};
use volary::jsonrpc::serve;
use volary_proto::{Answer, Error, Event, Request};

use crate::script::{self, Script};

/// An engine that refuses everything and has no events.
#[derive(Clone)]
struct Refusing;

struct NoEvents;

impl Bus for Refusing {
    type Events = NoEvents;

    fn call(&self, _: Request) -> impl Future<Output = Result<Answer, Error>> + Send + 'static {
        ready(Err(Error::invalid("refused")))
    }

    fn subscribe(&self) -> NoEvents {
        NoEvents
    }

    fn stop(&self) -> impl Future<Output = ()> + Send + 'static {
        ready(())
    }
}

impl EventSource for NoEvents {
    async fn next(&mut self) -> Option<Arc<Event>> {
        None
    }
}

/// Serves the client.
pub fn run(data: &[u8]) {
    let client = Script::client(data);
    let output = Script::client(&[]);
    let written = output.written();
    script::run(serve(Refusing, BufReader::new(client), output));
    let written = written.bytes();
    let lines = data.split(|octet| *octet == b'\n').count();
    let mut answers = 0;
    for line in written.split_inclusive(|octet| *octet == b'\n') {
        answers += 1;
        check_answer(line);
    }
    assert!(answers <= lines, "{answers} answers to {lines} lines");
}

/// One object a line, with an answer or a refusal.
fn check_answer(line: &[u8]) {
    let text = String::from_utf8_lossy(line);
    assert!(line.ends_with(b"\n"), "{text}");
    let answer: serde_json::Value = serde_json::from_slice(line).expect("an answer is JSON");
    assert_eq!(answer["jsonrpc"], "2.0", "{text}");
    let error = &answer["error"];
    assert!(error.is_null() || error["code"].is_i64() && error["message"].is_string(), "{text}");
    assert_ne!(error["message"], "internal error");
}

/// A call of each method that the interface has, by position, and lines that are no calls.
pub fn seeds() -> Vec<Vec<u8>> {
    let calls = [
        ("get_system_info", "[]"),
        ("add_account", "[]"),
        ("get_next_event", "[]"),
        ("get_next_event_batch", "[]"),
        ("sleep", "[0.5]"),
        ("get_chatlist_entries", "[1,0,\"query\",null]"),
        (
            "send_msg",
            "[1,10,{\"text\":\"Hello\",\"quotedMessageId\":5,\"viewtype\":\"Text\",\"location\":[1.5,2]}]",
        ),
        ("misc_send_msg", "[1,10,\"text\",null,null,null,null]"),
        ("misc_send_text_message", "[1,10,\"Hello\"]"),
        ("get_messages", "[1,[1,2,3]]"),
        ("set_config", "[1,\"displayname\",\"Alice\"]"),
        ("batch_set_config", "[1,{\"displayname\":\"Alice\",\"bot\":null}]"),
        ("set_chat_mute_duration", "[1,10,{\"kind\":\"Until\",\"duration\":60}]"),
        ("set_chat_visibility", "[1,10,\"Pinned\"]"),
        (
            "add_or_update_transport",
            "[1,{\"addr\":\"a@b.org\",\"password\":\"x\",\"imapPort\":993,\"imapSecurity\":\"ssl\"}]",
        ),
        ("get_backup", "[1]"),
        ("set_draft", "[1,10,\"x\",\"/tmp/x\",\"x\",5,\"File\"]"),
        ("search_messages", "[1,\"x\",null]"),
        ("parse_vcard", "[\"/nonexistent\"]"),
        ("check_qr", "[1,\"text\"]"),
    ];
    let mut seeds: Vec<String> = calls
        .iter()
        .enumerate()
        .map(|(id, (method, params))| call(&id.to_string(), method, params))
        .collect();
    seeds.push(seeds.concat());
    let others = [
        call("\"text\"", "nonsense", "[]"),
        call("4294967296", "get_system_info", "[]"),
        call("null", "get_system_info", "[]"),
        call("1", "get_system_info", "{\"a\":1}"),
        call("1", "get_system_info", "[1]"),
        "[1,2]\n{}\n\n{\"jsonrpc\":\"1.0\"}\nnonsense\n{\"id\":1,\"id\":2}\n".to_owned(),
        "{\"method\":\"\\ud83d\\ude00\",\"id\":1,\"params\":[[[[[[1e400,-0.0,\"\\u0000\"]]]]]]}".to_owned(),
    ];
    seeds.extend(others);
    seeds.into_iter().map(String::into_bytes).collect()
}

fn call(id: &str, method: &str, params: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{method}\",\"params\":{params}}}\n")
}
