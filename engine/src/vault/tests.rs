use volary_proto::{
    CreateHostBackup, ErrorCode, ListHostBackups, Passphrase, PruneHostBackups, RestoreHostBackup,
    VerifyHostBackups,
};
use volary_storage::records::{MessageRecord, ProfileRecord};
use volary_storage::tables::{DEADLINES, MESSAGES, PROFILES};
use volary_storage::{Blobs, View as _};
use volary_vault::Target;

use super::*;
use crate::ground::db::blob_dir;
use crate::ground::ids::ProfileId;
use crate::state::deadlines::{self, Kind};
use crate::state::{config, profiles};
use crate::testing::{Desk, PROFILE};
use crate::upkeep::housekeeping;

fn passphrase() -> Option<Passphrase> {
    Some(Passphrase { text: "correct horse".to_owned() })
}

fn vault_passphrase() -> volary_vault::Passphrase {
    volary_vault::Passphrase::new("correct horse").unwrap()
}

fn create_call(target: &tempfile::TempDir) -> CreateHostBackup {
    let target = target.path().join("backups").to_str().unwrap().to_owned();
    CreateHostBackup { target, passphrase: passphrase(), profiles: Vec::new(), keep: 0 }
}

fn restore_call(target: &tempfile::TempDir) -> RestoreHostBackup {
    let target = target.path().join("backups").to_str().unwrap().to_owned();
    RestoreHostBackup { target, passphrase: passphrase(), snapshot: None, profiles: Vec::new() }
}

/// Runs work on a thread that may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce(&Job) -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(move || work(&Job::new(false))).await.unwrap()
}

/// With the notice that messages are encrypted, and the one with the file.
const MESSAGES_OF_FILLED: u64 = 202;

/// A profile with messages, an attachment and something that is due.
async fn filled() -> (Desk, String) {
    let desk = Desk::new().await;
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    for number in 0..200 {
        desk.says(chat, &format!("message {number}")).await;
    }
    let blobs = Blobs::new(blob_dir(desk.db.dir(), "profile"));
    let name = blobs.put(&vec![7; 3_000_000], "bin").unwrap().as_str().to_owned();
    let record = MessageRecord { chat, blob: name.clone(), ..Default::default() };
    let id = desk.puts(record).await;
    desk.change(move |tx| {
        deadlines::add(tx, tx.now + 1000, Kind::MessageExpires, id.into())?;
        config::set(tx, config::key::DISPLAYNAME, Some("Me"))?;
        Ok(housekeeping::schedule(tx)?)
    })
    .await;
    (desk, name)
}

async fn create(desk: &Desk, target: &tempfile::TempDir) -> Result<volary_proto::HostBackup, VaultFailure> {
    let (db, call) = (desk.db.clone(), create_call(target));
    blocking(move |job| super::create(&db, job, &call)).await
}

async fn restore(
    desk: &Desk,
    call: RestoreHostBackup,
) -> Result<volary_proto::RestoredProfiles, VaultFailure> {
    let db = desk.db.clone();
    blocking(move |job| super::restore(&db, job, &call)).await
}

/// A host without profiles that are in the way: its own one has another folder.
async fn other_host() -> Desk {
    let desk = Desk::without_key().await;
    desk.change(|tx| {
        let mut record = profiles::load(tx.store, PROFILE)?.unwrap();
        record.uuid = "another".to_owned();
        Ok(tx.store.put(&PROFILES, &PROFILE, &record)?)
    })
    .await;
    desk
}

