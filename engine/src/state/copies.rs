//! Copies of mail on relays, and what is to become of them.

use volary_storage::records::{FlagRecord, KnownMailRecord, ServerCopyRecord};
use volary_storage::tables::{COPIES_BY_MID, KNOWN_MAIL, PENDING_FLAGS, SERVER_COPIES};
use volary_storage::{StoreError, View};

use super::config;
use super::deadlines::{self, Kind};
use crate::ground::db::Tx;
use crate::ground::ids::{ProfileId, TransportId};

/// How long copies of what the user has removed stay for other own devices, in seconds. They may be offline meanwhile, and
/// learn from no other mail what this one has changed.
pub const LEFT_FOR: i64 = 86_400;

/// Where a copy lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The transport.
    pub transport: TransportId,
    /// UIDVALIDITY of its folder.
    pub uid_validity: u32,
    /// UID in the folder.
    pub uid: u32,
}

/// Remembers a copy; what is wanted of all copies of the mail is wanted of this one, too.
pub fn add(tx: &mut Tx<'_, '_>, place: Place, mid: &str) -> Result<(), StoreError> {
    let Place { transport, uid_validity, uid } = place;
    let profile = tx.profile;
    tx.store.put(
        &SERVER_COPIES,
        &(profile, transport, uid_validity, uid),
        &ServerCopyRecord { mid: mid.to_owned() },
    )?;
    tx.store.set(&COPIES_BY_MID, &(profile, mid.to_owned(), transport, uid_validity, uid))?;
    if let Some(known) = tx.store.get(&KNOWN_MAIL, &(profile, mid))?
        && (known.delete || known.seen)
    {
        want_of(tx, place, &known)?;
    }
    Ok(())
}

/// A relay has to delete or (else) flag a copy.
pub fn ask(tx: &mut Tx<'_, '_>, place: Place, delete: bool) -> Result<(), StoreError> {
    want_of(tx, place, &KnownMailRecord { delete, ..KnownMailRecord::default() })
}

/// A relay has to do with a copy what is wanted of all copies of the mail.
fn want_of(tx: &mut Tx<'_, '_>, place: Place, wanted: &KnownMailRecord) -> Result<(), StoreError> {
    let key = (tx.profile, place.transport, place.uid_validity, place.uid);
    let asked = tx.store.get(&PENDING_FLAGS, &key)?.filter(|asked| asked.delete);
    let record = match asked {
        Some(asked) if !wanted.delete => asked,
        Some(asked) => FlagRecord { not_before: asked.not_before.min(wanted.delete_from), ..asked },
        None => FlagRecord { delete: wanted.delete, not_before: wanted.delete_from },
    };
    tx.store.put(&PENDING_FLAGS, &key, &record)?;
    if record.not_before > tx.now {
        return wake(tx, record.not_before);
    }
    tx.effects().flags = true;
    Ok(())
}

/// The relays are asked at this time, or before.
fn wake(tx: &mut Tx<'_, '_>, time: i64) -> Result<(), StoreError> {
    match deadlines::single(tx.store, tx.profile, Kind::CopiesGo, 0)? {
        Some(set) if set <= time => Ok(()),
        _ => deadlines::set_single(tx, time, Kind::CopiesGo, 0),
    }
}

/// Some copies have stayed long enough.
pub fn go(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    tx.effects().flags = true;
    let mut next: Option<i64> = None;
    for row in tx.store.scan_prefix(&PENDING_FLAGS, &tx.profile)? {
        let (_, record) = row?;
        if !is_due(record.not_before, tx.now) {
            next = Some(next.map_or(record.not_before, |next| next.min(record.not_before)));
        }
    }
    next.map_or(Ok(()), |time| wake(tx, time))
}

/// What was noted by a clock far ahead of this one, a day or more, does not wait for it.
fn is_due(not_before: i64, now: i64) -> bool {
    not_before <= now || not_before > now.saturating_add(2 * LEFT_FOR)
}

/// Whether copies of a mail are deleted as soon as they turn up.
pub fn are_unwanted(known: &KnownMailRecord, now: i64) -> bool {
    known.delete && is_due(known.delete_from, now)
}

