//! How views and parameters look in JSON. Clients depend on every key.

#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use volary_proto::*;

fn json_of(view: &impl serde::Serialize) -> Value {
    serde_json::to_value(view).unwrap()
}

fn event(kind: event::Kind) -> Value {
    json_of(&Event { profile_id: 3, kind: Some(kind) })
}

#[test]
fn an_event_names_its_profile_and_carries_its_kind_as_tag() {
    assert_eq!(
        event(event::Kind::IncomingMsg(event::IncomingMsg { chat_id: 12, msg_id: 34 })),
        json!({"contextId": 3, "event": {"kind": "IncomingMsg", "chatId": 12, "msgId": 34}})
    );
    assert_eq!(
        event(event::Kind::ConnectivityChanged(event::ConnectivityChanged {})),
        json!({"contextId": 3, "event": {"kind": "ConnectivityChanged"}})
    );
    assert_eq!(
        event(event::Kind::ContactsChanged(event::ContactsChanged { contact_id: None })),
        json!({"contextId": 3, "event": {"kind": "ContactsChanged", "contactId": null}})
    );
    assert_eq!(
        event(event::Kind::SecurejoinInviterProgress(event::SecurejoinInviterProgress {
            contact_id: 10,
            chat_id: 11,
            chat_type: ChatType::OutBroadcast.into(),
            progress: 1000,
        })),
        json!({"contextId": 3, "event": {
            "kind": "SecurejoinInviterProgress", "contactId": 10, "chatId": 11, "chatType": "OutBroadcast", "progress": 1000
        }})
    );
}

#[test]
fn realtime_data_is_an_array_of_byte_values() {
    let data = event::WebxdcRealtimeData { msg_id: 7, data: vec![0, 127, 255].into() };
    assert_eq!(
        event(event::Kind::WebxdcRealtimeData(data)),
        json!({"contextId": 3, "event": {"kind": "WebxdcRealtimeData", "msgId": 7, "data": [0, 127, 255]}})
    );
}

#[test]
fn call_events_and_deleted_chats_keep_snake_case() {
    let call = event::IncomingCall { msg_id: 1, chat_id: 2, place_call_info: "v=0".into(), has_video: true };
    assert_eq!(
        event(event::Kind::IncomingCall(call))["event"],
        json!({"kind": "IncomingCall", "msg_id": 1, "chat_id": 2, "place_call_info": "v=0", "has_video": true})
    );
    let accepted = event::IncomingCallAccepted { msg_id: 1, chat_id: 2, from_this_device: true };
    assert_eq!(
        event(event::Kind::IncomingCallAccepted(accepted))["event"],
        json!({"kind": "IncomingCallAccepted", "msg_id": 1, "chat_id": 2, "from_this_device": true})
    );
    let accepted = event::OutgoingCallAccepted { msg_id: 1, chat_id: 2, accept_call_info: "v=0".into() };
    assert_eq!(
        event(event::Kind::OutgoingCallAccepted(accepted))["event"],
        json!({"kind": "OutgoingCallAccepted", "msg_id": 1, "chat_id": 2, "accept_call_info": "v=0"})
    );
    assert_eq!(
        event(event::Kind::CallEnded(event::CallEnded { msg_id: 1, chat_id: 2 }))["event"],
        json!({"kind": "CallEnded", "msg_id": 1, "chat_id": 2})
    );
    assert_eq!(
        event(event::Kind::ChatDeleted(event::ChatDeleted { chat_id: 2 }))["event"],
        json!({"kind": "ChatDeleted", "chat_id": 2})
    );
}

#[test]
fn an_account_tells_by_its_kind_whether_it_is_configured() {
    let configured = account::Configured {
        id: 1,
        display_name: Some("Alice".into()),
        color: "#808080".into(),
        ..Default::default()
    };
    assert_eq!(
        json_of(&Account { kind: Some(account::Kind::Configured(configured)) }),
        json!({
            "kind": "Configured", "id": 1, "displayName": "Alice", "profileImage": null, "color": "#808080",
            "privateTag": null
        })
    );
    assert_eq!(
        json_of(&Account { kind: Some(account::Kind::Unconfigured(account::Unconfigured { id: 2 })) }),
        json!({"kind": "Unconfigured", "id": 2})
    );
}

