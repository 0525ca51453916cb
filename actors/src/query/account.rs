//! A profile as account lists show it.

use volary_proto::Error;
use volary_proto::v1::{Account, account};

use crate::db::Db;
use crate::state::transports;

/// The profile.
pub fn account(db: &Db, profile: u32) -> Result<Account, Error> {
    let configured = db.read(|view| transports::all(view, profile)).map_err(crate::error::Failure::from)?;
    let kind = if configured.is_empty() {
        account::Kind::Unconfigured(account::Unconfigured { id: profile })
    } else {
        account::Kind::Configured(account::Configured { id: profile, ..Default::default() })
    };
    Ok(Account { kind: Some(kind) })
}
