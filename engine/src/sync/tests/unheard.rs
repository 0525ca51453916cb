//! What devices do to chats and saved messages while others have not heard of the same messages.

use volary_mail::message::ChatHeader;
use volary_mail::openpgp::SecretKey;
use volary_storage::records::MessageState;

use super::*;

/// A message of Anna, or of another own device, to the single chat or to a group.
fn says(from: &str, to: &str, mid: &str, now: i64) -> Outgoing {
    let body = Body::Chat(Box::new(ChatBody { text: mid.to_owned(), ..Default::default() }));
    let to = Recipients::Listed(vec![Mailbox::bare(to)]);
    let mid = Mid::parse(&format!("{mid}@x.test")).unwrap();
    Outgoing::new(Mailbox::bare(from), to, mid, now, body)
}

impl Device {
    /// The accepted chat with Anna, and her key.
    async fn with_anna(&self) -> (ChatId, SecretKey) {
        let (anna, key) = self.0.knows(&["anna@x.test"]).await;
        (self.0.chat_with(anna).await, key)
    }

    async fn gets(&self, key: &SecretKey, mid: &str) {
        self.0.gets(key, &says("anna@x.test", "me@one.test", mid, self.0.now())).await;
    }

    /// A copy of what another own device has written to Anna.
    async fn gets_own(&self, anna: &SecretKey, mid: &str) {
        let mut mail = says("me@one.test", "anna@x.test", mid, self.0.now());
        mail.headers.push(ChatHeader::MemberFingerprints(vec![anna.fingerprint().to_string()]));
        self.0.gets(&self.0.own_key(), &mail).await;
    }

    fn anna(&self) -> ContactId {
        self.0.db.look(|view| contacts::all_by_addr(view, PROFILE, "anna@x.test")).unwrap()[0].0
    }

    /// The chat with Anna, with what others wrote there.
    fn chat_of_anna(&self) -> Option<(ChatId, ChatRecord, Vec<String>)> {
        let chat = self.0.db.look(|view| chats::single_of(view, PROFILE, self.anna())).unwrap()?;
        let record = self.0.db.look(|view| chats::load(view, PROFILE, chat)).unwrap().unwrap();
        let ids = self.0.db.look(|view| messages::visible_ids(view, PROFILE, chat)).unwrap();
        let texts = ids.into_iter().map(|id| self.0.message(id));
        let texts = texts.filter(|message| !message.mid.is_empty()).map(|message| message.text);
        Some((chat, record, texts.collect()))
    }

    async fn places(&self, to: ChatVisibility) {
        let chat_id = self.chat_of_anna().unwrap().0.get();
        self.does(SetChatVisibility { chat_id, visibility: to.into() }).await;
    }

    async fn deletes_chat(&self) {
        let chat_id = self.chat_of_anna().unwrap().0.get();
        self.does(DeleteChat { chat_id }).await;
    }

    /// Saved messages: author, text, whether it was edited.
    fn saved(&self) -> Vec<(ContactId, String, bool)> {
        let Some(chat) = self.0.db.look(|view| chats::single_of(view, PROFILE, ContactId::SELF)).unwrap()
        else {
            return Vec::new();
        };
        let ids = self.0.db.look(|view| messages::visible_ids(view, PROFILE, chat)).unwrap();
        let saved = ids.into_iter().map(|id| self.0.message(id));
        saved.map(|message| (message.from, message.text, message.edited)).collect()
    }
}

#[tokio::test]
async fn of_a_deleted_chat_what_the_other_device_had_not_seen_stays_as_a_request() {
    let (one, other) = Device::pair().await;
    let (_, key) = one.with_anna().await;
    let (before, _) = other.with_anna().await;
    for device in [&one, &other] {
        device.gets(&key, "first").await;
    }
    other.places(ChatVisibility::Pinned).await;
    one.hears(&other.leaves().await).await;
    other.gets(&key, "second").await;
    one.0.waits(1);
    one.deletes_chat().await;
    let told = one.leaves().await;
    assert!(one.chat_of_anna().is_none());
    other.hears(&told).await;
    one.gets(&key, "second").await;
    for device in [&one, &other] {
        let (_, record, texts) = device.chat_of_anna().unwrap();
        assert_eq!((record.blocked, record.visibility), (Block::Request, Visibility::Normal));
        assert_eq!(texts, ["second"]);
    }
    let after = other.chat_of_anna().unwrap().0;
    assert_ne!(after, before, "as on the device that deleted it");
    other.hears(&told).await;
    assert_eq!(other.chat_of_anna().unwrap().0, after, "it was deleted once");
}

