//! Commands and queries of one profile over a real database, without relays.

use volary_proto::Call;
use volary_proto::v1::*;

use super::*;
use crate::ground::ids::{ContactId, MessageId};
use crate::state::{chats, messages};
use crate::testing::{Desk, PROFILE};

impl Desk {
    async fn tries<C: Call>(&self, call: C) -> Result<C::Answer, String> {
        let kind = run(&self.db, PROFILE, call.into()).await.map_err(|error| error.message)?;
        Ok(Answer { kind: Some(kind) }.take::<C>().unwrap())
    }

    async fn does<C: Call>(&self, call: C) -> C::Answer {
        self.tries(call).await.unwrap()
    }

    fn asks<C: Call>(&self, call: C) -> Result<C::Answer, String> {
        let kind = query::run(&self.db, PROFILE, &call.into()).map_err(|error| error.message)?;
        Ok(Answer { kind: Some(kind) }.take::<C>().unwrap())
    }

    fn sees<C: Call>(&self, call: C) -> C::Answer {
        self.asks(call).unwrap()
    }

    async fn chat_with_self(&self) -> u32 {
        self.does(CreateChatByContactId { contact_id: 1 }).await.id
    }

    async fn writes(&self, chat_id: u32, text: &str) -> u32 {
        let data = MessageData { text: Some(text.to_owned()), ..Default::default() };
        self.does(SendMessage { chat_id, data: Some(data) }).await.id
    }

    fn list(&self, flags: u32, query: Option<&str>) -> Vec<u32> {
        let query = query.map(str::to_owned);
        self.sees(GetChatlistEntries { flags: Some(flags), query, contact_id: None }).ids
    }

