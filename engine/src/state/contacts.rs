//! Contacts: identity, names, origin.

use volary_storage::records::{ContactOrigin, ContactRecord};
use volary_storage::tables::{CONTACT_BY_ADDR, CONTACT_BY_FINGERPRINT, CONTACTS, COUNTERS};
use volary_storage::{StoreError, View};

use super::deadlines::{self, Kind};
use super::{chats, config, keys, transports};
use crate::ground::db::Tx;
use crate::ground::events::Events as _;
use crate::ground::ids::{ContactId, ProfileId};
use crate::ground::names;
use crate::ground::texts::{Texts, id as text};

/// A message time within that many seconds of now counts as "recently seen".
pub const RECENTLY_SEEN: i64 = 600;

/// Loads a real contact (id ≥ 10).
pub fn load(
    view: &impl View,
    profile: ProfileId,
    contact: ContactId,
) -> Result<Option<ContactRecord>, StoreError> {
    view.get(&CONTACTS, &(profile, contact))
}

/// Loads any contact, the special ones included; `None` for unknown ids and 0.
pub fn load_any(
    view: &impl View,
    texts: &Texts,
    profile: ProfileId,
    contact: ContactId,
) -> Result<Option<ContactRecord>, StoreError> {
    let special =
        |name: String, addr: &str| ContactRecord { name, addr: addr.to_owned(), ..Default::default() };
    Ok(match contact {
        ContactId::NONE => None,
        ContactId::SELF => Some(ContactRecord {
            addr: transports::self_addr(view, profile)?.unwrap_or_default(),
            name: texts.get(text::SELF),
            auth_name: config::get(view, profile, config::key::DISPLAYNAME)?.unwrap_or_default(),
            status: config::get(view, profile, config::key::SELFSTATUS)?.unwrap_or_default(),
            avatar: config::get(view, profile, config::key::SELFAVATAR)?.unwrap_or_default(),
            fingerprint: keys::own_fingerprint(view, profile)?.unwrap_or_default(),
            verifier: Some(ContactId::SELF),
            ..Default::default()
        }),
        ContactId::INFO => Some(special("info".to_owned(), "info")),
        ContactId::DEVICE => Some(ContactRecord {
            status: texts.get(text::DEVICE_MESSAGES_HINT),
            ..special(texts.get(text::DEVICE_MESSAGES), "device@localhost")
        }),
        id if id.is_special() => Some(special("rsvd".to_owned(), "")),
        id => load(view, profile, id)?,
    })
}

/// The name to show for a record: given name, own name, address.
pub fn display_name(record: &ContactRecord) -> &str {
    [&record.name, &record.auth_name].into_iter().find(|name| !name.is_empty()).unwrap_or(&record.addr)
}

/// The name to show for an id; empty if there is no such contact.
pub fn name_of(
    view: &impl View,
    texts: &Texts,
    profile: ProfileId,
    contact: ContactId,
) -> Result<String, StoreError> {
    Ok(load_any(view, texts, profile, contact)?
        .map(|record| display_name(&record).to_owned())
        .unwrap_or_default())
}

/// The key-contact of a fingerprint; SELF for the own one.
pub fn by_fingerprint(
    view: &impl View,
    profile: ProfileId,
    fingerprint: &str,
) -> Result<Option<ContactId>, StoreError> {
    if fingerprint.is_empty() {
        return Ok(None);
    }
    if keys::own_fingerprint(view, profile)?.as_deref() == Some(fingerprint) {
        return Ok(Some(ContactId::SELF));
    }
    first_id(view.scan_prefix(&CONTACT_BY_FINGERPRINT, &(profile, fingerprint.to_owned()))?)
}

fn first_id<E>(
    mut rows: impl Iterator<Item = Result<((ProfileId, String, ContactId), E), StoreError>>,
) -> Result<Option<ContactId>, StoreError> {
    Ok(rows.next().transpose()?.map(|((_, _, id), _)| id))
}

/// All contacts whose present address is `addr`, key-contacts and address-contacts.
pub fn all_by_addr(
    view: &impl View,
    profile: ProfileId,
    addr: &str,
) -> Result<Vec<(ContactId, ContactRecord)>, StoreError> {
    let mut found = Vec::new();
    for row in view.scan_prefix(&CONTACT_BY_ADDR, &(profile, addr.to_lowercase()))? {
        let ((_, _, id), _) = row?;
        if let Some(record) = load(view, profile, id)? {
            found.push((id, record));
        }
    }
    Ok(found)
}

