//! `volary backup` as users call it: while another process serves the profiles, and alone; killed in the middle; with
//! damaged files.

// What the tests share is outside of test functions.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use volary::Engine;
use volary::proto::{
    AddAccount, AddPseudoTransport, CreateGroup, GetAllAccountIds, GetChatlistEntries, GetMessage,
    GetMessageIds, MessageData, SendMessage, SetConfig,
};

const VOLARY: &str = env!("CARGO_BIN_EXE_volary");
const SERVER: &str = env!("CARGO_BIN_EXE_volary-rpc-server");
const PROFILES: usize = 6;
const MESSAGES: usize = 25;

/// `volary backup …` with the passphrase of all tests.
fn backup(arguments: &[&str]) -> Command {
    let mut command = Command::new(VOLARY);
    command
        .arg("backup")
        .args(arguments)
        .env("VOLARY_BACKUP_PASSPHRASE", "correct horse")
        .stdin(Stdio::null());
    command
}

fn output(arguments: &[&str]) -> Output {
    backup(arguments).output().unwrap()
}

/// What a command that succeeds says.
fn said(arguments: &[&str]) -> String {
    let output = output(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The reason of one that fails.
fn refusal(output: &Output) -> String {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!told.contains("panicked"), "{told}");
    told.lines().last().unwrap_or_default().to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A folder with profiles, each with a group in which something was said, and files. The groups, by profile.
async fn filled(dir: &Path) -> Vec<(u32, u32)> {
    let engine = Engine::start(dir).await.unwrap();
    let mut groups = Vec::new();
    for number in 0..PROFILES {
        let profile = engine.call(0, AddAccount {}).await.unwrap().id;
        engine.call(profile, AddPseudoTransport { addr: format!("p{number}@one.test") }).await.unwrap();
        let value = Some(format!("Person {number}"));
        engine.call(profile, SetConfig { key: "displayname".to_owned(), value }).await.unwrap();
        let group = CreateGroup { name: "notes".to_owned(), unencrypted: false };
        let chat_id = engine.call(profile, group).await.unwrap().id;
        for number in 0..MESSAGES {
            say(&engine, profile, chat_id, number, dir).await;
        }
        groups.push((profile, chat_id));
    }
    engine.stop().await;
    groups
}

async fn say(engine: &Engine, profile: u32, chat_id: u32, number: usize, dir: &Path) {
    let mut data = MessageData { text: Some(format!("note {number} of {profile}")), ..Default::default() };
    if number.is_multiple_of(10) {
        let file = dir.join(format!("file-{profile}-{number}.bin"));
        fs::write(&file, format!("content {number} of {profile}").repeat(20_000)).unwrap();
        data.file = Some(text(&file).to_owned());
        engine.call(profile, SendMessage { chat_id, data: Some(data) }).await.unwrap();
        fs::remove_file(file).unwrap();
    } else {
        engine.call(profile, SendMessage { chat_id, data: Some(data) }).await.unwrap();
    }
}

/// Everything that can be read of all messages, by profile.
async fn everything(dir: &Path) -> Vec<(u32, Vec<String>)> {
    let engine = Engine::start(dir).await.unwrap();
    let mut all = Vec::new();
    for profile in engine.call(0, GetAllAccountIds {}).await.unwrap().ids {
        let mut texts = Vec::new();
        for chat_id in engine.call(profile, GetChatlistEntries::default()).await.unwrap().ids {
            for msg_id in
                engine.call(profile, GetMessageIds { chat_id, ..Default::default() }).await.unwrap().ids
            {
                let message = engine.call(profile, GetMessage { msg_id }).await.unwrap();
                let file = message.file.as_ref().map(|file| fs::read(file).unwrap().len());
                texts.push(format!("{} {} {} {file:?}", message.id, message.timestamp, message.text));
            }
        }
        all.push((profile, texts));
    }
    engine.stop().await;
    all
}

/// A server that holds the folder, and has answered once.
fn serving(dir: &Path) -> Child {
    let mut server = Command::new(SERVER)
        .env("DC_ACCOUNTS_PATH", dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let call = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"get_system_info\",\"params\":[]}\n";
    server.stdin.as_mut().unwrap().write_all(call).unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    server
}

fn ended(mut server: Child) {
    drop(server.stdin.take());
    server.wait().unwrap();
}

/// Files below a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_host_that_runs_is_backed_up_and_comes_back_message_for_message() {
    let folder = tempfile::tempdir().unwrap();
    let (data, target) = (folder.path().join("data"), folder.path().join("backups"));
    filled(&data).await;
    let before = everything(&data).await;
    let server = serving(&data);
    let first = said(&["create", "--data", text(&data), text(&target)]);
    assert!(first.contains("6 profiles, 6 of them with changes"), "{first}");
    let second = said(&["create", "--data", text(&data), text(&target)]);
    assert!(second.contains("6 profiles, 0 of them with changes"), "{second}");
    let chosen = said(&["create", "--data", text(&data), "--profile", "2", "--profile", "4", text(&target)]);
    assert!(chosen.contains("2 profiles, 0 of them with changes"), "{chosen}");
    let listed = said(&["list", "--profiles", text(&target)]);
    assert!(listed.contains("2 profiles (chosen)") && listed.contains("Person 3 <p3@one.test>"), "{listed}");
    let read = said(&["verify", text(&target)]);
    assert!(read.starts_with("3 backups with 14 profiles read"), "{read}");

    // Into the same host: they are here already.
    let name = first.split(':').next().unwrap();
    let there = output(&["restore", text(&target), "--data", text(&data), "--snapshot", name]);
    assert!(refusal(&there).contains("is here already, as profile 1"), "{there:?}");
    ended(server);

    let restored = folder.path().join("restored");
    said(&["restore", text(&target), "--data", text(&restored), "--snapshot", name]);
    assert_eq!(everything(&restored).await, before);
    // One profile into a host that runs.
    let other = folder.path().join("other");
    let server = serving(&other);
    let told =
        said(&["restore", text(&target), "--data", text(&other), "--snapshot", name, "--profile", "5"]);
    assert!(told.starts_with("profile 5: Person 4 <p4@one.test>"), "{told}");
    ended(server);
    assert_eq!(everything(&other).await, before[4..5]);
}

#[tokio::test]
async fn damage_anywhere_is_found_by_verify_and_refused_by_restore() {
    let folder = tempfile::tempdir().unwrap();
    let (data, target) = (folder.path().join("data"), folder.path().join("backups"));
    filled(&data).await;
    said(&["create", "--data", text(&data), text(&target)]);
    let wrong = backup(&["list", text(&target)]).env("VOLARY_BACKUP_PASSPHRASE", "wrong").output().unwrap();
    assert!(refusal(&wrong).contains("the passphrase is wrong"), "{wrong:?}");
    let restored = folder.path().join("restored");
    for path in
        files(&target).into_iter().filter(|path| !path.ends_with("lock") && !path.ends_with("readers"))
    {
        let whole = fs::read(&path).unwrap();
        for (at, cut) in [(whole.len() / 2, false), (whole.len() - 1, false), (whole.len() / 2, true)] {
            let mut damaged = whole.clone();
            if cut {
                damaged.truncate(at)
            } else {
                damaged[at] ^= 4
            }
            fs::write(&path, damaged).unwrap();
            assert!(refusal(&output(&["verify", text(&target)])).contains("damaged"), "{path:?} {at} {cut}");
            let refused = refusal(&output(&["restore", text(&target), "--data", text(&restored)]));
            assert!(refused.contains("damaged"), "{path:?} {at}: {refused}");
            if path.extension().is_some_and(|extension| extension == "pack") {
                assert!(refused.contains("the profile ") && refused.contains("@one.test"), "{refused}");
            }
            assert!(!restored.exists(), "nothing is left of a restore that was refused");
        }
        fs::write(&path, whole).unwrap();
    }
    said(&["verify", text(&target)]);
}

/// Kills a command at an instant; whether it was still running.
fn killed_after(arguments: &[&str], time: Duration) -> bool {
    let mut command = backup(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while begun.elapsed() < time {
        if command.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    command.kill().unwrap();
    command.wait().unwrap();
    true
}

#[tokio::test]
async fn a_backup_that_is_killed_at_any_instant_leaves_the_earlier_one_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (data, target) = (folder.path().join("data"), folder.path().join("backups"));
    filled(&data).await;
    let before = everything(&data).await;
    let begun = Instant::now();
    said(&["create", "--data", text(&data), text(&target)]);
    let whole = begun.elapsed();
    let all = (files(&target).len(), said(&["list", text(&target)]).lines().count());
    for step in 1..=8 {
        // Something new each time, so that there is something to write.
        let other = folder.path().join(format!("backups-{step}"));
        killed_after(&["create", "--data", text(&data), text(&other)], whole * step / 9);
        killed_after(&["create", "--data", text(&data), text(&target)], whole * step / 9);
        said(&["verify", text(&target)]);
        // Killed before its first end or not: the next one goes through.
        said(&["create", "--data", text(&data), text(&other)]);
        said(&["verify", text(&other)]);
    }
    assert!(said(&["list", text(&target)]).lines().count() >= all.1 && files(&target).len() >= all.0);
    let restored = folder.path().join("restored");
    said(&["restore", text(&target), "--data", text(&restored)]);
    assert_eq!(everything(&restored).await, before);
}

#[tokio::test]
async fn a_restore_that_is_killed_at_any_instant_brings_all_profiles_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let (data, target) = (folder.path().join("data"), folder.path().join("backups"));
    filled(&data).await;
    let before = everything(&data).await;
    said(&["create", "--data", text(&data), text(&target)]);
    let begun = Instant::now();
    said(&["restore", text(&target), "--data", text(&folder.path().join("first"))]);
    let whole = begun.elapsed();
    for step in 1..=10 {
        let restored = folder.path().join(format!("restored-{step}"));
        killed_after(&["restore", text(&target), "--data", text(&restored)], whole * step / 11);
        let there = everything(&restored).await;
        assert!(there.is_empty() || there == before, "{step}: {} profiles", there.len());
        if there.is_empty() {
            said(&["restore", text(&target), "--data", text(&restored)]);
            let now = everything(&restored).await;
            let texts =
                |all: &[(u32, Vec<String>)]| all.iter().map(|(_, texts)| texts.clone()).collect::<Vec<_>>();
            assert_eq!(texts(&now), texts(&before), "{step}");
        }
    }
}

/// Says things to a server without a pause until it ends, and reads what it answers.
fn talking(server: &mut Child, groups: &[(u32, u32)]) {
    let (mut input, output) = (server.stdin.take().unwrap(), server.stdout.take().unwrap());
    let groups = groups.to_vec();
    std::thread::spawn(move || {
        for number in 0.. {
            let (profile, chat) = groups[number % groups.len()];
            let call = format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{number},\"method\":\"misc_send_text_message\",\
                 \"params\":[{profile},{chat},\"said meanwhile: {number}\"]}}\n"
            );
            if input.write_all(call.as_bytes()).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    std::thread::spawn(move || BufReader::new(output).lines().all(|line| line.is_ok()));
}

fn killed(mut server: Child) {
    server.kill().unwrap();
    server.wait().unwrap();
}

#[tokio::test]
async fn a_host_under_load_that_is_killed_while_it_is_backed_up_leaves_the_earlier_backup_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (data, target) = (folder.path().join("data"), folder.path().join("backups"));
    let groups = filled(&data).await;
    let first = said(&["create", "--data", text(&data), text(&target)]);
    let first = first.split(':').next().unwrap();
    let mut unfinished = 0;
    for time in [20, 60, 120, 200, 350, 600] {
        let mut server = serving(&data);
        talking(&mut server, &groups);
        let command = backup(&["create", "--data", text(&data), text(&target)])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(time));
        killed(server);
        let output = command.wait_with_output().unwrap();
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!told.contains("panicked") && !told.trim().is_empty(), "{told}");
            unfinished += 1;
        }
        said(&["verify", text(&target)]);
    }
    println!("{unfinished} of 6 were killed before their end");
    assert!(unfinished > 0);
    // The host goes on, and so do its backups: with everything that it has now.
    let now = everything(&data).await;
    said(&["create", "--keep", "2", "--data", text(&data), text(&target)]);
    said(&["verify", text(&target)]);
    let restored = folder.path().join("restored");
    said(&["restore", text(&target), "--data", text(&restored)]);
    assert_eq!(everything(&restored).await, now);
    assert!(now.iter().map(|(_, texts)| texts.len()).sum::<usize>() > PROFILES * MESSAGES);
    let listed = said(&["list", text(&target)]);
    assert_eq!(listed.lines().count(), 2, "{listed}");
    // The first is one of the last two if no other came to its end.
    assert!(unfinished == 6 || !listed.contains(first), "{listed}");
}

