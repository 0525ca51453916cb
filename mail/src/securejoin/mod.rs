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
//! | `effect` | what the rules ask for |
//! | [`inviter`], [`joiner`], [`observer`] | the rules of the three roles |
//! | `pending` | a join that waits for an answer |
//! | `token`, `tokens` | tokens, ids and secrets; which tokens a profile has given out |
//! | `verification` | whom one has verified, and who was introduced by whom |

mod effect;
pub mod inviter;
pub mod joiner;
mod mail;
mod message;
pub mod observer;
mod pending;
mod step;
mod token;
mod tokens;
mod verification;

#[cfg(test)]
mod tests;

pub use effect::{Effect, Fate, InfoLine, InviterChat, JoinTarget, Origin, Reaction, Reason};
pub use mail::{Encryption, Recipients, StepMail};
pub use message::{HandshakeMessage, MatchedSecret};
pub use pending::{BadPendingJoin, PendingJoin};
pub use step::{Prefix, Step};
pub use token::{ChannelSecret, GroupId, Token};
pub use tokens::{Namespace, Scope, StoredToken, SyncedTokens, TokenBook};
pub use verification::{Introducer, MAX_INTRODUCTION_CHAIN, Verification};
