//! The life of a mail over a whole profile: kept, given up, forgotten.

use volary_proto::v1::RelayMailAction;
use volary_storage::records::{MessageState, QuarantineRecord};

use super::fate::{Reason, Wait};
use super::open::{Content, Opened};
use super::quarantine::{MAX_AGE, MAX_MAILS};
use super::*;
use crate::chat::own_settings;
use crate::state::not_shown;
use crate::testing::{Desk, PROFILE};

const PLACE: Place = Place { transport: TransportId::new(1), uid_validity: 7, uid: 3 };

fn closed(mid: &str, wait: Wait) -> Opened {
    let mut opened = Opened::failed(b"a mail", Some(mid.to_owned()), 1_000, false, "");
    opened.wait = Some(wait);
    opened
}

/// A mail comes and has to wait; what the relay does with its copy.
async fn waits(desk: &Desk, mid: &str, wait: Wait) -> RelayMailAction {
    let opened = closed(mid, wait.clone());
    let digest = format!("digest of {mid}");
    desk.change(move |tx| {
        let kept = Kept { opened: &opened, wait: &wait, blob: String::new(), bytes: 10, digest };
        keep(tx, PLACE, &kept)
    })
    .await
}

fn waiting(desk: &Desk) -> Vec<QuarantineRecord> {
    let all = desk.db.look(|view| rows::all(view, PROFILE)).unwrap();
    all.into_iter().map(|(_, record)| record).collect()
}

fn states(desk: &Desk) -> Vec<NotShownState> {
    let newest = desk.db.look(|view| not_shown::newest(view, PROFILE, usize::MAX)).unwrap();
    newest.iter().map(|row| row.state).collect()
}

#[tokio::test]
async fn a_mail_that_waits_is_safe_here_and_one_that_we_failed_on_stays_on_the_relay() {
    let desk = Desk::new().await;
    assert_eq!(waits(&desk, "a@x", Wait::Secret).await, RelayMailAction::Delete);
    assert_eq!(waits(&desk, "b@x", Wait::Fault("broken".to_owned())).await, RelayMailAction::Keep);
    assert_eq!(states(&desk), [NotShownState::Kept, NotShownState::Kept]);
}

#[tokio::test]
async fn a_second_copy_is_not_kept_twice() {
    let desk = Desk::new().await;
    for _ in 0..2 {
        waits(&desk, "a@x", Wait::Secret).await;
    }
    assert_eq!((waiting(&desk).len(), states(&desk).len()), (1, 1));
}

#[tokio::test]
async fn what_waited_too_long_is_given_up_and_that_can_be_seen() {
    let desk = Desk::new().await;
    waits(&desk, "a@x", Wait::Secret).await;
    desk.waits(MAX_AGE);
    desk.change(expire).await;
    assert_eq!(waiting(&desk).len(), 1);
    desk.events().await;
    desk.waits(1);
    desk.change(expire).await;
    assert_eq!(waiting(&desk).len(), 0);
    assert_eq!(states(&desk), [NotShownState::GivenUp]);
    let told = desk.events().await.into_iter();
    let warned = |kind| matches!(kind, volary_proto::v1::event::Kind::Warning(event) if event.msg.contains("given up"));
    assert!(told.into_iter().any(warned));
}

#[tokio::test]
async fn of_too_many_the_oldest_is_given_up() {
    let desk = Desk::new().await;
    for number in 0..=MAX_MAILS {
        waits(&desk, &format!("{number}@x"), Wait::Secret).await;
    }
    let kept = waiting(&desk);
    assert_eq!((kept.len(), kept[0].mid.as_str()), (MAX_MAILS, "1@x"));
    assert_eq!(states(&desk).last(), Some(&NotShownState::GivenUp));
}

#[tokio::test]
async fn a_mail_is_tried_again_only_when_what_it_waits_for_is_there() {
    let desk = Desk::new().await;
    waits(&desk, "a@x", Wait::Secret).await;
    waits(&desk, "b@x", Wait::Group("abcdefghijk".to_owned())).await;
    let tried = |unlocked| -> Vec<String> {
        let found = desk.db.read(|view| candidates(view, PROFILE, unlocked)).unwrap();
        found.into_iter().map(|(_, record)| record.mid).collect()
    };
    assert_eq!(tried(Unlocked { groups: true, ..Unlocked::default() }), Vec::<String>::new());
    assert_eq!(tried(Unlocked { secrets: true, ..Unlocked::default() }), ["a@x"]);
    assert_eq!(tried(Unlocked::ALL), ["a@x"], "the group is not known");
}

