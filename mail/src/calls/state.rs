//! The states of a call and what changes them.

use super::text::{Media, Text};

/// How long a call rings.
pub const RING_SECONDS: i64 = 120;

/// Who began a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The other party.
    Incoming,
    /// This profile, on whichever of its devices.
    Outgoing,
}

/// Who sent a mail about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// This profile, from another device.
    Own,
    /// The contact with whom the call is.
    Other,
}

/// A call as it is stored. Times are Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Who began it.
    pub direction: Direction,
    /// What it begins with.
    pub media: Media,
    /// When it was offered.
    pub sent: i64,
    /// When it was answered.
    pub accepted: Option<i64>,
    /// When it ended, however that was.
    pub ended: Option<i64>,
    /// The caller gave up before it was answered.
    pub cancelled: bool,
}

/// What clients see of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It rings.
    Alerting,
    /// It was answered and goes on.
    Active,
    /// It was answered and is over.
    Completed {
        /// How long it took, at least 1.
        seconds: u64,
    },
    /// The callee did not answer in time.
    Missed,
    /// The callee does not want it; or did not answer in time, as the caller sees it.
    Declined,
    /// The caller gave up.
    Canceled,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The user answers on this device.
    Accept,
    /// The user cancels, declines or hangs up on this device.
    End,
    /// A mail says that it was answered. It was encrypted and signed, and is from one of the two parties.
    HeardAccepted(Party),
    /// A mail says that it ended; as above.
    HeardEnded(Party),
    /// It has rung for [`RING_SECONDS`].
    RungOut,
}

/// What has to be done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The message shows this text now.
    Show(Text),
    /// The chat of a contact request is accepted.
    AcceptChat,
    /// The message is marked as seen.
    MarkSeen,
    /// A mail that tells of the acceptance goes out.
    SendAccepted,
    /// A mail that tells of the end goes out.
    SendEnded,
    /// Clients learn that the message changed.
    AnnounceMessage,
    /// Clients learn that an incoming call was answered.
    AnnounceIncomingAccepted {
        /// On this device.
        here: bool,
    },
    /// Clients learn that the other party answered, and get its answer.
    AnnounceOutgoingAccepted,
    /// Clients learn that the call ended.
    AnnounceEnded,
}

/// Only incoming calls can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Condition failed: `call.is_incoming()`")]
pub struct NotIncoming;

impl Call {
    /// A call that was just offered.
    pub fn new(direction: Direction, media: Media, sent: i64) -> Self {
        Self { direction, media, sent, accepted: None, ended: None, cancelled: false }
    }

    /// What clients see of it at `now`. Follows from the times alone, so that a restart changes nothing.
    pub fn state(&self, now: i64) -> State {
        let incoming = self.direction == Direction::Incoming;
        match (self.accepted, self.ended) {
            (Some(accepted), Some(ended)) => {
                let seconds = u64::try_from(ended.saturating_sub(accepted)).unwrap_or(0).max(1);
                State::Completed { seconds }
            }
            (Some(_), None) => State::Active,
            _ if self.cancelled && incoming => State::Missed,
            _ if self.cancelled => State::Canceled,
            (None, Some(_)) => State::Declined,
            (None, None) if !self.is_stale(now) => State::Alerting,
            (None, None) if incoming => State::Missed,
            (None, None) => State::Declined,
        }
    }

    /// Whether it has rung for as long as calls do.
    pub fn is_stale(&self, now: i64) -> bool {
        self.sent.saturating_add(RING_SECONDS) <= now
    }

    /// For how many seconds it rings from `now` on.
    pub fn rings_for(&self, now: i64) -> u64 {
        let left = self.sent.saturating_add(RING_SECONDS).saturating_sub(now);
        u64::try_from(left.clamp(0, RING_SECONDS)).unwrap_or(0)
    }

    /// What the message says at `now`.
    pub fn text(&self, now: i64) -> Text {
        match self.state(now) {
            State::Completed { seconds } => Text::Completed(self.direction, self.media, seconds / 60),
            state => Text::of_state(self.direction, self.media, state),
        }
    }

