//! The values of the tables: protobuf records, one file for each thing they describe.
//!
//! Field numbers are never reused. Times are Unix seconds unless a field says otherwise; 0 means "never".

mod chat;
mod contact;
mod field;
mod mail;
mod message;
mod profile;
mod unshown;

pub use chat::{ChatRecord, MemberRecord, block, chat_type, visibility};
pub use contact::{CertificateRecord, ContactRecord, origin};
pub use mail::{
    DeadlineRecord, FlagRecord, JoinRecord, KnownMailRecord, OutboxRecord, ReceiptJobRecord,
    ServerCopyRecord, TokenRecord, known_mail, outbox, token,
};
pub use message::{HeaderRecord, MessageRecord, ReactionRecord, message_state, system_type, view_type};
pub use profile::{
    CounterRecord, HostKeyRecord, KeyRecord, LeavingRecord, ManagerRecord, ProfileRecord, RouteRecord,
    TextRecord, TimeRecord, TransportRecord,
};
pub use unshown::{NotShownRecord, PendingEditRecord, QuarantineRecord, wait};