#[tokio::test]
async fn the_message_id_of_a_mail_that_proves_nothing_is_free_for_the_genuine_one() {
    let desk = Desk::new().await;
    for (mid, reason, remembered) in [("a@x", Reason::NotDecrypted, false), ("b@x", Reason::NoChat, true)] {
        let mut opened = closed(mid, Wait::Secret);
        opened.wait = None;
        opened.content = Content::Rejected(reason);
        desk.change(move |tx| take_in(tx, Source::Relay(PLACE), &opened)).await;
        let known = desk.db.look(|view| messages::known(view, PROFILE, mid)).unwrap();
        assert_eq!(known.is_some_and(|known| known.kind != KnownMail::Nothing), remembered, "{mid}");
    }
    assert_eq!(states(&desk), [NotShownState::Dropped, NotShownState::Dropped]);
}

#[tokio::test]
async fn rows_of_mails_that_are_not_shown_are_bounded() {
    let desk = Desk::new().await;
    let transport = desk.db.look(|view| transports::all(view, PROFILE)).unwrap()[0].0;
    desk.change(move |tx| {
        for number in 0..not_shown::REMEMBERED + 5 {
            let skip = heads::Skipped {
                mid: format!("{number}@x"),
                sender: String::new(),
                reason: Reason::Unencrypted,
            };
            skipped(tx, transport, &skip)?;
            // Looked at once more, it is known.
            skipped(tx, transport, &skip)?;
        }
        Ok(())
    })
    .await;
    let rows = desk.db.look(|view| not_shown::newest(view, PROFILE, usize::MAX)).unwrap();
    assert_eq!(rows.len() as u64, not_shown::REMEMBERED);
    assert_eq!((rows[0].relay.as_str(), rows[0].mid.as_str()), ("one.test", "1004@x"));
}

/// A report in words about a message of ours, as qmail writes them.
fn report_in_words(about: &str) -> Vec<u8> {
    format!(
        "From: MAILER-DAEMON@b.test\r\nMessage-ID: <report on {about}>\r\nSubject: failure notice\r\n\r\n\
         The mailbox is full.\r\n\r\n--- Below this line is a copy.\r\n\r\nMessage-ID: <{about}>\r\n"
    )
    .into_bytes()
}

#[tokio::test]
async fn a_report_in_words_fails_the_message_that_it_is_about_also_where_encryption_is_forced() {
    for forced in ["1", "0"] {
        let desk = Desk::new().await;
        desk.change(move |tx| own_settings::store(tx, "force_encryption", Some(forced.to_owned()))).await;
        let (anna, _) = desk.knows(&["anna@x.test"]).await;
        let chat = desk.chat_with(anna).await;
        let (lost, other) = (desk.says(chat, "lost").await, desk.says(chat, "other").await);
        desk.gets_raw(&report_in_words(&desk.message(lost).mid)).await;
        let record = desk.message(lost);
        assert_eq!(record.state, MessageState::OutFailed);
        assert!(record.error.contains("The mailbox is full."), "{}", record.error);
        assert_eq!(desk.message(other).state, MessageState::OutDelivered);
        assert_eq!(desk.newest(chat), other, "the report is not shown");
    }
}

#[tokio::test]
async fn a_report_about_nothing_that_is_known_is_a_mail_or_leaves_its_reason() {
    let desk = Desk::new().await;
    desk.gets_raw(&report_in_words("unknown@x.test")).await;
    assert_eq!(states(&desk), [NotShownState::Dropped]);
}

#[tokio::test]
async fn what_another_own_device_has_read_before_it_came_is_read() {
    use volary_mail::message::{Body, ChatBody, Mailbox, MessageId as Mid, Outgoing, Recipients};
    let desk = Desk::new().await;
    let (anna, key) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    let mail = |from: &str, mid: &str, body| {
        let to = Recipients::Listed(vec![Mailbox::bare("me@one.test")]);
        Outgoing::new(Mailbox::bare(from), to, Mid::parse(mid).unwrap(), desk.now(), body)
    };
    let receipt = Body::Receipt { message_ids: vec![Mid::parse("m1@x.test").unwrap()] };
    desk.gets(&desk.own_key(), &mail("me@one.test", "r1@one.test", receipt)).await;
    for (mid, expected) in [("m1@x.test", MessageState::InSeen), ("m2@x.test", MessageState::InFresh)] {
        let body = Body::Chat(Box::new(ChatBody { text: mid.to_owned(), ..Default::default() }));
        desk.gets(&key, &mail("anna@x.test", mid, body)).await;
        let (_, message) = desk.db.look(|view| messages::by_mid(view, PROFILE, mid)).unwrap().unwrap();
        assert_eq!((message.chat, message.state), (chat, expected));
    }
}
