//! Two devices of one user, without relays: what one has changed is put before the other.

use volary_mail::message::{Body, ChatBody, Mailbox, MessageId as Mid, Outgoing, Recipients};
use volary_mail::sync::{Change, Item, read};
use volary_proto::Call;
use volary_proto::v1::mute_duration::{Forever, Kind as Muted};
use volary_proto::v1::*;
use volary_storage::records::{Block, ChatRecord, ChatType, Mute, Visibility};

use super::{apply, queue, share};
use crate::chat::announcing;
use crate::chat::compose::{self, NewMessage};
use crate::commands::relays;
use crate::ground::ids::{ChatId, ContactId, MessageId};
use crate::ground::intent::Intent;
use crate::state::{chats, config, contacts, keys, members, messages, outbox, tokens, transports};
use crate::testing::{Desk, PROFILE};
use volary_storage::View as _;

mod unheard;

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
        self.0.change(share::gather).await;
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
    one.0.change(share::gather).await;
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
    let shown = |desk: &Desk, chat| {
        let ids = desk.db.look(|view| messages::visible_ids(view, PROFILE, chat)).unwrap();
        ids.into_iter().map(|id| desk.message(id).text).collect::<Vec<_>>()
    };
    assert_eq!(shown(&one.0, mine), shown(&other.0, theirs));
    one.does(CreateGroup { name: "Square".to_owned(), unencrypted: false }).await;
    other.0.waits(30);
    other.hears(&one.leaves().await).await;
    let named = [one.group("Square").1.name_changed, other.group("Square").1.name_changed];
    assert_eq!(named[0], named[1], "what is heard late is no later name");
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

/// A login with servers, as it is stored.
fn login(addr: &str, password: &str) -> (String, String) {
    let server = |port| {
        let connection = serde_json::json!({"host": "one.test", "port": port, "security": "Tls"});
        serde_json::json!([{"connection": connection, "user": addr}])
    };
    let configured = serde_json::json!({
        "addr": addr, "imap": server(993), "imap_user": "", "imap_password": password,
        "smtp": server(465), "smtp_user": "", "smtp_password": password,
        "certificate_checks": "Automatic", "oauth2": false,
    });
    let part = |password| {
        serde_json::json!({
            "server": "", "port": 0, "folder": "", "security": "Automatic", "user": "", "password": password,
        })
    };
    let entered = serde_json::json!({
        "addr": addr, "imap": part(password), "smtp": part(""), "certificate_checks": "Automatic",
        "oauth2": false,
    });
    (entered.to_string(), configured.to_string())
}

impl Device {
    async fn adds_relay(&self, addr: &str, password: &str) {
        let (entered, configured) = login(addr, password);
        let works = relays::WorkingTransport { addr: addr.to_owned(), entered, configured, folder: None };
        relays::store(&self.0.db, PROFILE, works, false).await.unwrap();
    }

    async fn removes_relay(&self, addr: &str) -> Result<(), crate::ground::error::Failure> {
        relays::delete(&self.0.db, PROFILE, addr.to_owned()).await
    }

    /// Addresses and IMAP passwords.
    fn relays(&self) -> Vec<(String, String)> {
        let all = self.0.db.read(|view| transports::all(view, PROFILE)).unwrap();
        let password = |json: &str| {
            let login = serde_json::from_str::<volary_mail::login::ConfiguredLogin>(json);
            login.map(|login| login.imap_password).unwrap_or_default()
        };
        all.into_iter().map(|(_, record)| (record.addr, password(&record.configured))).collect()
    }

    fn signed_at(&self) -> i64 {
        let key = |view: &volary_storage::ReadTx| view.get(&volary_storage::tables::KEYS, &PROFILE);
        self.0.db.read(key).unwrap().unwrap().relays_changed
    }
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(addr, password)| ((*addr).to_owned(), (*password).to_owned())).collect()
}

