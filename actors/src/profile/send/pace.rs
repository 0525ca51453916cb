//! The distance between mails of one chat.
//!
//! Relays deliver several queued mails at once, in no fixed order, and receivers sort by whole seconds. Mails of
//! different chats travel together.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// Time between the acceptance of a mail and the start of the next transaction for the same chat. Over Postfix and
/// Dovecot on an idle machine 200 mails in a row keep their order with 4 ms and more, and lose it with 3 ms.
pub const GAP: Duration = Duration::from_millis(4);

/// When the last mail of each chat was accepted.
#[derive(Debug, Default)]
pub struct Pace {
    accepted: HashMap<u32, Instant>,
}

impl Pace {
    /// Takes note that a mail of the chat was accepted at that time.
    pub fn accepted(&mut self, chat: u32, at: Instant) {
        self.accepted.retain(|_, earlier| at.saturating_duration_since(*earlier) < GAP);
        self.accepted.insert(chat, at);
    }

    /// When the next mail of the chat may be handed over; `None`: at once.
    pub fn turn(&self, chat: u32) -> Option<Instant> {
        self.accepted.get(&chat).map(|at| *at + GAP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_chat_waits_and_only_for_the_gap() {
        let mut pace = Pace::default();
        let start = Instant::now();
        pace.accepted(10, start);
        assert_eq!(pace.turn(10), Some(start + GAP));
        assert_eq!(pace.turn(11), None);
        pace.accepted(11, start + GAP);
        assert_eq!(pace.turn(10), None, "what is long past is forgotten");
        assert_eq!(pace.turn(11), Some(start + 2 * GAP));
    }
}
