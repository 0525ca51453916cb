//! The SecureJoin handshake: how a scanned invite becomes a contact, a group member or a channel subscriber.
//!
//! Both sides are pure rules. Whoever owns the profile parses the mail into a [`HandshakeMessage`], looks up the few
//! facts that a rule asks for, calls it, and carries out the [`Effect`]s of the [`Reaction`] in their order.
//!
//! ```text
//! joiner::start ──v3: KeyRequest / v2: Request──▶ inviter::receive
//! joiner::receive ◀──v3: Key / v2: AuthRequired──┘
//!       └──RequestWithAuth──▶ inviter::receive ──ContactConfirm or MemberAdded──▶ joiner::receive
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `step` | the steps and their names on the wire |
//! | `message` | what the rules must know of a received mail, and what it may claim |
//! | `mail` | the mails that are sent |
//! | `invite`, `scope` | what an invite says, what its tokens let into |
//! | `effect` | what the rules ask for |
//! | [`inviter`], [`joiner`], [`observer`] | the rules of the three roles |
//! | `pending` | a join that waits for an answer |
//! | `tokens` | which tokens a profile has given out |
//! | `verification` | whom one has verified, and who was introduced by whom |

mod effect;
mod invite;
pub mod inviter;
pub mod joiner;
mod mail;
mod message;
pub mod observer;
mod pending;
mod scope;
mod step;
mod tokens;
mod verification;

#[cfg(test)]
mod tests;

pub use effect::{Effect, Fate, InfoLine, InviterChat, JoinTarget, Origin, Reaction, Reason};
pub use invite::{Invite, Target};
pub use mail::{Encryption, Recipients, StepMail};
pub use message::{HandshakeMessage, MatchedSecret};
pub use pending::{BadPendingJoin, PendingJoin};
pub use scope::Scope;
pub use step::{Prefix, Step};
pub use tokens::{Namespace, StoredToken, SyncedTokens, TokenBook};
pub use verification::{Introducer, MAX_INTRODUCTION_CHAIN, Verification};

pub use crate::ids::{ChannelSecret, GroupId, Token};
