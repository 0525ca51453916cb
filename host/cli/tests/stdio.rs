//! `volary-rpc-server` as a process: how lines and answers pass through its standard input and output.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader, Read as _, Seek as _, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

const SERVER: &str = env!("CARGO_BIN_EXE_volary-rpc-server");
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
        Self::run(Command::new(SERVER).env_remove("RUST_LOG").stdin(input).stdout(output))
    }

    /// A server whose log is kept.
    fn logging(filter: Option<&str>) -> Self {
        let mut command = Command::new(SERVER);
        match filter {
            Some(filter) => command.env("RUST_LOG", filter),
            None => command.env_remove("RUST_LOG"),
        };
        Self::run(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    fn run(command: &mut Command) -> Self {
        Self::run_in(tempfile::tempdir().unwrap(), command)
    }

    fn run_in(folder: tempfile::TempDir, command: &mut Command) -> Self {
        let mut child = command.env("DC_ACCOUNTS_PATH", folder.path().join("accounts")).spawn().unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take().map(BufReader::new));
        Self { child, input, output, _folder: folder }
    }

    /// Closes its input and gives the log.
    fn log(mut self) -> String {
        drop(self.input.take());
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        self.ends();
        log
    }

    fn signal(&self, signal: Signal) {
        let process = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(process, signal).unwrap();
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

#[test]
fn a_hangup_is_logged_and_does_not_end_the_process() {
    let mut server = Server::logging(None);
    server.asks(1, "get_selected_account_id", json!([]));
    server.reads();
    server.signal(Signal::HUP);
    thread::sleep(Duration::from_millis(100));
    server.asks(2, "get_selected_account_id", json!([]));
    assert_eq!(server.reads()["id"], 2);
    let log = server.log();
    assert!(log.contains("SIGHUP ignored"), "{log}");
}

#[test]
fn a_process_that_is_asked_to_end_says_when_it_has_stopped() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut server = Server::logging(None);
        server.asks(1, "get_selected_account_id", json!([]));
        server.reads();
        server.signal(signal);
        let mut log = String::new();
        server.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert!(log.trim_end().lines().last().unwrap().contains("stopped"), "{log}");
        server.ends();
    }
}

#[test]
fn the_log_has_no_colours_outside_of_a_terminal() {
    let mut server = Server::logging(Some("debug"));
    server.asks(1, "add_account", json!([]));
    server.reads();
    let log = server.log();
    assert!(log.contains("INFO") && log.contains("stopped"), "{log}");
    assert!(!log.contains('\x1b'), "{log}");
}

#[test]
fn errors_of_a_profile_are_lines_of_the_log() {
    let mut server = Server::logging(None);
    server.asks(1, "add_account", json!([]));
    server.reads();
    // Emits an error event beside the failure of the call.
    server.asks(2, "import_self_keys", json!([1, "/there/is/no/such/folder", null]));
    assert!(server.reads()["error"].is_object());
    let log = server.log();
    let error =
        log.lines().find(|line| line.contains("ERROR")).unwrap_or_else(|| panic!("no error in {log}"));
    assert!(error.contains("profile=1") && error.contains("/there/is/no/such/folder"), "{error}");
}

#[test]
fn whoever_reads_one_line_of_the_description_causes_no_failure() {
    let mut command = Command::new(SERVER);
    command.arg("--openrpc").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(first, "{\n");
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

/// A file system in memory that has less space than the engine keeps free, unmounted at the end.
struct FullDisk(std::path::PathBuf);

impl FullDisk {
    /// `None` if this process may not mount one.
    fn mount(dir: &std::path::Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=12m", "tmpfs"]).arg(dir).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then(|| Self(dir.to_owned()))
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("--lazy").arg(&self.0).status().ok();
    }
}

#[test]
fn on_a_full_disk_a_client_reads_which_folder_it_is_and_what_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("accounts");
    let Some(_disk) = FullDisk::mount(folder.path()) else {
        println!("skipped: this needs the right to mount a small file system");
        return;
    };
    let mut command = Command::new(SERVER);
    command.env_remove("RUST_LOG").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = Server::run_in(folder, &mut command);
    server.asks(1, "add_account", json!([]));
    let error = server.reads()["error"].clone();
    assert_eq!(error["code"], -1, "{error}");
    let text = error["message"].as_str().unwrap();
    let free =
        text.strip_prefix("the disk is full: ").and_then(|rest| rest.split_once(" bytes are free for "));
    let (free, named) = free.unwrap_or_else(|| panic!("{text}"));
    assert!(free.parse::<u64>().unwrap() < 12 << 20, "{text}");
    assert_eq!(named, dir.to_str().unwrap());
    // What changes nothing is answered.
    server.asks(2, "get_all_account_ids", json!([]));
    assert_eq!(server.reads()["result"], json!([]));
    drop(server.input.take());
    server.ends();
}
