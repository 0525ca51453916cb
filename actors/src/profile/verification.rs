//! Verification: a contact is verified directly, by our own handshake, or introduced by a verified contact.
//!
//! The fact belongs to the fingerprint, is stored with the contact and only changes what is shown; it never decides
//! what may be sent or received.

use volary_storage::records::ContactRecord;
use volary_storage::{StoreError, View};

use crate::db::Tx;
use crate::events::Events as _;
use crate::state::contacts;
use crate::state::ids::contact::SELF;

/// A token vouches for the joiner while it is younger than that many seconds (7 days).
pub const TOKEN_MAX_AGE: i64 = 7 * 24 * 3600;
/// Chains of introductions are followed at most that far.
const MAX_CHAIN: usize = 100;

/// How a contact came to be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// Not at all.
    None,
    /// By our own handshake.
    Direct,
    /// Introduced by that contact.
    IntroducedBy(u32),
    /// Introduced, nobody knows by whom.
    Introduced,
}

/// Reads the stored fact.
pub fn of(record: &ContactRecord, contact: u32) -> Verification {
    match record.verifier {
        0 => Verification::None,
        SELF => Verification::Direct,
        id if id == contact => Verification::Introduced,
        id => Verification::IntroducedBy(id),
    }
}

/// Whether we vouch for this contact's key when we gossip it: we did the handshake, or know who introduced it.
pub fn is_vouched(record: &ContactRecord, contact: u32) -> bool {
    matches!(of(record, contact), Verification::Direct | Verification::IntroducedBy(_))
}

/// We did the handshake with this contact.
pub fn set_direct(tx: &mut Tx<'_, '_>, contact: u32) -> Result<(), StoreError> {
    if contacts::update(tx, contact, |record| record.verifier = SELF)? {
        tx.contacts_changed(Some(contact));
    }
    Ok(())
}

/// A verified contact (or an own device) vouched for this contact. Direct verification and a known introducer stay.
pub fn introduce(tx: &mut Tx<'_, '_>, contact: u32, by: u32) -> Result<(), StoreError> {
    if contact == by || contact == SELF {
        return Ok(());
    }
    let verifier = if by == SELF {
        contact
    } else {
        match contacts::load(tx.store, tx.profile, by)?.map(|record| of(&record, by)) {
            None | Some(Verification::None) => return Ok(()),
            Some(Verification::Introduced) => contact,
            Some(_) => by,
        }
    };
    let changed = contacts::update(tx, contact, |record| {
        if matches!(of(record, contact), Verification::None | Verification::Introduced) {
            record.verifier = verifier;
        }
    })?;
    if changed {
        tx.contacts_changed(Some(contact));
    }
    Ok(())
}

/// The introducers from this contact up to the one whom we verified ourselves; empty for direct verification.
pub fn chain(view: &impl View, profile: u32, contact: u32) -> Result<Vec<u32>, StoreError> {
    let mut chain = Vec::new();
    let mut at = contact;
    while chain.len() < MAX_CHAIN {
        let Some(record) = contacts::load(view, profile, at)? else { break };
        match of(&record, at) {
            Verification::IntroducedBy(by) => {
                chain.push(by);
                at = by;
            }
            _ => break,
        }
    }
    Ok(chain)
}