/// A relay has flagged a copy.
pub fn answered(tx: &mut Tx<'_, '_>, place: Place) -> Result<(), StoreError> {
    let key = (tx.profile, place.transport, place.uid_validity, place.uid);
    if tx.store.get(&PENDING_FLAGS, &key)?.is_some_and(|record| !record.delete) {
        tx.store.remove(&PENDING_FLAGS, &key)?;
    }
    Ok(())
}

/// What a transport has to do by now, with whether it is a deletion.
pub fn pending(
    view: &impl View,
    profile: ProfileId,
    transport: TransportId,
    now: i64,
) -> Result<Vec<(Place, bool)>, StoreError> {
    let mut found = Vec::new();
    for row in view.scan_prefix(&PENDING_FLAGS, &(profile, transport))? {
        let ((_, transport, uid_validity, uid), record) = row?;
        if is_due(record.not_before, now) {
            found.push((Place { transport, uid_validity, uid }, record.delete));
        }
    }
    Ok(found)
}

/// Forgets a copy that is gone from its relay.
pub fn forget(tx: &mut Tx<'_, '_>, place: Place) -> Result<(), StoreError> {
    let Place { transport, uid_validity, uid } = place;
    let profile = tx.profile;
    let key = (profile, transport, uid_validity, uid);
    tx.store.remove(&PENDING_FLAGS, &key)?;
    if let Some(record) = tx.store.get(&SERVER_COPIES, &key)? {
        tx.store.remove(&SERVER_COPIES, &key)?;
        tx.store.unset(&COPIES_BY_MID, &(profile, record.mid, transport, uid_validity, uid))?;
    }
    Ok(())
}

/// Forgets all copies of a transport.
pub fn forget_all(tx: &mut Tx<'_, '_>, transport: TransportId) -> Result<(), StoreError> {
    for (place, _) in of_transport(tx.store, tx.profile, transport)? {
        forget(tx, place)?;
    }
    Ok(())
}

/// All known copies on a transport with their Message-IDs.
pub fn of_transport(
    view: &impl View,
    profile: ProfileId,
    transport: TransportId,
) -> Result<Vec<(Place, String)>, StoreError> {
    view.scan_prefix(&SERVER_COPIES, &(profile, transport))?
        .map(|row| {
            row.map(|((_, transport, uid_validity, uid), record)| {
                (Place { transport, uid_validity, uid }, record.mid)
            })
        })
        .collect()
}

/// All known copies of a mail.
pub fn of_mail(view: &impl View, profile: ProfileId, mid: &str) -> Result<Vec<Place>, StoreError> {
    view.scan_prefix(&COPIES_BY_MID, &(profile, mid.to_owned()))?
        .map(|row| {
            row.map(|((_, _, transport, uid_validity, uid), _)| Place { transport, uid_validity, uid })
        })
        .collect()
}

/// All relay copies of this mail shall be deleted, also those that turn up later.
pub fn want_deleted(tx: &mut Tx<'_, '_>, mid: &str) -> Result<(), StoreError> {
    delete_from(tx, mid, 0)
}

/// As [`want_deleted`], but other own devices get the mail before.
pub fn want_deleted_by_all(tx: &mut Tx<'_, '_>, mid: &str) -> Result<(), StoreError> {
    let shared = config::shares_changes(tx.store, tx.profile)?;
    let from = if shared { tx.now.saturating_add(LEFT_FOR) } else { 0 };
    delete_from(tx, mid, from)
}

fn delete_from(tx: &mut Tx<'_, '_>, mid: &str, from: i64) -> Result<(), StoreError> {
    want(tx, mid, |record| {
        record.delete_from = if record.delete { record.delete_from.min(from) } else { from };
        record.delete = true;
    })
}

/// All relay copies of this mail shall be flagged as seen, also those that turn up later.
pub fn want_seen(tx: &mut Tx<'_, '_>, mid: &str) -> Result<(), StoreError> {
    want(tx, mid, |record| record.seen = true)
}

