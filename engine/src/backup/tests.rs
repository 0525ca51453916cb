//! A profile goes out and comes back.

use std::io::Cursor;
use std::path::Path;

use volary_proto::v1::event::Kind;
use volary_storage::records::{
    CallRecord, ContactRecord, Download, KnownMail, LocationRecord, MemberRecord, MessageRecord,
    MessageState, Mute, OutboxRecord, ReactionRecord, SystemType, TimeRecord, TokenKind, ViewType,
    Visibility,
};
use volary_storage::tables as stored;
use volary_storage::{Blobs, View as _};

use super::*;
use crate::ground::ids::{ContactId, MessageId};
use crate::state::{apps, chats, contacts, copies, locations, members, messages, outbox, tokens};
use crate::testing::{Desk, PROFILE};

/// A profile that is not used yet.
pub(super) async fn fresh() -> Desk {
    let desk = Desk::without_key().await;
    desk.change(|tx| {
        let transports = transports::all(tx.store, PROFILE)?;
        for (id, _) in transports {
            tx.store.remove(&stored::TRANSPORTS, &(PROFILE, id))?;
        }
        Ok(profiles::reset(tx)?)
    })
    .await;
    desk
}

pub(super) fn blobs(desk: &Desk) -> Blobs {
    Blobs::new(blob_dir_of(&desk.db, PROFILE).unwrap())
}