    /// Applies what happened at `at`, which is `now` or the earlier time at which a mail was sent. No effects mean that
    /// nothing changed.
    pub fn apply(&mut self, trigger: Trigger, at: i64) -> Result<Vec<Effect>, NotIncoming> {
        if trigger == Trigger::Accept && self.direction == Direction::Outgoing {
            return Err(NotIncoming);
        }
        if self.ended.is_some() {
            return Ok(Vec::new());
        }
        Ok(match trigger {
            Trigger::Accept => self.accept_here(at),
            Trigger::HeardAccepted(party) => self.hear_accepted(party, at),
            Trigger::End if self.accepted.is_some() => {
                self.hang_up(at, &[Effect::SendEnded, Effect::AnnounceEnded, Effect::AnnounceMessage])
            }
            Trigger::HeardEnded(_) if self.accepted.is_some() => {
                self.hang_up(at, &[Effect::AnnounceMessage, Effect::AnnounceEnded])
            }
            Trigger::End => self.give_up_here(at),
            Trigger::HeardEnded(party) => self.hear_ended(party, at),
            Trigger::RungOut => self.ring_out(at),
        })
    }

    fn accept_here(&mut self, now: i64) -> Vec<Effect> {
        // The caller has given up by then, though the timer of this device may not have run.
        if self.accepted.is_some() || self.is_stale(now) {
            return Vec::new();
        }
        self.accepted = Some(now);
        vec![
            Effect::AcceptChat,
            Effect::MarkSeen,
            Effect::SendAccepted,
            Effect::AnnounceIncomingAccepted { here: true },
            Effect::AnnounceMessage,
        ]
    }

    /// Only the callee answers: an own other device if the call is incoming, the contact if it is outgoing.
    fn hear_accepted(&mut self, party: Party, at: i64) -> Vec<Effect> {
        let announcement = match (self.direction, party) {
            (Direction::Incoming, Party::Own) => Effect::AnnounceIncomingAccepted { here: false },
            (Direction::Outgoing, Party::Other) => Effect::AnnounceOutgoingAccepted,
            _ => return Vec::new(),
        };
        if self.accepted.is_some() {
            return Vec::new();
        }
        self.accepted = Some(at.max(self.sent));
        vec![Effect::AnnounceMessage, announcement]
    }

    fn hang_up(&mut self, at: i64, effects: &[Effect]) -> Vec<Effect> {
        self.ended = Some(at);
        [&[Effect::Show(self.text(at))], effects].concat()
    }

    fn give_up_here(&mut self, now: i64) -> Vec<Effect> {
        self.ended = Some(now);
        let mut effects = match self.direction {
            Direction::Incoming => vec![Effect::Show(Text::Declined), Effect::MarkSeen],
            Direction::Outgoing => {
                self.cancelled = true;
                vec![Effect::Show(Text::Canceled)]
            }
        };
        effects.extend([Effect::SendEnded, Effect::AnnounceEnded, Effect::AnnounceMessage]);
        effects
    }

    fn hear_ended(&mut self, party: Party, at: i64) -> Vec<Effect> {
        self.ended = Some(at);
        let text = match (self.direction, party) {
            (Direction::Incoming, Party::Own) | (Direction::Outgoing, Party::Other) => Text::Declined,
            (Direction::Incoming, Party::Other) => Text::Missed,
            (Direction::Outgoing, Party::Own) => Text::Canceled,
        };
        self.cancelled = text != Text::Declined;
        vec![Effect::Show(text), Effect::AnnounceMessage, Effect::AnnounceEnded]
    }

    /// No mail is sent: the other party has the same clock.
    fn ring_out(&mut self, now: i64) -> Vec<Effect> {
        if self.accepted.is_some() {
            return Vec::new();
        }
        self.ended = Some(now);
        let text = match self.direction {
            Direction::Incoming => {
                self.cancelled = true;
                Text::Missed
            }
            // The state is "declined" and the text is not: so it is with other programs.
            Direction::Outgoing => Text::Canceled,
        };
        vec![Effect::Show(text), Effect::AnnounceMessage, Effect::AnnounceEnded]
    }
}
