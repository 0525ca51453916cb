//! Two devices of one user, without relays: what one has changed is put before the other.

use volary_mail::sync::{Item, read};
use volary_proto::Call;
use volary_proto::v1::mute_duration::{Forever, Kind as Muted};
use volary_proto::v1::*;
use volary_storage::records::{Block, ChatRecord, ChatType, Mute, Visibility};

use super::{apply, queue};
use crate::ground::ids::{ChatId, ContactId, MessageId};
use crate::ground::intent::Intent;
use crate::state::{chats, config, contacts, keys, members, messages, outbox, tokens};
use crate::testing::{Desk, PROFILE};

/// A device that shares what it does.
struct Device(Desk);

impl Device {
    async fn pair() -> (Self, Self) {
        let (one, other) = (Desk::new().await, Desk::without_key().await);
        let key = one.db.read(|view| keys::own(view, one.db.keys(), PROFILE)).unwrap().unwrap();
        other.change(move |tx| keys::store_own(tx, &key)).await;
        for desk in [&one, &other] {
            desk.change(|tx| Ok(config::set(tx, config::key::BCC_SELF, Some("1"))?)).await;
        }
        (Self(one), Self(other))
    }

    async fn does<C: Call>(&self, call: C) -> C::Answer {
        let kind = crate::commands::run(&self.0.db, PROFILE, call.into()).await.unwrap();
        Answer { kind: Some(kind) }.take::<C>().unwrap()
    }

    /// What the message with changes holds that is queued next; it leaves.
    async fn leaves(&self) -> Vec<Item> {
        self.0.change(queue::gather).await;
        let queued = self.0.db.read(|view| outbox::entries(view, PROFILE, 100)).unwrap();
        let mut found = Vec::new();
        for (sequence, row) in queued {
            let message = self.0.db.read(|view| messages::load(view, PROFILE, row.message)).unwrap().unwrap();
            if Intent::of(&message).unwrap() == Intent::Sync {
                let json = self.0.db.read(|view| queue::content(view, PROFILE, row.message)).unwrap();
                let content = read(&json).unwrap();
                assert_eq!(content.skipped, [] as [String; 0]);
                found.extend(content.items);
                self.0
                    .change(move |tx| {
                        outbox::remove(tx, sequence)?;
                        Ok(queue::done(tx, row.message)?)
                    })
                    .await;
            }
        }
        found
    }

    /// Carries out what the other device tells, twice: mails may come twice.
    async fn hears(&self, items: &[Item]) {
        for _ in 0..2 {
            let (items, now) = (items.to_vec(), self.0.now());
            self.0.change(move |tx| apply::apply(tx, items, now)).await;
        }
    }

    fn chats(&self) -> Vec<(ChatId, ChatRecord)> {
        self.0.db.read(|view| chats::all(view, PROFILE)).unwrap()
    }

    fn group(&self, name: &str) -> (ChatId, ChatRecord) {
        self.chats().into_iter().find(|(_, chat)| chat.name == name).unwrap()
    }

    fn setting(&self, key: &str) -> Option<String> {
        self.0.db.read(|view| config::stored(view, PROFILE, key)).unwrap()
    }
}

#[tokio::test]
async fn settings_reach_the_other_device_and_do_not_come_back() {
    let (one, other) = Device::pair().await;
    one.does(SetConfig { key: "displayname".to_owned(), value: Some("Ada".to_owned()) }).await;
    one.does(SetConfig { key: "selfstatus".to_owned(), value: Some("away".to_owned()) }).await;
    one.does(SetConfig { key: "sync_msgs".to_owned(), value: Some("1".to_owned()) }).await;
    let told = one.leaves().await;
    assert_eq!(told.len(), 2, "{told:?}");
    other.hears(&told).await;
    assert_eq!(other.setting("displayname").as_deref(), Some("Ada"));
    assert_eq!(other.setting("selfstatus").as_deref(), Some("away"));
    assert_eq!(other.leaves().await, []);
}

