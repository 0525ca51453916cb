//! What `volary` says when a command cannot do its work: one line that says what helps.

#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use volary::Engine;
use volary::proto::AddAccount;

const VOLARY: &str = env!("CARGO_BIN_EXE_volary");

fn contacts(dir: &Path, more: &[&str]) -> Output {
    volary().args(["contacts", "--data"]).arg(dir).args(more).output().unwrap()
}

fn volary() -> Command {
    let mut command = Command::new(VOLARY);
    command.env_remove("RUST_LOG");
    command
}

/// The last line on standard error of a command that failed.
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned()
}

async fn filled(dir: &Path) {
    let engine = Engine::start(dir).await.unwrap();
    engine.call(0, AddAccount {}).await.unwrap();
    engine.stop().await;
}

#[test]
fn a_folder_without_profiles_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    assert!(refusal(&contacts(&missing, &[])).contains("there is no folder"));
    assert!(!missing.exists());
    assert!(refusal(&contacts(dir.path(), &[])).contains("has no profiles"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    let file = dir.path().join("file");
    File::create(&file).unwrap();
    assert!(refusal(&contacts(&file, &[])).contains("is not a folder"));
}

#[tokio::test]
async fn a_profile_that_is_not_there_is_answered_with_those_that_are() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    let reason = refusal(&contacts(dir.path(), &["--profile", "9"]));
    assert!(reason.contains("has no profile 9; its profiles are 1"), "{reason}");
    let shown = contacts(dir.path(), &["--profile", "1"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown, "Profile 1: no name <no relay yet>\n  no contacts\n");
}

#[tokio::test]
async fn output_that_nobody_reads_is_no_failure_and_a_full_disk_is_one() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    let mut command = volary();
    command.args(["contacts", "--data"]).arg(dir.path());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), &output.stderr[..]), (Some(0), &b""[..]));
    if let Ok(full) = File::options().write(true).open("/dev/full") {
        let reason = refusal(&command.stdout(full).output().unwrap());
        assert!(reason.contains("standard output cannot be written"), "{reason}");
    }
}

#[test]
fn a_port_that_is_taken_is_named_with_what_helps() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = volary().args(["relay", "--ports", &format!("{port},0,0,0")]).output().unwrap();
    let reason = refusal(&output);
    assert!(reason.contains(&format!("127.0.0.1:{port}")) && reason.contains("--ports"), "{reason}");
}

#[test]
fn a_relay_goes_on_when_its_ports_have_been_read_and_ends_in_order() {
    let mut relay = volary().arg("relay").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(relay.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(first, "domains _relay.test\n");
    let process = rustix::process::Pid::from_raw(relay.id().try_into().unwrap()).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(100));
    rustix::process::kill_process(process, rustix::process::Signal::HUP).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(relay.try_wait().unwrap(), None, "neither ends it");
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    let output = relay.wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert!(log.lines().last().unwrap().contains("stopped"), "{log}");
}
