use proptest::prelude::*;

use super::*;

fn text(change: &Change) -> String {
    write(change).unwrap()
}

#[test]
fn changes_have_the_form_that_other_devices_read() {
    let alter = Change::alter;
    let group = || ChatName::Grpid("NIconPK4e_ljYf6lTRCk49jH".to_owned());
    let until = MuteTime::Until { secs_since_epoch: 1_795_469_122, nanos_since_epoch: 65_322_250 };
    let cases = [
        (
            Change::AddQrToken(Tokens { invitenumber: "n".into(), auth: "a".into(), grpid: None }),
            r#"{"AddQrToken":{"invitenumber":"n","auth":"a","grpid":null}}"#,
        ),
        (
            Change::Config { key: Setting::Displayname, val: "Ada".into() },
            r#"{"Config":{"key":"Displayname","val":"Ada"}}"#,
        ),
        (
            Change::SaveMessage { src: "a@b".into(), dest: "c@d".into(), copy: None },
            r#"{"SaveMessage":{"src":"a@b","dest":"c@d"}}"#,
        ),
        (Change::DeleteMessages { msgs: vec!["a@b".into()] }, r#"{"DeleteMessages":{"msgs":["a@b"]}}"#),
        (alter(ChatName::Device, Action::Delete), r#"{"AlterChat":{"id":"Device","action":"Delete"}}"#),
        (alter(ChatName::Device, Action::Announced), r#"{"AlterChat":{"id":"Device","action":"Announced"}}"#),
        (
            alter(ChatName::ContactAddr("bob@example.net".into()), Action::SetVisibility(Visibility::Pinned)),
            r#"{"AlterChat":{"id":{"ContactAddr":"bob@example.net"},"action":{"SetVisibility":"Pinned"}}}"#,
        ),
        (
            alter(group(), Action::SetMuted(until)),
            r#"{"AlterChat":{"id":{"Grpid":"NIconPK4e_ljYf6lTRCk49jH"},"action":{"SetMuted":{"Until":{"secs_since_epoch":1795469122,"nanos_since_epoch":65322250}}}}}"#,
        ),
        (
            alter(group(), Action::CreateOutBroadcast { chat_name: "News".into(), secret: "s".into() }),
            r#"{"AlterChat":{"id":{"Grpid":"NIconPK4e_ljYf6lTRCk49jH"},"action":{"CreateOutBroadcast":{"chat_name":"News","secret":"s"}}}}"#,
        ),
        (
            alter(
                group(),
                Action::SetPgpContacts(vec![("FP".into(), "a@b".into()), ("OWN".into(), String::new())]),
            ),
            r#"{"AlterChat":{"id":{"Grpid":"NIconPK4e_ljYf6lTRCk49jH"},"action":{"SetPgpContacts":[["FP","a@b"],["OWN",""]]}}}"#,
        ),
    ];
    for (change, form) in cases {
        assert_eq!(text(&change), form);
        let read = read(&join([(7, 3, form)])).unwrap();
        assert_eq!((read.items, read.skipped.len()), (vec![Item { time: 7, order: Some(3), change }], 0));
    }
}

#[test]
fn what_is_not_understood_is_skipped_and_the_others_count() {
    let items = [
        r#"{"Config":{"key":"BccSelf","val":"0"}}"#,
        r#"{"Config":{"key":"SyncMsgs","val":"0"}}"#,
        r#"{"Config":{"key":"displayname","val":"x"}}"#,
        r#"{"AlterChat":{"id":"Device","action":"Fly"}}"#,
        r#"{"AlterChat":{"id":"Device","action":{"SetMuted":{"Until":{"secs_since_epoch":1}}}}}"#,
        r#""Nothing""#,
        r#"{"DeleteMessages":{"msgs":"a"}}"#,
        r#"{"AddQrToken":{"invitenumber":"n","auth":"a","more":1}}"#,
    ];
    let read = read(&join(items.map(|data| (1, 0, data)))).unwrap();
    assert_eq!(read.skipped.len(), items.len() - 1, "{:?}", read.skipped);
    let tokens = Tokens { invitenumber: "n".into(), auth: "a".into(), grpid: None };
    assert_eq!(read.items, [Item { time: 1, order: Some(0), change: Change::AddQrToken(tokens) }]);
}

#[test]
fn another_form_is_refused_whole() {
    let forms = [
        "",
        "[]",
        "{}",
        r#"{"items":[{"data":{"DeleteMessages":{"msgs":[]}}}]}"#,
        r#"{"items":[{"timestamp":"1","data":{"DeleteMessages":{"msgs":[]}}}]}"#,
        r#"{"items":[{"timestamp":1,"data":1}]"#,
    ];
    for form in forms {
        assert!(read(form).is_err(), "{form}");
    }
    assert!(matches!(read(&" ".repeat(MAX_JSON + 1)), Err(SyncError::TooLarge(_))));
    assert_eq!(read("{\"items\" : [ ]}\r\n").unwrap(), Items::default());
}

#[test]
fn items_without_an_order_or_with_a_strange_one_count() {
    for order in ["", r#","order":null"#, r#","order":"first""#, r#","order":-1"#, r#","order":5000000000"#] {
        let data = r#"{"DeleteMessages":{"msgs":["a@b"]}}"#;
        let read = read(&format!(r#"{{"items":[{{"timestamp":1,"data":{data}{order}}}]}}"#)).unwrap();
        assert_eq!(read.items[0].order, None, "{order}");
    }
}

proptest! {
    #[test]
    fn names_and_texts_come_back(name in ".{0,40}", time: i64, secs: u64, nanos: u32) {
        let id = ChatName::Msgids(vec![name.clone()]);
        let changes = [
            Change::alter(id.clone(), Action::Rename(name.clone())),
            Change::alter(
                id.clone(),
                Action::SetMuted(MuteTime::Until { secs_since_epoch: secs, nanos_since_epoch: nanos }),
            ),
            Change::AlterChat {
                id,
                action: Action::Delete,
                members: Vec::new(),
                known: Some(KnownMessages { since: time, digests: vec![name.clone()] }),
            },
            Change::SaveMessage {
                src: name.clone(),
                dest: name.clone(),
                copy: Some(Box::new(SavedCopy { text: name.clone(), sent: time, ..SavedCopy::default() })),
            },
            Change::Config { key: Setting::Selfstatus, val: name },
        ];
        let written: Vec<String> = changes.iter().map(text).collect();
        let read = read(&join(written.iter().map(|data| (time, 9, data.as_str())))).unwrap();
        prop_assert_eq!(read.items, changes.map(|change| Item { time, order: Some(9), change }));
    }

    #[test]
    fn nothing_that_is_read_makes_it_fail(json in "[\\[\\]{}\":,a-zA-Z0-9 ]{0,200}") {
        let _ = read(&json);
    }
}