fn want(tx: &mut Tx<'_, '_>, mid: &str, change: impl FnOnce(&mut KnownMailRecord)) -> Result<(), StoreError> {
    if mid.is_empty() {
        return Ok(());
    }
    let key = (tx.profile, mid.to_owned());
    let unknown = KnownMailRecord { time: tx.now, ..KnownMailRecord::default() };
    let mut record = tx.store.get(&KNOWN_MAIL, &key)?.unwrap_or(unknown);
    change(&mut record);
    tx.store.put(&KNOWN_MAIL, &key, &record)?;
    for place in of_mail(tx.store, tx.profile, mid)? {
        want_of(tx, place, &record)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::ids::ContactId;
    use crate::state::messages;
    use crate::testing::{Desk, PROFILE};
    use volary_storage::records::MessageRecord;

    const RELAY: TransportId = TransportId::new(1);

    fn place(uid: u32) -> Place {
        Place { transport: RELAY, uid_validity: 1, uid }
    }

    fn due(desk: &Desk) -> Vec<(Place, bool)> {
        desk.db.look(|view| pending(view, PROFILE, RELAY, desk.now())).unwrap()
    }

    /// A message with a copy on the relay is removed; the copy comes once more.
    async fn removed(desk: &Desk, uid: u32, record: MessageRecord) {
        let chat = desk.chat_with(ContactId::SELF).await;
        let id = desk.puts(MessageRecord { chat, ..record }).await;
        desk.change(move |tx| {
            let mid = messages::load(tx.store, tx.profile, id)?.unwrap_or_default().mid;
            add(tx, place(uid), &mid)?;
            messages::bury(tx, id, true)?;
            Ok(add(tx, place(uid + 1), &mid)?)
        })
        .await;
    }

    #[tokio::test]
    async fn copies_of_what_the_user_removed_stay_a_day_for_other_own_devices() {
        let desk = Desk::new().await;
        removed(&desk, 1, MessageRecord::default()).await;
        assert_eq!(due(&desk), [(place(1), true), (place(2), true)], "there is no other device");
        desk.change(|tx| Ok(config::set(tx, config::key::BCC_SELF, Some("1"))?)).await;
        removed(&desk, 3, MessageRecord::default()).await;
        assert_eq!(due(&desk).len(), 2);
        let set = desk.db.look(|view| deadlines::single(view, PROFILE, Kind::CopiesGo, 0)).unwrap();
        assert_eq!(set, Some(desk.now() + LEFT_FOR));
        desk.waits(LEFT_FOR);
        assert_eq!(due(&desk).len(), 4);
        let effects = desk.change(|tx| go(tx).map(|()| *tx.effects()).map_err(Into::into)).await;
        assert!(effects.flags);
    }

    #[tokio::test]
    async fn what_has_disappeared_by_its_timer_goes_at_once() {
        let desk = Desk::new().await;
        desk.change(|tx| Ok(config::set(tx, config::key::BCC_SELF, Some("1"))?)).await;
        let over = MessageRecord { ephemeral_timer: 60, expires: desk.now(), ..Default::default() };
        removed(&desk, 1, over).await;
        assert_eq!(due(&desk).len(), 2);
    }

    #[tokio::test]
    async fn what_is_wanted_away_later_can_be_wanted_away_at_once() {
        let desk = Desk::new().await;
        desk.change(|tx| Ok(config::set(tx, config::key::BCC_SELF, Some("1"))?)).await;
        desk.change(|tx| {
            add(tx, place(1), "one@x")?;
            want_deleted_by_all(tx, "one@x")?;
            Ok(want_seen(tx, "one@x")?)
        })
        .await;
        assert_eq!(due(&desk), []);
        desk.change(|tx| Ok(want_deleted(tx, "one@x")?)).await;
        assert_eq!(due(&desk), [(place(1), true)]);
        let known = |delete_from| KnownMailRecord { delete: true, delete_from, ..Default::default() };
        assert!(are_unwanted(&known(0), 10) && are_unwanted(&known(10), 10));
        assert!(!are_unwanted(&known(11), 10) && !are_unwanted(&KnownMailRecord::default(), 10));
        assert!(are_unwanted(&known(11 + 2 * LEFT_FOR), 10), "the clock was set back");
    }
}