#[test]
fn a_contact_has_all_members_even_when_empty() {
    let contact = Contact {
        id: 10,
        address: "bob@example.org".into(),
        display_name: "Bob".into(),
        is_key_contact: true,
        e2ee_avail: true,
        freshness: ContactFreshness::RecentlySeen.into(),
        verifier_id: Some(1),
        is_verified: true,
        ..Default::default()
    };
    assert_eq!(
        json_of(&contact),
        json!({
            "id": 10, "address": "bob@example.org", "color": "", "authName": "", "status": "", "displayName": "Bob",
            "name": "", "profileImage": null, "isBlocked": false, "isKeyContact": true, "e2eeAvail": true, "lastSeen": 0,
            "freshness": "RecentlySeen", "isBot": false, "isVerified": true, "verifierId": 1, "nameAndAddr": "",
            "wasSeenRecently": false
        })
    );
}

#[test]
fn a_message_writes_its_state_as_number_and_its_types_as_names() {
    let message = Message {
        id: 12,
        chat_id: 11,
        from_id: 1,
        text: "hi".into(),
        state: MessageState::OutDelivered.into(),
        view_type: ViewType::Webxdc.into(),
        download_state: DownloadState::InProgress.into(),
        system_message_type: SystemMessageType::ChatE2ee.into(),
        sender: Some(Contact::default()),
        ..Default::default()
    };
    let json = json_of(&message);
    assert_eq!(json["state"], 26);
    assert_eq!(json["viewType"], "Webxdc");
    assert_eq!(json["downloadState"], "InProgress");
    assert_eq!(json["systemMessageType"], "ChatE2ee");
    assert_eq!(json["sender"]["freshness"], "Normal");
    assert_eq!(json["webxdcHref"], Value::Null);
    assert_eq!(json.as_object().unwrap().len(), 39);
    let loaded = MessageLoadResult { kind: Some(message_load_result::Kind::Message(message)) };
    let loaded = json_of(&loaded);
    assert_eq!(loaded["kind"], "message");
    assert_eq!(loaded.as_object().unwrap().len(), 40);
}

#[test]
fn a_message_that_cannot_be_loaded_says_so_in_its_place() {
    let error = message_load_result::LoadingError { error: "Message does not exist".into() };
    let result = MessageLoadResult { kind: Some(message_load_result::Kind::LoadingError(error)) };
    let answer = Answer::new(MessageLoadResults::from_iter([(12, result)]));
    assert_eq!(json_of(&answer), json!({"12": {"kind": "loadingError", "error": "Message does not exist"}}));
}

#[test]
fn lists_by_id_keep_the_order_in_which_they_were_asked_for_and_are_objects_in_json() {
    let contact = |id| (id, Contact { id, ..Default::default() });
    let contacts = ContactMap::from_iter([contact(30), contact(10), contact(20), contact(10)]);
    assert_eq!(contacts.entries.iter().map(|entry| entry.contact_id).collect::<Vec<_>>(), [30, 10, 20]);
    assert_eq!(contacts.get(20).map(|contact| contact.id), Some(20));
    assert_eq!(contacts.get(40), None);
    let json = serde_json::to_string(&Answer::new(contacts.clone())).unwrap();
    let read: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(read.as_object().unwrap().len(), 3);
    assert_eq!(read["10"]["id"], 10);
    assert_eq!(contacts.into_iter().map(|(id, _)| id).collect::<Vec<_>>(), [30, 10, 20]);
    let schemas: Value = serde_json::from_str(JSON_SCHEMAS).unwrap();
    assert_eq!(schemas["ContactMap"]["type"], "object");
    assert_eq!(
        schemas["ContactMap"]["additionalProperties"],
        json!({"$ref": "#/components/schemas/Contact"})
    );
    assert_eq!(
        schemas["ChatListItems"]["additionalProperties"]["$ref"],
        "#/components/schemas/ChatListItemFetchResult"
    );
}

#[test]
fn quotes_and_reactions_sit_inside_their_message() {
    let quote = message_quote::Kind::JustText(message_quote::JustText { text: "so?".into() });
    let reactions = Reactions {
        reactions_by_contact: [(1, Emojis { emojis: vec!["👍".into()] })].into(),
        reactions: vec![Reaction { emoji: "👍".into(), count: 1, is_from_self: true }],
    };
    let message = Message {
        quote: Some(MessageQuote { kind: Some(quote) }),
        reactions: Some(reactions),
        ..Default::default()
    };
    let json = json_of(&message);
    assert_eq!(json["quote"], json!({"kind": "JustText", "text": "so?"}));
    assert_eq!(
        json["reactions"],
        json!({
            "reactionsByContact": {"1": ["👍"]},
            "reactions": [{"emoji": "👍", "count": 1, "isFromSelf": true}]
        })
    );
}

