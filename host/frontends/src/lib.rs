//! User interfaces for Volary, as examples of what a program builds on [`volary::handles`]: `volary-terminal` draws on a
//! terminal, `volary-window` in a window. Both show the chats of one profile, live, and write.
//!
//! They reach the host that runs on a folder through its socket. Where none runs they start an engine themselves; handles
//! are the same.
//!
//! ```text
//!                 opening, commands                    handles
//!   model  ──────────────────────────▶  follow  ◀────────────────▶  host or engine
//!  (a rule) ◀──────────────────────────  (threads in
//!     ▲          updates, bounded        the background)
//!     │
//!  terminal or window: keys in, pictures out
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`exchange`] | what goes between the thread that shows and those that follow |
//! | [`model`] | lists, the open chat, what is typed. A rule, without any toolkit |
//! | [`looks`] | what a chat and a message look like, as texts and colours. A rule |
//! | [`follow`] | a runtime in the background that follows the host and carries out commands |
//! | [`terminal`], [`window`] | keys and drawing |
//! | [`options`] | the command line of both programs |
//!
//! A user interface that is slow, or stopped, slows nobody: updates wait in a channel with a bound, lists give one difference
//! to the newest state when they are asked again, and the host waits for none of its clients.

pub mod exchange;
pub mod follow;
pub mod looks;
pub mod model;
pub mod options;
#[cfg(feature = "terminal")]
pub mod terminal;
#[cfg(feature = "window")]
pub mod window;
