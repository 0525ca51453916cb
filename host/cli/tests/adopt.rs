//! `volary adopt` as users call it, where something is wrong with a part of the folder.

#![cfg(feature = "backup")]
// What the tests share is outside of test functions.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use volary::Engine;
use volary::proto::{AddAccount, AddPseudoTransport, ExportBackup};

/// Bytes of a header of a tar, and where in it the size of the entry is, in octal digits.
const HEADER: usize = 512;
const SIZE: std::ops::Range<usize> = 124..135;

/// A database of chatmail core, with the profile in it.
async fn database() -> Vec<u8> {
    let (dir, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let engine = Engine::start(dir.path()).await.unwrap();
    let profile = engine.call(0, AddAccount {}).await.unwrap().id;
    engine.call(profile, AddPseudoTransport { addr: "me@one.test".to_owned() }).await.unwrap();
    let destination = out.path().to_str().unwrap().to_owned();
    engine.call(profile, ExportBackup { destination, passphrase: None }).await.unwrap();
    engine.stop().await;
    let file = fs::read_dir(out.path()).unwrap().next().unwrap().unwrap().path();
    let tar = fs::read(file).unwrap();
    let size = std::str::from_utf8(&tar[SIZE]).unwrap().trim_matches(['\0', ' ']);
    let size = usize::from_str_radix(size, 8).unwrap();
    tar[HEADER..HEADER + size].to_vec()
}

/// A folder of chatmail core with these databases.
fn folder(dir: &Path, databases: &[&[u8]]) {
    let mut list = "selected_account = 1\nnext_id = 9\n".to_owned();
    for (id, database) in (1..).zip(databases) {
        let blobs = dir.join(format!("p{id}/dc.db-blobs"));
        fs::create_dir_all(blobs).unwrap();
        fs::write(dir.join(format!("p{id}/dc.db")), database).unwrap();
        list.push_str(&format!("\n[[accounts]]\nid = {id}\ndir = \"p{id}\"\nuuid = \"u{id}\"\n"));
    }
    fs::write(dir.join("accounts.toml"), list).unwrap();
}

fn adopted(from: &Path, data: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_volary"));
    command.arg("adopt").arg(from).arg("--data").arg(data);
    command.env_remove("VOLARY_ADOPT_PASSPHRASE").stdin(Stdio::null()).output().unwrap()
}

#[tokio::test]
async fn a_damaged_database_does_not_keep_the_others_from_coming() {
    let (from, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    folder(from.path(), &[&[7; 8192], &database().await, b""]);
    let output = adopted(from.path(), &data.path().join("ours"));
    let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}{told}");
    assert!(
        said.contains("Profile 1: not copied: ") && said.contains("it is encrypted and needs its passphrase")
    );
    assert!(said.contains("Profile 2 is now profile 2 <me@one.test>"), "{said}");
    assert!(said.contains("Profile 3: not copied: "), "{said}");
    assert!(told.contains("profile 1, 3") && told.contains("--passphrase-file"), "{told}");
}
