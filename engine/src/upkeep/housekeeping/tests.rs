use std::fs::{File, FileTimes};
use std::time::SystemTime;

use volary_storage::records::MessageRecord;

use super::*;
use crate::ground::ids::TransportId;
use crate::state::copies::Place;
use crate::state::deadlines::single;
use crate::state::{chats, contacts};
use crate::testing::{Desk, PROFILE, START};

fn blobs(desk: &Desk) -> Blobs {
    Blobs::new(blob_dir(desk.db.dir(), "profile"))
}

/// Stores a file that is as old as told.
fn file(desk: &Desk, content: &str, age: Duration) -> String {
    let name = blobs(desk).put(content.as_bytes(), "txt").unwrap();
    let file = File::options().write(true).open(blobs(desk).path(&name)).unwrap();
    file.set_times(FileTimes::new().set_modified(SystemTime::now() - age)).unwrap();
    name.as_str().to_owned()
}

fn has_file(desk: &Desk, name: &str) -> bool {
    blobs(desk).path(&name.parse().unwrap()).exists()
}

#[tokio::test]
async fn it_is_due_some_time_after_the_start_and_then_daily() {
    let desk = Desk::new().await;
    let due = || desk.db.look(|view| single(view, PROFILE, Kind::Housekeeping, 0)).unwrap();
    desk.change(|tx| Ok(schedule(tx)?)).await;
    assert_eq!(due(), Some(START + QUIET + 1));
    desk.waits(5);
    desk.change(|tx| Ok(schedule(tx)?)).await;
    assert_eq!(due(), Some(START + QUIET + 1), "it stays where it is");
    desk.change(|tx| Ok(again(tx)?)).await;
    assert_eq!(due(), Some(START + 5 + PERIOD));
}

#[tokio::test]
async fn old_tombstones_without_copies_go() {
    let desk = Desk::new().await;
    let place = Place { transport: TransportId::new(1), uid_validity: 1, uid: 7 };
    desk.change(move |tx| {
        for mid in ["old@x", "copied@x"] {
            messages::entomb(tx, mid)?;
        }
        copies::want_seen(tx, "wanted@x")?;
        copies::add(tx, place, "copied@x")?;
        Ok(())
    })
    .await;
    desk.waits(TOMBSTONE_AGE);
    desk.change(|tx| Ok(messages::entomb(tx, "young@x")?)).await;
    desk.waits(1);
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    let shown = desk.says(chat, "hi").await;
    let mid = desk.db.look(|view| messages::load(view, PROFILE, shown)).unwrap().unwrap().mid;

    assert_eq!(clean(&desk.db, PROFILE).await.unwrap(), (2, 0));
    let known = |mid: &str| desk.db.look(|view| messages::known(view, PROFILE, mid)).unwrap().is_some();
    assert!(!known("old@x") && !known("wanted@x"));
    assert!(known("copied@x") && known("young@x") && known(&mid));
    desk.change(move |tx| Ok(copies::forget(tx, place)?)).await;
    assert_eq!(clean(&desk.db, PROFILE).await.unwrap(), (1, 0));
}

#[tokio::test]
async fn files_that_nothing_refers_to_go() {
    let desk = Desk::new().await;
    let old = FILE_AGE * 2;
    let (attached, html, face) =
        (file(&desk, "attached", old), file(&desk, "html", old), file(&desk, "face", old));
    let (group, own) = (file(&desk, "group", old), file(&desk, "own", old));
    let (unused, young) = (file(&desk, "unused", old), file(&desk, "young", Duration::ZERO));
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    desk.puts(MessageRecord {
        chat,
        blob: attached.clone(),
        html_blob: html.clone(),
        hidden: true,
        ..Default::default()
    })
    .await;
    let names = (face.clone(), group.clone(), own.clone());
    desk.change(move |tx| {
        contacts::update(tx, anna, |record| record.avatar = names.0)?;
        chats::update(tx, chat, |record| record.avatar = names.1)?;
        Ok(config::set(tx, config::key::SELFAVATAR, Some(&names.2))?)
    })
    .await;
    assert_eq!(clean(&desk.db, PROFILE).await.unwrap(), (0, 1));
    assert!(!has_file(&desk, &unused));
    for name in [attached, html, face, group, own, young] {
        assert!(has_file(&desk, &name));
    }
}

#[tokio::test]
async fn a_profile_that_is_gone_needs_none() {
    let desk = Desk::new().await;
    assert_eq!(clean(&desk.db, ProfileId::new(99)).await.unwrap(), (0, 0));
}

#[tokio::test]
async fn the_note_of_a_transfer_comes_back_once_if_it_was_deleted() {
    let desk = Desk::new().await;
    let notes = || {
        let texts = desk.db.look(|view| {
            let rows = view.scan_prefix(&MESSAGES, &PROFILE)?;
            rows.map(|row| Ok(row?.1.text)).collect::<Result<Vec<_>, StoreError>>()
        });
        texts.unwrap().into_iter().filter(|text| text.contains("transferred to your second device")).count()
    };
    let deletes = || async {
        let id =
            desk.db.look(|view| config::number(view, PROFILE, config::key::BACKUP_TRANSFER_MSG_ID)).unwrap();
        let id = crate::ground::ids::MessageId::new(u32::try_from(id).unwrap());
        desk.change(move |tx| crate::chat::requests::delete_messages(tx, &[id])).await;
    };
    desk.change(device::note_transfer).await;
    deletes().await;
    desk.waits(3500);
    clean(&desk.db, PROFILE).await.unwrap();
    assert_eq!(notes(), 0);
    desk.waits(200);
    clean(&desk.db, PROFILE).await.unwrap();
    assert_eq!(notes(), 1);
    let dated = desk.db.look(|view| {
        let mut rows = view.scan_prefix(&MESSAGES, &PROFILE)?;
        rows.find_map(|row| row.ok().filter(|(_, row)| row.text.contains("second device")))
            .map_or(Ok(0), |(_, row)| Ok::<_, StoreError>(row.sent))
    });
    assert_eq!(dated.unwrap(), START);
    let left = desk.db.look(|view| config::get(view, PROFILE, config::key::BACKUP_TRANSFER_TIMESTAMP));
    assert_eq!(left.unwrap(), None);
}
