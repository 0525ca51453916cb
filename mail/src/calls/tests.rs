use proptest::prelude::*;

use super::*;

const SENT: i64 = 1_000_000;

fn incoming() -> Call {
    Call::new(Direction::Incoming, Media::Audio, SENT)
}

fn outgoing() -> Call {
    Call::new(Direction::Outgoing, Media::Video, SENT)
}

/// The call after these triggers, each so many seconds after it was offered, and the effects of the last.
fn after(mut call: Call, triggers: &[(i64, Trigger)]) -> (Call, Vec<Effect>) {
    let mut effects = Vec::new();
    for (seconds, trigger) in triggers {
        effects = call.apply(*trigger, SENT + seconds).unwrap();
    }
    (call, effects)
}

fn state(call: &Call, seconds: i64) -> State {
    call.state(SENT + seconds)
}

use Effect::*;
use Trigger::*;

/// What happens when (seconds since the call began), the state then, and what is done about the last of it.
type Case = (&'static [(i64, Trigger)], State, Vec<Effect>);

// What the callee sees.
#[test]
fn incoming_calls_change_as_the_table_says() {
    let begun = Text::Begun(Direction::Incoming, Media::Audio);
    let took = |minutes| Show(Text::Completed(Direction::Incoming, Media::Audio, minutes));
    let accept_here =
        vec![AcceptChat, MarkSeen, SendAccepted, AnnounceIncomingAccepted { here: true }, AnnounceMessage];
    let rows: Vec<Case> = vec![
        (&[], State::Alerting, vec![]),
        (&[(5, Accept)], State::Active, accept_here),
        (&[(5, Accept), (6, Accept)], State::Active, vec![]),
        (
            &[(119, Accept)],
            State::Active,
            vec![
                AcceptChat,
                MarkSeen,
                SendAccepted,
                AnnounceIncomingAccepted { here: true },
                AnnounceMessage,
            ],
        ),
        (&[(120, Accept)], State::Missed, vec![]),
        (
            &[(5, End)],
            State::Declined,
            vec![Show(Text::Declined), MarkSeen, SendEnded, AnnounceEnded, AnnounceMessage],
        ),
        (&[(5, End), (6, End)], State::Declined, vec![]),
        (&[(5, End), (6, Accept)], State::Declined, vec![]),
        (
            &[(5, Accept), (185, End)],
            State::Completed { seconds: 180 },
            vec![took(3), SendEnded, AnnounceEnded, AnnounceMessage],
        ),
        (
            &[(5, HeardAccepted(Party::Own))],
            State::Active,
            vec![AnnounceMessage, AnnounceIncomingAccepted { here: false }],
        ),
        (&[(5, HeardAccepted(Party::Other))], State::Alerting, vec![]),
        (&[(5, Accept), (6, HeardAccepted(Party::Own))], State::Active, vec![]),
        (&[(5, End), (6, HeardAccepted(Party::Own))], State::Declined, vec![]),
        (
            &[(5, HeardEnded(Party::Own))],
            State::Declined,
            vec![Show(Text::Declined), AnnounceMessage, AnnounceEnded],
        ),
        (
            &[(5, HeardEnded(Party::Other))],
            State::Missed,
            vec![Show(Text::Missed), AnnounceMessage, AnnounceEnded],
        ),
        (
            &[(5, Accept), (64, HeardEnded(Party::Other))],
            State::Completed { seconds: 59 },
            vec![took(0), AnnounceMessage, AnnounceEnded],
        ),
        (
            &[(5, Accept), (65, HeardEnded(Party::Other)), (70, HeardEnded(Party::Own))],
            State::Completed { seconds: 60 },
            vec![],
        ),
        (&[(120, RungOut)], State::Missed, vec![Show(Text::Missed), AnnounceMessage, AnnounceEnded]),
        (&[(5, Accept), (120, RungOut)], State::Active, vec![]),
        (&[(5, End), (120, RungOut)], State::Declined, vec![]),
    ];
    for (triggers, expected, effects) in rows {
        let (call, last) = after(incoming(), triggers);
        let at = triggers.last().map_or(0, |(at, _)| *at);
        assert_eq!((state(&call, at), last), (expected, effects), "{triggers:?}");
    }
    assert_eq!(incoming().text(SENT), begun);
}

// The same table: what the caller sees.
#[test]
fn outgoing_calls_change_as_the_table_says() {
    let took = |minutes| Show(Text::Completed(Direction::Outgoing, Media::Video, minutes));
    let answered = vec![AnnounceMessage, AnnounceOutgoingAccepted];
    let rows: Vec<Case> = vec![
        (&[], State::Alerting, vec![]),
        (&[(5, End)], State::Canceled, vec![Show(Text::Canceled), SendEnded, AnnounceEnded, AnnounceMessage]),
        (&[(5, HeardAccepted(Party::Other))], State::Active, answered.clone()),
        (&[(5, HeardAccepted(Party::Own))], State::Alerting, vec![]),
        (&[(5, HeardAccepted(Party::Other)), (6, HeardAccepted(Party::Other))], State::Active, vec![]),
        (&[(5, End), (6, HeardAccepted(Party::Other))], State::Canceled, vec![]),
        (
            &[(5, HeardAccepted(Party::Other)), (5, End)],
            State::Completed { seconds: 1 },
            vec![took(0), SendEnded, AnnounceEnded, AnnounceMessage],
        ),
        (
            &[(5, HeardAccepted(Party::Other)), (65, HeardEnded(Party::Own))],
            State::Completed { seconds: 60 },
            vec![took(1), AnnounceMessage, AnnounceEnded],
        ),
        (
            &[(5, HeardEnded(Party::Own))],
            State::Canceled,
            vec![Show(Text::Canceled), AnnounceMessage, AnnounceEnded],
        ),
        (
            &[(5, HeardEnded(Party::Other))],
            State::Declined,
            vec![Show(Text::Declined), AnnounceMessage, AnnounceEnded],
        ),
        (&[(120, RungOut)], State::Declined, vec![Show(Text::Canceled), AnnounceMessage, AnnounceEnded]),
        (&[(120, RungOut), (121, HeardAccepted(Party::Other))], State::Declined, vec![]),
    ];
    for (triggers, expected, effects) in rows {
        let (call, last) = after(outgoing(), triggers);
        let at = triggers.last().map_or(0, |(at, _)| *at);
        assert_eq!((state(&call, at), last), (expected, effects), "{triggers:?}");
    }
    let mut call = outgoing();
    assert_eq!(call.apply(Accept, SENT), Err(NotIncoming));
    assert_eq!(
        (call, NotIncoming.to_string()),
        (outgoing(), "Condition failed: `call.is_incoming()`".into())
    );
}

// Timers are not kept over a restart.
#[test]
fn without_a_timer_the_times_tell_the_state() {
    assert_eq!((state(&incoming(), 119), state(&incoming(), 120)), (State::Alerting, State::Missed));
    assert_eq!((state(&outgoing(), 119), state(&outgoing(), 120)), (State::Alerting, State::Declined));
    let (answered, _) = after(incoming(), &[(5, Accept)]);
    assert_eq!(state(&answered, 10_000), State::Active);
}

// A device that was off line gets the call and its answer hours later, with the times of the mails.
#[test]
fn an_answer_on_another_device_counts_though_the_call_is_over_here() {
    let late = [(7, HeardAccepted(Party::Own)), (67, HeardEnded(Party::Other))];
    let (call, _) = after(incoming(), &late);
    assert_eq!(state(&call, 50_000), State::Completed { seconds: 60 });
    let mut odd = incoming();
    odd.apply(HeardAccepted(Party::Own), 5).unwrap();
    assert_eq!(odd.accepted, Some(SENT), "never before it was offered");
}

#[test]
fn who_rings_is_the_choice_of_the_user() {
    let rings =
        |caller, setting| match receive(&incoming(), caller, WhoRings::from_setting(setting), SENT + 20) {
            Reception::Alerting { rings, seconds: 100 } => rings,
            other => panic!("{other:?}"),
        };
    for (caller, expected) in
        [(Caller::Contact, [true, true, false, true]), (Caller::Stranger, [true, false, false, false])]
    {
        assert_eq!([0, 1, 2, 77].map(|setting| rings(caller, setting)), expected, "{caller:?}");
    }
    let blocked = receive(&incoming(), Caller::Blocked, WhoRings::Everybody, SENT);
    assert_eq!(blocked, Reception::Missed, "whoever is blocked cannot ring");
}

#[test]
fn a_call_that_comes_too_late_is_a_missed_one() {
    let received = |now| receive(&incoming(), Caller::Contact, WhoRings::Everybody, now);
    assert_eq!(received(SENT + 120), Reception::Missed);
    assert_eq!(received(SENT + 119), Reception::Alerting { rings: true, seconds: 1 });
    assert_eq!(received(SENT), Reception::Alerting { rings: true, seconds: 120 });
    assert_eq!(
        received(SENT - 5_000),
        Reception::Alerting { rings: true, seconds: 120 },
        "a clock that is ahead"
    );
    assert_eq!(received(SENT + 120).text(&incoming()), Text::Missed);
    assert_eq!(received(SENT).text(&incoming()), Text::Begun(Direction::Incoming, Media::Audio));
}

#[test]
fn texts_tell_whole_minutes() {
    for (seconds, expected) in [
        (1, "<1 minute"),
        (59, "<1 minute"),
        (60, "1 minute"),
        (119, "1 minute"),
        (120, "2 minutes"),
        (7_205, "120 minutes"),
    ] {
        let (call, _) = after(incoming(), &[(0, Accept), (seconds, End)]);
        let Text::Completed(Direction::Incoming, Media::Audio, minutes) = call.text(SENT) else { panic!() };
        assert_eq!(Text::minutes(minutes), expected);
        let summary = Text::of_state(call.direction, call.media, call.state(SENT));
        assert_eq!(summary, Text::Begun(Direction::Incoming, Media::Audio), "a summary has no time");
    }
    assert_eq!([Media::Audio.symbol(), Media::Video.symbol()], ["📞", "🎥"]);
}

fn any_trigger() -> impl Strategy<Value = Trigger> {
    let party = prop_oneof![Just(Party::Own), Just(Party::Other)];
    prop_oneof![
        Just(Accept),
        Just(End),
        Just(RungOut),
        party.clone().prop_map(HeardAccepted),
        party.prop_map(HeardEnded)
    ]
}

proptest! {
    // Mails come in any order and more than once.
    #[test]
    fn a_call_that_is_over_stays_as_it_is(is_incoming: bool,
                                           triggers in proptest::collection::vec((0i64..300, any_trigger()), 0..12)) {
        let mut call = if is_incoming { incoming() } else { outgoing() };
        for (seconds, trigger) in triggers {
            let before = call;
            let effects = call.apply(trigger, SENT + seconds).unwrap_or_default();
            prop_assert_eq!(effects.is_empty(), call == before);
            if before.ended.is_some() {
                prop_assert_eq!(call, before);
            }
            prop_assert!(call.accepted.is_none() || !call.cancelled);
            prop_assert_eq!(effects.contains(&AnnounceEnded), before.ended.is_none() && call.ended.is_some());
        }
    }
}