#[test]
fn a_chat_list_item_gives_milliseconds() {
    let item = chat_list_item_fetch_result::ChatListItem {
        id: 11,
        last_updated: Some(1_700_000_000),
        last_message_type: Some(ViewType::Image.into()),
        summary_text1: "Me".into(),
        summary_status: MessageState::OutRead.into(),
        ..Default::default()
    };
    let item = ChatListItemFetchResult { kind: Some(chat_list_item_fetch_result::Kind::ChatListItem(item)) };
    let json = json_of(&item);
    assert_eq!(json["kind"], "ChatListItem");
    assert_eq!(json["lastUpdated"], 1_700_000_000_000_i64);
    assert_eq!(json["lastMessageType"], "Image");
    assert_eq!(json["summaryText1"], "Me");
    assert_eq!(json["summaryStatus"], 28);
    assert_eq!(json["dmChatContact"], Value::Null);
    assert_eq!(json.as_object().unwrap().len(), 26);
}

#[test]
fn lines_of_a_chat_and_message_facts_have_their_irregular_keys() {
    let message = message_list_item::Kind::Message(message_list_item::MessageRef { msg_id: 12 });
    let day = message_list_item::Kind::DayMarker(message_list_item::DayMarker { timestamp: 86_400 });
    let items = [message, day].map(|kind| MessageListItem { kind: Some(kind) }).to_vec();
    assert_eq!(
        json_of(&Answer::new(MessageListItems { items })),
        json!([{"kind": "message", "msg_id": 12}, {"kind": "dayMarker", "timestamp": 86_400}])
    );
    let timer = ephemeral_timer::Kind::Enabled(ephemeral_timer::Enabled { duration: 60 });
    let info = MessageInfo {
        rfc724_mid: "a@b".into(),
        ephemeral_timer: Some(EphemeralTimer { kind: Some(timer) }),
        ..Default::default()
    };
    assert_eq!(
        json_of(&info),
        json!({
            "rfc724Mid": "a@b", "serverUrls": [], "error": null, "ephemeralTimer": {"kind": "enabled", "duration": 60},
            "ephemeralTimestamp": null, "hopInfo": ""
        })
    );
}

#[test]
fn codes_keep_snake_case() {
    let invite = qr::AskVerifyContact {
        contact_id: 10,
        fingerprint: "AB".into(),
        invitenumber: "i".into(),
        authcode: "a".into(),
        is_v3: true,
    };
    assert_eq!(
        json_of(&Qr { kind: Some(qr::Kind::AskVerifyContact(invite)) }),
        json!({
            "kind": "askVerifyContact", "contact_id": 10, "fingerprint": "AB", "invitenumber": "i", "authcode": "a",
            "is_v3": true
        })
    );
    let backup = qr::Backup2 { auth_token: "t".into(), node_addr: "{}".into() };
    assert_eq!(
        json_of(&Qr { kind: Some(qr::Kind::Backup2(backup)) }),
        json!({"kind": "backup2", "auth_token": "t", "node_addr": "{}"})
    );
    assert_eq!(
        json_of(&Qr { kind: Some(qr::Kind::BackupTooNew(qr::BackupTooNew {})) }),
        json!({"kind": "backupTooNew"})
    );
}

#[test]
fn simple_answers_are_plain_values() {
    assert_eq!(json_of(&Answer::new(Done {})), Value::Null);
    assert_eq!(json_of(&Answer::new(Flag { value: true })), json!(true));
    assert_eq!(json_of(&Answer::new(Number { value: 1 << 40 })), json!(1_u64 << 40));
    assert_eq!(json_of(&Answer::new(Id { id: 5 })), json!(5));
    assert_eq!(json_of(&Answer::new(MaybeId { id: None })), Value::Null);
    assert_eq!(json_of(&Answer::new(Ids { ids: vec![3, 1] })), json!([3, 1]));
    assert_eq!(json_of(&Answer::new(MaybeText { text: Some(String::new()) })), json!(""));
    assert_eq!(json_of(&Answer::new(MaybeMessage { message: None })), Value::Null);
    assert_eq!(json_of(&Answer::new(Blob { blob: vec![1].into() })), json!("AQ"));
    assert_eq!(
        json_of(&Answer::new(TextLists {
            entries: [("cats".into(), Texts { texts: vec!["1.png".into()] })].into()
        })),
        json!({"cats": ["1.png"]})
    );
    let entries = vec![ConfigEntry { key: "bot".into(), value: None }];
    assert_eq!(json_of(&Answer::new(ConfigValues { entries })), json!({"bot": null}));
}

