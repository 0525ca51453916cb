//! Disappearing messages: the texts of timer changes and the rule that guards against rollback.

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

/// What decides whether a received timer value is taken over.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// The value of the message; 0 is off.
    pub timer: u32,
    /// Our value.
    pub ours: u32,
    /// The message is an explicit timer change.
    pub explicit: bool,
    /// It is from another device of ours.
    pub own: bool,
    /// The sender is a member (or we are none).
    pub allowed: bool,
    /// Timer of the newest message that the sender had seen, if we know that message.
    pub seen_by_sender: Option<u32>,
    /// Sent time.
    pub sent: i64,
    /// Time of the last change that was applied.
    pub last_change: i64,
}

/// Whether the received value becomes ours. A sender that has not seen our newer change does not roll it back.
pub fn is_applied(received: Received) -> bool {
    let stale_echo = !received.explicit && received.seen_by_sender == Some(received.timer);
    // Own devices tell each other of every change but those of a chat that nobody else knew of.
    let told_otherwise = !received.explicit && received.own && received.last_change != 0;
    // Own devices that set it in the same second all keep the longer one.
    let tie = received.own && received.sent == received.last_change && received.timer < received.ours;
    received.timer != received.ours
        && received.allowed
        && !stale_echo
        && !told_otherwise
        && !tie
        && received.sent >= received.last_change
}

/// The time of the last change after a message with an applied value. What another own device just mentions is older than
/// each change that it tells of.
pub fn changed_at(received: Received) -> i64 {
    if received.own && !received.explicit { received.last_change } else { received.sent }
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

    #[test]
    fn a_message_written_before_our_change_does_not_roll_it_back() {
        let text = Received {
            timer: 0,
            ours: 60,
            explicit: false,
            own: false,
            allowed: true,
            seen_by_sender: Some(0),
            sent: 10,
            last_change: 5,
        };
        assert!(!is_applied(text));
        assert!(is_applied(Received { seen_by_sender: Some(60), ..text }));
        assert!(is_applied(Received { seen_by_sender: None, ..text }));
        assert!(is_applied(Received { explicit: true, ..text }));
        assert!(!is_applied(Received { explicit: true, sent: 4, ..text }));
        assert!(!is_applied(Received { explicit: true, allowed: false, ..text }));
    }

    #[test]
    fn an_own_device_changes_the_timer_by_changes_alone_once_there_was_one() {
        let first = Received {
            timer: 60,
            ours: 0,
            explicit: false,
            own: true,
            allowed: true,
            seen_by_sender: None,
            sent: 10,
            last_change: 0,
        };
        assert!(is_applied(first));
        assert_eq!(changed_at(first), 0, "a change that was sent before and comes later counts");
        let later = Received { last_change: 5, ..first };
        assert!(!is_applied(later));
        let change = Received { explicit: true, ..later };
        assert!(is_applied(change));
        assert_eq!(changed_at(change), 10);
        let tie = Received { ours: 70, last_change: 10, ..change };
        assert!(!is_applied(tie), "of the same second the longer one");
        assert!(is_applied(Received { ours: 50, ..tie }) && is_applied(Received { own: false, ..tie }));
    }
}