/// One of everything.
pub(super) async fn rich() -> Desk {
    let desk = Desk::new().await;
    let (bob, _) = desk.knows(&["bob@two.test"]).await;
    let (carol, _) = desk.knows(&["carol@two.test", "carol@three.test"]).await;
    let chat = desk.chat_with(bob).await;
    let first = desk.says(chat, "Hello Bob").await;
    let file = blobs(&desk).put(b"the plan", "txt").unwrap().as_str().to_owned();
    let html = blobs(&desk).put(b"<p>full view</p>", "html").unwrap().as_str().to_owned();
    let me = blobs(&desk).put(b"picture of me", "png").unwrap().as_str().to_owned();
    desk.puts(MessageRecord {
        chat,
        from: bob,
        state: MessageState::InFresh,
        text: "Grüße\nan alle".to_owned(),
        subject: "Re: x".to_owned(),
        sent: 5,
        sort: 6,
        received: 7,
        wants_receipt: true,
        blob: file,
        file_name: "plan = ä\n.txt".to_owned(),
        mime_type: "text/plain".to_owned(),
        file_bytes: 8,
        in_reply_to: "a@x".to_owned(),
        references: vec!["a@x".to_owned(), "b@x".to_owned()],
        quote: "Hello\n\nBob".to_owned(),
        has_quote: true,
        override_name: "Robert".to_owned(),
        forwarded: true,
        edited: true,
        bot: true,
        pinned: true,
        html_blob: html,
        hops: "Hop: x".to_owned(),
        ephemeral_timer: 60,
        ..Default::default()
    })
    .await;
    desk.change(move |tx| {
        let pending = MessageRecord {
            chat,
            from: ContactId::SELF,
            mid: "waits@localhost".to_owned(),
            state: MessageState::OutPending,
            view_type: ViewType::Text,
            text: "On its way".to_owned(),
            encrypted: true,
            ..Default::default()
        };
        let id = messages::insert(tx, &pending)?;
        outbox::push(tx, &OutboxRecord { message: id, ..Default::default() })?;
        let draft = MessageRecord {
            chat,
            from: ContactId::SELF,
            state: MessageState::OutDraft,
            view_type: ViewType::Text,
            text: "A draft".to_owned(),
            ..Default::default()
        };
        let draft = messages::insert(tx, &draft)?;
        chats::update(tx, chat, |record| record.draft = Some(draft))?;
        let call = MessageRecord {
            chat,
            from: bob,
            mid: "call@localhost".to_owned(),
            state: MessageState::InSeen,
            view_type: ViewType::Call,
            text: "Incoming video call".to_owned(),
            call: Some(Box::new(CallRecord {
                offer: "v=0\r\no=x".replace("\r\n", "\n"),
                has_video: true,
                accepted: 9,
                ended: 20,
                ..Default::default()
            })),
            ..Default::default()
        };
        messages::insert(tx, &call)?;
        let split = MessageRecord {
            chat,
            from: bob,
            mid: "post@localhost".to_owned(),
            pre_mid: "pre@localhost".to_owned(),
            state: MessageState::InNoticed,
            view_type: ViewType::Text,
            download_state: Download::Available,
            announced_type: ViewType::Video,
            file_bytes: 1 << 33,
            file_name: "film.mp4".to_owned(),
            ..Default::default()
        };
        messages::insert(tx, &split)?;
        messages::add_notice_about(
            tx,
            chat,
            "Member added",
            SystemType::MemberAdded,
            messages::Place::At(3),
            Some(carol),
        )?;
        tx.store.put(&stored::RECEIPTS, &(PROFILE, first, bob), &TimeRecord { time: 44 })?;
        let reaction = ReactionRecord { emoji: "👍".to_owned(), time: tx.now, sent: 0 };
        tx.store.put(&stored::REACTIONS, &(PROFILE, first, bob), &reaction)?;
        let app = MessageRecord {
            chat,
            from: ContactId::SELF,
            mid: "app@localhost".to_owned(),
            state: MessageState::OutDelivered,
            view_type: ViewType::Webxdc,
            ..Default::default()
        };
        let app = messages::insert(tx, &app)?;
        apps::put_update(tx, app, 4, r#"{"payload":1,"uid":"u"}"#.to_owned(), "u".to_owned())?;
        apps::update(tx, app, |record| record.summary = "two of three".to_owned())?;
        for (message, time) in [(None, 50), (Some(first), 51)] {
            let place = LocationRecord {
                chat,
                contact: bob,
                latitude: 1.5.into(),
                longitude: (-2.25).into(),
                time,
                message,
                ..Default::default()
            };
            locations::add(tx, &place)?;
        }
        messages::entomb(tx, "gone@localhost")?;
        tokens::save(tx, TokenKind::Invite, "", "invite", 1)?;
        tokens::save(tx, TokenKind::Auth, "group", "auth", 2)?;
        config::set(tx, "displayname", Some("Alice"))?;
        config::set(tx, "ui.theme", Some("dark"))?;
        config::set(tx, "selfavatar", Some(&me))?;
        contacts::update(tx, carol, |record| {
            *record = ContactRecord {
                name: "Caro".to_owned(),
                auth_name: "Carol".to_owned(),
                blocked: true,
                is_bot: true,
                status: "at\nsea".to_owned(),
                status_changed: 3,
                verifier: Some(ContactId::SELF),
                ..record.clone()
            };
        })?;
        Ok(())
    })
    .await;
    desk.change(move |tx| {
        let unannounced = crate::chat::groups::create(tx, "New")?;
        members::change_quietly(tx, unannounced, bob, true, 8)?;
        let group = crate::chat::groups::create(tx, "Round")?;
        members::put(tx, group, bob, MemberRecord { added: 8, ..Default::default() })?;
        members::put(tx, group, carol, MemberRecord { added: 8, removed: 9, quiet: false })?;
        chats::update(tx, group, |record| {
            record.unpromoted = false;
            record.description = "What we talk about".to_owned();
            record.mute = Mute::Forever;
            record.visibility = Visibility::Pinned;
            record.ephemeral_timer = 86_400;
            record.members_updated = 8;
        })?;
        let transport = transports::all(tx.store, PROFILE)?[0].0;
        transports::update(tx, transport, |record| {
            record.uid_validity = 77;
            record.uid_next = 5;
            record.entered = "{}".to_owned();
        })?;
        let place = copies::Place { transport, uid_validity: 77, uid: 4 };
        copies::add(tx, place, "call@localhost")?;
        Ok(copies::ask(tx, place, false)?)
    })
    .await;
    desk
}

/// All rows that a backup holds.
fn everything(desk: &Desk) -> Vec<(&'static str, Vec<String>)> {
    macro_rules! tables {
        ($($table:ident),* $(,)?) => {
            vec![$((stringify!($table), desk.db.look(|view| {
                view.scan_prefix(&stored::$table, &PROFILE)?
                    .map(|row| row.map(|row| format!("{row:?}")))
                    .collect::<Result<Vec<String>, _>>()
            }).unwrap())),*]
        };
    }
    tables![
        CONFIG,
        TRANSPORTS,
        CONTACTS,
        CONTACT_BY_ADDR,
        CONTACT_BY_FINGERPRINT,
        CERTIFICATES,
        CHATS,
        CHAT_BY_GROUP_ID,
        SINGLE_CHAT,
        MEMBERS,
        CHATS_OF_CONTACT,
        MESSAGES,
        CHAT_MESSAGES,
        FRESH,
        UNTIMED,
        RECEIPTS,
        REACTIONS,
        APPS,
        APP_UPDATES,
        APP_UPDATE_BY_UID,
        LOCATIONS,
        TRACK_STEPS,
        LOCATION_OF_MESSAGE,
        TOKENS,
        SERVER_COPIES,
        COPIES_BY_MID,
        PENDING_FLAGS,
        OUTBOX,
        KNOWN_MAIL,
    ]
}

fn exported(desk: &Desk, to: &Path, passphrase: &str) -> std::path::PathBuf {
    export_file(&desk.db, PROFILE, to, passphrase, &Cancel::default()).unwrap()
}

fn imports(desk: &Desk, file: &Path, passphrase: &str) -> Result<(), String> {
    import_file(&desk.db, PROFILE, file, passphrase, &Cancel::default()).map_err(|error| error.to_string())
}

pub(super) fn is_empty(desk: &Desk) -> bool {
    let blobs = blob_dir_of(&desk.db, PROFILE).unwrap();
    let importing = desk.db.look(profiles::manager).unwrap().importing;
    importing.is_empty() && !blobs.exists() && everything(desk).iter().all(|(_, rows)| rows.is_empty())
}

#[tokio::test]
async fn everything_comes_back_from_a_backup_with_and_without_passphrase() {
    let desk = rich().await;
    let out = tempfile::tempdir().unwrap();
    for passphrase in ["", "correct horse"] {
        let file = exported(&desk, out.path(), passphrase);
        let copy = fresh().await;
        imports(&copy, &file, passphrase).unwrap();
        // Numbers of queues and the times of the copy are its own.
        let plain = |desk: &Desk| {
            everything(desk)
                .into_iter()
                .map(|(table, rows)| {
                    let rows: Vec<String> = match table {
                        "OUTBOX" | "TOKENS" => rows
                            .iter()
                            .filter_map(|row| row.split_once('{').map(|(_, record)| record.to_owned()))
                            .collect(),
                        // A backup does not say when the last reaction to a message of a chat came.
                        "CHATS" => rows
                            .iter()
                            .filter_map(|row| {
                                row.split_once(", reacted_before").map(|(row, _)| row.to_owned())
                            })
                            .collect(),
                        // Chatmail core needs them; here they follow from the relays.
                        "CONFIG" => rows.into_iter().filter(|row| !row.contains("\"configured")).collect(),
                        _ => rows,
                    };
                    (table, rows)
                })
                .collect::<Vec<_>>()
        };
        for (ours, theirs) in plain(&desk).into_iter().zip(plain(&copy)) {
            assert_eq!(ours, theirs);
        }
        assert_eq!(desk.own_key().fingerprint(), copy.own_key().fingerprint());
        for name in blobs(&desk).list().unwrap() {
            let name = name.unwrap();
            assert!(blobs(&copy).len(&name).unwrap().is_some(), "{name}");
        }
        assert!(copy.db.look(profiles::manager).unwrap().importing.is_empty());
        assert!(!folder_of(&copy.db, PROFILE).unwrap().join(unpack::DATABASE).exists());
        // A message that is written now does not get an id that is taken.
        let chat = copy.db.look(|view| chats::all(view, PROFILE)).unwrap()[0].0;
        let next = copy.says(chat, "Later").await;
        assert!(
            copy.db
                .look(|view| messages::load(view, PROFILE, MessageId::new(next.get() + 1)))
                .unwrap()
                .is_none()
        );
    }
    let names: Vec<String> = out
        .path()
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), 2, "nothing else is left: {names:?}");
    assert!(names.iter().any(|name| name.starts_with("delta-chat-backup-2025-06-15-01-")), "{names:?}");
}

