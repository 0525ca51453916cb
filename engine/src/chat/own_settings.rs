//! What follows when a setting of the user is set.

use volary_proto::v1::event;
use volary_storage::View as _;
use volary_storage::tables::CONTACTS;

use super::aging;
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::settings::{self, Form, Mark, Setting};
use crate::state::{config, contacts, statistics, transports};

/// Sets a setting; `None` clears it.
pub fn store(tx: &mut Tx<'_, '_>, name: &str, value: Option<String>) -> Outcome<()> {
    // Settings of clients are not in the table: any text goes, and nothing follows.
    let Some(setting) = settings::find(name) else { return Ok(config::set(tx, name, value.as_deref())?) };
    let value = setting.clean(value)?;
    if let (Form::OwnAddress, Some(addr)) = (setting.form, &value)
        && !transports::is_own_addr(tx.store, tx.profile, addr)?
    {
        return Err(Failure::refused("Address does not belong to any transport."));
    }
    config::set(tx, name, value.as_deref())?;
    for mark in setting.marks {
        follow(tx, setting, *mark)?;
    }
    Ok(())
}

/// What follows when a setting was set.
fn follow(tx: &mut Tx<'_, '_>, setting: &Setting, mark: Mark) -> Outcome<()> {
    match mark {
        Mark::OwnPicture => {
            forget_avatar_sent(tx)?;
            tx.emit(event::Kind::SelfavatarChanged(event::SelfavatarChanged {}));
        }
        Mark::ProfileList => tx.emit(event::Kind::AccountsItemChanged(event::AccountsItemChanged {})),
        Mark::Shared => {
            tx.emit(event::Kind::ConfigSynced(event::ConfigSynced { key: setting.key.to_owned() }));
        }
        Mark::Ages => aging::setting_changed(tx)?,
        Mark::Reconnects => tx.effects().transports = true,
        Mark::Realtime => tx.effects().realtime = true,
        Mark::Counts => statistics::switched(tx)?,
        Mark::Info | Mark::StoredOnly => {}
    }
    Ok(())
}

/// All contacts get the new picture with the next message.
fn forget_avatar_sent(tx: &mut Tx<'_, '_>) -> Outcome<()> {
    let mut sent = Vec::new();
    for row in tx.store.scan_prefix(&CONTACTS, &tx.profile)? {
        let ((_, id), record) = row?;
        if record.own_avatar_sent != 0 {
            sent.push(id);
        }
    }
    for id in sent {
        contacts::update(tx, id, |record| record.own_avatar_sent = 0)?;
    }
    Ok(())
}
