//! Verification as a stored fact: how the record of a contact holds what the rules of `mail::securejoin` decide.
//!
//! The fact belongs to the fingerprint and only changes what is shown; it never decides what may be sent or received.

use volary_mail::securejoin::{Introducer, Verification};
use volary_storage::StoreError;
use volary_storage::records::ContactRecord;

use super::contacts;
use crate::ground::db::Tx;
use crate::ground::events::Events as _;
use crate::ground::ids::contact::SELF;

/// Reads the stored fact.
pub fn of(record: &ContactRecord, contact: u32) -> Verification<u32> {
    match record.verifier {
        0 => Verification::None,
        SELF => Verification::Direct,
        id if id == contact => Verification::Introduced,
        id => Verification::IntroducedBy(id),
    }
}

/// The stored form of a fact about `contact`.
fn stored(fact: Verification<u32>, contact: u32) -> u32 {
    match fact {
        Verification::None => 0,
        Verification::Direct => SELF,
        Verification::IntroducedBy(by) => by,
        Verification::Introduced => contact,
    }
}

/// Stores a fact and tells of it.
pub fn set(tx: &mut Tx<'_, '_>, contact: u32, fact: Verification<u32>) -> Result<(), StoreError> {
    if contacts::update(tx, contact, |record| record.verifier = stored(fact, contact))? {
        tx.contacts_changed(Some(contact));
    }
    Ok(())
}

/// A contact (or an own device) vouched for the key of `contact`.
pub fn introduce(tx: &mut Tx<'_, '_>, contact: u32, by: u32) -> Result<(), StoreError> {
    if contact == by || contact == SELF {
        return Ok(());
    }
    let Some(record) = contacts::load(tx.store, tx.profile, contact)? else { return Ok(()) };
    let introducer = if by == SELF {
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
