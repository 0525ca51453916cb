//! What `volary` says when a command cannot do its work: one line that says what helps.

#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use volary::Engine;
use volary::proto::{
    AddAccount, AddOrUpdateTransport, CertificateChecks, EnteredLoginParam, GetConnectivity,
    GetNotShownMails, Socket,
};
use volary_relay::{AccountRules, Relay, RelayConfig};

const VOLARY: &str = env!("CARGO_BIN_EXE_volary");
/// Connectivity of a profile that is connected and has done its work.
const CONNECTED: u64 = 4000;

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
    std::thread::sleep(Duration::from_millis(100));
    rustix::process::kill_process(process, rustix::process::Signal::HUP).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(relay.try_wait().unwrap(), None, "neither ends it");
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    let output = relay.wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert!(log.lines().last().unwrap().contains("stopped"), "{log}");
}

/// How Alice logs in at a relay on this machine.
fn login(relay: &Relay) -> EnteredLoginParam {
    EnteredLoginParam {
        addr: "alice@_one.test".to_owned(),
        password: "long enough".to_owned(),
        imap_server: Some("127.0.0.1".to_owned()),
        imap_port: Some(u32::from(relay.imap_tls_port())),
        imap_security: Some(Socket::Ssl.into()),
        smtp_server: Some("127.0.0.1".to_owned()),
        smtp_port: Some(u32::from(relay.smtp_tls_port())),
        smtp_security: Some(Socket::Ssl.into()),
        certificate_checks: Some(CertificateChecks::AcceptInvalidCertificates.into()),
        ..Default::default()
    }
}

/// Waits until something is the case.
async fn eventually(is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap();
}

#[tokio::test]
async fn a_mail_that_is_not_shown_is_listed_with_the_reason() {
    let rules = AccountRules::relaxed();
    let config = RelayConfig { accounts: rules, ..RelayConfig::for_domain("_one.test") };
    let relay = Relay::start(config).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path()).await.unwrap();
    let profile = engine.call(0, AddAccount {}).await.unwrap().id;
    engine.call(profile, AddOrUpdateTransport { param: Some(login(&relay)) }).await.unwrap();
    // What is there before the first visit is left alone.
    eventually(async || engine.call(profile, GetConnectivity {}).await.unwrap().value >= CONNECTED).await;
    let mail = "From: <carol@_one.test>\r\nTo: <alice@_one.test>\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\n\
                Message-ID: <clear@x>\r\nContent-Type: text/plain\r\n\r\nclear words\r\n";
    assert!(relay.inject("alice@_one.test", mail.as_bytes()));
    eventually(async || !engine.call(profile, GetNotShownMails { limit: 0 }).await.unwrap().mails.is_empty())
        .await;
    engine.stop().await;
    // The folder is free when the last handle is gone.
    drop(engine);
    relay.stop().await;

    let output = volary().args(["mails", "--not-shown", "--data"]).arg(dir.path()).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    let (head, line) = shown.split_once('\n').unwrap();
    assert_eq!(head, "Profile 1: 1 mails not shown");
    let (_, said) = line.trim_end().split_once(" UTC  ").unwrap();
    assert_eq!(said, "left on the relay: it is not encrypted; from c…@_one.test by _one.test, <clear@x>");
    assert!(!shown.contains("clear words"));
}