#[tokio::test]
async fn changes_wait_for_the_mail_before_them_and_go_together() {
    let (one, _) = Device::pair().await;
    let name = |name: &str| SetConfig { key: "displayname".to_owned(), value: Some(name.to_owned()) };
    one.does(name("A")).await;
    one.0.change(queue::gather).await;
    one.does(name("B")).await;
    one.does(name("C")).await;
    assert!(!one.0.db.read(|view| queue::is_due(view, PROFILE)).unwrap(), "a mail is on its way");
    assert_eq!(one.leaves().await.len(), 1);
    assert!(one.0.db.read(|view| queue::is_due(view, PROFILE)).unwrap());
    assert_eq!(one.leaves().await.len(), 2);
    assert_eq!(one.leaves().await, []);
}

#[tokio::test]
async fn nothing_is_shared_by_a_single_device_or_a_bot() {
    for (key, value) in [("bcc_self", "0"), ("sync_msgs", "0"), ("bot", "1")] {
        let (one, _) = Device::pair().await;
        one.does(SetConfig { key: key.to_owned(), value: Some(value.to_owned()) }).await;
        one.does(SetConfig { key: "displayname".to_owned(), value: Some("Ada".to_owned()) }).await;
        one.does(SetConfig { key: key.to_owned(), value: None }).await;
        assert_eq!(one.leaves().await, [], "{key}");
    }
}

#[tokio::test]
async fn chats_and_contacts_look_the_same_on_both() {
    let (one, other) = Device::pair().await;
    let bob =
        one.does(CreateContact { email: "bob@two.test".to_owned(), name: Some("Bob".to_owned()) }).await.id;
    let chat = one.does(CreateChatByContactId { contact_id: bob }).await.id;
    one.does(SetChatVisibility { chat_id: chat, visibility: ChatVisibility::Pinned.into() }).await;
    let duration = Some(MuteDuration { kind: Some(Muted::Forever(Forever {})) });
    one.does(SetChatMuteDuration { chat_id: chat, duration }).await;
    one.does(ChangeContactName { contact_id: bob, name: "Robert".to_owned() }).await;
    other.hears(&one.leaves().await).await;
    let contact = other.0.db.read(|view| contacts::by_addr(view, PROFILE, "bob@two.test")).unwrap().unwrap();
    let record = other.0.db.read(|view| contacts::load(view, PROFILE, contact)).unwrap().unwrap();
    assert_eq!(record.name, "Robert");
    let (_, found) = other.chats().into_iter().find(|(_, chat)| chat.contact == contact).unwrap();
    assert_eq!(
        (found.visibility, found.mute, found.blocked),
        (Visibility::Pinned, Mute::Forever, Block::Yes)
    );

    one.does(BlockContact { contact_id: bob }).await;
    other.hears(&one.leaves().await).await;
    let blocked =
        |desk: &Desk| desk.db.read(|view| contacts::load(view, PROFILE, contact)).unwrap().unwrap().blocked;
    assert!(blocked(&other.0));
    one.does(UnblockContact { contact_id: bob }).await;
    one.does(DeleteChat { chat_id: chat }).await;
    other.hears(&one.leaves().await).await;
    assert!(!blocked(&other.0));
    assert!(!other.chats().iter().any(|(_, chat)| chat.contact == contact));
}

#[tokio::test]
async fn a_group_that_nobody_knows_of_is_on_both_with_its_members() {
    let (one, other) = Device::pair().await;
    let made = one.does(CreateGroup { name: "Round".to_owned(), unencrypted: false }).await.id;
    one.does(SetChatName { chat_id: made, name: "Circle".to_owned() }).await;
    one.does(SetChatDescription { chat_id: made, description: "of friends".to_owned() }).await;
    other.hears(&one.leaves().await).await;
    let ((mine, here), (theirs, there)) = (one.group("Circle"), other.group("Circle"));
    assert_eq!((&here.group_id, &here.description), (&there.group_id, &there.description));
    assert!(there.unpromoted && there.encrypted && there.chat_type == ChatType::Group);
    let members = |desk: &Desk, chat| desk.db.read(|view| members::current(view, PROFILE, chat)).unwrap();
    assert_eq!(members(&one.0, mine), members(&other.0, theirs));
    assert_eq!(members(&other.0, theirs), [ContactId::SELF]);
}