/// The address-contact of an address; SELF for an own address.
pub fn by_addr(view: &impl View, profile: ProfileId, addr: &str) -> Result<Option<ContactId>, StoreError> {
    if transports::is_own_addr(view, profile, addr)? {
        return Ok(Some(ContactId::SELF));
    }
    let all = all_by_addr(view, profile, addr)?;
    Ok(all.into_iter().find(|(_, record)| record.fingerprint.is_empty()).map(|(id, _)| id))
}

/// Saves a contact with its indexes.
pub fn save(tx: &mut Tx<'_, '_>, contact: ContactId, record: &ContactRecord) -> Result<(), StoreError> {
    let profile = tx.profile;
    let old = load(tx.store, profile, contact)?;
    if old.as_ref() == Some(record) {
        return Ok(());
    }
    if old.as_ref().is_none_or(|old| old.addr != record.addr) {
        if let Some(old) = &old {
            tx.store.unset(&CONTACT_BY_ADDR, &(profile, old.addr.clone(), contact))?;
        }
        tx.store.set(&CONTACT_BY_ADDR, &(profile, record.addr.clone(), contact))?;
    }
    if old.is_none() && !record.fingerprint.is_empty() {
        tx.store.set(&CONTACT_BY_FINGERPRINT, &(profile, record.fingerprint.clone(), contact))?;
    }
    tx.store.put(&CONTACTS, &(profile, contact), record)
}

/// Changes a contact in place; unknown and special ids are left alone. Returns whether something changed.
pub fn update(
    tx: &mut Tx<'_, '_>,
    contact: ContactId,
    change: impl FnOnce(&mut ContactRecord),
) -> Result<bool, StoreError> {
    let Some(old) = load(tx.store, tx.profile, contact)? else { return Ok(false) };
    let mut new = old.clone();
    change(&mut new);
    if new == old {
        return Ok(false);
    }
    save(tx, contact, &new)?;
    Ok(true)
}

/// Removes a contact with its indexes.
pub fn remove(tx: &mut Tx<'_, '_>, contact: ContactId) -> Result<(), StoreError> {
    let profile = tx.profile;
    if let Some(old) = load(tx.store, profile, contact)? {
        tx.store.unset(&CONTACT_BY_ADDR, &(profile, old.addr, contact))?;
        tx.store.unset(&CONTACT_BY_FINGERPRINT, &(profile, old.fingerprint, contact))?;
        tx.store.remove(&CONTACTS, &(profile, contact))?;
    }
    Ok(())
}

/// What a source tells about a contact.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen<'a> {
    /// Name, possibly empty.
    pub name: &'a str,
    /// Address, normalised; may be empty if a fingerprint is given.
    pub addr: &'a str,
    /// Upper-case hex fingerprint; empty for an address-contact.
    pub fingerprint: &'a str,
    /// How well it is known by that.
    pub origin: ContactOrigin,
}

/// Finds or adds the contact: by fingerprint if there is one, else by address among address-contacts, never across.
pub fn add_or_lookup(tx: &mut Tx<'_, '_>, seen: Seen<'_>) -> Result<ContactId, StoreError> {
    let profile = tx.profile;
    let addr = seen.addr.to_lowercase();
    let known = if seen.fingerprint.is_empty() {
        by_addr(tx.store, profile, &addr)?
    } else {
        by_fingerprint(tx.store, profile, seen.fingerprint)?
    };
    let manual = matches!(
        seen.origin,
        ContactOrigin::ManuallyCreated | ContactOrigin::AddressBook | ContactOrigin::UnhandledQrScan
    );
    let (name, origin) =
        if seen.fingerprint.is_empty() && is_unusable(&addr) && seen.origin <= ContactOrigin::OutgoingTo {
            (String::new(), ContactOrigin::Hidden)
        } else {
            (names::clean_contact_name(seen.name), seen.origin)
        };
    match known {
        Some(ContactId::SELF) => Ok(ContactId::SELF),
        Some(id) => {
            let mut renamed = false;
            let changed = update(tx, id, |record| {
                let before = display_name(record).to_owned();
                merge_seen(record, &name, &addr, origin, manual);
                renamed = display_name(record) != before;
            })?;
            if renamed {
                tell_renamed(tx, id)?;
            } else if changed {
                tx.contacts_changed(Some(id));
            }
            Ok(id)
        }
        None => {
            let mut record = ContactRecord {
                addr,
                fingerprint: seen.fingerprint.to_owned(),
                origin,
                ..Default::default()
            };
            if manual {
                record.name = name;
            } else {
                record.auth_name = name;
            }
            let id = next_id(tx)?;
            save(tx, id, &record)?;
            tx.contacts_changed(Some(id));
            Ok(id)
        }
    }
}

