//! The receiving side of a relay connection: responses, UID sets and progress (pure), one session, and the loop that
//! keeps a folder watched.

mod check;
mod frame;
mod parse;
mod progress;
mod run;
mod server_info;
mod session;
mod uid_set;

pub use frame::{Frame, Scan};
pub use parse::{Code, FetchData, ParseError, QuotaResource, Response, Status, StatusLine};
pub use server_info::{ALL_ENTRIES, ServerInfo, turn_expiry};
pub use session::{Capabilities, Fetched, IdleEnd, ImapError, ImapSession, QuotaRoots, Selected};

pub(super) use run::{log_in_imap, run};
