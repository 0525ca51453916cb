//! A profile as account lists show it.

use volary_proto::Error;
use volary_proto::v1::Account;
use volary_proto::v1::account::{Configured, Kind, Unconfigured};

use super::contacts;
use super::look::{Look, look};
use crate::ground::db::Db;
use crate::ground::error::Outcome;
use crate::ground::ids::{ContactId, ProfileId};
use crate::state::{config, transports};

/// The profile.
pub fn account(db: &Db, profile: ProfileId) -> Result<Account, Error> {
    look(db, profile, view)
}

/// The profile of a snapshot.
pub fn view(look: &Look<'_>) -> Outcome<Account> {
    let id = look.profile;
    if transports::all(look.view, id)?.is_empty() {
        return Ok(Account { kind: Some(Kind::Unconfigured(Unconfigured { id: id.get() })) });
    }
    let own = contacts::record(look, ContactId::SELF)?;
    let configured = Configured {
        id: id.get(),
        display_name: config::get(look.view, id, config::key::DISPLAYNAME)?,
        profile_image: look.path(&own.avatar),
        color: contacts::color_of(&own, ContactId::SELF),
        private_tag: config::get(look.view, id, config::key::PRIVATE_TAG)?,
    };
    Ok(Account { kind: Some(Kind::Configured(configured)) })
}