#[test]
fn credentials_can_be_read_back_as_written() {
    let entered = json!({
        "addr": "a@b.c", "password": "p", "imapPort": 993, "imapSecurity": "ssl", "certificateChecks": "acceptInvalidCertificates",
        "somethingNew": 1
    });
    let param: EnteredLoginParam = serde_json::from_value(entered).unwrap();
    assert_eq!(param.imap_security, Some(Socket::Ssl.into()));
    assert_eq!(param.smtp_port, None);
    let written = json_of(&param);
    assert_eq!(written["certificateChecks"], "acceptInvalidCertificates");
    assert_eq!(written["imapFolder"], Value::Null);
    assert_eq!(serde_json::from_value::<EnteredLoginParam>(written).unwrap(), param);
}

#[test]
fn bad_credentials_are_refused_by_name() {
    let refused = |entered| serde_json::from_value::<EnteredLoginParam>(entered).unwrap_err().to_string();
    assert_eq!(refused(json!({"addr": "a@b.c"})), "missing field `password`");
    assert!(refused(json!({"addr": "a", "password": "p", "imapPort": 70_000})).contains("expected u16"));
    assert!(
        refused(json!({"addr": "a", "password": "p", "imapSecurity": "SSL"}))
            .contains("unknown variant `SSL`")
    );
}

#[test]
fn passwords_are_not_shown_in_logs() {
    let param = EnteredLoginParam {
        password: "secret".into(),
        smtp_password: Some("secret".into()),
        ..Default::default()
    };
    assert!(!format!("{param:?}").contains("secret"));
}

#[test]
fn message_data_takes_a_place_as_pair() {
    let data: MessageData =
        serde_json::from_value(json!({"location": [1.5, -2], "viewtype": "Vcard", "text": null})).unwrap();
    assert_eq!(data.location, Some(GeoPoint { latitude: 1.5, longitude: -2.0 }));
    assert_eq!(data.viewtype, Some(ViewType::Vcard.into()));
    assert_eq!(data.text, None);
    assert!(serde_json::from_value::<MessageData>(json!({"location": [1.5]})).is_err());
}

#[test]
fn mute_durations_are_tagged() {
    let read = |value| serde_json::from_value::<MuteDuration>(value);
    let until = mute_duration::Kind::Until(mute_duration::Until { duration: 60 });
    assert_eq!(read(json!({"kind": "Until", "duration": 60})).unwrap().kind, Some(until));
    let forever = mute_duration::Kind::Forever(mute_duration::Forever {});
    assert_eq!(read(json!({"kind": "Forever"})).unwrap().kind, Some(forever));
    assert!(read(json!(null)).is_err());
    assert!(read(json!({"kind": "forever"})).is_err());
}

#[test]
fn a_wrong_answer_is_noticed() {
    let error = Answer::new(Done {}).take::<GetContact>().unwrap_err();
    assert_eq!(error.to_string(), "the engine gave no answer of kind Contact");
    assert_eq!(Answer::new(Id { id: 1 }).take::<AddAccount>().unwrap(), Id { id: 1 });
}

/// The schemas are made by the same rules as the types, but by other code.
#[test]
fn schemas_name_the_members_that_are_written() {
    let schemas: Value = serde_json::from_str(JSON_SCHEMAS).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let members = |name: &str| keys(&schemas[name]["properties"]);
    assert_eq!(members("Contact"), keys(&json_of(&Contact::default())));
    assert_eq!(members("Message"), keys(&json_of(&Message::default())));
    assert_eq!(members("FullChat"), keys(&json_of(&FullChat::default())));
    assert_eq!(members("MessageInfo"), keys(&json_of(&MessageInfo::default())));
    assert_eq!(members("EnteredLoginParam"), keys(&json_of(&EnteredLoginParam::default())));
    assert_eq!(members("Event"), ["contextId", "event"]);
    assert_eq!(schemas["Event"]["properties"]["event"]["$ref"], "#/components/schemas/EventType");
    assert_eq!(schemas["EventType"]["oneOf"].as_array().unwrap().len(), 52);
    assert_eq!(schemas["Socket"]["enum"], json!(["automatic", "ssl", "starttls", "plain"]));
}