    fn item(&self, chat: u32) -> chat_list_item_fetch_result::ChatListItem {
        let items = self.sees(GetChatlistItems { chat_ids: vec![chat] });
        match items.get(chat).cloned().and_then(|item| item.kind) {
            Some(chat_list_item_fetch_result::Kind::ChatListItem(item)) => item,
            other => panic!("no chat: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_missing_profile_is_told_by_its_number() {
    let desk = Desk::new().await;
    let missing = query::run(&desk.db, ProfileId::new(99), &IsConfigured {}.into()).unwrap_err();
    assert_eq!(missing.message, "account with id 99 not found");
    let missing = run(&desk.db, ProfileId::new(99), MarknoticedAllChats {}.into()).await.unwrap_err();
    assert_eq!(missing.message, "account with id 99 not found");
    let existing =
        query::run(&desk.db, ProfileId::new(99), &GetExistingMsgIds { msg_ids: vec![10] }.into()).unwrap();
    assert_eq!(existing, answer::Kind::Ids(Ids { ids: Vec::new() }));
}

#[tokio::test]
async fn what_is_written_is_shown_in_the_chat_and_in_the_list() {
    let desk = Desk::new().await;
    let chat = desk.chat_with_self().await;
    let id = desk.writes(chat, "one\ntwo").await;
    let message = desk.sees(GetMessage { msg_id: id });
    assert_eq!(
        (message.text.as_str(), message.state(), message.from_id),
        ("one\ntwo", MessageState::OutDelivered, 1)
    );
    assert_eq!(message.sender.unwrap().display_name, "Me");
    let item = desk.item(chat);
    assert_eq!((item.summary_text1.as_str(), item.summary_text2.as_str()), ("Me", "one two"));
    assert_eq!(
        (item.last_message_id, item.is_self_talk, item.name.as_str()),
        (Some(id), true, "Saved messages")
    );
    let days = desk.sees(GetMessageIds { chat_id: chat, info_only: false, add_daymarker: true });
    assert_eq!(days.ids, [9, id]);
    let missing = desk.asks(GetMessage { msg_id: 999 }).unwrap_err();
    assert_eq!(missing, "Message Msg#999 does not exist for account 1");
}

#[tokio::test]
async fn the_list_is_ordered_by_pins_and_time_and_leads_to_the_archive() {
    let desk = Desk::new().await;
    let group = |name: &str| CreateGroup { name: name.to_owned(), unencrypted: false };
    let first = desk.does(group("First")).await.id;
    let second = desk.does(group("Sécond")).await.id;
    let third = desk.does(group("Third")).await.id;
    assert_eq!(desk.list(0, None), [third, second, first]);
    let place = |chat_id: u32, visibility: ChatVisibility| SetChatVisibility {
        chat_id,
        visibility: visibility.into(),
    };
    desk.does(place(first, ChatVisibility::Pinned)).await;
    desk.does(place(third, ChatVisibility::Archived)).await;
    assert_eq!(desk.list(0, None), [6, first, second]);
    assert_eq!(desk.list(2, None), [first, second]);
    assert_eq!(desk.list(1, None), [third]);
    assert_eq!(desk.list(0, Some("SÉC")), [second]);
    assert!(desk.list(0, Some("is:unread")).is_empty());
    let refused = desk.tries(place(6, ChatVisibility::Pinned)).await.unwrap_err();
    assert_eq!(refused, "bad chat_id, can not be special chat: Chat#ArchivedLink");
}

#[tokio::test]
async fn a_draft_is_shown_until_it_is_sent() {
    let desk = Desk::new().await;
    let chat = desk.chat_with_self().await;
    let draft =
        |text: Option<&str>| SetDraft { chat_id: chat, text: text.map(str::to_owned), ..Default::default() };
    let refused = desk.tries(draft(None)).await.unwrap_err();
    assert_eq!(refused, "No text and no quote in draft");
    desk.does(draft(Some("soon"))).await;
    let shown = desk.sees(GetDraft { chat_id: chat }).message.unwrap();
    assert_eq!((shown.state(), desk.item(chat).summary_text1.as_str()), (MessageState::OutDraft, "Draft"));
    let sent = desk.does(SendDraft { chat_id: chat }).await.id;
    assert_eq!(sent, shown.id);
    assert_eq!(desk.sees(GetDraft { chat_id: chat }).message, None);
    let refused = desk.tries(SendDraft { chat_id: chat }).await.unwrap_err();
    assert_eq!(refused, format!("chat with id {chat} doesn't have draft message"));
}

#[tokio::test]
async fn contacts_are_made_named_blocked_and_forgotten() {
    let desk = Desk::new().await;
    let create =
        |email: &str, name: &str| CreateContact { email: email.to_owned(), name: Some(name.to_owned()) };
    let refused = desk.tries(create("Bob <b@x.test>", "")).await.unwrap_err();
    assert_eq!(refused, "provided email address is not a valid email address");
    assert_eq!(desk.does(create("ME@one.test", "")).await.id, 1);
    let bob = desk.does(create("Bob@x.test", "Bob")).await.id;
    assert_eq!(desk.does(create("bob@X.test", "")).await.id, bob);
    let shown = desk.sees(GetContact { contact_id: bob });
    assert_eq!((shown.address.as_str(), shown.display_name.as_str()), ("bob@x.test", "Bob"));
    assert!(!shown.is_key_contact && !shown.e2ee_avail && !shown.is_verified);
    assert_eq!(desk.sees(GetContactIds { flags: 4, query: None }).ids, [bob]);
    assert!(desk.sees(GetContactIds { flags: 0, query: None }).ids.is_empty());
    assert_eq!(desk.sees(GetContactIds { flags: 2, query: Some("me".to_owned()) }).ids, [1]);
    desk.does(BlockContact { contact_id: bob }).await;
    assert!(desk.sees(GetContactIds { flags: 4, query: None }).ids.is_empty());
    assert_eq!(desk.sees(GetBlockedContacts {}).contacts[0].id, bob);
    assert_eq!(desk.does(create("bob@x.test", "")).await.id, bob);
    assert!(desk.sees(GetBlockedContacts {}).contacts.is_empty());
    desk.does(DeleteContact { contact_id: bob }).await;
    assert_eq!(
        desk.asks(GetContact { contact_id: bob }).unwrap_err(),
        format!("contact Contact#{bob} not found")
    );
}

#[tokio::test]
async fn nothing_goes_out_in_clear_text_but_it_stays_visible() {
    let desk = Desk::new().await;
    let bob = desk.does(CreateContact { email: "bob@x.test".to_owned(), name: None }).await.id;
    let chat = desk.does(CreateChatByContactId { contact_id: bob }).await.id;
    let data = Some(MessageData { text: Some("hi".to_owned()), ..Default::default() });
    let refused = desk.tries(SendMessage { chat_id: chat, data }).await.unwrap_err();
    assert!(
        refused.starts_with("Failed to send created message: Failed to create send jobs: e2e"),
        "{refused}"
    );
    let shown = desk.sees(GetMessageIds { chat_id: chat, info_only: false, add_daymarker: false }).ids;
    assert_eq!(desk.sees(GetMessage { msg_id: shown[0] }).state(), MessageState::OutFailed);
    assert!(desk.sees(GetMessage { msg_id: shown[1] }).is_info);
}

#[tokio::test]
async fn cards_carry_the_key_to_another_profile() {
    let (alice, bob) = (Desk::new().await, Desk::new().await);
    bob.does(AddPseudoTransport { addr: "bob@y.test".to_owned() }).await;
    bob.does(SetConfig { key: "configured_addr".to_owned(), value: Some("bob@y.test".to_owned()) }).await;
    bob.does(SetConfig { key: "displayname".to_owned(), value: Some(" Bob\nB ".to_owned()) }).await;
    let card = bob.does(MakeVcard { contact_ids: vec![1] }).await.text;
    // The own address of both is the same here, so that only the second one can tell them apart.
    let source = |text: &str| Some(VcardSource { kind: Some(vcard_source::Kind::Text(text.to_owned())) });
    let ids = alice.does(ImportVcard { source: source(&card) }).await.ids;
    let shown = alice.sees(GetContact { contact_id: ids[0] });
    assert_eq!((shown.auth_name.as_str(), shown.address.as_str()), ("Bob B", "bob@y.test"));
    assert!(shown.is_key_contact && shown.e2ee_avail);
    assert_eq!(shown.color, bob.sees(GetContact { contact_id: 1 }).color);
    assert!(alice.does(ImportVcard { source: source("garbage") }).await.ids.is_empty());
    assert_eq!(alice.does(ImportVcard { source: source(&card) }).await.ids, ids);
}

#[tokio::test]
async fn codes_of_others_make_hidden_contacts_and_own_ones_can_be_withdrawn() {
    let (alice, bob) = (Desk::new().await, Desk::new().await);
    bob.does(AddPseudoTransport { addr: "bob@y.test".to_owned() }).await;
    let code = bob.does(GetChatSecurejoinQrCode { chat_id: None }).await.text;
    let Some(volary_proto::v1::qr::Kind::WithdrawVerifyContact(own)) =
        bob.does(CheckQr { qr: code.clone() }).await.kind
    else {
        panic!("an own code");
    };
    assert_eq!(own.contact_id, 1);
    let code = code.replace("me%40x.test", "bob2%40y.test");
    let Some(volary_proto::v1::qr::Kind::AskVerifyContact(ask)) = alice.does(CheckQr { qr: code }).await.kind
    else {
        panic!("an invite");
    };
    assert_eq!((ask.fingerprint, ask.is_v3), (own.fingerprint, true));
    assert!(alice.sees(GetContactIds { flags: 0, query: None }).ids.is_empty());
    let refused = alice.tries(SecureJoin { qr: "hello".to_owned(), ..Default::default() }).await.unwrap_err();
    assert_eq!(refused, "Unsupported QR type");
    let svg = bob.does(GetChatSecurejoinQrCodeSvg { chat_id: None }).await.texts;
    assert!(svg[1].starts_with("<svg"));
}

#[tokio::test]
async fn device_messages_come_once_for_each_label() {
    let desk = Desk::new().await;
    let add = |label: &str, text: Option<&str>| AddDeviceMessage {
        label: label.to_owned(),
        data: text.map(|text| MessageData { text: Some(text.to_owned()), ..Default::default() }),
    };
    let id = desk.does(add("news", Some("hello"))).await.id.unwrap();
    assert_eq!(desk.does(add("news", Some("hello"))).await.id, None);
    assert_eq!(desk.does(add("seen", None)).await.id, None);
    assert_eq!(desk.does(add("seen", Some("hello"))).await.id, None);
    assert_eq!(desk.tries(add("", None)).await.unwrap_err(), "empty label");
    let message = desk.sees(GetMessage { msg_id: id });
    assert_eq!((message.from_id, message.state(), message.show_padlock), (5, MessageState::InFresh, true));
    assert_eq!(desk.sees(GetFreshMsgs {}).ids, [id]);
    assert!(!desk.sees(CanSend { chat_id: message.chat_id }).value);
}

#[tokio::test]
async fn a_new_profile_gets_its_two_chats_and_bots_get_none() {
    let desk = Desk::new().await;
    desk.does(SetConfig { key: "bot".to_owned(), value: Some("1".to_owned()) }).await;
    desk.db.transact(PROFILE, |tx| crate::chat::device::set_up_chats(tx, None)).await.unwrap();
    assert!(desk.list(0, None).is_empty());
    desk.does(SetConfig { key: "bot".to_owned(), value: None }).await;
    desk.db.transact(PROFILE, |tx| crate::chat::device::set_up_chats(tx, None)).await.unwrap();
    let chats = desk.list(0, None);
    assert_eq!(chats.len(), 2);
    for chat in chats {
        let picture = desk.sees(volary_proto::GetBasicChat { chat_id: chat }).profile_image.unwrap();
        assert!(picture.contains("artwork"), "chats of the engine have pictures of their own: {picture}");
    }
    let own = desk.chat_with_self().await;
    desk.does(DeleteChat { chat_id: own }).await;
    desk.db.transact(PROFILE, |tx| crate::chat::device::set_up_chats(tx, None)).await.unwrap();
    let left = desk.list(0, None);
    assert_eq!(left.len(), 1);
    assert!(desk.item(left[0]).summary_text2.starts_with("You deleted the \"Saved messages\" chat."));
}

#[tokio::test]
async fn bots_get_what_came_after_their_cursor() {
    let desk = Desk::new().await;
    let chat = desk.chat_with_self().await;
    let ids = [desk.writes(chat, "a").await, desk.writes(chat, "b").await, desk.writes(chat, "c").await];
    assert_eq!(desk.sees(GetNextMsgs {}).ids, ids[2..]);
    desk.does(MarkseenMsgs { msg_ids: vec![ids[0]] }).await;
    assert_eq!(desk.sees(GetNextMsgs {}).ids, ids[1..]);
    desk.does(MarkseenMsgs { msg_ids: vec![ids[2]] }).await;
    assert!(desk.sees(GetNextMsgs {}).ids.is_empty());
}

#[tokio::test]
async fn files_are_copied_shown_saved_and_found_as_media() {
    let desk = Desk::new().await;
    let chat = desk.chat_with_self().await;
    let path = desk.dir.path().join("notes.txt");
    std::fs::write(&path, "notes").unwrap();
    let send = |filename: &str| MessageData {
        file: Some(path.to_string_lossy().into_owned()),
        filename: Some(filename.to_owned()),
        ..Default::default()
    };
    let id = desk.does(SendMessage { chat_id: chat, data: Some(send("../my:notes.txt")) }).await.id;
    let message = desk.sees(GetMessage { msg_id: id });
    assert_eq!((message.view_type(), message.file_bytes), (ViewType::File, 5));
    assert_eq!(message.file_name.as_deref(), Some("mynotes.txt"));
    assert_eq!(message.file_mime.as_deref(), Some("text/plain"));
    let stored = message.file.unwrap();
    assert!(stored.starts_with(&desk.sees(GetBlobDir {}).text.unwrap()));
    assert_eq!(std::fs::read_to_string(stored).unwrap(), "notes");
    let copy = desk.dir.path().join("copy.txt").to_string_lossy().into_owned();
    desk.does(SaveMessageFile { msg_id: id, path: copy.clone() }).await;
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), "notes");
    let refused = desk.tries(SaveMessageFile { msg_id: id, path: copy }).await.unwrap_err();
    assert_eq!(refused, "File exists (os error 17)");
    let media = GetChatMedia { chat_id: None, view_types: vec![ViewType::File.into()] };
    assert_eq!(desk.sees(media).ids, [id]);
    let missing = MessageData { file: Some("/nowhere/x".to_owned()), ..Default::default() };
    let refused = desk.tries(SendMessage { chat_id: chat, data: Some(missing) }).await.unwrap_err();
    assert!(refused.starts_with("Failed to create message: Copying new blobfile failed: "), "{refused}");
}

#[tokio::test]
async fn messages_are_found_by_text_and_saved_with_links_both_ways() {
    let desk = Desk::new().await;
    let group = desk.does(CreateGroup { name: "Choir".to_owned(), unencrypted: false }).await.id;
    let id = desk.writes(group, "Rehearsal at ÄIGHT").await;
    let search = |query: &str, chat_id: Option<u32>| SearchMessages { query: query.to_owned(), chat_id };
    assert_eq!(desk.sees(search(" äight ", None)).ids, [id]);
    assert_eq!(desk.sees(search("rehearsal", Some(group))).ids, [id]);
    assert!(desk.sees(search("  ", None)).ids.is_empty());
    let results = desk.sees(MessageIdsToSearchResults { msg_ids: vec![id] });
    let hit = results.get(id).unwrap();
    assert_eq!((hit.chat_name.as_str(), hit.author_name.as_str()), ("Choir", "Me"));
    desk.does(SaveMessages { msg_ids: vec![id] }).await;
    let saved = desk.sees(GetMessage { msg_id: id }).saved_message_id.unwrap();
    assert_eq!(desk.sees(GetMessage { msg_id: saved }).original_msg_id, Some(id));
    let refused = desk.tries(SaveMessages { msg_ids: vec![saved] }).await.unwrap_err();
    assert_eq!(refused, "message already saved.");
    desk.does(DeleteMessages { msg_ids: vec![id] }).await;
    assert_eq!(desk.sees(GetMessage { msg_id: saved }).original_msg_id, None);
    assert_eq!(desk.sees(GetExistingMsgIds { msg_ids: vec![id, saved] }).ids, [saved]);
}

#[tokio::test]
async fn settings_are_checked_and_listed() {
    let desk = Desk::new().await;
    let set = |key: &str, value: &str| SetConfig { key: key.to_owned(), value: Some(value.to_owned()) };
    let get = |key: &str| GetConfig { key: key.to_owned() };
    desk.does(set("ui.theme", "dark")).await;
    assert_eq!(desk.sees(GetAllUiConfigKeys {}).texts, ["ui.theme"]);
    desk.does(set("sys.version", "1")).await;
    assert_eq!(desk.sees(get("sys.version")).text.as_deref(), Some("2.65.0"));
    assert_eq!(desk.sees(get("mdns_enabled")).text.as_deref(), Some("1"));
    assert_eq!(desk.sees(get("displayname")).text, None);
    let refused = desk.tries(set("configured_addr", "other@x.test")).await.unwrap_err();
    assert_eq!(refused, "Address does not belong to any transport.");
    let entries = vec![ConfigEntry { key: "nosuch".to_owned(), value: Some("x".to_owned()) }];
    let refused = desk.tries(BatchSetConfig { entries }).await.unwrap_err();
    assert_eq!(
        refused,
        "Can't set nosuch to Some(\"x\"): unknown key \"nosuch\": Matching variant not found"
    );
    let picture = desk.dir.path().join("me.png");
    image::DynamicImage::new_rgb8(8, 8).save(&picture).unwrap();
    desk.does(set("selfavatar", &picture.to_string_lossy())).await;
    let stored = desk.sees(get("selfavatar")).text.unwrap();
    assert!(std::path::Path::new(&stored).exists());
    assert_eq!(desk.sees(GetContact { contact_id: 1 }).profile_image, Some(stored));
}

#[tokio::test]
async fn what_is_not_there_yet_says_so() {
    let desk = Desk::new().await;
    let export = ExportBackup { destination: "/nowhere".to_owned(), passphrase: None };
    assert_eq!(desk.tries(export).await.unwrap_err(), "ExportBackup is not supported yet");
}

#[tokio::test]
async fn an_exported_key_comes_back_in_a_new_profile() {
    let (old, new) = (Desk::new().await, Desk::without_key().await);
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().to_string_lossy().into_owned();
    old.does(ExportSelfKeys { destination: destination.clone(), passphrase: None }).await;
    // Files that are there are replaced.
    let export = ExportSelfKeys { destination: destination.clone(), passphrase: Some(String::new()) };
    old.does(export).await;
    let fingerprint = old.db.look(|view| own_keys::own_fingerprint(view, PROFILE)).unwrap().unwrap();
    let mut files: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let names = ["private", "public"].map(|kind| format!("{kind}-key-default-{fingerprint}.asc"));
    assert_eq!(files, names);

    new.does(ImportSelfKeys { path: destination.clone(), passphrase: None }).await;
    let imported = new.db.look(|view| own_keys::own_fingerprint(view, PROFILE)).unwrap();
    assert_eq!(imported, Some(fingerprint));
    let private = folder.path().join(&names[0]).to_string_lossy().into_owned();
    let again = new.tries(ImportSelfKeys { path: private, passphrase: None }).await;
    assert_eq!(again.unwrap_err(), "the profile has a key already");
}

#[tokio::test]
async fn transfers_of_keys_tell_how_they_go() {
    let desk = Desk::new().await;
    desk.events().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_string_lossy().into_owned();
    let refused = desk.tries(ImportSelfKeys { path: path.clone(), passphrase: None }).await.unwrap_err();
    assert_eq!(refused, format!("No private keys found in {path}."));
    desk.does(ExportSelfKeys { destination: path.clone(), passphrase: None }).await;
    let protected = ExportSelfKeys { destination: path.clone(), passphrase: Some("secret".to_owned()) };
    assert_eq!(desk.tries(protected).await.unwrap_err(), "keys cannot be protected by a passphrase");
    let new = tempfile::tempdir().unwrap();
    let to = |name: &str| new.path().join(name).to_string_lossy().into_owned();
    desk.does(ExportSelfKeys { destination: to("a/b"), passphrase: None }).await;
    assert_eq!(std::fs::read_dir(to("a/b")).unwrap().count(), 2, "folders are made");
    std::fs::write(to("file"), "x").unwrap();
    let nowhere = ExportSelfKeys { destination: to("file/b"), passphrase: None };
    let refused = desk.tries(nowhere).await.unwrap_err();
    assert!(refused.starts_with(&format!("folder {} cannot be made: ", to("file/b"))), "{refused}");
    let public = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path().to_string_lossy().into_owned())
        .find(|path| path.contains("public"))
        .unwrap();
    assert!(desk.tries(ImportSelfKeys { path: public, passphrase: None }).await.is_err());

