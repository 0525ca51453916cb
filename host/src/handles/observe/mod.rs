//! Lists that a user interface shows: a snapshot, and then differences.
//!
//! | file | holds |
//! |---|---|
//! | `diff` | [`diff`] and [`Change`]: what turns one list into another. A rule |
//! | `stale` | which entries an event makes stale. A rule |
//! | `chat_list`, `timeline` | follow the events, ask again for what is stale |
//!
//! Nothing runs in the background: a list that nobody asks for changes costs what its events cost, which are bounded. Who
//! asks after a long time gets one difference to the newest state.

mod chat_list;
mod diff;
mod stale;
mod timeline;

pub use self::chat_list::ChatList;
pub use self::diff::{Change, Keyed, diff};
pub use self::timeline::Timeline;