#[tokio::test]
async fn a_host_that_is_killed_while_profiles_come_has_all_of_them_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let (data, target) = (folder.path().join("data"), folder.path().join("backups"));
    filled(&data).await;
    let before = everything(&data).await;
    said(&["create", "--data", text(&data), text(&target)]);
    let begun = Instant::now();
    said(&["restore", text(&target), "--data", text(&folder.path().join("first"))]);
    let whole = begun.elapsed();
    for step in 1..=6 {
        let restored = folder.path().join(format!("restored-{step}"));
        let server = serving(&restored);
        let mut command = backup(&["restore", text(&target), "--data", text(&restored)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(whole * step / 6);
        killed(server);
        let succeeded = command.wait().unwrap().success();
        let there = everything(&restored).await;
        assert!(there == before || (!succeeded && there.is_empty()), "{step}: {} profiles", there.len());
        // What did not come goes while the host runs again.
        let folders = || {
            let entries = fs::read_dir(&restored).unwrap().map(|entry| entry.unwrap().path());
            entries.filter(|path| path.is_dir() && !path.ends_with("artwork")).count()
        };
        let engine = Engine::start(&restored).await.unwrap();
        let begun = Instant::now();
        while folders() > there.len() {
            assert!(begun.elapsed() < Duration::from_secs(20), "{step}: folders are left");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        engine.stop().await;
    }
}

#[tokio::test]
async fn pruning_keeps_what_is_wanted_and_refuses_what_makes_no_sense() {
    let folder = tempfile::tempdir().unwrap();
    let (data, target) = (folder.path().join("data"), folder.path().join("backups"));
    filled(&data).await;
    for _ in 0..3 {
        said(&["create", "--data", text(&data), text(&target)]);
    }
    said(&["create", "--profile", "1", "--data", text(&data), text(&target)]);
    let none = output(&["prune", "--keep", "0", text(&target)]);
    assert_eq!(none.status.code(), Some(2), "{none:?}");
    let told = said(&["prune", "--keep", "1", text(&target)]);
    assert!(told.starts_with("2 old backups removed"), "{told}");
    let listed = said(&["list", text(&target)]);
    assert!(listed.lines().count() == 2 && listed.contains("1 profile (chosen)"), "{listed}");
    said(&["verify", text(&target)]);
    let told = said(&["create", "--keep", "1", "--data", text(&data), text(&target)]);
    assert!(told.contains("1 old backup removed"), "{told}");
}

#[tokio::test]
async fn an_interrupted_command_cancels_the_work_of_the_host_which_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (data, target) = (folder.path().join("data"), folder.path().join("backups"));
    filled(&data).await;
    let server = serving(&data);
    for time in [30, 80, 150, 250] {
        let command = backup(&["create", "--data", text(&data), text(&target)])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(time));
        Command::new("kill").args(["-INT", &command.id().to_string()]).status().unwrap();
        let output = command.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success()
                || ["interrupted", "running already"].iter().any(|word| told.contains(word))
                || told.is_empty(),
            "{told}"
        );
    }
    // The host may need a moment to notice; then it takes the next one.
    let begun = Instant::now();
    while !output(&["create", "--data", text(&data), text(&target)]).status.success() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the host does not end what nobody waits for");
    }
    said(&["verify", text(&target)]);
    ended(server);
}