#[tokio::test]
async fn what_was_written_before_the_chat_was_deleted_elsewhere_leaves_all_the_same() {
    let (one, other) = Device::pair().await;
    one.with_anna().await;
    let (theirs, _) = other.with_anna().await;
    let new = NewMessage { text: "wait for me".to_owned(), ..Default::default() };
    let said = other.0.change(move |tx| compose::send(tx, theirs, new, None)).await;
    one.deletes_chat().await;
    other.hears(&one.leaves().await).await;
    let (chat, record, texts) = other.chat_of_anna().unwrap();
    assert_eq!((record.blocked, texts), (Block::Not, vec!["wait for me".to_owned()]));
    let queued = other.0.db.look(|view| outbox::entries(view, PROFILE, 10)).unwrap();
    let job = queued.into_iter().find(|(_, job)| job.message == said).unwrap().1;
    assert_eq!(job.chat, Some(chat));
}

#[tokio::test]
async fn a_message_that_went_with_its_chat_brings_nothing_back_when_it_comes() {
    let (one, other) = Device::pair().await;
    let (_, key) = one.with_anna().await;
    other.with_anna().await;
    one.gets(&key, "late").await;
    one.gets_own(&key, "mine").await;
    one.deletes_chat().await;
    other.hears(&one.leaves().await).await;
    assert!(other.chat_of_anna().is_none());
    other.gets(&key, "late").await;
    other.gets_own(&key, "mine").await;
    assert!(other.chat_of_anna().is_none());
    for device in [&one, &other] {
        device.gets(&key, "news").await;
        let (_, record, texts) = device.chat_of_anna().unwrap();
        assert_eq!((record.blocked, texts), (Block::Request, vec!["news".to_owned()]));
    }
}

#[tokio::test]
async fn what_was_done_to_a_chat_after_it_was_deleted_elsewhere_stays() {
    let (one, other) = Device::pair().await;
    let (_, key) = one.with_anna().await;
    other.with_anna().await;
    other.gets(&key, "news").await;
    one.deletes_chat().await;
    let deleted = one.leaves().await;
    other.0.waits(1);
    other.places(ChatVisibility::Pinned).await;
    one.hears(&other.leaves().await).await;
    assert!(one.chat_of_anna().is_none(), "it does not appear because it was pinned elsewhere");
    other.hears(&deleted).await;
    one.gets(&key, "news").await;
    for device in [&one, &other] {
        assert_eq!(device.chat_of_anna().unwrap().1.visibility, Visibility::Pinned);
    }
}

#[tokio::test]
async fn what_was_done_before_a_chat_was_deleted_does_not_outlive_it() {
    let (one, other) = Device::pair().await;
    let (_, key) = one.with_anna().await;
    other.with_anna().await;
    other.places(ChatVisibility::Pinned).await;
    let pinned = other.leaves().await;
    one.0.waits(1);
    one.deletes_chat().await;
    one.hears(&pinned).await;
    other.hears(&one.leaves().await).await;
    for device in [&one, &other] {
        device.gets(&key, "news").await;
        assert_eq!(device.chat_of_anna().unwrap().1.visibility, Visibility::Normal);
    }
}

#[tokio::test]
async fn a_chat_that_chatmail_core_deletes_goes_with_all_messages() {
    let (one, other) = Device::pair().await;
    let (_, key) = other.with_anna().await;
    one.with_anna().await;
    other.gets(&key, "first").await;
    one.deletes_chat().await;
    let mut told = one.leaves().await;
    for item in &mut told {
        item.order = None;
        if let Change::AlterChat { known, .. } = &mut item.change {
            *known = None;
        }
    }
    other.hears(&told).await;
    assert!(other.chat_of_anna().is_none());
}

#[tokio::test]
async fn a_deleted_group_comes_back_as_it_was() {
    let (one, other) = Device::pair().await;
    let chat = one.does(CreateGroup { name: "Round".to_owned(), unencrypted: false }).await.id;
    one.does(SetChatDescription { chat_id: chat, description: "table".to_owned() }).await;
    other.hears(&one.leaves().await).await;
    one.does(DeleteChat { chat_id: chat }).await;
    let deleted = one.leaves().await;
    let group = other.group("Round");
    other.does(SetChatName { chat_id: group.0.get(), name: "Square".to_owned() }).await;
    let named = other.leaves().await;
    other.hears(&deleted).await;
    one.hears(&named).await;
    let mut mail = says("me@one.test", "me@one.test", "hello", one.0.now());
    mail.headers.push(ChatHeader::GroupId(group.1.group_id.clone()));
    mail.headers.push(ChatHeader::GroupName("Square".to_owned()));
    for device in [&one, &other] {
        assert!(!device.chats().iter().any(|(_, chat)| chat.group_id == group.1.group_id));
        device.0.gets(&device.0.own_key(), &mail).await;
        let record = device.group("Square").1;
        assert_eq!((record.description.as_str(), record.blocked), ("table", Block::Not));
    }
}

