//! What the message of a call says. The words themselves are texts that a client can translate.

use super::state::{Direction, State};

/// What is sent during a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// Sound.
    Audio,
    /// Sound and pictures.
    Video,
}

/// The text of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// "Outgoing audio call", "Incoming video call", …
    Begun(Direction, Media),
    /// The same, and below it how many whole minutes it took.
    Completed(Direction, Media, u64),
    /// "Declined call".
    Declined,
    /// "Canceled call".
    Canceled,
    /// "Missed call".
    Missed,
}

impl Text {
    /// The text that belongs to a state, as summaries show it: without the time that it took.
    pub fn of_state(direction: Direction, media: Media, state: State) -> Self {
        match state {
            State::Alerting | State::Active | State::Completed { .. } => Self::Begun(direction, media),
            State::Missed => Self::Missed,
            State::Declined => Self::Declined,
            State::Canceled => Self::Canceled,
        }
    }

    /// How long a call took, for the second line. Not translated.
    pub fn minutes(minutes: u64) -> String {
        match minutes {
            0 => "<1 minute".to_owned(),
            1 => "1 minute".to_owned(),
            n => format!("{n} minutes"),
        }
    }
}

impl Media {
    /// The sign before the text in a summary.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Audio => "📞",
            Self::Video => "🎥",
        }
    }
}
