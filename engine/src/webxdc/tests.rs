use volary_proto::v1::event;
use volary_storage::records::{MessageRecord, MessageState, SystemType, ViewType};
use volary_storage::tables::{APP_UPDATE_BY_UID, APP_UPDATES, APPS, HIDDEN_MESSAGES};
use volary_storage::{StoreError, View as _};

use super::{map, sending};
use crate::chat::compose::{NewFile, NewMessage};
use crate::chat::{drafts, features, requests};
use crate::ground::error::Failure;
use crate::ground::ids::{ChatId, ContactId, MessageId};
use crate::outgoing::complete::{self, Traces};
use crate::state::{apps, deadlines, messages, outbox};
use crate::testing::{Desk, PROFILE};

/// A chat with somebody, and an app in it that was sent.
async fn app(desk: &Desk) -> (ChatId, MessageId) {
    let (bob, _) = desk.knows(&["bob@two.test"]).await;
    let chat = desk.chat_with(bob).await;
    let app = MessageRecord {
        chat,
        from: ContactId::SELF,
        state: MessageState::OutDelivered,
        sort: desk.now(),
        ..Default::default()
    };
    let id = desk.puts(app).await;
    desk.change(move |tx| Ok(messages::update(tx, id, |record| record.view_type = ViewType::Webxdc)?)).await;
    desk.events().await;
    (chat, id)
}

async fn sends(desk: &Desk, app: MessageId, update: &'static str) {
    desk.change(move |tx| sending::send(tx, app, update)).await;
}

fn serials(desk: &Desk, app: MessageId) -> Vec<u32> {
    desk.db
        .look(|view| apps::range(view, PROFILE, app, 1, u32::MAX)?.map(|row| row.map(|(at, _)| at)).collect())
        .unwrap()
}

/// The ranges of updates in queued mails.
fn queued(desk: &Desk) -> Vec<String> {
    let look = |view: &volary_storage::ReadTx| -> Result<Vec<String>, StoreError> {
        let mut found = Vec::new();
        for (_, job) in outbox::entries(view, PROFILE, 100)? {
            let record = messages::load(view, PROFILE, job.message)?.unwrap_or_default();
            assert!(record.hidden && record.system_type == SystemType::WebxdcStatusUpdate);
            found.extend(record.headers.into_iter().map(|header| header.value));
        }
        Ok(found)
    };
    desk.db.look(look).unwrap()
}

/// The relay takes the first queued mail.
async fn relay_takes_one(desk: &Desk) {
    let (sequence, job) = desk.db.look(|view| outbox::entries(view, PROFILE, 1)).unwrap().remove(0);
    desk.change(move |tx| Ok(complete::sent(tx, sequence, &job, 1.into(), &Traces::default())?)).await;
}

async fn deadlines_pass(desk: &Desk) {
    desk.waits(1);
    let due = desk.db.look(|view| deadlines::of_profile(view, PROFILE)).unwrap();
    for row in due.into_iter().filter(|row| row.kind == deadlines::Kind::AppUpdates && row.time <= desk.now())
    {
        desk.change(move |tx| {
            deadlines::remove(tx, row)?;
            sending::proceed(tx, MessageId::from(u32::try_from(row.id).unwrap()))
        })
        .await;
    }
}

#[tokio::test]
async fn the_first_update_goes_at_once_and_others_gather() {
    let desk = Desk::new().await;
    let (_, app) = app(&desk).await;
    for _ in 0..3 {
        sends(&desk, app, "{\"payload\":1}").await;
    }
    assert_eq!((serials(&desk, app), queued(&desk)), (vec![1, 2, 3], vec!["1-1".to_owned()]));
    deadlines_pass(&desk).await;
    assert_eq!(queued(&desk), ["1-1"], "the first has not left");
    relay_takes_one(&desk).await;
    assert!(queued(&desk).is_empty());
    deadlines_pass(&desk).await;
    assert_eq!(queued(&desk), ["2-3"]);
    relay_takes_one(&desk).await;
    deadlines_pass(&desk).await;
    assert!(queued(&desk).is_empty());
    let hidden = desk.db.look(|view| Ok(view.scan_prefix(&HIDDEN_MESSAGES, &PROFILE)?.count())).unwrap();
    assert_eq!(hidden, 0, "nothing is left of mails that were sent");
}