#[tokio::test]
async fn a_copy_is_not_welcomed_again_and_copies_of_everything_are_sent_from_now_on() {
    let desk = rich().await;
    desk.change(|tx| {
        let hint = crate::chat::compose::NewMessage { text: "A hint".to_owned(), ..Default::default() };
        crate::chat::device::add(tx, Some("hint"), Some(hint)).map(|_| ())
    })
    .await;
    let out = tempfile::tempdir().unwrap();
    let file = exported(&desk, out.path(), "");
    assert_eq!(desk.db.look(|view| config::get(view, PROFILE, "bcc_self")).unwrap().as_deref(), Some("1"));
    let copy = fresh().await;
    imports(&copy, &file, "").unwrap();
    let labels = copy.db.look(|view| view.count_prefix(&stored::DEVICE_LABELS, &PROFILE)).unwrap();
    assert_eq!(labels, 2);
    let device = copy.db.look(|view| chats::single_of(view, PROFILE, ContactId::DEVICE)).unwrap().unwrap();
    assert!(copy.db.look(|view| messages::visible_ids(view, PROFILE, device)).unwrap().is_empty());
}

#[tokio::test]
async fn what_is_refused_leaves_an_empty_profile_that_can_be_filled() {
    let desk = rich().await;
    let out = tempfile::tempdir().unwrap();
    let plain = exported(&desk, out.path(), "");
    let locked = exported(&desk, out.path(), "secret");
    let copy = fresh().await;
    let not_a_database = "cannot import unpacked database: failed to attach backup database: file is not a database: \
                          Error code 26: File opened that is not a database file";
    for (file, passphrase) in [(&plain, "x"), (&locked, ""), (&locked, "Secret")] {
        assert_eq!(imports(&copy, file, passphrase).unwrap_err(), not_a_database);
        assert!(is_empty(&copy));
    }
    let cut = out.path().join("cut.tar");
    let whole = std::fs::read(&plain).unwrap();
    for length in [0, 600, whole.len() / 2, whole.len() - 1_600] {
        std::fs::write(&cut, &whole[..length]).unwrap();
        imports(&copy, &cut, "").unwrap_err();
        assert!(is_empty(&copy), "{length}");
    }
    assert!(
        imports(&copy, &out.path().join("missing.tar"), "")
            .unwrap_err()
            .contains("No such file or directory")
    );
    copy.events().await;
    imports(&copy, &plain, "").unwrap();
    let told: Vec<u32> = copy
        .events()
        .await
        .into_iter()
        .filter_map(|event| if let Kind::ImexProgress(event) = event { Some(event.progress) } else { None })
        .collect();
    assert_eq!((told.first(), told.last()), (Some(&1), Some(&1000)));
    assert!(told.is_sorted(), "{told:?}");
    assert!(told.windows(2).all(|pair| pair[1] - pair[0] < 250), "in small steps: {told:?}");
    assert_eq!(imports(&copy, &plain, "").unwrap_err(), "Cannot import backups to accounts in use");
    assert!(!copy.db.look(|view| transports::all(view, PROFILE)).unwrap().is_empty());
}

