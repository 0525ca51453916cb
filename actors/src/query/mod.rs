//! Queries: what requests read. Each takes its answer from one snapshot and wakes no actor.
//!
//! | file | answers |
//! |---|---|
//! | [`account`] | a profile as account lists show it |
//! | [`chatlist`], [`chats`] | the chat list and its entries, chats in full, members |
//! | [`contacts`] | contacts, contact lists, contact cards |
//! | [`messages`] | messages, lists of their ids, media, facts about them |
//! | [`search`], [`summary`] | finding messages, and what is shown of one in a line |
//! | [`config`], [`info`] | settings, and facts for logs |
//! | [`color`] | colours of chats and contacts |

pub mod account;
pub mod chats;
pub mod messages;
pub mod summary;

use volary_proto::Error;
use volary_proto::v1::{answer, request};
use volary_storage::tables::PROFILES;
use volary_storage::View as _;

use crate::db::Db;
use crate::error::Failure;

/// Answers a query to a profile.
pub fn run(db: &Db, profile: u32, kind: &request::Kind) -> Result<answer::Kind, Error> {
    check_profile(db, profile)?;
    Err(unsupported(kind))
}

/// Answers a query to the process as a whole that needs no state; `None` for any other request.
pub fn process(_kind: &request::Kind) -> Option<Result<answer::Kind, Error>> {
    None
}

/// Refuses a profile that does not exist.
pub(crate) fn check_profile(db: &Db, profile: u32) -> Result<(), Error> {
    let known = db.read(|view| view.contains(&PROFILES, &profile)).map_err(Failure::from)?;
    if known { Ok(()) } else { Err(Error::not_found(format!("account with id {profile} not found"))) }
}

pub(crate) fn unsupported(kind: &request::Kind) -> Error {
    Error::unsupported(format!("{} is not supported yet", kind.name()))
}