#[tokio::test]
async fn a_few_updates_leave_within_a_second_and_many_keep_the_pace() {
    let desk = Desk::new().await;
    let (_, app) = app(&desk).await;
    let due = || {
        let rows = desk.db.look(|view| deadlines::of_profile(view, PROFILE)).unwrap();
        rows.into_iter().find(|row| row.kind == deadlines::Kind::AppUpdates).map(|row| row.time)
    };
    for expected in ["1-1", "2-2", "3-3"] {
        sends(&desk, app, "{\"payload\":1}").await;
        assert_eq!(queued(&desk), [expected]);
        relay_takes_one(&desk).await;
    }
    for _ in 0..2 {
        sends(&desk, app, "{\"payload\":1}").await;
    }
    assert!(queued(&desk).is_empty());
    assert_eq!(due(), Some(desk.now() + 1));
    deadlines_pass(&desk).await;
    assert_eq!(queued(&desk), ["4-5"]);
}

#[tokio::test]
async fn a_large_update_goes_alone_and_forgets_no_other() {
    let desk = Desk::new().await;
    let (_, app) = app(&desk).await;
    let large: &'static str =
        Box::leak(format!("{{\"payload\":\"{}\"}}", "x".repeat(400_000)).into_boxed_str());
    for update in ["{\"payload\":1}", large, "{\"payload\":3}", "{\"payload\":4}"] {
        sends(&desk, app, update).await;
    }
    for expected in ["1-1", "2-2", "3-4"] {
        assert_eq!(queued(&desk), [expected]);
        relay_takes_one(&desk).await;
        deadlines_pass(&desk).await;
    }
    assert!(queued(&desk).is_empty());
}

