//! The values of the tables: protobuf records, one file for each thing they describe.
//!
//! Field numbers are never reused. Times are Unix seconds unless a field says otherwise; 0 means "never".

mod app;
mod chat;
mod contact;
mod field;
mod glance;
mod location;
mod mail;
mod message;
mod number;
mod profile;
mod statistics;
mod sync;
mod unshown;

pub use app::{AppNodeRecord, AppRecord, AppUpdateRecord};
pub use chat::{Block, ChatRecord, ChatType, MemberRecord, Mute, RemovedChatRecord, Visibility};
pub use contact::{CertificateRecord, ContactOrigin, ContactRecord};
pub use glance::MessageGlance;
pub use location::{LocationRecord, Real};
pub use mail::{
    DeadlineRecord, FlagRecord, ForgottenRecord, JobKind, JoinRecord, KnownMail, KnownMailRecord,
    OutboxRecord, ReceiptJobRecord, ServerCopyRecord, TokenKind, TokenRecord,
};
pub use message::{
    CallRecord, Download, HeaderRecord, MessageRecord, MessageState, PendingCallRecord, ReactionRecord,
    SystemType, ViewType,
};
pub use profile::{
    CountRecord, CounterRecord, HostKeyRecord, KeyRecord, LeavingRecord, ManagerRecord, ProfileRecord,
    RouteRecord, TextRecord, TimeRecord, TransportRecord,
};
pub use statistics::StatisticsRecord;
pub use sync::{SyncItemRecord, SyncStampRecord};
pub use unshown::{
    NotShownReason, NotShownRecord, NotShownState, PendingEditRecord, QuarantineRecord, WaitKind,
};