    let mut told = Vec::new();
    for event in desk.events().await {
        match event {
            event::Kind::ImexProgress(event) => told.push(event.progress.to_string()),
            event::Kind::ImexFileWritten(event) => {
                told.push(if event.path.contains("private") { "private" } else { "public" }.to_owned());
            }
            event::Kind::Error(_) => told.push("error".to_owned()),
            _ => {}
        }
    }
    let failure = ["1", "error", "0"];
    let success = ["1", "private", "public", "1000"];
    let expected = [&failure[..], &success, &failure, &success, &failure, &failure];
    assert_eq!(told, expected.concat());
    let nowhere = format!("{path}/nowhere");
    let refused = desk.tries(ImportSelfKeys { path: nowhere.clone(), passphrase: None }).await.unwrap_err();
    assert_eq!(refused, format!("No private keys found in {nowhere}."));
}

#[tokio::test]
async fn a_large_chat_that_was_deleted_shows_nowhere_while_its_messages_go() {
    let desk = Desk::new().await;
    let fresh = volary_storage::records::MessageState::InFresh;
    let inserted = desk.db.transact(PROFILE, move |tx| {
        let chat = crate::chat::groups::create(tx, "Club")?;
        let message = |number| volary_storage::records::MessageRecord {
            chat,
            from: ContactId::INFO,
            mid: format!("{number}@x.test"),
            state: fresh,
            text: "needle".to_owned(),
            sort: number,
            ..Default::default()
        };
        let ids = (1..=500).map(|number| messages::insert(tx, &message(number)));
        Ok::<_, Failure>((chat, ids.collect::<Result<Vec<MessageId>, _>>()?))
    });
    let (chat, all) = inserted.await.unwrap().value;
    let (chat_id, all) = (chat.get(), numbers(all));
    let last = *all.last().unwrap();
    assert_eq!(desk.sees(GetExistingMsgIds { msg_ids: vec![last] }).ids, [last]);
    assert!(!desk.sees(GetFreshMsgs {}).ids.is_empty());
    desk.does(DeleteChat { chat_id }).await;
    let stored = desk.db.look(|view| messages::load(view, PROFILE, last.into())).unwrap();
    assert!(stored.is_some(), "it has not gone yet");
    assert!(desk.sees(GetExistingMsgIds { msg_ids: all }).ids.is_empty());
    let missing = desk.asks(GetMessage { msg_id: last }).unwrap_err();
    assert_eq!(missing, format!("Message Msg#{last} does not exist for account 1"));
    assert!(desk.sees(GetFreshMsgs {}).ids.is_empty());
    let search = SearchMessages { query: "needle".to_owned(), chat_id: None };
    assert!(desk.sees(search).ids.is_empty());
}