#[tokio::test]
async fn a_group_that_is_deleted_before_another_device_hears_of_it_does_not_appear() {
    let (one, other) = Device::pair().await;
    let chat = one.does(CreateGroup { name: "Round".to_owned(), unencrypted: false }).await.id;
    let made = one.leaves().await;
    one.does(DeleteChat { chat_id: chat }).await;
    other.hears(&one.leaves().await).await;
    other.hears(&made).await;
    assert!(!other.chats().iter().any(|(_, chat)| chat.name == "Round"));
}

#[tokio::test]
async fn what_stays_of_a_deleted_chat_goes_after_a_day() {
    let (one, _) = Device::pair().await;
    let (chat, key) = one.with_anna().await;
    let has = |device: &Device, chat| {
        device.0.db.look(|view| chats::load_for_sending(view, PROFILE, chat)).unwrap().is_some()
    };
    one.gets(&key, "first").await;
    one.deletes_chat().await;
    assert!(has(&one, chat));
    one.0.waits(86_400);
    one.0.change(|tx| Ok(crate::state::removed::forget_old(tx, 10)?)).await;
    assert!(!has(&one, chat));
    // Of a profile with one device nothing stays.
    one.0.change(|tx| Ok(config::set(tx, config::key::BCC_SELF, Some("0"))?)).await;
    one.gets(&key, "second").await;
    let chat = one.chat_of_anna().unwrap().0;
    one.deletes_chat().await;
    assert!(!has(&one, chat));
}

#[tokio::test]
async fn a_message_that_takes_a_chat_out_of_the_archive_does_so_on_all_devices() {
    let (one, other) = Device::pair().await;
    let (_, key) = one.with_anna().await;
    other.with_anna().await;
    // The other device hears of the message first.
    other.gets(&key, "news").await;
    one.places(ChatVisibility::Archived).await;
    other.hears(&one.leaves().await).await;
    assert_eq!(other.chat_of_anna().unwrap().1.visibility, Visibility::Archived);
    one.gets(&key, "news").await;
    other.hears(&one.leaves().await).await;
    for device in [&one, &other] {
        assert_eq!(device.chat_of_anna().unwrap().1.visibility, Visibility::Normal);
    }
    // Put back before that could be told.
    one.places(ChatVisibility::Archived).await;
    one.leaves().await;
    one.gets(&key, "more").await;
    one.places(ChatVisibility::Archived).await;
    assert_eq!(one.leaves().await.len(), 1, "of the chat only that it is in the archive");
}

#[tokio::test]
async fn a_message_is_saved_as_it_was_also_where_it_was_edited_deleted_or_never_came() {
    let edit = |id: MessageId| {
        move |tx: &mut crate::ground::db::Tx<'_, '_>| {
            Ok(messages::update(tx, id, |message| (message.text, message.edited) = ("new".into(), true))?)
        }
    };
    for case in ["edited", "deleted", "unknown"] {
        let (one, other) = Device::pair().await;
        let (chat, key) = one.with_anna().await;
        let (theirs, _) = other.with_anna().await;
        one.gets(&key, "old").await;
        if case != "unknown" {
            other.gets(&key, "old").await;
        }
        match case {
            "edited" => drop(other.0.change(edit(other.0.newest(theirs))).await),
            "deleted" => {
                other.does(DeleteMessages { msg_ids: vec![other.0.newest(theirs).get()] }).await;
            }
            _ => {}
        }
        let original = one.0.newest(chat).get();
        one.does(SaveMessages { msg_ids: vec![original] }).await;
        other.hears(&one.leaves().await).await;
        for device in [&one, &other] {
            assert_eq!(device.saved(), [(device.anna(), "old".to_owned(), false)], "{case}");
        }
        let copy = other.0.newest(other.0.chat_with(ContactId::SELF).await);
        let again =
            crate::commands::run(&other.0.db, PROFILE, SaveMessages { msg_ids: vec![copy.get()] }.into());
        assert!(again.await.is_err(), "a copy is not saved again: {case}");
        if case == "unknown" {
            other.gets(&key, "old").await;
            let message = other.0.message(other.0.newest(theirs));
            let copy = other.0.message(message.saved.unwrap());
            assert_eq!((copy.text.as_str(), copy.original), ("old", Some(other.0.newest(theirs))));
            assert_eq!(other.saved().len(), 1);
        }
    }
}

