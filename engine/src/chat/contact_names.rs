//! Names that the user gives to contacts.

use volary_storage::records::ContactOrigin;

use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::events::Events as _;
use crate::ground::ids::ContactId;
use crate::ground::names;
use crate::state::contacts;

/// Names a contact; an empty name gives back its own.
pub fn rename(tx: &mut Tx<'_, '_>, contact: ContactId, name: &str) -> Outcome<()> {
    if contact != ContactId::NONE && contact.is_special() {
        return Ok(());
    }
    let old = contacts::load(tx.store, tx.profile, contact)?
        .ok_or_else(|| Failure::refused(format!("contact Contact#{contact} not found")))?;
    let name = names::clean_contact_name(name);
    contacts::update(tx, contact, |record| {
        record.name = name;
        record.origin = record.origin.max(ContactOrigin::ManuallyCreated);
    })?;
    let new = contacts::load(tx.store, tx.profile, contact)?.unwrap_or_default();
    if contacts::display_name(&old) == contacts::display_name(&new) {
        tx.contacts_changed(Some(contact));
    } else {
        contacts::tell_renamed(tx, contact)?;
    }
    Ok(())
}