#[tokio::test]
async fn a_reaction_shows_in_a_chat_but_leaves_the_line_of_a_channel_alone() {
    let desk = Desk::new().await;
    let channel = desk.does(CreateBroadcast { name: "News".to_owned() }).await.id;
    for (chat, expected) in [(desk.chat_with_self().await, "You reacted 👍 to \"hello\""), (channel, "hello")]
    {
        let message = desk.writes(chat, "hello").await;
        // A reaction counts from the second after its message.
        desk.waits(1);
        desk.does(SendReaction { msg_id: message, reactions: vec!["👍".to_owned()] }).await;
        assert_eq!(desk.item(chat).summary_text2, expected);
        let info = desk.sees(GetMessageInfo { msg_id: message }).text;
        assert!(info.contains("Reactions: 👍1\n") && info.ends_with("No Hop Info"), "{info}");
    }
}

#[tokio::test]
async fn the_newest_of_the_reactions_to_messages_here_and_there_is_shown_until_a_message_follows() {
    let desk = Desk::new().await;
    let chat = desk.chat_with_self().await;
    let other = desk.does(CreateGroup { name: "Others".to_owned(), unencrypted: false }).await.id;
    let mut messages = Vec::new();
    for number in 0..6 {
        messages.push(desk.writes(chat, &format!("message {number}")).await);
        let elsewhere = desk.writes(other, "elsewhere").await;
        desk.does(SendReaction { msg_id: elsewhere, reactions: vec!["👍".to_owned()] }).await;
    }
    for number in [4, 0, 2] {
        desk.waits(1);
        let reaction = SendReaction { msg_id: messages[number], reactions: vec!["👍".to_owned()] };
        desk.does(reaction).await;
        let expected = format!("You reacted 👍 to \"message {number}\"");
        assert_eq!(desk.item(chat).summary_text2, expected);
        // As in a database of an earlier version, which does not say when the last reaction came.
        desk.change(move |tx| Ok(chats::update(tx, chat.into(), |record| record.reacted_before = 0)?)).await;
        assert_eq!(desk.item(chat).summary_text2, expected);
    }
    desk.waits(1);
    desk.writes(chat, "the last word").await;
    assert_eq!(desk.item(chat).summary_text2, "the last word");
}

