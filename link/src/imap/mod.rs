//! IMAP: responses and UID sets (pure), and one session.

mod frame;
mod parse;
mod server_info;
mod session;
mod uid_set;

pub use frame::{Frame, Scan};
pub use parse::{Code, FetchData, ParseError, QuotaResource, Response, Status, StatusLine};
pub use server_info::{ALL_ENTRIES, REFRESHED_ENTRIES, ServerInfo, turn_expiry};
pub use session::{Capabilities, Fetched, IdleEnd, ImapError, ImapSession, MAX_MAIL, QuotaRoots, Selected};
pub use uid_set::uid_sets;
