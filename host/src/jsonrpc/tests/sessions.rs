//! Whole sessions of a client.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines},
    task::JoinHandle,
    time::timeout,
};
use volary_proto::request;

use super::{Script, info, overflow};
use crate::jsonrpc::{
    output::MAX_WAITING_BYTES,
    session::{End, call, serve},
};

/// Longest that anything here may take.
const SOON: Duration = Duration::from_secs(20);

struct Client {
    to: DuplexStream,
    from: Lines<BufReader<DuplexStream>>,
    session: JoinHandle<End>,
}

impl Client {
    fn connect(script: &Script) -> Self {
        let (to, input) = tokio::io::duplex(1 << 16);
        let (output, from) = tokio::io::duplex(1 << 16);
        let session = tokio::spawn(serve(script.clone(), BufReader::new(input), output));
        Self { to, from: BufReader::new(from).lines(), session }
    }

    async fn writes(&mut self, line: &str) {
        self.to.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    async fn calls(&mut self, id: u32, method: &str, params: Value) {
        self.writes(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string())
            .await;
    }

    async fn reads_line(&mut self) -> String {
        timeout(SOON, self.from.next_line()).await.unwrap().unwrap().unwrap()
    }

    async fn reads(&mut self) -> Value {
        serde_json::from_str(&self.reads_line().await).unwrap()
    }

    async fn leaves(mut self) -> End {
        self.to.shutdown().await.unwrap();
        timeout(SOON, self.session).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_call_is_answered_and_the_session_ends_with_the_input() {
    let mut client = Client::connect(&Script::default());
    client.writes(r#"{"jsonrpc":"2.0","id":"main-1","method":"get_config","params":[1,"addr"]}"#).await;
    assert_eq!(client.reads_line().await, r#"{"jsonrpc":"2.0","id":"main-1","result":"addr"}"#);
    assert_eq!(client.leaves().await, End::InputClosed);
}

#[tokio::test]
async fn bad_lines_are_answered_and_the_next_good_one_works() {
    let mut client = Client::connect(&Script::default());
    client.writes("not json").await;
    let refusal = client.reads().await;
    assert_eq!((&refusal["id"], &refusal["error"]["code"]), (&Value::Null, &json!(-32700)));
    client.writes(r#"{"id":1,"method":"getConfig","params":[]}"#).await;
    assert_eq!(
        client.reads().await,
        json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "Method not found"}})
    );
    client.calls(2, "get_all_account_ids", json!([])).await;
    assert_eq!(client.reads().await, json!({"jsonrpc": "2.0", "id": 2, "result": [1, 2]}));
}

#[tokio::test]
async fn a_failure_of_the_engine_is_told_with_its_text() {
    let mut client = Client::connect(&Script::default());
    client.calls(1, "get_contact", json!([99, 10])).await;
    let expected = json!({"code": -1, "message": "account with id 99 not found"});
    assert_eq!(client.reads().await, json!({"jsonrpc": "2.0", "id": 1, "error": expected}));
}

#[tokio::test]
async fn notifications_and_batches_reach_nobody() {
    let script = Script::default();
    let mut client = Client::connect(&script);
    client.writes(r#"{"method":"add_account","params":[]}"#).await;
    assert_eq!(client.reads().await["error"]["code"], -32601);
    client.writes(r#"[{"id":1,"method":"add_account"},{"id":2,"method":"add_account"}]"#).await;
    let refusal = client.reads().await;
    assert_eq!((&refusal["id"], &refusal["error"]["code"]), (&Value::Null, &json!(-32700)));
    assert_eq!(script.asked(), []);
}

#[tokio::test]
async fn a_panic_in_a_request_is_answered_and_hurts_no_other() {
    let mut client = Client::connect(&Script::default());
    client.calls(1, "get_info", json!([1])).await;
    assert_eq!(client.reads().await["error"], json!({"code": -1, "message": "internal error"}));
    client.calls(2, "get_config", json!([1, "bot"])).await;
    assert_eq!(client.reads().await["result"], "bot");
}

#[tokio::test]
async fn a_sent_message_comes_back_with_its_id() {
    let mut client = Client::connect(&Script::default());
    client.calls(1, "misc_send_msg", json!([1, 10, "hi", null, null, null, null])).await;
    let result = client.reads().await["result"].clone();
    assert_eq!(result[0], 12);
    assert_eq!(result[1]["id"], 12);
}

#[tokio::test]
async fn waiting_requests_delay_no_other() {
    let mut client = Client::connect(&Script::default());
    client.calls(1, "get_next_event_batch", json!([])).await;
    client.calls(2, "wait_next_msgs", json!([1])).await;
    client.calls(3, "sleep", json!([0.3])).await;
    client.calls(4, "sleep", json!([0.1])).await;
    client.calls(5, "sleep", json!([0.2])).await;
    client.calls(6, "get_config", json!([1, "bot"])).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(client.reads().await["id"].as_u64().unwrap());
    }
    assert_eq!(ids, [6, 4, 5, 3]);
}

#[tokio::test]
async fn impossible_sleeps_are_refused() {
    let mut client = Client::connect(&Script::default());
    for (id, delay) in [json!(-1), json!(1e300), json!(-0.5)].into_iter().enumerate() {
        client.calls(id as u32, "sleep", json!([delay])).await;
        assert_eq!(client.reads().await["error"]["code"], -1, "{delay}");
    }
}

#[tokio::test]
async fn commands_reach_the_engine_in_the_order_of_their_lines() {
    let script = Script::default();
    let mut client = Client::connect(&script);
    let mut lines = String::new();
    for n in 0..500 {
        lines += &json!({"id": n, "method": "set_config", "params": [1, format!("ui.{n}"), "x"]}).to_string();
        lines.push('\n');
    }
    let reading = async {
        for _ in 0..500 {
            client.from.next_line().await.unwrap().unwrap();
        }
    };
    let (written, ()) = tokio::join!(client.to.write_all(lines.as_bytes()), reading);
    written.unwrap();
    let keys: Vec<String> = script
        .asked()
        .into_iter()
        .filter_map(|kind| match kind {
            request::Kind::SetConfig(set) => Some(set.key),
            _ => None,
        })
        .collect();
    assert_eq!(keys, (0..500).map(|n| format!("ui.{n}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_same_id_twice_gives_two_answers() {
    let mut client = Client::connect(&Script::default());
    client.calls(1, "get_config", json!([1, "a"])).await;
    client.calls(1, "get_config", json!([1, "b"])).await;
    let mut results = [client.reads().await, client.reads().await].map(|answer| {
        assert_eq!(answer["id"], 1);
        answer["result"].as_str().unwrap().to_owned()
    });
    results.sort();
    assert_eq!(results, ["a", "b"]);
}

#[tokio::test]
async fn batches_hold_at_most_101_events_in_order() {
    let (script, events) = Script::with_events();
    let mut client = Client::connect(&script);
    for n in 0..150 {
        events.send(info(n)).unwrap();
    }
    let mut seen = Vec::new();
    for expected in [101, 49] {
        client.calls(1, "get_next_event_batch", json!([])).await;
        let batch = client.reads().await["result"].as_array().unwrap().clone();
        assert_eq!(batch.len(), expected);
        seen.extend(batch.into_iter().map(|event| event["event"]["msg"].as_str().unwrap().to_owned()));
    }
    assert_eq!(seen, (0..150).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn polls_are_served_in_the_order_of_their_arrival() {
    let (script, events) = Script::with_events();
    let mut client = Client::connect(&script);
    for (id, method) in [(1, "get_next_event"), (2, "get_next_event_batch"), (3, "get_next_event")] {
        client.calls(id, method, json!([])).await;
    }
    client.calls(4, "get_config", json!([1, "all polls have been read"])).await;
    assert_eq!(client.reads().await["id"], 4);
    for n in 0..3 {
        events.send(info(n)).unwrap();
        let answer = client.reads().await;
        assert_eq!(answer["id"], n + 1);
        let event = if n == 1 { &answer["result"][0] } else { &answer["result"] };
        assert_eq!(*event, json!({"contextId": 0, "event": {"kind": "Info", "msg": n.to_string()}}));
    }
}

#[tokio::test]
async fn after_the_engine_has_stopped_polls_end() {
    let (script, events) = Script::with_events();
    let mut client = Client::connect(&script);
    drop(events);
    client.calls(1, "get_next_event", json!([])).await;
    assert_eq!(client.reads().await["error"]["message"], "event channel is closed");
    client.calls(2, "get_next_event_batch", json!([])).await;
    assert_eq!(client.reads().await["result"], json!([]));
}

#[tokio::test]
async fn long_lines_pass_in_both_directions() {
    let mut client = Client::connect(&Script::default());
    let text = "x".repeat(20 << 20);
    let line = json!({"id": 1, "method": "get_config", "params": [1, text]}).to_string() + "\n";
    let start = Instant::now();
    let (written, answer) = tokio::join!(client.to.write_all(line.as_bytes()), client.from.next_line());
    written.unwrap();
    assert_eq!(answer.unwrap().unwrap().len(), text.len() + r#"{"jsonrpc":"2.0","id":1,"result":""}"#.len());
    assert!(start.elapsed() < SOON);
}

#[tokio::test]
async fn a_client_that_does_not_read_gets_no_further_requests_read_until_it_reads() {
    let script = Script::default();
    let Client { mut to, mut from, session } = Client::connect(&script);
    let text = "x".repeat(1 << 20);
    let requests = 60;
    let writing = tokio::spawn(async move {
        for id in 0..requests {
            let line = json!({"id": id, "method": "get_config", "params": [1, text]}).to_string() + "\n";
            to.write_all(line.as_bytes()).await.unwrap();
        }
        to
    });
    // Time enough to swallow everything, were there no bound.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let read = script.asked().len();
    assert!(!writing.is_finished());
    assert!(read << 20 <= MAX_WAITING_BYTES + (4 << 20), "{read} requests were read");
    for _ in 0..requests {
        timeout(SOON, from.next_line()).await.unwrap().unwrap().unwrap();
    }
    drop(timeout(SOON, writing).await.unwrap().unwrap());
    drop(from);
    timeout(SOON, session).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_last_line_without_line_end_is_carried_out() {
    let script = Script::default();
    let mut client = Client::connect(&script);
    client.to.write_all(br#"{"id":1,"method":"get_config","params":[1,"bot"]}"#).await.unwrap();
    client.to.shutdown().await.unwrap();
    assert_eq!(client.reads().await["result"], "bot");
}

#[tokio::test]
async fn when_nobody_reads_answers_any_more_the_session_ends() {
    let Client { mut to, from, session } = Client::connect(&Script::default());
    drop(from);
    to.write_all(b"{\"id\":1,\"method\":\"get_config\",\"params\":[1,\"bot\"]}\n").await.unwrap();
    assert_eq!(timeout(SOON, session).await.unwrap().unwrap(), End::OutputClosed);
}

#[tokio::test]
async fn losses_of_several_profiles_are_one_overflow_of_profile_0() {
    let (script, events) = Script::with_events();
    let mut client = Client::connect(&script);
    events.send(overflow(2, 3)).unwrap();
    events.send(overflow(7, 5)).unwrap();
    events.send(info(1)).unwrap();
    client.calls(1, "get_next_event", json!([])).await;
    let lost = json!({"contextId": 0, "event": {"kind": "EventChannelOverflow", "n": 8}});
    assert_eq!(client.reads().await["result"], lost);
    client.calls(2, "get_next_event_batch", json!([])).await;
    let rest = json!([{"contextId": 0, "event": {"kind": "Info", "msg": "1"}}]);
    assert_eq!(client.reads().await["result"], rest);
}

#[tokio::test]
async fn a_client_that_starts_anew_gets_the_events_before_polls_of_its_former_self() {
    let (script, events) = Script::with_events();
    let mut client = Client::connect(&script);
    client.calls(41, "get_next_event", json!([])).await;
    client.calls(42, "get_next_event", json!([])).await;
    client.calls(3, "get_next_event", json!([])).await;
    client.calls(4, "get_next_event", json!([])).await;
    client.calls(5, "get_config", json!([1, "addr"])).await;
    assert_eq!(client.reads().await["id"], json!(5));
    for (n, id) in [(0, 3), (1, 4), (2, 41), (3, 42)] {
        events.send(info(n)).unwrap();
        let answer = client.reads().await;
        assert_eq!((&answer["id"], &answer["result"]["event"]["msg"]), (&json!(id), &json!(n.to_string())));
    }
}

#[tokio::test]
async fn polls_end_with_their_client() {
    let (script, events) = Script::with_events();
    let mut client = Client::connect(&script);
    client.calls(1, "get_next_event", json!([])).await;
    client.calls(2, "get_config", json!([1, "addr"])).await;
    client.reads().await;
    assert_eq!(client.leaves().await, End::InputClosed);
    // The poll held the only receiver of events.
    timeout(SOON, events.closed()).await.unwrap();
}

#[tokio::test]
async fn everything_is_answered_before_the_end() {
    let mut client = Client::connect(&Script::default());
    client.calls(1, "configure", json!([1])).await;
    client.calls(2, "get_next_event", json!([])).await;
    client.to.shutdown().await.unwrap();
    assert_eq!(client.reads().await, json!({"jsonrpc": "2.0", "id": 1, "result": null}));
    assert_eq!(timeout(SOON, client.session).await.unwrap().unwrap(), End::InputClosed);
}

#[tokio::test]
async fn one_line_is_carried_out_and_answered() {
    let line = json!({"id": 1, "method": "get_config", "params": [1, "bot"]}).to_string();
    let answer = timeout(SOON, call(Script::default(), line.into_bytes())).await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&answer).unwrap()["result"], "bot");
}

#[tokio::test(start_paused = true)]
async fn one_line_that_waits_for_something_is_answered_when_it_has_happened() {
    let line = json!({"jsonrpc": "2.0", "id": 1, "method": "wait_next_msgs", "params": [1]}).to_string();
    // The scripted engine answers after an hour.
    let answer = call(Script::default(), line.into_bytes()).await;
    assert_eq!(answer, br#"{"jsonrpc":"2.0","id":1,"result":[]}"#);
}
