//! Where a received message goes in its chat.

/// A Date header may lie that far in the future, in seconds.
pub const FUTURE_TOLERANCE: i64 = 60;

/// Whether a Date header is later than any clock that is right could tell.
pub fn is_in_the_future(date: i64, now: i64) -> bool {
    date > now + FUTURE_TOLERANCE
}

/// When a message counts as sent: its Date, but not later than a minute from now; now without a Date.
pub fn sent_time(date: Option<i64>, now: i64) -> i64 {
    date.unwrap_or(now).min(now + FUTURE_TOLERANCE)
}

/// What decides about the place of a received message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts {
    /// Sent time, already capped.
    pub sent: i64,
    /// Time of reception.
    pub now: i64,
    /// Newest sort time in the chat, hidden messages included.
    pub newest: Option<i64>,
    /// Creation time of the chat.
    pub chat_created: i64,
    /// We left the group or have not joined it yet.
    pub outside: bool,
    /// When we were added to the chat.
    pub self_added: Option<i64>,
    /// Sort time of the message that this one replies to.
    pub parent: Option<i64>,
    /// The change must not move the chat up (somebody left).
    pub silent: bool,
    /// Always to the bottom of the chat.
    pub bottom: bool,
}

/// The sort time.
pub fn sort_time(facts: Facts) -> i64 {
    let mut sort = facts.sent.min(facts.now);
    if facts.outside || facts.bottom {
        sort = sort.max(facts.newest.unwrap_or(sort));
    }
    if let Some(added) = facts.self_added {
        sort = sort.max(added);
    }
    if let Some(parent) = facts.parent {
        sort = sort.max(parent);
    }
    if facts.silent {
        sort = sort.min(facts.newest.unwrap_or(facts.chat_created));
    }
    sort
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_in_the_future_is_capped() {
        assert_eq!(sent_time(Some(9_000), 1_000), 1_060);
        assert_eq!(sent_time(None, 1_000), 1_000);
        assert_eq!(sort_time(Facts { sent: 1_060, now: 1_000, ..Facts::default() }), 1_000);
    }

    #[test]
    fn an_old_message_sorts_into_the_past_but_not_before_our_join_or_its_parent() {
        let facts = Facts { sent: 10, now: 1_000, newest: Some(900), ..Facts::default() };
        assert_eq!(sort_time(facts), 10);
        assert_eq!(sort_time(Facts { self_added: Some(50), ..facts }), 50);
        assert_eq!(sort_time(Facts { self_added: Some(50), parent: Some(70), ..facts }), 70);
        assert_eq!(sort_time(Facts { outside: true, ..facts }), 900);
    }

    #[test]
    fn leaving_does_not_move_the_chat_up() {
        let facts = Facts { sent: 950, now: 1_000, newest: Some(900), silent: true, ..Facts::default() };
        assert_eq!(sort_time(facts), 900);
        assert_eq!(sort_time(Facts { newest: None, chat_created: 5, ..facts }), 5);
    }
}