/// A stream that is cancelled on its way.
struct CancelledAt<'c> {
    stream: Cursor<Vec<u8>>,
    at: u64,
    cancel: &'c Cancel,
}

impl Read for CancelledAt<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stream.position() >= self.at {
            self.cancel.cancel();
        }
        let end = buffer.len().min(4_096);
        self.stream.read(&mut buffer[..end])
    }
}

#[tokio::test]
async fn a_cancelled_import_leaves_an_empty_profile() {
    let desk = rich().await;
    let out = tempfile::tempdir().unwrap();
    let whole = std::fs::read(exported(&desk, out.path(), "")).unwrap();
    let copy = fresh().await;
    for at in [0, 100_000, whole.len() as u64 - 2_048] {
        let cancel = Cancel::default();
        let mut stream = CancelledAt { stream: Cursor::new(whole.clone()), at, cancel: &cancel };
        let refused = import(&copy.db, PROFILE, &mut stream, whole.len() as u64, "", &cancel).unwrap_err();
        assert_eq!(refused.to_string(), "canceled");
        assert!(is_empty(&copy), "{at}");
    }
    let cancel = Cancel::default();
    cancel.cancel();
    let refused = export_file(&desk.db, PROFILE, &out.path().join("new"), "", &cancel).unwrap_err();
    assert_eq!(refused.to_string(), "canceled");
    assert_eq!(out.path().join("new").read_dir().unwrap().count(), 0);
}

#[tokio::test]
async fn an_import_that_was_killed_is_emptied_at_the_next_start() {
    let desk = rich().await;
    desk.change(|tx| Ok(profiles::begin_import(tx)?)).await;
    let interrupted = process::interrupted_imports(&desk.db).unwrap();
    process::finish_imports(&desk.db, interrupted).await.unwrap();
    assert!(is_empty(&desk));
}

#[tokio::test]
async fn a_reaction_that_was_taken_back_is_not_in_the_file() {
    let desk = rich().await;
    let all = |desk: &Desk| -> Vec<String> {
        desk.db
            .look(|view| {
                let rows = view.scan_prefix(&stored::REACTIONS, &PROFILE)?;
                rows.map(|row| row.map(|(_, record)| record.emoji))
                    .collect::<Result<_, volary_storage::StoreError>>()
            })
            .unwrap()
    };
    desk.change(|tx| {
        let taken_back = ReactionRecord { emoji: String::new(), time: tx.now, sent: tx.now };
        let message = messages::by_mid(tx.store, PROFILE, "waits@localhost")?.unwrap().0;
        Ok(tx.store.put(&stored::REACTIONS, &(PROFILE, message, ContactId::SELF), &taken_back)?)
    })
    .await;
    assert_eq!(all(&desk), ["👍", ""]);
    let out = tempfile::tempdir().unwrap();
    let file = exported(&desk, out.path(), "");
    let copy = fresh().await;
    imports(&copy, &file, "").unwrap();
    assert_eq!(all(&copy), ["👍"]);
}