/// Longest address with a tag that somebody may have chosen, in bytes.
const MAX_TAGGED: usize = 50;

/// Whether nobody reads what is sent to an address: machines write as many people, under changing names.
fn is_unusable(addr: &str) -> bool {
    addr.contains("noreply")
        || addr.contains("no-reply")
        || addr.starts_with("notifications@")
        || (addr.len() > MAX_TAGGED && addr.contains('+'))
}

fn merge_seen(record: &mut ContactRecord, name: &str, addr: &str, new_origin: ContactOrigin, manual: bool) {
    if manual {
        record.name = name.to_owned();
    } else if !name.is_empty()
        && (new_origin >= record.origin
            || new_origin == ContactOrigin::IncomingUnknownFrom
            || record.auth_name.is_empty())
    {
        record.auth_name = name.to_owned();
    }
    if !addr.is_empty() && (new_origin >= record.origin || new_origin == ContactOrigin::IncomingUnknownFrom) {
        record.addr = addr.to_owned();
    }
    record.origin = record.origin.max(new_origin);
}

fn next_id(tx: &mut Tx<'_, '_>) -> Result<ContactId, StoreError> {
    let mut counters = tx.store.get(&COUNTERS, &tx.profile)?.unwrap_or_default();
    counters.contact = counters.contact.next();
    tx.store.put(&COUNTERS, &tx.profile, &counters)?;
    Ok(counters.contact)
}

/// Tells that a contact has another display name.
pub fn tell_renamed(tx: &mut Tx<'_, '_>, contact: ContactId) -> Result<(), StoreError> {
    if let Some(chat) = chats::single_of(tx.store, tx.profile, contact)? {
        tx.chat_modified(chat);
        tx.chatlist_item_changed(Some(chat));
    }
    tx.contacts_changed(Some(contact));
    Ok(())
}

/// Raises the origin; never lowers it. Returns whether it rose.
pub fn raise_origin(tx: &mut Tx<'_, '_>, contact: ContactId, to: ContactOrigin) -> Result<bool, StoreError> {
    update(tx, contact, |record| record.origin = record.origin.max(to))
}

/// Records that mail of this contact was sent at `sent`.
pub fn touch_last_seen(tx: &mut Tx<'_, '_>, contact: ContactId, sent: i64) -> Result<(), StoreError> {
    let rose = update(tx, contact, |record| record.last_seen = record.last_seen.max(sent))?;
    if rose && tx.now - sent <= RECENTLY_SEEN {
        tx.contacts_changed(Some(contact));
        // A deadline that comes too early looks again: messages that follow each other need no more than one.
        if deadlines::single(tx.store, tx.profile, Kind::RecentlySeenEnds, u64::from(contact))?.is_none() {
            let ends = sent.min(tx.now) + RECENTLY_SEEN + 1;
            deadlines::set_single(tx, ends, Kind::RecentlySeenEnds, u64::from(contact))?;
        }
    }
    Ok(())
}

/// A contact may not be recently seen any more: emits that, or looks again later.
pub fn recently_seen_ends(tx: &mut Tx<'_, '_>, contact: ContactId) -> Result<(), StoreError> {
    let Some(record) = load(tx.store, tx.profile, contact)? else { return Ok(()) };
    let ends = record.last_seen.saturating_add(RECENTLY_SEEN + 1);
    // A time in the future is one of a wrong clock.
    if ends > tx.now && record.last_seen <= tx.now {
        return deadlines::set_single(tx, ends, Kind::RecentlySeenEnds, u64::from(contact));
    }
    tx.contacts_changed(Some(contact));
    if let Some(chat) = chats::single_of(tx.store, tx.profile, contact)? {
        tx.chatlist_item_changed(Some(chat));
    }
    Ok(())
}