#[tokio::test]
async fn details_of_a_message_list_its_hops() {
    let desk = Desk::new().await;
    let hops = "Hop: From: a; By: b".to_owned();
    let chat = desk.chat_with_self().await.into();
    let message = desk
        .puts(volary_storage::records::MessageRecord { chat, hops: hops.clone(), ..Default::default() })
        .await;
    assert!(desk.sees(GetMessageInfo { msg_id: message.get() }).text.ends_with(&hops));
    assert_eq!(desk.sees(GetMessageInfoObject { msg_id: message.get() }).hop_info, hops);
}

#[tokio::test]
async fn a_recording_in_a_draft_loses_its_local_name_when_it_is_sent() {
    let desk = Desk::new().await;
    let chat = desk.chat_with_self().await;
    let path = desk.dir.path().join("me at home.ogg");
    std::fs::write(&path, b"sound").unwrap();
    let draft = SetDraft {
        chat_id: chat,
        file: Some(path.to_string_lossy().into_owned()),
        view_type: Some(ViewType::Voice.into()),
        ..Default::default()
    };
    desk.does(draft).await;
    let sent = desk.does(SendDraft { chat_id: chat }).await.id;
    let name = desk.sees(GetMessage { msg_id: sent }).file_name.unwrap();
    assert!(name.starts_with("voice-messsage_") && name.ends_with(".ogg"), "{name}");
}

