//! Rules of calls. A call is a message; the offer, the acceptance and the end are mails.
//!
//! | part | holds |
//! |---|---|
//! | [`Call`] | the times of a call, its [`State`], and what changes it ([`Trigger`] to [`Effect`]) |
//! | [`receive`] | what becomes of an incoming call: whether it rings, and for how long |
//! | [`Text`] | what the message of a call says |
//! | [`ice`] | servers through which media find their way |
//!
//! Everything here is a pure function of what is stored, of what happened and of `now`.

pub mod ice;

mod receive;
mod state;
mod text;

#[cfg(test)]
mod tests;

pub use receive::{Caller, Reception, WhoRings, receive};
pub use state::{Call, Direction, Effect, NotIncoming, Party, RING_SECONDS, State, Trigger};
pub use text::{Media, Text};
