//! Changing settings: what is checked, what is made ready, what the other devices hear.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use volary_proto::Error;
use volary_proto::v1::ConfigEntry;

use super::files;
use crate::chat::own_settings;
use crate::ground::db::Db;
use crate::ground::ids::ProfileId;
use crate::ground::settings::{self, Form, SetBy, check_key};
use crate::query::look::look;
use crate::state::config;
use crate::sync::share;

/// Larger own pictures stay on this device, in bytes; none that was made ready is.
const MAX_SHARED_PICTURE: u64 = 1 << 20;

/// Changes a setting.
pub async fn set(db: &Db, profile: ProfileId, name: String, value: Option<String>) -> Result<(), Error> {
    check_key(&name)?;
    let known = settings::find(&name);
    if known.is_some_and(|setting| setting.set_by == SetBy::Nobody) {
        return Ok(());
    }
    let is_picture = known.is_some_and(|setting| setting.form == Form::Picture);
    let value = match value {
        // The picture is made ready before the transaction.
        Some(path) if is_picture => Some(files::avatar(db, profile, path).await?),
        other => other,
    };
    let picture = match &value {
        Some(blob) if is_picture => {
            let bytes = look(db, profile, |look| Ok(look.blob(blob, MAX_SHARED_PICTURE)))?;
            bytes.map(|bytes| STANDARD.encode(bytes))
        }
        _ => Some(String::new()),
    };
    db.transact(profile, move |tx| {
        own_settings::store(tx, &name, value)?;
        let shared = if is_picture { picture } else { config::stored(tx.store, tx.profile, &name)? };
        share::setting(tx, &name, shared)
    })
    .await?;
    Ok(())
}

/// Changes several settings in turn, up to the first that fails.
pub async fn batch(db: &Db, profile: ProfileId, entries: Vec<ConfigEntry>) -> Result<(), Error> {
    for ConfigEntry { key, value } in entries {
        let shown = value.as_ref().map_or_else(|| "None".to_owned(), |value| format!("Some({value:?})"));
        let set = set(db, profile, key.clone(), value).await;
        set.map_err(|error| error.context(format!("Can't set {key} to {shown}")))?;
    }
    Ok(())
}