#[tokio::test]
async fn a_long_text_is_shown_in_part_and_whole_in_its_full_view() {
    let desk = Desk::new().await;
    let chat = desk.chat_with_self().await;
    let text = (0..60).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n-- \n");
    let sent = desk.writes(chat, &text).await;
    let shown = desk.sees(GetMessage { msg_id: sent });
    assert!(
        shown.has_html && shown.text.starts_with("line 0\n-- \nline 1\n") && shown.text.ends_with("[...]")
    );
    let view = desk.sees(GetMessageHtml { msg_id: sent }).text.unwrap();
    assert!(view.contains("line 0<br/>\n-- <br/>\nline 1<br/>\n") && view.contains("line 59<br/>"), "{view}");

    // The composer would start with the part that is shown, and the rest would be lost.
    let refused = desk.tries(SendEditRequest { msg_id: sent, text: "line 0".to_owned() }).await.unwrap_err();
    assert!(refused.ends_with("Cannot edit HTML messages"), "{refused}");

    let group = desk.does(CreateGroup { name: "Round".to_owned(), unencrypted: false }).await.id;
    desk.does(ForwardMessages { msg_ids: vec![sent], chat_id: group }).await;
    let shown = desk.sees(GetMessageIds { chat_id: group, info_only: false, add_daymarker: false }).ids;
    let copy = *shown.last().unwrap();
    assert_eq!(desk.sees(GetMessageHtml { msg_id: copy }).text.unwrap(), view);
}

#[tokio::test]
async fn an_edit_that_makes_a_text_long_keeps_the_whole() {
    let desk = Desk::new().await;
    let sent = desk.writes(desk.chat_with_self().await, "short").await;
    desk.does(SendEditRequest { msg_id: sent, text: "word ".repeat(2_000) }).await;
    let shown = desk.sees(GetMessage { msg_id: sent });
    assert!(shown.is_edited && shown.has_html && shown.text.ends_with("[...]"));
    let view = desk.sees(GetMessageHtml { msg_id: sent }).text.unwrap();
    assert_eq!(view.matches("word").count(), 2_000);
}

#[tokio::test]
async fn bots_are_shown_long_texts_whole() {
    let desk = Desk::new().await;
    desk.does(SetConfig { key: "bot".to_owned(), value: Some("1".to_owned()) }).await;
    let sent = desk.writes(desk.chat_with_self().await, &"word ".repeat(2_000)).await;
    let shown = desk.sees(GetMessage { msg_id: sent });
    assert!(!shown.has_html && shown.text.len() == 10_000);
}