#[tokio::test]
async fn a_channel_has_the_same_secret_on_both() {
    let (one, other) = Device::pair().await;
    one.does(CreateBroadcast { name: "News".to_owned() }).await;
    other.hears(&one.leaves().await).await;
    let ((_, here), (_, there)) = (one.group("News"), other.group("News"));
    assert_eq!((&here.group_id, &here.channel_secret), (&there.group_id, &there.channel_secret));
    assert!(!there.channel_secret.is_empty());
}

#[tokio::test]
async fn invites_hold_on_both_and_are_withdrawn_on_both() {
    let (one, other) = Device::pair().await;
    let code = one.does(GetChatSecurejoinQrCode { chat_id: None }).await.text;
    other.hears(&one.leaves().await).await;
    let held = |desk: &Desk| {
        let all = desk.db.read(|view| tokens::all(view, PROFILE)).unwrap();
        all.into_iter().map(|(_, token)| token.value).collect::<Vec<_>>()
    };
    assert_eq!(held(&one.0), held(&other.0));
    assert_eq!(held(&one.0).len(), 2);
    let volary_mail::qr::Code::Invite(invite) = volary_mail::qr::parse(&code).unwrap() else {
        panic!("no invite")
    };
    crate::commands::relays::toggle_invite(&one.0.db, PROFILE, invite).await.unwrap();
    other.hears(&one.leaves().await).await;
    assert_eq!((held(&one.0).len(), held(&other.0).len()), (0, 0));
}

#[tokio::test]
async fn saved_and_deleted_messages_are_so_on_both() {
    let (one, other) = Device::pair().await;
    let chat = one.does(CreateChatByContactId { contact_id: 1 }).await.id;
    let data = MessageData { text: Some("keep".to_owned()), ..Default::default() };
    let sent = one.does(SendMessage { chat_id: chat, data: Some(data) }).await.id;
    let here = one.0.db.read(|view| messages::load(view, PROFILE, MessageId::new(sent))).unwrap().unwrap();
    // The copy of the message on the other device.
    let mid = here.mid.clone();
    let copy = other
        .0
        .change(move |tx| {
            let chat = chats::ensure_single(tx, ContactId::SELF, Block::Not)?;
            Ok(messages::insert(tx, &volary_storage::records::MessageRecord { chat, mid, ..here })?)
        })
        .await;
    one.does(SaveMessages { msg_ids: vec![sent] }).await;
    other.hears(&one.leaves().await).await;
    let saved =
        |desk: &Desk, id| desk.db.read(|view| messages::load(view, PROFILE, id)).unwrap().unwrap().saved;
    let (mine, theirs) = (saved(&one.0, MessageId::new(sent)).unwrap(), saved(&other.0, copy).unwrap());
    let mid = |desk: &Desk, id| desk.db.read(|view| messages::load(view, PROFILE, id)).unwrap().unwrap().mid;
    assert_eq!(mid(&one.0, mine), mid(&other.0, theirs));

    one.does(DeleteMessages { msg_ids: vec![sent] }).await;
    other.hears(&one.leaves().await).await;
    assert!(!other.0.has(copy) && other.0.has(theirs));
}

#[tokio::test]
async fn hearing_from_another_device_makes_this_one_tell_of_itself() {
    let (one, other) = Device::pair().await;
    other.does(SetConfig { key: "bcc_self".to_owned(), value: Some("0".to_owned()) }).await;
    other.hears(&[]).await;
    assert_eq!(other.setting("bcc_self").as_deref(), Some("0"));
    one.does(SetConfig { key: "displayname".to_owned(), value: Some("Ada".to_owned()) }).await;
    other.hears(&one.leaves().await).await;
    assert_eq!(other.setting("bcc_self").as_deref(), Some("1"));
}