#[tokio::test]
async fn relays_are_added_changed_and_removed_on_both() {
    let (one, other) = Device::pair().await;
    for device in [&one, &other] {
        device.0.waits(100);
    }
    one.adds_relay("me@two.test", "first").await;
    let told = one.leaves().await;
    let json = volary_mail::sync::write(&told[0].change).unwrap();
    assert!(
        json.starts_with(r#"{"Transports":{"transports":[{"configured":{"addr":"me@two.test""#),
        "{json}"
    );
    assert!(!json.contains("me@one.test"), "the login of the first relay stays here");
    other.hears(&told).await;
    let expected = pairs(&[("me@one.test", ""), ("me@two.test", "first")]);
    assert_eq!((one.relays(), other.relays()), (expected.clone(), expected));
    let heard = other.0.db.read(|view| transports::all(view, PROFILE)).unwrap().remove(1).1;
    let since = (heard.rescan_below, heard.added - heard.ignored_until);
    assert_eq!(since, (1, 600), "mail that has come since it was added comes here, too");
    assert_eq!(one.signed_at(), other.signed_at());
    assert!(other.leaves().await.is_empty());

    one.0.waits(5);
    one.adds_relay("me@two.test", "second").await;
    let changed = one.leaves().await;
    other.hears(&changed).await;
    assert_eq!(other.relays(), pairs(&[("me@one.test", ""), ("me@two.test", "second")]));
    // What is older does not come back.
    other.hears(&told).await;
    assert_eq!(other.relays(), pairs(&[("me@one.test", ""), ("me@two.test", "second")]));

    one.removes_relay("me@two.test").await.unwrap();
    let removed = one.leaves().await;
    other.hears(&removed).await;
    other.hears(&changed).await;
    assert_eq!(other.relays(), pairs(&[("me@one.test", "")]));
    // In the same second it is added again.
    one.adds_relay("me@two.test", "third").await;
    other.hears(&one.leaves().await).await;
    other.hears(&removed).await;
    assert_eq!(other.relays(), pairs(&[("me@one.test", ""), ("me@two.test", "third")]));
}

#[tokio::test]
async fn a_device_keeps_its_last_relay_and_takes_none_without_servers() {
    let (one, other) = Device::pair().await;
    one.adds_relay("me@two.test", "x").await;
    one.leaves().await;
    one.removes_relay("me@one.test").await.unwrap();
    other.hears(&one.leaves().await[..]).await;
    // It hears of the new relay and of the removal of the first at once.
    assert_eq!(other.relays(), pairs(&[("me@two.test", "x")]));
    let shown = other.setting(config::key::CONFIGURED_ADDR);
    assert_eq!(shown, None, "nothing was set, nothing is changed");
    let json = |transports: String, removed: &str| {
        let data =
            format!(r#"{{"Transports":{{"transports":[{transports}],"removed_transports":[{removed}]}}}}"#);
        read(&volary_mail::sync::join([(7, 0, data.as_str())])).unwrap()
    };
    let told = json(String::new(), r#"{"addr":"me@two.test","timestamp":9999999999}"#);
    other.hears(&told.items).await;
    assert_eq!(other.relays().len(), 1);
    let (entered, configured) = login("me@three.test", "x");
    let bare = configured.replacen(r#""imap":[{"#, r#""imap":[],"unknown":[{"#, 1);
    let relay = |configured: &str| {
        format!(r#"{{"configured":{configured},"entered":{entered},"timestamp":5,"is_published":false}}"#)
    };
    other.hears(&json(relay(&bare), "").items).await;
    assert_eq!(other.relays().len(), 1);
    let strange = configured.replace("Automatic", "Sometimes");
    assert_eq!(json(relay(&strange), "").skipped.len(), 1);
    // One that is not published is used, but contacts do not hear of it.
    other.hears(&json(relay(&configured), "").items).await;
    assert_eq!(other.relays().len(), 2);
    let told = other.0.db.read(|view| transports::published_addrs(view, PROFILE)).unwrap();
    assert_eq!(told, ["me@two.test"]);
}

#[tokio::test]
async fn of_changes_at_the_same_time_all_devices_keep_the_same_one() {
    let (one, other) = Device::pair().await;
    let name = |name: &str| SetConfig { key: "displayname".to_owned(), value: Some(name.to_owned()) };
    let shown = || (one.setting("displayname"), other.setting("displayname"));
    one.does(name("A")).await;
    other.does(name("B")).await;
    let (mine, theirs) = (one.leaves().await, other.leaves().await);
    one.hears(&theirs).await;
    other.hears(&mine).await;
    assert_eq!(shown().0, shown().1);
    // Who has heard of a change and makes another one has the last word, though its clock is behind.
    one.0.waits(50);
    one.does(name("C")).await;
    other.hears(&one.leaves().await).await;
    other.does(name("D")).await;
    let told = other.leaves().await;
    one.hears(&told).await;
    assert_eq!(shown(), (Some("D".to_owned()), Some("D".to_owned())));
    // Chatmail core tells no order: what it tells counts when it comes.
    let plain: Vec<Item> = mine.iter().map(|item| Item { order: None, ..item.clone() }).collect();
    one.hears(&plain).await;
    assert_eq!(shown().0.as_deref(), Some("A"));
    // A clock that is wrong by days does not win for ever.
    let ahead: Vec<Item> = told.iter().map(|item| Item { time: i64::MAX, ..item.clone() }).collect();
    one.hears(&ahead).await;
    one.does(name("E")).await;
    other.hears(&one.leaves().await).await;
    assert_eq!(shown(), (Some("E".to_owned()), Some("E".to_owned())));
}

#[tokio::test]
async fn a_message_that_comes_after_its_deletion_by_another_device_is_not_shown() {
    let (one, other) = Device::pair().await;
    let chat = one.does(CreateChatByContactId { contact_id: 1 }).await.id;
    let data = MessageData { text: Some("gone".to_owned()), ..Default::default() };
    let sent = one.does(SendMessage { chat_id: chat, data: Some(data) }).await.id;
    let mid = one.0.message(MessageId::new(sent)).mid;
    one.does(DeleteMessages { msg_ids: vec![sent] }).await;
    other.hears(&one.leaves().await).await;
    let (own, now) = (one.0.own_key(), other.0.now());
    let to = Recipients::Listed(vec![Mailbox::bare("me@one.test")]);
    let body = Body::Chat(Box::new(ChatBody { text: "gone".to_owned(), ..Default::default() }));
    let mail = Outgoing::new(Mailbox::bare("me@one.test"), to, Mid::parse(&mid).unwrap(), now, body);
    for _ in 0..2 {
        other.0.gets(&own, &mail).await;
        let standing = other.0.db.look(|view| messages::standing(view, PROFILE, &mid, false)).unwrap();
        assert_eq!(standing, messages::Standing::Settled);
        assert!(other.0.db.look(|view| messages::by_mid(view, PROFILE, &mid)).unwrap().is_none());
    }
}

#[tokio::test]
async fn what_two_devices_do_to_the_members_of_a_new_group_counts_on_both() {
    let (one, other) = Device::pair().await;
    for device in [&one, &other] {
        device.0.knows(&["anna@x.test"]).await;
        device.0.knows(&["bert@x.test"]).await;
    }
    let made = one.does(CreateGroup { name: "Round".to_owned(), unencrypted: false }).await.id;
    other.hears(&one.leaves().await).await;
    let theirs = other.group("Round").0;
    let who = |device: &Device, addr: &str| {
        let found = device.0.db.look(|view| contacts::all_by_addr(view, PROFILE, addr)).unwrap();
        found[0].0
    };
    one.does(AddContactToChat { chat_id: made, contact_id: who(&one, "anna@x.test").get() }).await;
    other.0.waits(1);
    other
        .does(AddContactToChat { chat_id: theirs.get(), contact_id: who(&other, "bert@x.test").get() })
        .await;
    let (mine, told) = (one.leaves().await, other.leaves().await);
    one.hears(&told).await;
    other.hears(&mine).await;
    let members = |device: &Device, chat| {
        let ids = device.0.db.look(|view| members::current(view, PROFILE, chat)).unwrap();
        let record = |id| device.0.db.look(|view| contacts::load(view, PROFILE, id)).unwrap();
        let addrs = ids.into_iter().map(|id| record(id).map(|record| record.addr).unwrap_or_default());
        addrs.collect::<Vec<_>>()
    };
    let expected = ["", "anna@x.test", "bert@x.test"];
    assert_eq!(members(&one, ChatId::new(made)), expected);
    assert_eq!(members(&other, theirs), expected);
}

#[tokio::test]
async fn a_group_that_was_announced_meanwhile_keeps_what_is_newer_and_loses_nobody() {
    for (wait, expected) in [(0, "Square"), (7, "Round")] {
        let (one, other) = Device::pair().await;
        for device in [&one, &other] {
            device.0.knows(&["anna@x.test"]).await;
        }
        let mine =
            ChatId::new(one.does(CreateGroup { name: "Round".to_owned(), unencrypted: false }).await.id);
        let anna = one.0.db.look(|view| contacts::all_by_addr(view, PROFILE, "anna@x.test")).unwrap()[0].0;
        one.does(AddContactToChat { chat_id: mine.get(), contact_id: anna.get() }).await;
        other.hears(&one.leaves().await).await;
        let theirs = other.group("Round").0.get();
        other.0.waits(5);
        other.does(SetChatName { chat_id: theirs, name: "Square".to_owned() }).await;
        other.does(SetChatDescription { chat_id: theirs, description: "flat".to_owned() }).await;
        other.does(RemoveContactFromChat { chat_id: theirs, contact_id: anna.get() }).await;
        one.0.waits(wait);
        one.0
            .change(move |tx| {
                announcing::promote(tx, mine)?;
                announcing::leaves(tx, mine)?;
                Ok(members::told(tx, mine)?)
            })
            .await;
        one.0.waits(10);
        one.hears(&other.leaves().await).await;
        let record = one.0.db.look(|view| chats::load(view, PROFILE, mine)).unwrap().unwrap();
        assert_eq!(record.name, expected, "another name, {wait} s later");
        assert_eq!(record.description.is_empty(), wait > 5);
        let members = one.0.db.look(|view| members::current(view, PROFILE, mine)).unwrap();
        assert_eq!(members, [ContactId::SELF, anna]);
    }
}

#[tokio::test]
async fn a_group_whose_first_message_was_deleted_is_announced_on_the_other_device_too() {
    for made_first in [true, false] {
        let (one, other) = Device::pair().await;
        let chat =
            ChatId::new(one.does(CreateGroup { name: "Round".to_owned(), unencrypted: false }).await.id);
        let made = one.leaves().await;
        let new = NewMessage { text: "hi".to_owned(), ..Default::default() };
        let said = one.0.change(move |tx| compose::send(tx, chat, new, None)).await;
        one.0.change(move |tx| Ok(announcing::leaves(tx, chat)?)).await;
        one.does(DeleteMessages { msg_ids: vec![said.get()] }).await;
        let deleted = one.leaves().await;
        let (first, second) = if made_first { (made, deleted) } else { (deleted, made) };
        other.hears(&first).await;
        other.hears(&second).await;
        assert!(!other.group("Round").1.unpromoted, "heard of the group first: {made_first}");
    }
}

#[tokio::test]
async fn what_is_deleted_before_it_leaves_announces_a_group_nowhere() {
    let (one, other) = Device::pair().await;
    let chat = ChatId::new(one.does(CreateGroup { name: "Round".to_owned(), unencrypted: false }).await.id);
    for text in ["one", "two"] {
        let new = NewMessage { text: text.to_owned(), ..Default::default() };
        let said = one.0.change(move |tx| compose::send(tx, chat, new, None)).await;
        one.does(DeleteMessages { msg_ids: vec![said.get()] }).await;
    }
    other.hears(&one.leaves().await).await;
    assert!(one.group("Round").1.unpromoted && other.group("Round").1.unpromoted);
}

#[tokio::test]
async fn of_two_names_in_one_second_the_last_one_counts_where_the_group_is_announced_too() {
    let (one, other) = Device::pair().await;
    let mine = ChatId::new(one.does(CreateGroup { name: "Round".to_owned(), unencrypted: false }).await.id);
    other.hears(&one.leaves().await).await;
    let theirs = other.group("Round").0.get();
    one.0
        .change(move |tx| {
            announcing::promote(tx, mine)?;
            Ok(announcing::leaves(tx, mine)?)
        })
        .await;
    other.0.waits(1);
    for name in ["Alpha", "Beta"] {
        other.does(SetChatName { chat_id: theirs, name: name.to_owned() }).await;
        other.does(SetChatDescription { chat_id: theirs, description: format!("not {name}") }).await;
    }
    other.does(SetChatDescription { chat_id: theirs, description: "it".to_owned() }).await;
    one.hears(&other.leaves().await).await;
    for device in [&one, &other] {
        let record = device.group("Beta").1;
        assert_eq!(record.description, "it");
    }
    assert_eq!(one.group("Beta").1.name_changed, other.group("Beta").1.name_changed);
    // Announced within that second, it is as late.
    other.0.change(move |tx| Ok(announcing::promote(tx, ChatId::new(theirs))?)).await;
    assert_eq!(one.group("Beta").1.name_changed, other.group("Beta").1.name_changed);
}

#[tokio::test]
async fn a_name_that_was_not_announced_after_all_is_as_old_as_before() {
    let (one, _) = Device::pair().await;
    let chat = ChatId::new(one.does(CreateGroup { name: "Round".to_owned(), unencrypted: false }).await.id);
    one.does(SetChatName { chat_id: chat.get(), name: "Square".to_owned() }).await;
    let named = one.group("Square").1.name_changed;
    one.0.waits(5);
    one.0.change(move |tx| Ok(announcing::promote(tx, chat)?)).await;
    assert_eq!(one.group("Square").1.name_changed, named + 5);
    one.0.change(move |tx| Ok(announcing::heard(tx, chat)?)).await;
    assert_eq!(one.group("Square").1.name_changed, named, "another device has announced it");
}

#[tokio::test]
async fn of_a_block_and_an_acceptance_both_devices_keep_the_later_one() {
    for accepted_last in [true, false] {
        let (one, other) = Device::pair().await;
        let mut told = Vec::new();
        for device in [&one, &other] {
            device.0.knows(&["anna@x.test"]).await;
        }
        let (blocker, accepter) = (&one, &other);
        let anna = |device: &Device| {
            device.0.db.look(|view| contacts::all_by_addr(view, PROFILE, "anna@x.test")).unwrap()[0].0
        };
        let mut request = Vec::new();
        for device in [&one, &other] {
            let contact = anna(device);
            request.push(
                device.0.change(move |tx| Ok(chats::ensure_single(tx, contact, Block::Request)?)).await,
            );
        }
        let (first, second) = if accepted_last { (blocker, accepter) } else { (accepter, blocker) };
        second.0.waits(5);
        for device in [first, second] {
            if std::ptr::eq(device, blocker) {
                device.does(BlockChat { chat_id: request[0].get() }).await;
            } else {
                device.does(AcceptChat { chat_id: request[1].get() }).await;
            }
            told.push(device.leaves().await);
        }
        second.hears(&told[0]).await;
        first.hears(&told[1]).await;
        for (device, chat) in [(&one, request[0]), (&other, request[1])] {
            let contact =
                device.0.db.look(|view| contacts::load(view, PROFILE, anna(device))).unwrap().unwrap();
            let chat = device.0.db.look(|view| chats::load(view, PROFILE, chat)).unwrap().unwrap();
            let expected = if accepted_last { (false, Block::Not) } else { (true, Block::Yes) };
            assert_eq!((contact.blocked, chat.blocked), expected, "accepted last: {accepted_last}");
        }
    }
}

impl Device {
    /// A group without an id, of which the last line was written by this device alone.
    async fn has_picnic(&self) -> ChatId {
        let line = |chat, mid: &str, sort| volary_storage::records::MessageRecord {
            chat,
            mid: mid.to_owned(),
            in_reply_to: "picnic@x.test".to_owned(),
            sort,
            ..Default::default()
        };
        self.0
            .change(move |tx| {
                let name = "Picnic".to_owned();
                let group = ChatRecord { chat_type: ChatType::Group, name, ..Default::default() };
                let chat = chats::create(tx, group)?;
                messages::insert(tx, &line(chat, "cake@x.test", 5))?;
                messages::insert(tx, &line(chat, "", 6))?;
                Ok(chat)
            })
            .await
    }
}

#[tokio::test]
async fn a_group_without_an_id_is_named_by_its_newest_mail() {
    let (one, _) = Device::pair().await;
    let chat_id = one.has_picnic().await.get();
    one.does(SetChatVisibility { chat_id, visibility: ChatVisibility::Pinned.into() }).await;
    let json = volary_mail::sync::write(&one.leaves().await[0].change).unwrap();
    assert!(json.contains(r#"{"Msgids":["picnic@x.test","cake@x.test"]}"#), "{json}");
}

#[tokio::test]
async fn of_two_places_of_a_group_without_an_id_both_devices_keep_the_later_one() {
    let (one, other) = Device::pair().await;
    let (mine, theirs) = (one.has_picnic().await, other.has_picnic().await);
    let place =
        |chat: ChatId, to: ChatVisibility| SetChatVisibility { chat_id: chat.get(), visibility: to.into() };
    one.does(place(mine, ChatVisibility::Pinned)).await;
    other.0.waits(1);
    other.does(place(theirs, ChatVisibility::Archived)).await;
    let (here, there) = (one.leaves().await, other.leaves().await);
    one.hears(&there).await;
    other.hears(&here).await;
    let shown = |device: &Device, chat| {
        device.0.db.look(|view| chats::load(view, PROFILE, chat)).unwrap().unwrap().visibility
    };
    assert_eq!((shown(&one, mine), shown(&other, theirs)), (Visibility::Archived, Visibility::Archived));
}

#[tokio::test]
async fn a_message_holds_no_more_changes_than_are_read() {
    let (one, _) = Device::pair().await;
    let most = volary_mail::sync::MAX_ITEMS;
    one.0
        .change(move |tx| {
            for number in 0..most + 5 {
                let change = volary_mail::sync::Change::DeleteMessages { msgs: vec![format!("{number}@x")] };
                queue::push(tx, &change)?;
            }
            Ok(())
        })
        .await;
    assert_eq!(one.leaves().await.len(), most);
    assert_eq!(one.leaves().await.len(), 5);
}
