use volary_proto::v1::event;
use volary_storage::records::{Block, MessageState};

use super::*;
use crate::chat::drafts;
use crate::state::deadlines::single;
use crate::testing::{Desk, PROFILE, START};

const DAY: i64 = 24 * 3600;

async fn keeps_for(desk: &Desk, seconds: &'static str) {
    desk.change(move |tx| {
        config::set(tx, config::key::DELETE_DEVICE_AFTER, Some(seconds))?;
        Ok(setting_changed(tx)?)
    })
    .await;
}

fn due(desk: &Desk) -> Option<i64> {
    desk.db.look(|view| single(view, PROFILE, Kind::DeleteOld, 0)).unwrap()
}

#[tokio::test]
async fn old_messages_go_and_younger_ones_make_the_next_time() {
    let desk = Desk::new().await;
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    let old = desk.says(chat, "old").await;
    desk.waits(DAY);
    let late = desk
        .puts(MessageRecord {
            chat,
            from: anna,
            state: MessageState::InSeen,
            sort: START,
            received: START + DAY,
            ..Default::default()
        })
        .await;
    desk.waits(DAY);
    let young = desk.says(chat, "young").await;
    desk.waits(100);
    keeps_for(&desk, "129600").await;
    assert_eq!(due(&desk), Some(desk.now()), "at once");
    desk.events().await;
    desk.change(delete_old).await;
    assert!(!desk.has(old) && desk.has(late) && desk.has(young));
    let events = desk.events().await;
    assert!(
        events
            .contains(&event::Kind::MsgDeleted(event::MsgDeleted { chat_id: chat.get(), msg_id: old.get() }))
    );
    assert!(
        events.contains(&event::Kind::MsgsChanged(event::MsgsChanged { chat_id: chat.get(), msg_id: 0 }))
    );
    assert_eq!(due(&desk), Some(START + DAY + 129_600));
}

#[tokio::test]
async fn drafts_and_hidden_messages_go_too_but_own_notes_and_waiting_mail_stay() {
    let desk = Desk::new().await;
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    let own = desk.change(|tx| Ok(chats::ensure_single(tx, ContactId::SELF, Block::Not)?)).await;
    let note = desk.says(own, "remember the milk").await;
    let hidden =
        desk.puts(MessageRecord { chat, from: anna, hidden: true, sort: START, ..Default::default() }).await;
    let waiting = desk.says(chat, "still on its way").await;
    desk.change(move |tx| {
        let new = crate::chat::compose::NewMessage { text: "draft".to_owned(), ..Default::default() };
        drafts::set(tx, chat, new)?;
        let job = volary_storage::records::OutboxRecord { message: waiting, ..Default::default() };
        outbox::push(tx, &job)?;
        Ok(())
    })
    .await;
    let draft = desk.db.look(|view| chats::load(view, PROFILE, chat)).unwrap().unwrap().draft.unwrap();
    desk.waits(2 * DAY);
    keeps_for(&desk, "3600").await;
    desk.change(delete_old).await;
    assert!(desk.has(note) && desk.has(waiting));
    assert!(!desk.has(hidden) && !desk.has(draft));
    assert_eq!(desk.db.look(|view| chats::load(view, PROFILE, chat)).unwrap().unwrap().draft, None);
    // The next look is not earlier than the grain allows.
    assert_eq!(due(&desk), Some(desk.now() + 3600));
}

#[tokio::test]
async fn many_messages_go_in_several_steps() {
    let desk = Desk::new().await;
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    desk.change(move |tx| {
        for _ in 0..BATCH + 5 {
            messages::insert(tx, &MessageRecord { chat, sort: START, ..Default::default() })?;
        }
        Ok(())
    })
    .await;
    desk.waits(DAY);
    keeps_for(&desk, "60").await;
    desk.change(delete_old).await;
    assert_eq!(due(&desk), Some(desk.now()), "there are more");
    desk.change(delete_old).await;
    assert!(desk.db.look(|view| messages::visible_ids(view, PROFILE, chat)).unwrap().is_empty());
    assert_eq!(due(&desk), Some(desk.now() + 60));
}

#[tokio::test]
async fn without_the_setting_nothing_goes() {
    let desk = Desk::new().await;
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    let message = desk.says(chat, "kept").await;
    desk.waits(1000 * DAY);
    keeps_for(&desk, "60").await;
    keeps_for(&desk, "0").await;
    assert_eq!(due(&desk), None);
    keeps_for(&desk, "-1").await;
    desk.change(delete_old).await;
    assert!(desk.has(message));
    assert_eq!(due(&desk), None);
}