#[tokio::test]
async fn a_profile_comes_back_row_for_row_under_a_new_id() {
    let (desk, file) = filled().await;
    let target = tempfile::tempdir().unwrap();
    let made = create(&desk, &target).await.unwrap();
    assert_eq!((made.profiles.len(), made.changed), (1, 1));
    let shown = &made.profiles[0];
    assert_eq!(
        (shown.name.as_str(), shown.address.as_str(), shown.messages),
        ("Me", "me@one.test", MESSAGES_OF_FILLED)
    );
    assert_eq!((shown.files, shown.file_bytes, shown.missing.len()), (1, 3_000_000, 0));

    let other = other_host().await;
    let restored = restore(&other, restore_call(&target)).await.unwrap().profiles;
    let id = ProfileId::new(restored[0].id);
    assert_ne!(id, PROFILE, "the id is taken");
    let (here, there) = (desk.db.store().snapshot().unwrap(), other.db.store().snapshot().unwrap());
    let (mut ours, mut theirs) = (here.raw_rows(PROFILE).unwrap(), there.raw_rows(id).unwrap());
    let mut rows = 0;
    while let Some(row) = ours.next_row().unwrap() {
        let copy = theirs.next_row().unwrap().unwrap();
        assert_eq!((row.key(), row.value()), (copy.key(), copy.value()));
        rows += 1;
    }
    assert!(rows > 400 && theirs.next_row().unwrap().is_none());
    assert_eq!(there.count_prefix(&MESSAGES, &id).unwrap(), MESSAGES_OF_FILLED);
    let due = |desk: &Desk, id| {
        let due = desk.db.look(|view| deadlines::of_profile(view, id)).unwrap();
        due.into_iter().map(|due| (due.time, due.kind, due.id)).collect::<Vec<_>>()
    };
    assert_eq!(due(&desk, PROFILE), due(&other, id));
    assert!(!due(&other, id).is_empty());
    let uuid = other.db.look(|view| profiles::load(view, id)).unwrap().unwrap().uuid;
    let content =
        Blobs::new(blob_dir(other.db.dir(), &uuid)).read(&file.parse().unwrap(), 4_000_000).unwrap();
    assert_eq!(content, vec![7; 3_000_000]);
    let manager = other.db.look(profiles::manager).unwrap();
    assert!(manager.arriving.is_empty() && manager.order.contains(&id) && manager.next_id > id);
}

#[tokio::test]
async fn what_did_not_change_is_not_written_again() {
    let (desk, _) = filled().await;
    let target = tempfile::tempdir().unwrap();
    let first = create(&desk, &target).await.unwrap();
    let second = create(&desk, &target).await.unwrap();
    assert_eq!(second.changed, 0);
    assert!(
        second.written < 2_000 && first.written > 1_000_000,
        "{} after {}",
        second.written,
        first.written
    );
    desk.change(|tx| Ok(config::set(tx, config::key::DISPLAYNAME, Some("Myself"))?)).await;
    let third = create(&desk, &target).await.unwrap();
    assert_eq!(third.changed, 1);
    assert!(third.written < 100_000, "{}", third.written);
    let call = ListHostBackups { target: create_call(&target).target, passphrase: passphrase() };
    let listed = list(&call).unwrap();
    let names: Vec<&str> = listed.backups.iter().map(|backup| backup.profiles[0].name.as_str()).collect();
    assert_eq!(names.iter().filter(|name| **name == "Me").count(), 2);
    assert_eq!((names.len(), listed.damaged.len()), (3, 0));
}

