//! The distance between mails of one chat.
//!
//! Relays deliver several queued mails at once, in no fixed order, and receivers sort by whole seconds. Mails of
//! different chats travel together.
//!
//! A receiver that gets a post of a channel before the secret of the channel cannot open it; chatmail core then drops it.
//! So posts keep a larger distance from the mail that brings the secret to a new subscriber.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;
use volary_engine::ground::ids::ChatId;

/// Time between the acceptance of a mail and the start of the next transaction for the same chat. Over Postfix and
/// Dovecot on an idle machine 200 mails in a row keep their order with 4 ms and more, and lose it with 3 ms. On a busy one
/// no gap is enough: mails of chatmail core, some 60 ms apart, were swapped as well.
pub const GAP: Duration = Duration::from_millis(4);

/// Time between the acceptance of a secret and the posts that need it. A busy relay has swapped mails that were
/// accepted some hundred milliseconds apart.
pub const SECRET_GAP: Duration = Duration::from_secs(1);

/// While one subscriber after the other joins, posts wait no longer than that.
pub const LONGEST_HOLD: Duration = Duration::from_secs(5);

/// Subscribers that joined one soon after the other.
#[derive(Debug)]
struct Joining {
    first: Instant,
    last: Instant,
}

/// When the last mail of each chat was accepted.
#[derive(Debug, Default)]
pub struct Pace {
    accepted: HashMap<Option<ChatId>, Instant>,
    joining: HashMap<ChatId, Joining>,
}

impl Pace {
    /// A mail of the chat was accepted at that time.
    pub fn accepted(&mut self, chat: Option<ChatId>, at: Instant) {
        self.accepted.retain(|_, earlier| at.saturating_duration_since(*earlier) < GAP);
        self.accepted.insert(chat, at);
    }

    /// A mail that brings the secret of the chat to somebody was accepted at that time.
    pub fn secret_accepted(&mut self, chat: ChatId, at: Instant) {
        let chat = self.joining.entry(chat).or_insert(Joining { first: at, last: at });
        if at.saturating_duration_since(chat.last) >= SECRET_GAP {
            chat.first = at;
        }
        chat.last = at;
    }

    /// When the next mail of the chat may be handed over; `None`: at once.
    pub fn turn(&self, chat: Option<ChatId>) -> Option<Instant> {
        self.accepted.get(&chat).map(|at| *at + GAP)
    }

    /// Chats whose posts wait for the delivery of a secret.
    pub fn held(&mut self, now: Instant) -> Vec<ChatId> {
        let since = |earlier: Instant| now.saturating_duration_since(earlier);
        self.joining.retain(|_, chat| since(chat.last) < SECRET_GAP && since(chat.first) < LONGEST_HOLD);
        self.joining.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ChatId = ChatId::new(10);
    const OTHER: ChatId = ChatId::new(11);

    #[test]
    fn only_the_same_chat_waits_and_only_for_the_gap() {
        let mut pace = Pace::default();
        let start = Instant::now();
        pace.accepted(Some(ONE), start);
        assert_eq!(pace.turn(Some(ONE)), Some(start + GAP));
        assert_eq!(pace.turn(Some(OTHER)), None);
        pace.accepted(Some(OTHER), start + GAP);
        assert_eq!(pace.turn(Some(ONE)), None, "what is long past is forgotten");
        assert_eq!(pace.turn(Some(OTHER)), Some(start + 2 * GAP));
    }

    #[test]
    fn posts_wait_for_the_delivery_of_the_last_secret() {
        let mut pace = Pace::default();
        let start = Instant::now();
        pace.secret_accepted(ONE, start);
        assert_eq!(pace.held(start), [ONE]);
        pace.secret_accepted(ONE, start + SECRET_GAP / 2);
        assert_eq!(pace.held(start + SECRET_GAP), [ONE], "another subscriber came");
        assert_eq!(pace.held(start + 2 * SECRET_GAP), [] as [ChatId; 0]);
        for half in 0..12 {
            pace.secret_accepted(ONE, start + SECRET_GAP / 2 * half);
        }
        assert_eq!(pace.held(start + LONGEST_HOLD), [] as [ChatId; 0], "posts do not wait for ever");
        pace.secret_accepted(ONE, start);
        pace.secret_accepted(ONE, start + 2 * LONGEST_HOLD);
        assert_eq!(pace.held(start + 2 * LONGEST_HOLD), [ONE], "one who comes much later is waited for, too");
    }
}
