//! Disappearing messages: the texts of timer changes and the rule that guards against rollback.

use std::cmp::Ordering;

use volary_storage::records::ChatRecord;

use crate::ground::texts::{Texts, id as text};

/// The info text of a timer change; `actor` is `None` for ourselves.
pub fn change_text(texts: &Texts, seconds: u32, actor: Option<&str>) -> String {
    let tenths = |unit: f64| {
        let value = (f64::from(seconds) / unit * 10.0).round() / 10.0;
        if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
    };
    let (id, value) = match seconds {
        0 => (text::TIMER_OFF_SELF, None),
        1..=60 => (text::TIMER_SECONDS_SELF, Some(seconds.to_string())),
        61..=3_599 => (text::TIMER_MINUTES_SELF, Some(tenths(60.0))),
        3_600 => (text::TIMER_HOUR_SELF, None),
        3_601..=86_399 => (text::TIMER_HOURS_SELF, Some(tenths(3_600.0))),
        86_400 => (text::TIMER_DAY_SELF, None),
        86_401..=604_799 => (text::TIMER_DAYS_SELF, Some(tenths(86_400.0))),
        604_800 => (text::TIMER_WEEK_SELF, None),
        31_536_000..=31_708_800 => (text::TIMER_YEAR_SELF, None),
        _ => (text::TIMER_WEEKS_SELF, Some(tenths(604_800.0))),
    };
    let mut values: Vec<&str> = value.iter().map(String::as_str).collect();
    match actor {
        None => texts.fill(id, &values),
        Some(name) => {
            values.push(name);
            texts.fill(id + 1, &values)
        }
    }
}

/// A timer, and how it was set; see `Setting::or`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// Sent time of the message; 0 if no other device and nobody else was told.
    pub at: i64,
    /// The message was a timer change.
    pub told: bool,
    /// Somebody else set it.
    pub by_other: bool,
    /// The timer; 0 is off.
    pub seconds: u32,
}

impl Setting {
    /// That of a chat.
    pub fn of(record: &ChatRecord) -> Self {
        Self {
            at: record.ephemeral_changed,
            told: record.ephemeral_told,
            by_other: record.ephemeral_by_other,
            seconds: record.ephemeral_timer,
        }
    }

    /// Makes it that of a chat.
    pub fn set_in(self, record: &mut ChatRecord) {
        let Self { at, told, by_other, seconds } = self;
        (record.ephemeral_changed, record.ephemeral_told) = (at, told);
        (record.ephemeral_by_other, record.ephemeral_timer) = (by_other, seconds);
    }

    /// The one that counts when another one comes. The later one does. Of the same second one that was told by a change
    /// does before one that a message mentions, and one of somebody else, who may have answered ours: we ourselves are
    /// never that fast. Those of others come in one order to all own devices; of own ones the longer counts.
    fn or(self, next: Self) -> Self {
        let rank = |setting: Self| (setting.at, setting.told, setting.by_other);
        match rank(next).cmp(&rank(self)) {
            Ordering::Greater => next,
            Ordering::Less => self,
            Ordering::Equal if next.by_other || next.seconds > self.seconds => next,
            Ordering::Equal => self,
        }
    }
}

/// What decides which timer counts after a message.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// The timer of the message.
    pub theirs: Setting,
    /// That of the chat so far.
    pub ours: Setting,
    /// The sender is a member (or we are none).
    pub allowed: bool,
    /// Timer of the newest message that the sender had seen, if we know that message.
    pub seen_by_sender: Option<u32>,
    /// Own devices have told each other of the timer before anybody else knew of the chat.
    pub shared: bool,
}

