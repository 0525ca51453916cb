//! What `volary-rpc-server` and the engine say about a folder that cannot be used: one line that a user understands,
//! and nothing in the folder is touched.

// What the tests share is outside of test functions.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use volary::Engine;
use volary::proto::{
    AddAccount, AddPseudoTransport, CreateGroup, GetChatlistEntries, GetMessage, GetMessageIds, MessageData,
    SendMessage,
};

const SERVER: &str = env!("CARGO_BIN_EXE_volary-rpc-server");
const DATABASE: &str = "volary.redb";
const MESSAGES: usize = 40;

/// Runs the server without input.
fn serve(command: &mut Command, dir: &Path) -> Output {
    command.env("DC_ACCOUNTS_PATH", dir).stdin(Stdio::null()).output().unwrap()
}

/// The reason that it gives for not starting.
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = told.lines().last().unwrap_or_default().to_owned();
    assert!(last.starts_with("Error: "), "{told}");
    assert!(!told.contains("panicked"), "{told}");
    last
}

/// A folder with a profile and a group in which something was said.
async fn filled(dir: &Path) {
    let engine = Engine::start(dir).await.unwrap();
    let profile = engine.call(0, AddAccount {}).await.unwrap().id;
    engine.call(profile, AddPseudoTransport { addr: "me@one.test".to_owned() }).await.unwrap();
    let group = CreateGroup { name: "notes".to_owned(), unencrypted: false };
    let chat_id = engine.call(profile, group).await.unwrap().id;
    for number in 0..MESSAGES {
        let data = MessageData { text: Some(text(number)), ..Default::default() };
        engine.call(profile, SendMessage { chat_id, data: Some(data) }).await.unwrap();
    }
    engine.stop().await;
}

fn text(number: usize) -> String {
    format!("note {number}: {}", "x".repeat(number * 50))
}

/// What can be read, or what is told about it.
async fn read(dir: &Path) -> Result<Vec<String>, String> {
    let engine = Engine::start(dir).await.map_err(|error| error.to_string())?;
    let mut texts = Vec::new();
    let all = async {
        for chat_id in engine.call(1, GetChatlistEntries::default()).await?.ids {
            for msg_id in engine.call(1, GetMessageIds { chat_id, ..Default::default() }).await?.ids {
                let message = engine.call(1, GetMessage { msg_id }).await?;
                if !message.is_info {
                    texts.push(message.text);
                }
            }
        }
        Ok::<_, volary::proto::Error>(())
    };
    let read = all.await.map_err(|error| error.to_string());
    engine.stop().await;
    read.map(|()| texts)
}

fn copied(from: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in ["accounts.toml", DATABASE] {
        fs::copy(from.join(name), copy.path().join(name)).unwrap();
    }
    copy
}

fn running(dir: &Path) -> Child {
    let mut server = Command::new(SERVER)
        .env("DC_ACCOUNTS_PATH", dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let call = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"get_system_info\",\"params\":[]}\n";
    server.stdin.as_mut().unwrap().write_all(call).unwrap();
    let mut answer = String::new();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut answer).unwrap();
    assert!(answer.contains("\"result\""), "{answer}");
    server
}

#[test]
fn a_second_process_is_refused_and_the_first_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = running(dir.path());
    let reason = refusal(&serve(&mut Command::new(SERVER), dir.path()));
    assert!(reason.contains("already in use") && reason.contains("accounts.lock"), "{reason}");
    assert!(reason.contains(&format!("process {}", first.id())), "it names the process: {reason}");
    assert!(reason.contains(&*dir.path().to_string_lossy()), "it names the folder: {reason}");
    assert_eq!(first.try_wait().unwrap(), None);
    drop(first.stdin.take());
    assert_eq!(first.wait().unwrap().code(), Some(0));
    running(dir.path()).kill().unwrap();
}

/// The server without any of the rights that let root write everywhere.
fn without_rights() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-all", "--inh-caps=-all", SERVER]);
    command
}

