//! A profile that lies on the disk as chatmail core leaves it becomes ours.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use volary_storage::View as _;
use volary_storage::tables::{MESSAGES, PROFILES};

use super::tests::{blobs, fresh, is_empty, rich};
use super::*;
use crate::ground::ids::ProfileId;
use crate::testing::{Desk, PROFILE};

/// The files of a profile as chatmail core names them.
fn laid_out(desk: &Desk, folder: &Path, passphrase: &str) -> PathBuf {
    let database = folder.join("dc.db");
    let package =
        prepare(&desk.db, PROFILE, passphrase, &folder.join("made.db"), &Cancel::default()).unwrap();
    fs::copy(folder.join("made.db"), &database).unwrap();
    drop(package);
    let attachments = folder.join("dc.db-blobs");
    fs::create_dir(&attachments).unwrap();
    for name in blobs(desk).list().unwrap() {
        let name = name.unwrap();
        fs::copy(blobs(desk).path(&name), attachments.join(name.as_str())).unwrap();
    }
    fs::create_dir_all(folder.join("stickers/pack")).unwrap();
    fs::write(folder.join("stickers/pack/hi.png"), b"sticker").unwrap();
    database
}

/// All files below a folder.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    found
}

fn adopts(desk: &Desk, database: &Path, passphrase: &str) -> Outcome<Came> {
    adopt(&desk.db, PROFILE, &foreign(database)?, passphrase, &Cancel::default())
}

#[tokio::test]
async fn everything_comes_and_is_counted_and_the_original_stays_as_it_was() {
    let (desk, from) = (rich().await, tempfile::tempdir().unwrap());
    let database = laid_out(&desk, from.path(), "");
    let before = contents(from.path());
    let copy = fresh().await;
    let Came { found, taken, missing } = adopts(&copy, &database, "").unwrap();
    assert_eq!((found, missing), (taken, 0));
    let messages = desk.db.look(|view| Ok(view.scan_prefix(&MESSAGES, &PROFILE)?.keys().count())).unwrap();
    assert_eq!(found.messages as usize, messages);
    assert!(found.contacts == 2 && found.keys == 3 && found.chats >= 2 && found.updates == 1, "{found:?}");
    assert_eq!((found.files, found.file_bytes), (2, 8 + 13), "a file and the own picture");
    let stickers = folder_of(&copy.db, PROFILE).unwrap().join("stickers/pack/hi.png");
    assert_eq!(fs::read(stickers).unwrap(), b"sticker");
    assert!(!folder_of(&copy.db, PROFILE).unwrap().join(unpack::DATABASE).exists());
    assert!(contents(from.path()) == before);
    let again = adopts(&copy, &database, "").unwrap_err();
    assert_eq!(again.to_string(), "Cannot import backups to accounts in use");
}

#[tokio::test]
async fn an_encrypted_database_needs_its_passphrase() {
    let (desk, from) = (rich().await, tempfile::tempdir().unwrap());
    let database = laid_out(&desk, from.path(), "secret");
    let copy = fresh().await;
    for (passphrase, says) in [("", "needs its passphrase"), ("wrong", "file is not a database")] {
        let refused = adopts(&copy, &database, passphrase).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
        assert!(is_empty(&copy));
    }
    let Came { found, taken, .. } = adopts(&copy, &database, "secret").unwrap();
    assert_eq!(found, taken);
}

#[tokio::test]
async fn files_that_are_not_there_are_counted_and_the_rest_comes() {
    let (desk, from) = (rich().await, tempfile::tempdir().unwrap());
    let database = laid_out(&desk, from.path(), "");
    let attachments = from.path().join("dc.db-blobs");
    fs::remove_dir_all(&attachments).unwrap();
    fs::create_dir(&attachments).unwrap();
    let came = adopts(&fresh().await, &database, "").unwrap();
    assert_eq!((came.found, came.found.files), (came.taken, 0));
    assert_eq!(came.missing, 2, "a file and the own picture");
}

#[tokio::test]
async fn what_is_no_profile_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("dc.db");
    let refused = |database: &Path| foreign(database).unwrap_err().to_string();
    assert_eq!(refused(&database), format!("no database found: {}", database.display()));
    fs::write(&database, b"no database").unwrap();
    assert_eq!(refused(&database), format!("no blobdir found: {}-blobs", database.display()));
    fs::create_dir(dir.path().join("dc.db-blobs")).unwrap();
    let copy = fresh().await;
    assert!(adopts(&copy, &database, "").is_err());
    assert!(is_empty(&copy));
}

#[tokio::test]
async fn a_profile_that_a_program_has_open_is_not_moved() {
    let (desk, from) = (rich().await, tempfile::tempdir().unwrap());
    let folder = from.path().join("one");
    fs::create_dir(&folder).unwrap();
    let database = laid_out(&desk, &folder, "");
    let moved = || foreign(&database).unwrap().not_in_use();
    assert!(moved().is_ok(), "nobody can tell");
    let held = File::create(from.path().join("accounts.lock")).unwrap();
    assert!(moved().is_ok());
    held.lock().unwrap();
    assert!(moved().unwrap_err().to_string().contains("is in use"));
    drop(held);
    assert!(moved().is_ok());
}

#[tokio::test]
async fn a_profile_whose_copy_was_killed_is_gone_after_the_next_start() {
    let desk = rich().await;
    let wanted = ProfileId::new(40);
    let half = process::add_arriving(&desk.db, "somewhere".to_owned(), wanted).await.unwrap();
    assert_eq!(half, wanted);
    let next = process::add_arriving(&desk.db, String::new(), ProfileId::new(2)).await.unwrap();
    assert_eq!(next, wanted.next(), "a number that was given out is not given out again");
    let folder = folder_of(&desk.db, half).unwrap();
    fs::create_dir_all(folder.join("dc.db-blobs")).unwrap();
    fs::write(folder.join("import.db"), b"half").unwrap();
    assert_eq!(desk.db.look(|view| profiles::from_source(view, "somewhere")).unwrap(), None);

    let interrupted = process::interrupted_imports(&desk.db).unwrap();
    process::finish_imports(&desk.db, interrupted).await.unwrap();
    process::finish_removals(&desk.db).await.unwrap();
    assert!(!folder.exists());
    let left: Vec<ProfileId> =
        desk.db.look(|view| view.scan_prefix(&PROFILES, &())?.keys().collect::<Result<_, _>>()).unwrap();
    assert_eq!(left, [PROFILE]);
    assert!(desk.db.look(profiles::manager).unwrap().importing.is_empty());
}

#[tokio::test]
async fn what_was_made_for_a_second_device_goes_at_the_next_start() {
    let desk = rich().await;
    let folder = folder_of(&desk.db, PROFILE).unwrap();
    let offered = folder.join(process::OFFERED);
    fs::write(&offered, b"left").unwrap();
    let before = fs::metadata(&offered).unwrap().modified().unwrap();
    process::remove_left_files(&desk.db, before).unwrap();
    assert!(offered.exists(), "made since the start");
    process::remove_left_files(&desk.db, before + std::time::Duration::from_secs(1)).unwrap();
    assert!(!offered.exists());
    assert!(folder.join("dc.db-blobs").exists());
}