#[tokio::test]
async fn a_message_that_two_devices_have_saved_is_saved_until_both_copies_are_gone() {
    let (one, other) = Device::pair().await;
    let mut originals = Vec::new();
    let (_, key) = one.with_anna().await;
    other.with_anna().await;
    for device in [&one, &other] {
        device.gets(&key, "keep").await;
        let original = device.0.newest(device.chat_of_anna().unwrap().0);
        device.does(SaveMessages { msg_ids: vec![original.get()] }).await;
        originals.push(original);
    }
    let (here, there) = (one.leaves().await, other.leaves().await);
    one.hears(&there).await;
    other.hears(&here).await;
    let saved = |device: &Device, id| device.0.message(id).saved;
    let first = saved(&one, originals[0]).unwrap();
    one.does(DeleteMessages { msg_ids: vec![first.get()] }).await;
    other.hears(&one.leaves().await).await;
    for (device, original) in [(&one, originals[0]), (&other, originals[1])] {
        let left = saved(device, original).unwrap();
        assert!(device.0.has(left) && device.saved().len() == 1);
    }
    let left = saved(&other, originals[1]).unwrap();
    other.does(DeleteMessages { msg_ids: vec![left.get()] }).await;
    one.hears(&other.leaves().await).await;
    assert_eq!((saved(&one, originals[0]), saved(&other, originals[1])), (None, None));
}

#[tokio::test]
async fn a_message_to_or_from_somebody_who_is_blocked_is_the_same_whenever_it_comes() {
    let (one, other) = Device::pair().await;
    let (_, key) = one.with_anna().await;
    other.with_anna().await;
    // One blocks her before the messages come, the other one hears of it after them.
    one.does(BlockContact { contact_id: one.anna().get() }).await;
    for device in [&one, &other] {
        device.gets(&key, "hers").await;
        device.gets_own(&key, "mine").await;
    }
    other.hears(&one.leaves().await).await;
    for device in [&one, &other] {
        let (chat, record, texts) = device.chat_of_anna().unwrap();
        assert_eq!((record.blocked, texts.len()), (Block::Yes, 2));
        let ids = device.0.db.look(|view| messages::visible_ids(view, PROFILE, chat)).unwrap();
        let hers = ids.into_iter().map(|id| device.0.message(id)).find(|message| message.text == "hers");
        assert_eq!(hers.unwrap().state, MessageState::InNoticed);
    }
    let hidden = one.0.db.look(|view| crate::state::not_shown::newest(view, PROFILE, 10)).unwrap();
    assert_eq!(hidden.len(), 2, "each leaves its reason");
}

#[tokio::test]
async fn a_new_group_has_the_same_timer_on_all_devices() {
    let (one, other) = Device::pair().await;
    let chat = one.does(CreateGroup { name: "Round".to_owned(), unencrypted: false }).await.id;
    other.hears(&one.leaves().await).await;
    let timer = |device: &Device| device.group("Round").1.ephemeral_timer;
    one.does(SetChatEphemeralTimer { chat_id: chat, seconds: 60 }).await;
    other.hears(&one.leaves().await).await;
    assert_eq!((timer(&one), timer(&other)), (60, 60));
    // Also if one of them has announced the group meanwhile: others hear of it by the next message.
    let new = NewMessage { text: "hi".to_owned(), ..Default::default() };
    one.0.change(move |tx| compose::send(tx, ChatId::new(chat), new, None)).await;
    one.0.change(move |tx| Ok(announcing::leaves(tx, ChatId::new(chat))?)).await;
    let theirs = other.group("Round").0.get();
    other.does(SetChatEphemeralTimer { chat_id: theirs, seconds: 90 }).await;
    one.hears(&other.leaves().await).await;
    assert_eq!((timer(&one), timer(&other)), (90, 90));
    one.does(SetChatEphemeralTimer { chat_id: chat, seconds: 30 }).await;
    assert_eq!(one.leaves().await, [], "a message tells of it");
}

#[tokio::test]
async fn a_chat_is_there_on_all_devices_if_what_one_had_not_seen_was_deleted_since() {
    for deleted_first in [true, false] {
        let (one, other) = Device::pair().await;
        let (_, key) = one.with_anna().await;
        let (theirs, _) = other.with_anna().await;
        other.gets(&key, "brief").await;
        one.deletes_chat().await;
        let chat_deleted = one.leaves().await;
        if !deleted_first {
            other.hears(&chat_deleted).await;
        }
        let chat = if deleted_first { theirs } else { other.chat_of_anna().unwrap().0 };
        other.does(DeleteMessages { msg_ids: vec![other.0.newest(chat).get()] }).await;
        one.hears(&other.leaves().await).await;
        other.hears(&chat_deleted).await;
        one.gets(&key, "brief").await;
        for device in [&one, &other] {
            let (_, record, texts) = device.chat_of_anna().unwrap();
            assert_eq!((record.blocked, texts.len()), (Block::Request, 0), "message first: {deleted_first}");
        }
    }
}

