use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde_json::json;

use super::effects::{Arrival, Labels, LastLine, Line, Listener, line, notification};
use super::sending::{Progress, Way, not_before, paid_until, way};
use super::*;

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

fn update(text: &str) -> Update {
    Update::from_app(text, &mut rng()).unwrap()
}

fn refusal(text: &str) -> String {
    Update::from_app(text, &mut rng()).unwrap_err().to_string()
}

#[test]
fn an_update_is_written_in_a_fixed_order_with_a_fresh_uid() {
    let text = r#" {"notify":{"b":"1","a":"2"},"serial":7,"max_serial":"x","foo":[1],"uid":"mine",
        "summary":"s","document":"d","href":"h","info":"i","payload":{"z":1,"a":null}} "#;
    let update = update(text);
    let uid = update.uid.clone().unwrap();
    assert_eq!(uid.len(), 24);
    assert_ne!(uid, "mine");
    let wire = format!(
        r#"{{"payload":{{"a":null,"z":1}},"info":"i","href":"h","document":"d","summary":"s","uid":"{uid}","notify":{{"a":"2","b":"1"}}}}"#
    );
    assert_eq!(update.to_wire(), wire);
    assert_eq!(Update::from_wire(&wire), Some(update));
}

// What chatmail core 2.65.0 puts on the wire for these payloads.
#[test]
fn payloads_are_written_as_chatmail_core_writes_them() {
    for (given, written) in [
        ("1.10", "1.1"),
        (
            "[12345678901234567890123, -0.0, 1e2, 1E-7, 18446744073709551615, -9223372036854775808, 0.1e1]",
            "[1.2345678901234568e+22,-0.0,100.0,1e-7,18446744073709551615,-9223372036854775808,1.0]",
        ),
        (r#"{"z":1,"a":"\u00e4\u2028/\u007f\ud83d\ude00\n"}"#, "{\"a\":\"ä\u{2028}/\u{7f}😀\\n\",\"z\":1}"),
        (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
    ] {
        let update = update(&format!("{{\"payload\":{given}}}"));
        assert_eq!(update.payload.to_string(), written);
    }
}

// Found by fuzzing: each device that read and wrote it changed such a number a little.
#[test]
fn numbers_stay_the_same_however_often_they_are_read() {
    for number in
        ["3e+23", "2.9999999999999997e+23", "0.1", "1.7976931348623157e+308", "5e-324", "9007199254740993.0"]
    {
        let first = Update::from_wire(&format!("{{\"payload\":{number}}}")).unwrap();
        let again = Update::from_wire(&first.to_wire()).unwrap();
        assert_eq!(again.to_wire(), first.to_wire(), "{number}");
        assert_eq!(first.payload.as_f64(), number.parse().ok(), "{number}");
    }
}

#[test]
fn what_is_no_update_is_refused_with_the_reason() {
    for (text, reason) in [
        ("{}", "missing field `payload`"),
        ("[]", "invalid length 0"),
        ("\"x\"", "invalid type: string \"x\""),
        ("nothing", "expected ident"),
        (r#"{"payload":1,"info":5}"#, "invalid type: integer `5`, expected a string"),
        (r#"{"payload":1,"payload":2}"#, "duplicate field `payload`"),
        (r#"{"payload":1,"notify":[]}"#, "invalid type: sequence, expected a map"),
        (r#"{"payload":1,"notify":{"a":5}}"#, "invalid type: integer `5`, expected a string"),
        (r#"{"payload":1,"uid":5}"#, "invalid type: integer `5`"),
        (r#"{"payload":1e400}"#, "number out of range"),
        (r#"{"payload":1} x"#, "trailing characters"),
        (r#"{"payload":"\ud800"}"#, "unexpected end of hex escape"),
    ] {
        let refusal = refusal(text);
        assert!(
            refusal.starts_with(&format!("Failed to parse webxdc update item from {text:?}: ")),
            "{refusal}"
        );
        assert!(refusal.contains(reason), "{refusal}");
    }
    let long = refusal(&"x".repeat(1000));
    assert!(long.len() < 400 && long.contains("x…\""), "{long}");
}

#[test]
fn what_no_mail_could_carry_is_refused() {
    let long = format!("{{\"payload\":\"{}\"}}", "x".repeat(SEND_UPDATE_MAX_SIZE as usize));
    assert!(refusal(&long).contains("at most 22806528 can be sent"));
}

#[test]
fn the_deepest_update_that_is_accepted_can_be_read_from_a_mail() {
    let nested = |levels: usize| format!("{{\"payload\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let update = update(&nested(MAX_PAYLOAD_DEPTH));
    assert_eq!(batch::parse(&batch::write([update.to_wire()])).unwrap(), [update]);
    assert!(refusal(&nested(MAX_PAYLOAD_DEPTH + 1)).contains("nested too deeply"));
    assert!(refusal(&nested(200)).contains("recursion limit"));
}

#[test]
fn apps_get_numbers_and_no_uid() {
    assert_eq!(answer(Vec::new()), "[]");
    let all = vec![
        (
            1,
            update(
                r##"{"payload":{"a":2,"z":1},"info":"info1","href":"#h1","document":"doc1","summary":"s"}"##,
            ),
        ),
        (7, update(r#"{"payload":null,"notify":{}}"#)),
    ];
    assert_eq!(
        answer(all),
        "[{\"payload\":{\"a\":2,\"z\":1},\"info\":\"info1\",\"href\":\"#h1\",\"document\":\"doc1\",\"summary\":\"s\",\
         \"serial\":1,\"max_serial\":7},\n{\"payload\":null,\"notify\":{},\"serial\":7,\"max_serial\":7}]"
    );
}

#[test]
fn a_batch_is_read_as_a_whole_or_not_at_all() {
    let json = r#"{"more":1,"updates":[{"payload":7,"info":"i","uid":"u","serial":5},
{"payload":null}]}"#;
    let updates = batch::parse(json).unwrap();
    assert_eq!(updates.len(), 2);
    assert_eq!((updates[0].uid.as_deref(), updates[0].info.as_deref()), (Some("u"), Some("i")));
    assert_eq!((updates[1].uid.as_deref(), &updates[1].payload), (None, &serde_json::Value::Null));
    assert_eq!(
        batch::write(updates.iter().map(Update::to_wire)),
        "{\"updates\":[{\"payload\":7,\"info\":\"i\",\"uid\":\"u\"},\n{\"payload\":null}]}"
    );
    for bad in [
        "",
        "[]x",
        "{}",
        r#"{"updates":{}}"#,
        r#"{"updates":[{"payload":1},{"info":"no payload"}]}"#,
        r#"{"updates":[{"payload":1},{"payload":1,"info":5}]}"#,
    ] {
        assert!(batch::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_batch_beyond_all_bounds_is_refused() {
    let many = batch::write(std::iter::repeat_n("{\"payload\":0}", batch::MAX_UPDATES + 1));
    assert!(matches!(batch::parse(&many), Err(batch::BatchError::Count(_))));
    let long = " ".repeat(batch::MAX_BATCH_BYTES + 1);
    assert!(matches!(batch::parse(&long), Err(batch::BatchError::Size(_))));
}

#[test]
fn a_mail_takes_updates_below_its_size_and_always_one() {
    let kib = 1024;
    assert_eq!(batch::next_mail([40 * kib, 40 * kib, 40 * kib]), 2);
    assert_eq!(batch::next_mail([60 * kib, 60 * kib]), 1);
    assert_eq!(batch::next_mail([50 * kib, 50 * kib - 1]), 2);
    assert_eq!(batch::next_mail([50 * kib, 50 * kib]), 1);
    assert_eq!(batch::next_mail([400 * kib, 1]), 1);
    assert_eq!(batch::next_mail([]), 0);
}

#[test]
fn the_newer_label_stays_and_controls_of_direction_go() {
    let mut labels = Labels::default();
    assert!(labels.apply(&update(r#"{"payload":1,"summary":"s\u202Ex","document":"d"}"#), 10));
    assert_eq!(labels.summary, "sx");
    assert!(!labels.apply(&update(r#"{"payload":1,"summary":"older","document":"older"}"#), 9));
    assert!(!labels.apply(&update(r#"{"payload":1}"#), 20));
    assert_eq!(
        labels,
        Labels { document: "d".into(), document_at: 10, summary: "sx".into(), summary_at: 10 }
    );
    assert!(labels.apply(&update(r#"{"payload":1,"summary":"same time"}"#), 10));
    assert!(labels.apply(&update(r#"{"payload":1,"document":""}"#), 11));
    assert_eq!((labels.summary.as_str(), labels.document.as_str()), ("same time", ""));
}

#[test]
fn a_text_follows_its_like_or_is_a_line_of_its_own() {
    let plain = update(r#"{"payload":1,"info":"i"}"#);
    let link = update(r##"{"payload":1,"info":"","href":"#h"}"##);
    let own_line = Some(LastLine { is_of_instance: true, is_by_sender: true });
    assert_eq!(line(&plain, Arrival::Member, own_line), Line::Replace("i"));
    assert_eq!(line(&link, Arrival::Member, own_line), Line::New { text: "", href: Some("#h") });
    for last in [
        None,
        Some(LastLine { is_of_instance: true, is_by_sender: false }),
        Some(LastLine { is_of_instance: false, is_by_sender: true }),
    ] {
        assert_eq!(line(&plain, Arrival::Own, last), Line::New { text: "i", href: None });
    }
    for silent in [Arrival::Draft, Arrival::WithApp, Arrival::BeforeApp] {
        assert_eq!(line(&plain, silent, own_line), Line::None);
    }
    assert_eq!(line(&update(r#"{"payload":1,"href":"h"}"#), Arrival::Member, None), Line::None);
    assert!(Arrival::Draft.may_run() && !Arrival::BeforeApp.may_run());
}

#[test]
fn only_others_notify_and_a_muted_chat_hears_direct_texts() {
    let both = update(r#"{"payload":1,"notify":{"me":"direct","*":"all"}}"#);
    let all = update(r#"{"payload":1,"notify":{"*":"all","you":"x"}}"#);
    let open = Listener { self_addr: "me", is_muted: false, is_request: false };
    let muted = Listener { is_muted: true, ..open };
    assert_eq!(notification(&both, Arrival::Member, open), Some("direct"));
    assert_eq!(notification(&both, Arrival::Member, muted), Some("direct"));
    assert_eq!(notification(&all, Arrival::Member, open), Some("all"));
    assert_eq!(notification(&all, Arrival::Member, muted), None);
    assert_eq!(notification(&both, Arrival::Member, Listener { is_request: true, ..open }), None);
    for silent in [Arrival::Own, Arrival::Draft, Arrival::WithApp, Arrival::BeforeApp] {
        assert_eq!(notification(&both, silent, open), None);
    }
    assert_eq!(notification(&update(r#"{"payload":1}"#), Arrival::Member, open), None);
}

#[test]
fn updates_wait_for_their_app_and_then_keep_a_pace() {
    assert_eq!(way(Progress::Draft, 0, 5_000), Way::WithInstance);
    assert_eq!(way(Progress::Failed, 0, 5_000), Way::WithInstance);
    assert_eq!(way(Progress::Queued, 0, 5_000), Way::AfterInstance);
    let sent = |paid_until| way(Progress::OnItsWay, paid_until, 5_000);
    assert_eq!(sent(0), Way::OwnMail { not_before: 5_000 });
    assert_eq!(sent(7_000), Way::OwnMail { not_before: 5_000 });
    assert_eq!(sent(7_400), Way::OwnMail { not_before: 5_400 });
    assert_eq!(sent(900_000), Way::OwnMail { not_before: 6_000 }, "the clock was set back");
}

#[test]
fn three_mails_leave_in_a_row_and_then_one_in_a_second() {
    let (mut paid, mut now, mut left) = (0, 5_000, Vec::new());
    for _ in 0..6 {
        now = not_before(paid, now);
        paid = paid_until(paid, now);
        left.push(now);
    }
    assert_eq!(left, [5_000, 5_000, 5_000, 6_000, 7_000, 8_000]);
    assert_eq!(not_before(paid, 10_000), 10_000, "after two seconds there are two again");
    assert_eq!(paid_until(paid, 30_000), 31_000);
}

fn any_payload() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|v| json!(v)),
        any::<i64>().prop_map(|v| json!(v)),
        "\\PC{0,12}".prop_map(|v| json!(v)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|v| json!(v)),
            proptest::collection::btree_map("\\PC{0,4}", inner, 0..4).prop_map(|v| json!(v)),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was(
        payload in any_payload(), info in proptest::option::of("\\PC{0,9}"), summary in proptest::option::of("\\PC{0,9}"),
        notify in proptest::option::of(proptest::collection::btree_map("\\PC{0,4}", "\\PC{0,4}", 0..3)),
    ) {
        let update = Update { payload, info, summary, notify, href: None, document: None, uid: Some("u".into()) };
        prop_assert_eq!(batch::parse(&batch::write([update.to_wire()])).unwrap(), vec![update.clone()]);
        let answer: Vec<Value> = serde_json::from_str(&answer(vec![(3, update.clone())])).unwrap();
        prop_assert_eq!(&answer[0]["payload"], &update.payload);
        prop_assert_eq!((&answer[0]["serial"], answer[0].get("uid")), (&json!(3), None));
    }
}
