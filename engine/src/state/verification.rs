//! Verification as a stored fact: how the record of a contact holds what the rules of `mail::securejoin` decide.
//!
//! The fact belongs to the fingerprint and only changes what is shown; it never decides what may be sent or received.

use volary_mail::securejoin::{Introducer, Verification};
use volary_storage::StoreError;
use volary_storage::records::ContactRecord;

use super::contacts;
use crate::ground::db::Tx;
use crate::ground::events::Events as _;
use crate::ground::ids::ContactId;

/// Reads the stored fact.
pub fn of(record: &ContactRecord, contact: ContactId) -> Verification<ContactId> {
    match record.verifier {
        None => Verification::None,
        Some(ContactId::SELF) => Verification::Direct,
        Some(id) if id == contact => Verification::Introduced,
        Some(id) => Verification::IntroducedBy(id),
    }
}

/// The stored form of a fact about `contact`.
fn stored(fact: Verification<ContactId>, contact: ContactId) -> Option<ContactId> {
    match fact {
        Verification::None => None,
        Verification::Direct => Some(ContactId::SELF),
        Verification::IntroducedBy(by) => Some(by),
        Verification::Introduced => Some(contact),
    }
}

/// Stores a fact and emits the event.
pub fn set(tx: &mut Tx<'_, '_>, contact: ContactId, fact: Verification<ContactId>) -> Result<(), StoreError> {
    if contacts::update(tx, contact, |record| record.verifier = stored(fact, contact))? {
        tx.contacts_changed(Some(contact));
    }
    Ok(())
}

/// A contact (or an own device) vouched for the key of `contact`.
pub fn introduce(tx: &mut Tx<'_, '_>, contact: ContactId, by: ContactId) -> Result<(), StoreError> {
    if contact == by || contact == ContactId::SELF {
        return Ok(());
    }
    let Some(record) = contacts::load(tx.store, tx.profile, contact)? else { return Ok(()) };
    let introducer = if by == ContactId::SELF {
        Introducer::SelfDevice
    } else {
        let by_record = contacts::load(tx.store, tx.profile, by)?.unwrap_or_default();
        Introducer::Contact(by, of(&by_record, by))
    };
    match of(&record, contact).after_introduction(introducer) {
        Some(fact) => set(tx, contact, fact),
        None => Ok(()),
    }
}