#[tokio::test]
async fn events_of_an_update_come_in_order() {
    let desk = Desk::new().await;
    let (chat, app) = app(&desk).await;
    sends(&desk, app, r##"{"payload":1,"info":"i","summary":"s","href":"#h"}"##).await;
    let events: Vec<_> = desk.events().await;
    let told: Vec<String> = events
        .iter()
        .filter_map(|kind| match kind {
            event::Kind::MsgsChanged(changed) if changed.msg_id == app.get() => Some("app".to_owned()),
            event::Kind::MsgsChanged(changed) if changed.msg_id > app.get() => Some("line".to_owned()),
            event::Kind::WebxdcStatusUpdate(update) => {
                Some(format!("update {}", update.status_update_serial))
            }
            _ => None,
        })
        .collect();
    assert_eq!(told, ["line", "app", "update 1"]);
    let newest = move |view: &volary_storage::ReadTx| messages::newest_id(view, PROFILE, chat);
    let (_, line) = desk.db.look(newest).unwrap().unwrap();
    sends(&desk, app, r#"{"payload":1,"info":"follows"}"#).await;
    assert_eq!(desk.db.look(newest).unwrap().unwrap().1, line, "the last line is replaced");
    let record = desk.db.look(|view| messages::load(view, PROFILE, line)).unwrap().unwrap();
    assert_eq!((record.text.as_str(), record.href.as_str()), ("follows", "#h"));
}

#[tokio::test]
async fn an_update_that_cannot_be_sent_leaves_nothing() {
    let desk = Desk::new().await;
    let (chat, app) = app(&desk).await;
    let refused = |id: MessageId, text: &'static str| {
        let desk = &desk;
        async move {
            let refusal = desk.db.transact(PROFILE, move |tx| sending::send(tx, id, text)).await;
            refusal.map(|_| ()).unwrap_err().to_string()
        }
    };
    assert!(refused(app, "{}").await.starts_with("Failed to parse webxdc update item from \"{}\""));
    assert!(
        refused(MessageId::new(4711), "{\"payload\":1}")
            .await
            .starts_with("Failed to load message Msg#4711 from the database")
    );
    let text = desk.says(chat, "text").await;
    let refusal = refused(text, "{\"payload\":1}").await;
    assert!(refusal.ends_with("is not a webxdc message, but a Text message."), "{refusal}");
    desk.change(move |tx| {
        Ok(crate::state::chats::update(tx, chat, |chat| {
            chat.blocked = volary_storage::records::Block::Request
        })?)
    })
    .await;
    let refusal = refused(app, "{\"payload\":1}").await;
    assert!(refusal.starts_with(&format!("Cannot send to Chat#{chat}: contact request")), "{refusal}");
    assert!(serials(&desk, app).is_empty() && queued(&desk).is_empty());
}

#[tokio::test]
async fn updates_of_a_draft_travel_with_the_app() {
    let desk = Desk::new().await;
    let (bob, _) = desk.knows(&["bob@two.test"]).await;
    let chat = desk.chat_with(bob).await;
    let file = NewFile { blob: "a.xdc".to_owned(), name: "a.xdc".to_owned(), ..Default::default() };
    let new = NewMessage { view_type: ViewType::Webxdc, file: Some(file), ..Default::default() };
    let draft = desk
        .change(move |tx| {
            drafts::set(tx, chat, new)?;
            Ok(crate::chat::compose::load_chat(tx.store, PROFILE, chat)?.draft.unwrap())
        })
        .await;
    let mid = |id: MessageId| desk.db.look(|view| messages::load(view, PROFILE, id)).unwrap().unwrap().mid;
    let before = mid(draft);
    assert!(!before.is_empty());
    sends(&desk, draft, r#"{"payload":1,"info":"not shown"}"#).await;
    assert!(desk.db.look(|view| outbox::is_empty(view, PROFILE)).unwrap());
    let sent = desk.change(move |tx| drafts::send(tx, chat)).await;
    assert_eq!((sent, mid(sent), serials(&desk, sent)), (draft, before, vec![1]));
    let state = desk.db.look(|view| apps::load(view, PROFILE, sent)).unwrap().unwrap();
    assert_eq!((state.with_app, state.unsent_first), (1, 0));
    sends(&desk, sent, "{\"payload\":2}").await;
    let jobs = desk.db.look(|view| outbox::entries(view, PROFILE, 10)).unwrap();
    assert_eq!(jobs.len(), 1, "updates wait until their app has left");
    relay_takes_one(&desk).await;
    deadlines_pass(&desk).await;
    assert_eq!(queued(&desk), ["2-2"]);
}

#[tokio::test]
async fn a_resent_app_brings_its_state_twice() {
    let desk = Desk::new().await;
    let (_, app) = app(&desk).await;
    sends(&desk, app, "{\"payload\":1}").await;
    sends(&desk, app, "{\"payload\":2}").await;
    relay_takes_one(&desk).await;
    desk.change(move |tx| features::resend(tx, &[app])).await;
    let state = desk.db.look(|view| apps::load(view, PROFILE, app)).unwrap().unwrap();
    assert_eq!((state.with_app, state.unsent_first, state.unsent_last), (2, 1, 2));
    relay_takes_one(&desk).await;
    deadlines_pass(&desk).await;
    assert_eq!(queued(&desk), ["1-2"]);
}

#[tokio::test]
async fn a_deleted_app_leaves_no_rows() {
    let desk = Desk::new().await;
    let (chat, app) = app(&desk).await;
    for _ in 0..3 {
        sends(&desk, app, "{\"payload\":1}").await;
    }
    desk.change(move |tx| requests::forget_messages(tx, &[(app, chat)])).await;
    let deleted = desk.events().await.into_iter().filter_map(|kind| match kind {
        event::Kind::MsgDeleted(event) => Some(("message", event.msg_id)),
        event::Kind::WebxdcInstanceDeleted(event) => Some(("app", event.msg_id)),
        _ => None,
    });
    assert_eq!(deleted.collect::<Vec<_>>(), [("message", app.get()), ("app", app.get())]);
    let rows = |view: &volary_storage::ReadTx| -> Result<usize, StoreError> {
        Ok(view.scan_prefix(&APPS, &PROFILE)?.count()
            + view.scan_prefix(&APP_UPDATES, &PROFILE)?.count()
            + view.scan_prefix(&APP_UPDATE_BY_UID, &PROFILE)?.count())
    };
    assert_eq!(desk.db.look(rows).unwrap(), 0);
}

#[tokio::test]
async fn apps_of_a_deleted_chat_are_reported_as_deleted() {
    let desk = Desk::new().await;
    let (chat, app) = app(&desk).await;
    sends(&desk, app, "{\"payload\":1}").await;
    desk.says(chat, "no app").await;
    desk.change(move |tx| Ok(crate::state::chats::delete(tx, chat)?)).await;
    let deleted = desk.events().await.into_iter().filter_map(|kind| match kind {
        event::Kind::WebxdcInstanceDeleted(event) => Some(event.msg_id),
        _ => None,
    });
    assert_eq!(deleted.collect::<Vec<_>>(), [app.get()]);
    assert!(desk.db.look(|view| apps::load(view, PROFILE, app)).unwrap().is_none());
}

#[tokio::test]
async fn many_updates_of_a_deleted_app_go_little_by_little() {
    let desk = Desk::new().await;
    let (chat, app) = app(&desk).await;
    desk.change(move |tx| {
        let update = volary_mail::webxdc::update::Update::from_wire("{\"payload\":1}").unwrap();
        for _ in 0..2_500 {
            apps::add_update(tx, app, &update)?;
        }
        Ok(())
    })
    .await;
    desk.change(move |tx| requests::forget_messages(tx, &[(app, chat)])).await;
    let left = || desk.db.look(|view| Ok(view.scan_prefix(&APP_UPDATES, &PROFILE)?.count())).unwrap();
    assert_eq!(left(), 1_500);
    for expected in [500, 0] {
        desk.change(move |tx| Ok(apps::forget(tx, app)?)).await;
        assert_eq!(left(), expected);
    }
    assert!(desk.db.look(|view| apps::load(view, PROFILE, app)).unwrap().is_none());
}

#[tokio::test]
async fn an_update_is_known_by_its_uid_whatever_its_app() {
    let desk = Desk::new().await;
    let (chat, first) = app(&desk).await;
    let second = desk.says(chat, "other app").await;
    let known = desk
        .change(move |tx| {
            let update = |uid: &str| volary_mail::webxdc::update::Update {
                uid: Some(uid.to_owned()),
                ..volary_mail::webxdc::update::Update::from_wire("{\"payload\":1}").unwrap()
            };
            let long = "u".repeat(100_000);
            let mut given = Vec::new();
            for (app, uid) in
                [(first, "a"), (first, "a"), (second, "a"), (second, "b"), (first, &long), (first, &long)]
            {
                given.push(apps::add_update(tx, app, &update(uid)).map_err(Failure::from)?);
            }
            Ok(given)
        })
        .await;
    assert_eq!(known, [Some(1), None, None, Some(2), Some(3), None]);
}

#[tokio::test]
async fn a_map_of_the_client_is_hidden_and_replaces_the_one_before() {
    let desk = Desk::new().await;
    let file = || NewFile { blob: "map.xdc".to_owned(), name: "map.xdc".to_owned(), ..Default::default() };
    let current = || desk.db.look(|view| map::current(view, PROFILE)).unwrap();
    assert_eq!(desk.change(|tx| map::prepare(tx, None)).await, None);
    desk.change(move |tx| map::install(tx, file())).await;
    let first = current().unwrap();
    let record = desk.db.look(|view| messages::load(view, PROFILE, first)).unwrap().unwrap();
    assert!(record.hidden && record.view_type == ViewType::Webxdc);
    assert!(desk.db.look(|view| outbox::is_empty(view, PROFILE)).unwrap(), "it goes nowhere");
    assert_eq!(desk.change(move |tx| map::prepare(tx, Some(record.chat))).await, Some(first));
    desk.change(move |tx| map::install(tx, file())).await;
    assert!(current().is_some_and(|second| second != first) && !desk.has(first));
    desk.change(move |tx| Ok(messages::erase(tx, map::current(tx.store, PROFILE)?.unwrap())?)).await;
    assert_eq!(current(), None);
}

#[tokio::test]
async fn what_the_map_sends_is_no_update() {
    let desk = Desk::new().await;
    let file = NewFile { blob: "map.xdc".to_owned(), name: "map.xdc".to_owned(), ..Default::default() };
    desk.change(move |tx| map::install(tx, file)).await;
    let id = desk.db.look(|view| map::current(view, PROFILE)).unwrap().unwrap();
    sends(&desk, id, r#"{"payload":{"action":"look around"}}"#).await;
    sends(&desk, id, r#"{"payload":{"action":"pos","lat":1,"lng":2,"label":""}}"#).await;
    let nowhere = r#"{"payload":{"action":"pos","lat":100,"lng":2,"label":"here"}}"#;
    for refused in [r#"{"payload":1}"#, nowhere, "{}"] {
        assert!(
            desk.db.transact(PROFILE, move |tx| sending::send(tx, id, refused)).await.is_err(),
            "{refused}"
        );
    }
    assert!(serials(&desk, id).is_empty() && queued(&desk).is_empty());
}

#[tokio::test]
async fn the_map_shows_places_and_makes_messages_that_point_at_them() {
    let desk = Desk::new().await;
    let file = NewFile { blob: "map.xdc".to_owned(), name: "map.xdc".to_owned(), ..Default::default() };
    desk.change(move |tx| map::install(tx, file)).await;
    let id = desk.db.look(|view| map::current(view, PROFILE)).unwrap().unwrap();
    desk.events().await;
    sends(&desk, id, r#"{"payload":{"action":"pos","lat":48.1,"lng":11.5,"label":"Cake"}}"#).await;
    let saved = desk.chat_with(ContactId::SELF).await;
    assert_eq!(desk.message(desk.newest(saved)).text, "Cake");
    let changed = event::Kind::WebxdcStatusUpdate(event::WebxdcStatusUpdate {
        msg_id: id.get(),
        status_update_serial: 0,
    });
    assert!(desk.events().await.contains(&changed));
    let read = |after| {
        let read = crate::query::look::look(&desk.db, PROFILE, |look| {
            crate::webxdc::instance::updates(look, id, after)
        });
        serde_json::from_str::<serde_json::Value>(&read.unwrap()).unwrap()
    };
    let shown = read(0);
    assert_eq!(shown[0]["payload"]["label"], "Cake");
    assert_eq!((&shown[0]["payload"]["lat"], &shown[0]["payload"]["name"]), (&48.1.into(), &"Me".into()));
    assert_eq!(shown[0]["payload"]["independent"], true);
    let serial = shown[0]["serial"].as_u64().unwrap();
    assert_eq!(read(u32::try_from(serial).unwrap()), serde_json::json!([]));
    // Prepared for a chat it shows that one alone.
    let (bob, _) = desk.knows(&["bob@two.test"]).await;
    let chat = desk.chat_with(bob).await;
    desk.change(move |tx| map::prepare(tx, Some(chat))).await;
    assert_eq!(read(0), serde_json::json!([]));
}
