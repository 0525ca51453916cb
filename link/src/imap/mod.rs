//! IMAP: one session, and what of it is pure.

mod data;
mod server_info;
mod session;
mod uid_set;

pub use data::{FetchData, QuotaResource};
pub use server_info::{ALL_ENTRIES, REFRESHED_ENTRIES, ServerInfo};
pub use session::{
    Capabilities, Fetched, FirstVisit, IdleEnd, ImapError, ImapSession, MAX_MAIL, MAX_RESPONSES, QuotaRoots,
    Selected,
};
pub use uid_set::uid_sets;