/// Adds profiles to a host, each with some rows.
async fn adds_profiles(desk: &Desk, ids: std::ops::RangeInclusive<u32>) {
    desk.change(move |tx| {
        for id in ids {
            let (id, uuid) = (ProfileId::new(id), format!("folder-{id}"));
            let record = ProfileRecord { uuid, ..Default::default() };
            tx.store.put(&PROFILES, &id, &record)?;
            for row in 0..20_u32 {
                let value = format!("value {row} of {id} ").repeat(10);
                tx.store.put_raw(
                    id,
                    &[&b"\xfe\xfe\xfe\xfe"[..], &row.to_be_bytes()].concat(),
                    value.as_bytes(),
                )?;
            }
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn of_a_thousand_profiles_only_the_ten_that_changed_are_written() {
    let desk = Desk::new().await;
    adds_profiles(&desk, 2..=1_000).await;
    let target = tempfile::tempdir().unwrap();
    let first = create(&desk, &target).await.unwrap();
    assert_eq!((first.profiles.len(), first.changed), (1_000, 1_000));
    desk.change(|tx| {
        for id in (100..=1_000).step_by(100) {
            tx.store.put_raw(ProfileId::new(id), b"\xfe\xfe\xfe\xfenew", b"something else")?;
        }
        Ok(())
    })
    .await;
    let second = create(&desk, &target).await.unwrap();
    assert_eq!((second.profiles.len(), second.changed), (1_000, 10));
    // Most of it is the list of profiles, with a checksum and the id of a chunk for each.
    assert!(second.written < 1_000 * 150 + 10 * 4_000, "{} after {}", second.written, first.written);
}

#[tokio::test]
async fn old_backups_go_when_a_new_one_is_made_unless_somebody_reads_them() {
    let (desk, _) = filled().await;
    let target = tempfile::tempdir().unwrap();
    let first = create(&desk, &target).await.unwrap();
    let make = async |keep| {
        let (db, call) = (desk.db.clone(), CreateHostBackup { keep, ..create_call(&target) });
        blocking(move |job| super::create(&db, job, &call)).await.unwrap()
    };
    let opened = Target::open(&target.path().join("backups"), &vault_passphrase()).unwrap();
    let held = opened.hold().unwrap();
    let pruned = make(1).await.pruned.unwrap();
    assert!(pruned.names.is_empty() && pruned.failure.contains("are being read"), "{pruned:?}");
    drop(held);
    let second = make(2).await;
    let pruned = second.pruned.unwrap();
    assert_eq!((pruned.names, pruned.failure.as_str()), (vec![first.name], ""));
    let target = create_call(&target).target;
    let call = PruneHostBackups { target: target.clone(), passphrase: passphrase(), keep: 0 };
    assert!(prune(&Job::new(false), &call).is_err(), "one has to stay");
    let pruned = prune(&Job::new(false), &PruneHostBackups { keep: 1, ..call }).unwrap();
    assert_eq!(pruned.names.len(), 1);
    let call = VerifyHostBackups { target, passphrase: passphrase(), snapshot: None };
    let found = blocking(move |job| verify(job, &call)).await.unwrap();
    assert_eq!((found.backups, found.damage), (1, Vec::new()));
}

#[tokio::test]
async fn a_profile_that_is_being_imported_is_left_out() {
    let (desk, _) = filled().await;
    adds_profiles(&desk, 2..=3).await;
    desk.db
        .transact::<_, volary_storage::StoreError, _>(ProfileId::new(2), profiles::begin_import)
        .await
        .unwrap();
    let made = create(&desk, &tempfile::tempdir().unwrap()).await.unwrap();
    assert_eq!(made.profiles.iter().map(|profile| profile.id).collect::<Vec<_>>(), [1, 3]);
}

#[tokio::test]
async fn a_profile_that_is_here_is_not_overwritten() {
    let (desk, _) = filled().await;
    let target = tempfile::tempdir().unwrap();
    create(&desk, &target).await.unwrap();
    let refused = restore(&desk, restore_call(&target)).await.unwrap_err().to_string();
    assert!(
        refused.starts_with("the profile 1 (Me <me@one.test>) is here already, as profile 1"),
        "{refused}"
    );
    let manager = desk.db.look(profiles::manager).unwrap();
    assert!(manager.arriving.is_empty());
}

#[tokio::test]
async fn the_passphrase_has_to_be_right_and_the_folder_outside() {
    let (desk, _) = filled().await;
    let target = tempfile::tempdir().unwrap();
    create(&desk, &target).await.unwrap();
    let wrong = Some(Passphrase { text: "wrong".to_owned() });
    let call = RestoreHostBackup { passphrase: wrong.clone(), ..restore_call(&target) };
    let refused = restore(&desk, call).await.unwrap_err().to_string();
    assert!(refused.starts_with("the passphrase is wrong"), "{refused}");
    let db = desk.db.clone();
    let inside = desk.dir.path().join("backups").to_str().unwrap().to_owned();
    let call = CreateHostBackup { target: inside, passphrase: passphrase(), profiles: Vec::new(), keep: 0 };
    let refused = blocking(move |job| super::create(&db, job, &call)).await.unwrap_err().to_string();
    assert!(refused.ends_with("is in the folder of the profiles; name one outside"), "{refused}");
    let call = RestoreHostBackup { profiles: vec![7], ..restore_call(&target) };
    let refused = volary_proto::Error::from(restore(&desk, call).await.unwrap_err());
    assert_eq!(refused.code(), ErrorCode::NotFound, "{refused}");
}

#[tokio::test]
async fn a_damaged_backup_is_refused_and_leaves_nothing_behind() {
    let (desk, _) = filled().await;
    let target = tempfile::tempdir().unwrap();
    create(&desk, &target).await.unwrap();
    let packs = std::fs::read_dir(target.path().join("backups/packs")).unwrap();
    let pack = packs.map(|entry| entry.unwrap().path()).next().unwrap();
    let mut bytes = std::fs::read(&pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&pack, bytes).unwrap();
    let other = other_host().await;
    let refused = restore(&other, restore_call(&target)).await.unwrap_err().to_string();
    assert!(refused.contains("the profile 1 (Me <me@one.test>) is damaged"), "{refused}");
    assert!(refused.ends_with("nothing was restored"), "{refused}");
    assert_eq!(other.db.look(profiles::ids).unwrap(), [PROFILE]);
    let call =
        VerifyHostBackups { target: create_call(&target).target, passphrase: passphrase(), snapshot: None };
    let found = blocking(move |job| verify(job, &call)).await.unwrap();
    assert!(found.damage.iter().any(|text| text.contains("(Me <me@one.test>)")), "{:?}", found.damage);
}

#[tokio::test]
async fn a_restore_that_is_cancelled_leaves_nothing_behind() {
    let (desk, _) = filled().await;
    let target = tempfile::tempdir().unwrap();
    create(&desk, &target).await.unwrap();
    let other = other_host().await;
    let (db, call) = (other.db.clone(), restore_call(&target));
    let cancelled = blocking(move |job| {
        job.cancel();
        super::restore(&db, job, &call)
    });
    let failure = volary_proto::Error::from(cancelled.await.unwrap_err());
    assert_eq!(failure.code(), ErrorCode::Cancelled, "{failure}");
    assert_eq!(other.db.look(profiles::ids).unwrap(), [PROFILE]);
    // A process that was killed in the middle leaves this behind, and the next start removes it.
    other
        .db
        .transact::<_, volary_storage::StoreError, _>(ProfileId::PROCESS, |tx| {
            let mut manager = profiles::manager(tx.store)?;
            let profile = ProfileId::new(44);
            manager
                .arriving
                .push(volary_storage::records::LeavingRecord { profile, uuid: "gone".to_owned() });
            tx.store.put(&volary_storage::tables::MANAGER, &0, &manager)?;
            tx.store.put_raw(profile, &[1; 20], b"row")
        })
        .await
        .unwrap();
    abandon(&other.db).await.unwrap();
    let view = other.db.store().snapshot().unwrap();
    assert!(view.raw_rows(ProfileId::new(44)).unwrap().next_row().unwrap().is_none());
    assert!(profiles::manager(&view).unwrap().arriving.is_empty());
}

#[tokio::test]
async fn an_attachment_that_is_gone_is_noted_and_the_rest_is_there() {
    let (desk, file) = filled().await;
    let blobs = Blobs::new(blob_dir(desk.db.dir(), "profile"));
    blobs.remove(&file.parse().unwrap()).unwrap();
    let target = tempfile::tempdir().unwrap();
    let made = create(&desk, &target).await.unwrap();
    assert_eq!(made.profiles[0].missing, [file]);
    let other = other_host().await;
    assert_eq!(
        restore(&other, restore_call(&target)).await.unwrap().profiles[0].messages,
        MESSAGES_OF_FILLED
    );
}

#[tokio::test]
async fn files_are_not_swept_while_a_backup_runs() {
    let desk = Desk::new().await;
    let held = desk.db.keep_files();
    assert!(desk.db.sweeps_files().is_none());
    drop(held);
    assert!(desk.db.sweeps_files().is_some());
    assert!(desk.db.look(|view| view.scan_prefix(&DEADLINES, &()).map(|_| ())).is_ok());
}