#[tokio::test]
async fn a_folder_that_may_not_be_written_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    let before = fs::read(dir.path().join(DATABASE)).unwrap();
    fs::remove_file(dir.path().join("accounts.lock")).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let root = fs::write(dir.path().join("probe"), "").is_ok();
    let mut command = if root { without_rights() } else { Command::new(SERVER) };
    let can_drop = Command::new("setpriv").args(["--bounding-set=-all", "true"]).status();
    if !root || can_drop.is_ok_and(|status| status.success()) {
        let reason = refusal(&serve(&mut command, dir.path()));
        assert!(reason.contains("cannot be written") && reason.contains("accounts.lock"), "{reason}");

        // The folder may be written, but not the database in it.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(dir.path().join(DATABASE), fs::Permissions::from_mode(0o444)).unwrap();
        let mut command = if root { without_rights() } else { Command::new(SERVER) };
        let reason = refusal(&serve(&mut command, dir.path()));
        assert!(reason.contains("cannot be written") && reason.contains(DATABASE), "{reason}");
    } else {
        println!("skipped: root whose rights cannot be dropped");
    }
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(dir.path().join(DATABASE), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(fs::read(dir.path().join(DATABASE)).unwrap() == before, "nothing was changed");
    assert_eq!(read(dir.path()).await.unwrap().len(), MESSAGES);
}

#[tokio::test]
async fn a_read_only_file_system_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let mount = |arguments: &[&str]| {
        let mut command = Command::new("mount");
        command.args(arguments).arg(dir.path()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if !mount(&["-t", "tmpfs", "-o", "size=40m", "tmpfs"]) {
        println!("skipped: this needs the right to mount a file system");
        return;
    }
    let folder = dir.path().join("profiles");
    filled(&folder).await;
    let remounted = mount(&["-o", "remount,ro"]);
    let told = remounted.then(|| serve(&mut Command::new(SERVER), &folder));
    Command::new("umount").arg("--lazy").arg(dir.path()).status().unwrap();
    let reason = refusal(&told.expect("the file system is read-only now"));
    assert!(reason.contains("cannot be written"), "{reason}");
}

#[tokio::test]
async fn a_truncated_database_is_told_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    let whole = fs::read(dir.path().join(DATABASE)).unwrap();
    let copy = copied(dir.path());
    let path = copy.path().join(DATABASE);
    for length in [100, 4096, whole.len() / 3, whole.len() - 4096] {
        fs::write(&path, &whole[..length]).unwrap();
        let reason = refusal(&serve(&mut Command::new(SERVER), copy.path()));
        assert!(reason.contains(DATABASE), "cut to {length}: {reason}");
        assert!(reason.contains("damaged") || reason.contains("not a database"), "cut to {length}: {reason}");
        assert!(fs::read(&path).unwrap() == whole[..length], "cut to {length}: the file was changed");
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(read(copy.path()).await.unwrap().len(), MESSAGES);
}

#[tokio::test]
async fn flipped_bits_are_told_or_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    let whole = fs::read(dir.path().join(DATABASE)).unwrap();
    let expected: Vec<String> = (0..MESSAGES).map(text).collect();
    assert_eq!(read(dir.path()).await.unwrap(), expected);
    let copy = copied(dir.path());
    let (mut told, mut harmless) = (0, 0);
    for round in 0..60usize {
        let at = if round < 20 { round * 16 } else { (round * 7919 * 31) % whole.len() };
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (round % 8);
        fs::write(copy.path().join(DATABASE), &damaged).unwrap();
        match read(copy.path()).await {
            Ok(texts) => {
                assert_eq!(texts, expected, "flip in byte {at}");
                harmless += 1;
            }
            Err(reason) => {
                assert!(reason.contains(DATABASE), "flip in byte {at}: {reason}");
                let clear = reason.contains("damaged") || reason.contains("not a database");
                assert!(clear, "flip in byte {at}: {reason}");
                told += 1;
            }
        }
    }
    println!("{told} flips told, {harmless} without harm");
    assert!(told > 0 && harmless > 0);
}
