use proptest::prelude::*;

use super::*;

fn member() -> Named {
    Named { address: "anna@x.test".to_owned(), fingerprint: "ABCD".to_owned() }
}

fn of_each_kind() -> Vec<Intent> {
    let target = || "a@localhost".to_owned();
    let step = Handshake {
        step: "vc-request-with-auth".to_owned(),
        auth: Some("token".to_owned()),
        fingerprint: Some("ABCD".to_owned()),
        ..Default::default()
    };
    vec![
        Intent::Text,
        Intent::MemberAdded { member: member(), by_handshake: false },
        Intent::MemberAdded { member: Named { fingerprint: String::new(), ..member() }, by_handshake: true },
        Intent::MemberRemoved(member()),
        Intent::ChannelWelcome { subscriber: member(), secret: "secret".to_owned() },
        Intent::NameChanged { old: "Old".to_owned(), new: None },
        Intent::NameChanged { old: "Old".to_owned(), new: Some(("New".to_owned(), 1_700_000_000)) },
        Intent::DescriptionChanged,
        Intent::PictureChanged,
        Intent::TimerChanged { seconds: None },
        Intent::TimerChanged { seconds: Some(60) },
        Intent::Reaction { target: target() },
        Intent::Edit { target: target(), old_text: "two\nlines".to_owned() },
        Intent::Delete { targets: vec![target(), "b@localhost".to_owned()] },
        Intent::Pin { target: target(), pinned: true },
        Intent::Pin { target: target(), pinned: false },
        Intent::Sync,
        Intent::AppUpdates { target: target(), first: 3, last: 4_000_000_000 },
        Intent::CallAccepted { target: target(), quoted: "Call".to_owned(), answer: "v=0\r\n".to_owned() },
        Intent::CallEnded { target: target(), quoted: "Call".to_owned() },
        Intent::LocationStreaming,
        Intent::Locations,
        Intent::Handshake(step),
    ]
}

fn row(intent: &Intent) -> MessageRecord {
    let mut record = MessageRecord::default();
    intent.store_in(&mut record);
    record
}

/// A row as it was stored before there were intents.
fn stored(system_type: SystemType, parts: &[(&str, &str)]) -> MessageRecord {
    let part = |(name, value): &(&str, &str)| HeaderRecord { name: (*name).into(), value: (*value).into() };
    MessageRecord {
        system_type,
        in_reply_to: "a@localhost".to_owned(),
        headers: parts.iter().map(part).collect(),
        ..Default::default()
    }
}

#[test]
fn every_intent_comes_back_from_its_row() {
    for intent in of_each_kind() {
        assert_eq!(Intent::of(&row(&intent)), Ok(intent));
    }
}

proptest! {
    #[test]
    fn texts_and_names_come_back_as_they_were(old in ".*", secret in ".+", address in ".+", auth in ".*") {
        let member = Named { address, fingerprint: String::new() };
        let step = Handshake { step: "vc-request".to_owned(), auth: Some(auth), ..Default::default() };
        for intent in [
            Intent::NameChanged { old: old.clone(), new: Some((old.clone(), 7)) },
            Intent::Edit { target: "a@localhost".to_owned(), old_text: old.clone() },
            Intent::ChannelWelcome { subscriber: member.clone(), secret: secret.clone() },
            Intent::MemberRemoved(member.clone()),
            Intent::Handshake(step),
        ] {
            prop_assert_eq!(Intent::of(&row(&intent)), Ok(intent));
        }
    }
}

#[test]
fn rows_from_before_there_were_intents_are_understood() {
    let old = [
        (stored(SystemType::None, &[]), Intent::Text),
        (
            stored(SystemType::None, &[(":reaction", "1")]),
            Intent::Reaction { target: "a@localhost".to_owned() },
        ),
        (
            stored(SystemType::None, &[("Chat-Edit", "<b@localhost>"), (":quote", "old")]),
            Intent::Edit { target: "b@localhost".to_owned(), old_text: "old".to_owned() },
        ),
        (
            stored(SystemType::None, &[("Chat-Delete", "<b@localhost c@localhost>")]),
            Intent::Delete { targets: vec!["b@localhost".to_owned(), "c@localhost".to_owned()] },
        ),
        (
            stored(
                SystemType::MemberAdded,
                &[
                    ("Chat-Group-Member-Added", "anna@x.test"),
                    ("Chat-Group-Member-Added-Fpr", "ABCD"),
                    ("Secure-Join", "vg-member-added"),
                ],
            ),
            Intent::MemberAdded { member: member(), by_handshake: true },
        ),
        (
            stored(SystemType::EphemeralTimerChanged, &[("Chat-Content", "ephemeral-timer-changed")]),
            Intent::TimerChanged { seconds: None },
        ),
        (
            stored(
                SystemType::Securejoin,
                &[("Secure-Join", "vc-request"), ("Secure-Join-Invitenumber", "n")],
            ),
            Intent::Handshake(Handshake {
                step: "vc-request".to_owned(),
                invite_number: Some("n".to_owned()),
                ..Default::default()
            }),
        ),
    ];
    for (record, intent) in old {
        assert_eq!(Intent::of(&record), Ok(intent));
    }
}

#[test]
fn what_is_not_understood_is_an_error_and_never_left_out() {
    let unknown = |name: &str| Err(IntentError::Unknown(name.to_owned()));
    assert_eq!(Intent::of(&stored(SystemType::None, &[("Chat-New-Thing", "1")])), unknown("Chat-New-Thing"));
    let beside = [(":reaction", "1"), ("Chat-Edit", "<b@localhost>")];
    assert_eq!(Intent::of(&stored(SystemType::None, &beside)), unknown("Chat-Edit"));
    let twice = [("Chat-Group-Name-Changed", "a"), ("Chat-Group-Name-Changed", "b")];
    assert_eq!(Intent::of(&stored(SystemType::None, &twice)), unknown("Chat-Group-Name-Changed"));
    let step = [("Secure-Join", "vc-request"), ("Secure-Join-New", "x")];
    assert_eq!(Intent::of(&stored(SystemType::Securejoin, &step)), unknown("Secure-Join-New"));
    for (name, value) in [("Chat-Edit", ""), ("Chat-Delete", "<>"), ("Chat-Content", "no such content")] {
        assert_eq!(
            Intent::of(&stored(SystemType::None, &[(name, value)])).map_err(|error| error.to_string()),
            Err(format!("a message to be sent has a malformed part {name:?}"))
        );
    }
}

#[test]
fn only_what_is_shown_counts_as_a_message_of_its_chat() {
    for intent in of_each_kind() {
        let shown = matches!(
            intent,
            Intent::Text
                | Intent::MemberAdded { .. }
                | Intent::MemberRemoved(_)
                | Intent::NameChanged { .. }
                | Intent::DescriptionChanged
                | Intent::PictureChanged
                | Intent::TimerChanged { .. }
                | Intent::LocationStreaming
                | Intent::Pin { .. }
        );
        assert_eq!(row(&intent).hidden, !shown, "{intent:?}");
    }
}