/// The timer that counts after a message.
pub fn after(received: Received) -> Setting {
    let Received { theirs, ours, .. } = received;
    // A sender that has not seen our newer change does not roll it back.
    let stale_echo = !theirs.told && received.seen_by_sender == Some(theirs.seconds);
    if !received.allowed || stale_echo {
        return ours;
    }
    if theirs.told || theirs.by_other {
        return ours.or(theirs);
    }
    // Own devices tell each other of every change, but chatmail core not of those in a chat that nobody else knew of. What
    // it mentions there is older than each change.
    if ours.at == 0 && !received.shared { Setting { at: 0, ..theirs } } else { ours }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_by_value() {
        let texts = Texts::default();
        for (seconds, expected) in [
            (0, "You disabled message deletion timer."),
            (60, "You set message deletion timer to 60 s."),
            (90, "You set message deletion timer to 1.5 minutes."),
            (120, "You set message deletion timer to 2 minutes."),
            (3_600, "You set message deletion timer to 1 hour."),
            (86_400, "You set message deletion timer to 1 day."),
            (172_800, "You set message deletion timer to 2 days."),
            (604_800, "You set message deletion timer to 1 week."),
            (1_209_600, "You set message deletion timer to 2 weeks."),
            (31_536_000, "You set message deletion timer to 1 year."),
        ] {
            assert_eq!(change_text(&texts, seconds, None), expected);
        }
        assert_eq!(change_text(&texts, 60, Some("Bob")), "Message deletion timer is set to 60 s by Bob.");
        assert_eq!(change_text(&texts, 0, Some("Bob")), "Message deletion timer is disabled by Bob.");
    }

    const fn told(at: i64, seconds: u32) -> Setting {
        Setting { at, told: true, by_other: true, seconds }
    }

    const fn mentioned(at: i64, seconds: u32) -> Setting {
        Setting { at, told: false, by_other: true, seconds }
    }

    fn received(theirs: Setting, ours: Setting) -> Received {
        Received { theirs, ours, allowed: true, seen_by_sender: None, shared: false }
    }

    #[test]
    fn a_message_written_before_our_change_does_not_roll_it_back() {
        let text = received(mentioned(10, 0), told(5, 60));
        assert_eq!(after(Received { seen_by_sender: Some(0), ..text }), text.ours);
        assert_eq!(after(Received { seen_by_sender: Some(60), ..text }), text.theirs);
        assert_eq!(after(text), text.theirs);
        let change = Received { theirs: told(10, 0), seen_by_sender: Some(0), ..text };
        assert_eq!(after(change), change.theirs);
        assert_eq!(after(Received { theirs: told(4, 0), ..change }), change.ours);
        assert_eq!(after(Received { allowed: false, ..change }), change.ours);
    }

    #[test]
    fn who_sets_the_same_again_has_the_last_word_over_those_who_set_it_in_between() {
        let again = after(received(told(10, 60), told(5, 60)));
        assert_eq!(after(received(told(7, 0), again)), again);
        let repeated = after(received(mentioned(10, 60), told(5, 60)));
        assert_eq!(after(received(told(7, 0), repeated)), repeated);
    }

    #[test]
    fn an_own_device_changes_the_timer_by_changes_alone_once_there_was_one() {
        let own = |setting: Setting| Setting { by_other: false, ..setting };
        let first = received(own(mentioned(10, 60)), Setting::default());
        assert_eq!(
            after(first),
            own(mentioned(0, 60)),
            "a change that was sent before and comes later counts"
        );
        let shared = Received { ours: own(mentioned(0, 7)), shared: true, ..first };
        assert_eq!(after(shared), shared.ours, "own devices have told each other before");
        let later = Received { ours: told(5, 0), ..first };
        assert_eq!(after(later), later.ours);
        let change = Received { theirs: own(told(10, 60)), ..later };
        assert_eq!(after(change), change.theirs);
    }

    #[test]
    fn who_answers_a_change_within_its_second_changes_it() {
        let ours = Setting { by_other: false, ..told(10, 3_600) };
        assert_eq!(after(received(told(10, 0), ours)), told(10, 0));
        assert_eq!(after(received(ours, told(10, 0))), told(10, 0), "our own copy comes behind it");
        assert_eq!(after(received(told(10, 60), told(10, 3_600))), told(10, 60), "twice in a second");
    }

    proptest::proptest! {
        #[test]
        fn it_does_not_matter_when_changes_of_own_devices_come(
            others in proptest::collection::vec((1..4_i64, proptest::bool::ANY, 0..3_u32), 0..4),
            own in proptest::collection::vec((1..4_i64, 0..3_u32), 0..4),
            split in 0..4_usize,
        ) {
            let others: Vec<_> = others
                .into_iter()
                .map(|(at, told, seconds)| Setting { at, told, by_other: true, seconds })
                .collect();
            let own: Vec<_> =
                own.into_iter().map(|(at, seconds)| Setting { at, told: true, by_other: false, seconds }).collect();
            let end = |settings: &mut dyn Iterator<Item = &Setting>| {
                settings.fold(Setting::default(), |ours, theirs| {
                    after(received(*theirs, ours))
                })
            };
            let first = end(&mut own.iter().chain(&others));
            let (some, more) = others.split_at(split.min(others.len()));
            proptest::prop_assert_eq!(first, end(&mut others.iter().chain(own.iter().rev())));
            proptest::prop_assert_eq!(first, end(&mut some.iter().chain(own.iter().rev()).chain(more)));
        }
    }
}