#[tokio::test]
async fn of_a_mail_with_two_files_both_stay_or_go() {
    use crate::testing::START;
    let (one, other) = Device::pair().await;
    let (_, key) = one.with_anna().await;
    let (theirs, _) = other.with_anna().await;
    let part = |mid: &str| volary_storage::records::MessageRecord {
        chat: theirs,
        from: other.anna(),
        mid: mid.to_owned(),
        sent: START,
        received: START,
        sort: START,
        ..Default::default()
    };
    let (first, last) = (part(""), part("files@x.test"));
    other.gets(&key, "before").await;
    one.gets(&key, "before").await;
    let ids =
        other.0.change(move |tx| Ok((messages::insert(tx, &first)?, messages::insert(tx, &last)?))).await;
    one.deletes_chat().await;
    other.hears(&one.leaves().await).await;
    let chat = other.chat_of_anna().unwrap().0;
    assert_eq!((other.0.message(ids.0).chat, other.0.message(ids.1).chat), (chat, chat));
    let last = other.0.message(ids.1);
    other.0.change(move |tx| crate::chat::requests::forget_mail(tx, ids.1, &last)).await;
    assert!(!other.0.has(ids.0) && !other.0.has(ids.1));
}

#[tokio::test]
async fn saved_messages_are_no_request_after_another_device_has_deleted_them() {
    let (one, other) = Device::pair().await;
    let (_, key) = one.with_anna().await;
    let (theirs, _) = other.with_anna().await;
    let saved = one.does(CreateChatByContactId { contact_id: 1 }).await.id;
    other.does(CreateChatByContactId { contact_id: 1 }).await;
    other.gets(&key, "keep").await;
    other.does(SaveMessages { msg_ids: vec![other.0.newest(theirs).get()] }).await;
    one.does(DeleteChat { chat_id: saved }).await;
    let deleted = one.leaves().await;
    one.hears(&other.leaves().await).await;
    other.hears(&deleted).await;
    for device in [&one, &other] {
        let chat =
            device.0.db.look(|view| chats::single_of(view, PROFILE, ContactId::SELF)).unwrap().unwrap();
        let record = device.0.db.look(|view| chats::load(view, PROFILE, chat)).unwrap().unwrap();
        assert_eq!((record.blocked, device.saved().len()), (Block::Not, 1));
    }
}

#[tokio::test]
async fn who_hears_late_of_a_message_does_not_undo_what_was_done_since() {
    let (one, other) = Device::pair().await;
    let (_, key) = one.with_anna().await;
    other.with_anna().await;
    one.places(ChatVisibility::Archived).await;
    other.hears(&one.leaves().await).await;
    one.gets(&key, "news").await;
    one.0.waits(60);
    one.places(ChatVisibility::Archived).await;
    let again = one.leaves().await;
    other.0.waits(3_600);
    other.gets(&key, "news").await;
    let left = other.leaves().await;
    assert_eq!(left.len(), 1);
    other.hears(&again).await;
    one.hears(&left).await;
    for device in [&one, &other] {
        assert_eq!(device.chat_of_anna().unwrap().1.visibility, Visibility::Archived);
    }
}

#[tokio::test]
async fn what_was_accepted_before_it_was_deleted_is_a_request_again() {
    let (one, other) = Device::pair().await;
    let (_, key) = one.with_anna().await;
    other.with_anna().await;
    for device in [&one, &other] {
        let chat = device.chat_of_anna().unwrap().0;
        device
            .0
            .change(move |tx| Ok(chats::update(tx, chat, |record| record.blocked = Block::Request)?))
            .await;
    }
    let chat_id = other.chat_of_anna().unwrap().0.get();
    other.does(AcceptChat { chat_id }).await;
    let accepted = other.leaves().await;
    one.0.waits(1);
    one.deletes_chat().await;
    one.gets(&key, "news").await;
    one.hears(&accepted).await;
    other.hears(&one.leaves().await).await;
    other.gets(&key, "news").await;
    for device in [&one, &other] {
        assert_eq!(device.chat_of_anna().unwrap().1.blocked, Block::Request);
    }
}