#[tokio::test]
async fn tombstones_and_mail_that_waits_stay_known() {
    let desk = rich().await;
    desk.change(|tx| Ok(messages::remember(tx, "later@localhost", KnownMail::Available, None)?)).await;
    let out = tempfile::tempdir().unwrap();
    let file = exported(&desk, out.path(), "");
    let copy = fresh().await;
    imports(&copy, &file, "").unwrap();
    let known = |mid: &str| copy.db.look(|view| messages::known(view, PROFILE, mid)).unwrap().unwrap().kind;
    assert_eq!(known("gone@localhost"), KnownMail::Tombstone);
    assert_eq!(known("later@localhost"), KnownMail::Available);
    assert_eq!(known("pre@localhost"), KnownMail::PreMessage);
    let (id, record) =
        copy.db.look(|view| messages::by_mid(view, PROFILE, "waits@localhost")).unwrap().unwrap();
    assert_eq!(record.state, MessageState::OutPending);
    assert!(copy.db.look(|view| outbox::is_queued(view, PROFILE, id)).unwrap());
}

#[tokio::test]
async fn relays_that_contacts_do_not_hear_of_and_more_than_one_may_add_come_along() {
    let desk = rich().await;
    for number in 2..=7 {
        desk.gets_address(&format!("me@{number}.test")).await;
    }
    desk.change(|tx| {
        let second = transports::all(tx.store, PROFILE)?[1].0;
        Ok(transports::update(tx, second, |record| record.unpublished = true)?)
    })
    .await;
    let out = tempfile::tempdir().unwrap();
    let file = exported(&desk, out.path(), "");
    let copy = fresh().await;
    imports(&copy, &file, "").unwrap();
    let relays = |desk: &Desk| -> Vec<(String, bool)> {
        let all = desk.db.look(|view| transports::all(view, PROFILE)).unwrap();
        all.into_iter().map(|(_, record)| (record.addr, record.unpublished)).collect()
    };
    assert_eq!(relays(&copy), relays(&desk));
    assert_eq!(relays(&copy).len(), 7);
    assert_eq!(relays(&copy)[1], ("me@2.test".to_owned(), true));
}

#[tokio::test]
async fn the_note_of_an_earlier_transfer_is_a_matter_of_the_device_that_gave() {
    let desk = rich().await;
    desk.change(crate::chat::device::note_transfer).await;
    let out = tempfile::tempdir().unwrap();
    let file = exported(&desk, out.path(), "");
    let copy = fresh().await;
    imports(&copy, &file, "").unwrap();
    copy.waits(2 * 3600);
    copy.change(crate::chat::device::restore_transfer_notice).await;
    let device = copy.db.look(|view| chats::single_of(view, PROFILE, ContactId::DEVICE)).unwrap();
    let shown = device.map(|chat| copy.db.look(|view| messages::visible_ids(view, PROFILE, chat)).unwrap());
    assert!(shown.unwrap_or_default().is_empty(), "this device gave nothing away");
}

#[tokio::test]
async fn clear_text_never_lies_beside_an_encrypted_file() {
    let desk = rich().await;
    let out = tempfile::tempdir().unwrap();
    // No place for what is not encrypted yet but a folder in its way.
    let plain = folder_of(&desk.db, PROFILE).unwrap().join(process::OFFERED_PLAIN);
    fs::create_dir(&plain).unwrap();
    assert!(export_file(&desk.db, PROFILE, out.path(), "secret", &Cancel::default()).is_err());
    assert_eq!(out.path().read_dir().unwrap().count(), 0);
    fs::remove_dir(&plain).unwrap();
    exported(&desk, out.path(), "secret");
    assert!(!plain.exists());
}

#[tokio::test]
async fn a_profile_without_any_file_goes_out() {
    let desk = Desk::new().await;
    let folder = folder_of(&desk.db, PROFILE).unwrap();
    assert!(!folder.exists());
    let package = prepare(&desk.db, PROFILE, "", &folder.join(process::OFFERED), &Cancel::default()).unwrap();
    assert!(package.bytes() > 0);
}
