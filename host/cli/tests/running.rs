//! Commands beside a running host, and the same commands on a folder that nobody uses.

#![allow(clippy::unwrap_used)]

mod login;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use volary_relay::Relay;

use login::{login, relay};

const VOLARY: &str = env!("CARGO_BIN_EXE_volary");

/// A folder of profiles, and perhaps a host that runs on it.
struct Folder {
    dir: tempfile::TempDir,
    host: Option<Child>,
}

impl Folder {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), host: None }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("profiles")
    }

    /// Starts a host and waits until it answers.
    fn serve(&mut self) {
        let mut command = Command::new(VOLARY);
        command.args(["serve", "--data"]).arg(self.path()).env_remove("RUST_LOG").stderr(Stdio::piped());
        let mut host = command.spawn().unwrap();
        let mut log = BufReader::new(host.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("serving") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "the host did not start");
        }
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        self.host = Some(host);
    }

    /// Ends the host as an operator does.
    fn ends(&mut self) {
        let mut host = self.host.take().unwrap();
        let pid = rustix::process::Pid::from_raw(host.id().try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert_eq!(host.wait().unwrap().code(), Some(0));
    }

    fn volary(&self, command: &[&str], more: &[&str], input: &str) -> Output {
        let mut running = Command::new(VOLARY)
            .args(command)
            .arg("--data")
            .arg(self.path())
            .args(more)
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        running.stdin.take().unwrap().write_all(input.as_bytes()).ok();
        running.wait_with_output().unwrap()
    }

    /// What a command writes that succeeds.
    fn told(&self, command: &[&str], more: &[&str], input: &str) -> String {
        let output = self.volary(command, more, input);
        let (out, err) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned());
        assert!(output.status.success(), "{command:?} {more:?}: {out}{err}");
        out.trim_end().to_owned()
    }

    fn json(&self, command: &[&str], more: &[&str], input: &str) -> Value {
        serde_json::from_str(&self.told(command, &[&["--json"], more].concat(), input)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(mut host) = self.host.take() {
            host.kill().ok();
            host.wait().ok();
        }
    }
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(std::time::Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The story of two profiles, told by commands alone.
fn meet_and_talk(folder: &Folder, relay: &Relay) {
    for (profile, name) in [("1", "alice"), ("2", "bobby")] {
        assert_eq!(
            folder.json(&["profile", "add"], &["--name", name], "")["profile"],
            json!(profile.parse::<u32>().unwrap())
        );
        let params = json!([profile.parse::<u32>().unwrap(), login(relay, name)]).to_string();
        assert_eq!(folder.told(&["call"], &["add_or_update_transport", &params], ""), "null");
    }
    let listed = folder.told(&["profile", "list"], &[], "");
    assert_eq!(listed, "   1  alice <alice@_one.test>\n   2  bobby <bobby@_one.test>");
    assert_eq!(folder.told(&["relay", "list"], &["--profile", "1"], ""), "alice@_one.test");
    eventually("all are well", || folder.volary(&["status"], &[], "").status.success());

    let invite = folder.told(&["invite"], &["--profile", "1"], "");
    let chat = folder.json(&["join"], &["--profile", "2", "--wait", &invite], "")["chat"].to_string();
    let sent =
        folder.json(&["send"], &["--profile", "2", "--chat", &chat, "--wait"], "from standard input\n");
    assert_eq!(sent["chat"].to_string(), chat);
    let mut received = String::new();
    eventually("it has come", || {
        received = folder.told(&["receive"], &["--profile", "1"], "");
        received.contains("from standard input")
    });
    assert!(!folder.told(&["receive"], &["--profile", "1"], "").contains("from standard input"), "once");
    let chats = folder.told(&["chats"], &["--profile", "1", "--search", "bobby"], "");
    assert!(chats.contains("bobby") && chats.contains("from standard input"), "{chats}");

    // The name of a file is told, not that of what a link points at.
    let files = folder.dir.path();
    std::fs::write(files.join("0123"), "content").unwrap();
    std::os::unix::fs::symlink("0123", files.join("a file, ü.txt")).unwrap();
    let file = files.join("a file, ü.txt");
    let sent = folder.json(
        &["send"],
        &["--profile", "2", "--chat", &chat, "--file", file.to_str().unwrap(), "a file"],
        "",
    );
    let message = folder.json(&["call"], &["get_message", &format!("[2, {}]", sent["message"])], "");
    assert_eq!((&message["fileName"], &message["fileBytes"]), (&json!("a file, ü.txt"), &json!(7)));
    let refused = folder.volary(&["send"], &["--profile", "2", "--chat", &chat, "--file", "/tmp"], "");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("/tmp: Is a directory"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_is_told_by_commands_beside_a_running_host() {
    let relay = relay().await;
    let mut folder = Folder::new();
    folder.serve();
    let events = Command::new(VOLARY)
        .args(["events", "--data"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .map(|mut child| (BufReader::new(child.stdout.take().unwrap()).lines(), child));
    let (mut lines, mut listening) = events.unwrap();
    let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    tokio::task::block_in_place(|| meet_and_talk(&folder, &relay));

    // What happened is there for a program that comes later, in the same order.
    let (log, number) = (first["log"].to_string(), first["number"].to_string());
    let mut later = Command::new(VOLARY)
        .args(["events", "--log", &log, "--after", &number, "--data"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let again = BufReader::new(later.stdout.take().unwrap()).lines().skip(1);
    for (line, again) in lines.zip(again).take(30) {
        assert_eq!(line.unwrap(), again.unwrap());
    }
    for child in [&mut listening, &mut later] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    tokio::task::block_in_place(|| {
        assert_eq!(folder.told(&["profile", "remove"], &["2", "--yes"], ""), "");
        assert_eq!(folder.json(&["profile", "list"], &[], "")["profile"], json!(1));
        folder.ends();
        let status = folder.volary(&["status"], &[], "");
        assert_eq!(status.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&status.stdout).contains("no host is running"));
        // The same commands open the folder now.
        assert_eq!(folder.told(&["profile", "set"], &["1", "displayname=Alice A."], ""), "");
        assert!(folder.told(&["profile", "list"], &[], "").contains("Alice A. <alice@_one.test>"));
        // What takes its time is waited for.
        assert_eq!(folder.told(&["call"], &["sleep", "[0.5]"], ""), "null");
        let nobody = folder.volary(&["events"], &["--profile", "9"], "");
        assert!(String::from_utf8_lossy(&nobody.stderr).contains("has no profile 9"), "{nobody:?}");
        let failed = folder.volary(&["call"], &["get_config", "[9, \"addr\"]"], "");
        assert_eq!(failed.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&failed.stderr).contains("account with id 9 not found"));
    });
    relay.stop().await;
}

#[test]
fn twenty_profiles_are_made_at_once_and_a_shell_gets_its_completions() {
    let folder = Folder::new();
    let made = folder.told(&["profile", "add"], &["--count", "20", "--bot", "--name", "Echo"], "");
    assert_eq!(made.lines().count(), 20);
    let listed = folder.told(&["profile", "list"], &[], "");
    assert!(listed.starts_with("   1  Echo <no relay yet>\n   2  Echo <"), "{listed}");
    assert_eq!(folder.json(&["call"], &["get_config", "[20, \"bot\"]"], ""), json!("1"));
    let checked = folder.volary(&["check"], &[], "");
    let told = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.code() == Some(1) && told.contains("✓ the database opens"), "{told}");
    assert!(told.contains("✗ every profile has a relay: profiles 1, 2, 3"), "{told}");
    for (command, arguments, reason) in [
        (&["messages"][..], &["--profile", "1", "999"][..], "Chat#999"),
        (&["send"][..], &["--profile", "1", "--chat", "10", ""][..], "the text is empty"),
        (
            &["relay", "add"][..],
            &["--profile", "1", "example"][..],
            "neither the code of a relay nor an address",
        ),
    ] {
        let refused = folder.volary(command, arguments, "");
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(refused.status.code() == Some(1) && said.contains(reason), "{command:?}: {said}");
    }
    let script = Command::new(VOLARY).args(["completions", "bash"]).output().unwrap();
    assert!(String::from_utf8(script.stdout).unwrap().contains("profile"));
}
