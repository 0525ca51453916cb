//! `volary-rpc-server` as a process: how lines and answers pass through its standard input and output.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader, Seek as _, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longest that the process may take to end.
const SOON: Duration = Duration::from_secs(30);

struct Server {
    child: Child,
    input: Option<ChildStdin>,
    output: Option<BufReader<ChildStdout>>,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        Self::with(Stdio::piped(), Stdio::piped())
    }

    fn with(input: Stdio, output: Stdio) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_volary-rpc-server"))
            .env("DC_ACCOUNTS_PATH", folder.path().join("accounts"))
            .stdin(input)
            .stdout(output)
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take().map(BufReader::new));
        Self { child, input, output, _folder: folder }
    }

    fn asks(&mut self, id: usize, method: &str, params: Value) {
        self.input.as_mut().unwrap().write_all(request(id, method, params).as_bytes()).unwrap();
    }

    fn reads(&mut self) -> Value {
        let mut line = String::new();
        self.output.as_mut().unwrap().read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn ends(mut self) {
        let begin = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(begin.elapsed() < SOON, "the process does not end");
            thread::sleep(Duration::from_millis(10));
        }
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `ends` there is nobody left.
        self.child.kill().ok();
    }
}

fn request(id: usize, method: &str, params: Value) -> String {
    format!("{}\n", json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
}

#[test]
fn an_answer_that_no_pipe_holds_arrives_whole_and_the_next_ones_behind_it() {
    let mut server = Server::start();
    server.asks(1, "add_account", json!([]));
    assert_eq!(server.reads()["result"], 1);
    let text = "ä".repeat(1 << 20);
    server.asks(2, "set_config", json!([1, "ui.text", text]));
    assert_eq!(server.reads()["id"], 2);
    server.asks(3, "get_config", json!([1, "ui.text"]));
    server.asks(4, "get_selected_account_id", json!([]));
    // Time for the process to find the pipe full.
    thread::sleep(Duration::from_millis(200));
    let first = server.reads();
    assert_eq!((&first["id"], first["result"].as_str().map(str::len)), (&json!(3), Some(text.len())));
    assert_eq!(server.reads(), json!({"jsonrpc": "2.0", "id": 4, "result": 1}));
    drop(server.input.take());
    server.ends();
}

#[test]
fn a_client_may_write_all_its_requests_before_it_reads_an_answer() {
    let requests = 20_000;
    let mut server = Server::start();
    for id in 0..requests {
        server.asks(id, "check_email_validity", json!(["alice@example.org"]));
    }
    // These are answered by the thread that reads, so they come in order.
    for id in 0..requests {
        assert_eq!(server.reads(), json!({"jsonrpc": "2.0", "id": id, "result": true}));
    }
    drop(server.input.take());
    server.ends();
}

#[test]
fn answers_under_way_are_written_when_the_input_ends() {
    let mut server = Server::start();
    server.asks(1, "sleep", json!([0.05]));
    drop(server.input.take());
    assert_eq!(server.reads(), json!({"jsonrpc": "2.0", "id": 1, "result": null}));
    server.ends();
}

#[test]
fn the_process_ends_when_nobody_reads_its_answers() {
    let mut server = Server::start();
    drop(server.output.take());
    server.asks(1, "get_selected_account_id", json!([]));
    server.ends();
}

#[test]
fn requests_may_come_from_a_file_and_answers_go_into_one() {
    let mut requests = tempfile::tempfile().unwrap();
    let mut answers = tempfile::tempfile().unwrap();
    for id in 0..100 {
        requests.write_all(request(id, "check_email_validity", json!(["alice"])).as_bytes()).unwrap();
    }
    requests.rewind().unwrap();
    Server::with(requests.into(), answers.try_clone().unwrap().into()).ends();
    answers.rewind().unwrap();
    let ids = BufReader::new(answers)
        .lines()
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap()["id"].clone());
    assert_eq!(ids.collect::<Vec<_>>(), (0..100).map(Value::from).collect::<Vec<_>>());
}

#[test]
fn standard_input_and_output_may_be_a_socket() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (input, output) = (OwnedFd::from(theirs.try_clone().unwrap()), OwnedFd::from(theirs));
    let server = Server::with(input.into(), output.into());
    let text = "x".repeat(1 << 20);
    let mut writing = ours.try_clone().unwrap();
    writing.write_all(request(1, "sleep", json!([text])).as_bytes()).unwrap();
    writing.write_all(request(2, "get_system_info", json!([])).as_bytes()).unwrap();
    let mut lines = BufReader::new(&ours).lines();
    let mut answer = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(answer()["error"]["code"], -32700);
    assert!(answer()["result"].is_object());
    writing.shutdown(Shutdown::Write).unwrap();
    server.ends();
}
