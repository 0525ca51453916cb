//! Scannable codes and invite links: what a text means, and how invites are written and drawn.
//!
//! [`parse`] reads a scanned, pasted or clicked text without looking at anything else. What a code means for *this*
//! profile (somebody else's invite, or an own one that can be withdrawn) is decided by [`classify`] from a few facts.
//!
//! | file | holds |
//! |---|---|
//! | `code` | [`Code`], the order of the tests that distinguish the kinds |
//! | `invite` | contact, group and channel invites in both written forms; [`Invite`] itself belongs to the handshake |
//! | `account` | `dcaccount:` and `dclogin:` |
//! | `new_account` | what a web address of a `dcaccount:` code answers |
//! | `backup` | second-device codes |
//! | `contact` | `mailto:`, `SMTP:`, `MATMSG:` and scanned vCards |
//! | `classify` | [`classify`] |
//! | [`svg`] | codes as pictures |

mod account;
mod backup;
mod classify;
mod code;
mod contact;
mod error;
mod invite;
mod new_account;
pub mod svg;

#[cfg(test)]
mod tests;

pub use account::{AccountCode, Certificates, LoginCode, Security, ServerLogin};
pub use backup::{BackupCode, NodeAddr};
pub use classify::{LocalFacts, Scanned, classify};
pub use code::{Code, parse};
pub use contact::AddressCode;
pub use error::QrError;
pub use new_account::{NewAccountError, read_new_account};

pub use crate::securejoin::{Invite, Target};
