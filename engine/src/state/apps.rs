//! App instances: their labels, their log of updates, what of it waits to be sent.

use volary_mail::webxdc::update::Update;
use volary_mail::webxdc::update::effects::Labels;
use volary_storage::records::{AppRecord, AppUpdateRecord, ViewType};
use volary_storage::tables::{APP_UPDATE_BY_UID, APP_UPDATES, APPS, COUNTERS, MESSAGES};
use volary_storage::{StoreError, View};

use super::{config, deadlines};
use crate::ground::db::Tx;
use crate::ground::ids::{MessageId, ProfileId};

/// Updates removed in one transaction.
const REMOVED_AT_ONCE: usize = 1_000;
/// A longer `uid` is known by its hash: keys are short.
const LONGEST_UID: usize = 64;

/// What is known of an instance; `None` if it had no update yet.
pub fn load(
    view: &impl View,
    profile: ProfileId,
    message: MessageId,
) -> Result<Option<AppRecord>, StoreError> {
    view.get(&APPS, &(profile, message))
}

/// The message of the app that shows maps, if one was set and is still there.
pub fn map(view: &impl View, profile: ProfileId) -> Result<Option<MessageId>, StoreError> {
    let set = config::number(view, profile, config::key::WEBXDC_INTEGRATION)?;
    let Some(id) = u32::try_from(set).ok().filter(|id| *id != 0).map(MessageId::new) else { return Ok(None) };
    let record = view.get(&MESSAGES, &(profile, id))?;
    Ok(record.filter(|record| record.view_type == ViewType::Webxdc).map(|_| id))
}

/// Changes what is known of an instance.
pub fn update(
    tx: &mut Tx<'_, '_>,
    message: MessageId,
    change: impl FnOnce(&mut AppRecord),
) -> Result<(), StoreError> {
    let mut record = load(tx.store, tx.profile, message)?.unwrap_or_default();
    change(&mut record);
    tx.store.put(&APPS, &(tx.profile, message), &record)
}

/// The labels of an instance.
pub fn labels(record: &AppRecord) -> Labels {
    Labels {
        document: record.document.clone(),
        document_at: record.document_at,
        summary: record.summary.clone(),
        summary_at: record.summary_at,
    }
}

/// Stores the labels of an instance.
pub fn set_labels(tx: &mut Tx<'_, '_>, message: MessageId, labels: Labels) -> Result<(), StoreError> {
    update(tx, message, |record| {
        record.document = labels.document;
        record.document_at = labels.document_at;
        record.summary = labels.summary;
        record.summary_at = labels.summary_at;
    })
}

/// Adds an update behind all others of the profile and returns its number; `None` if it is there already, with this
/// instance or another one.
pub fn add_update(
    tx: &mut Tx<'_, '_>,
    message: MessageId,
    update: &Update,
) -> Result<Option<u32>, StoreError> {
    let profile = tx.profile;
    let uid = update.uid.clone().unwrap_or_default();
    if !uid.is_empty() {
        let key = (profile, uid_key(&uid));
        if tx.store.contains(&APP_UPDATE_BY_UID, &key)? {
            return Ok(None);
        }
        tx.store.set(&APP_UPDATE_BY_UID, &key)?;
    }
    let mut counters = tx.store.get(&COUNTERS, &profile)?.unwrap_or_default();
    counters.app_update += 1;
    tx.store.put(&COUNTERS, &profile, &counters)?;
    let record = AppUpdateRecord { json: update.to_wire(), uid };
    tx.store.put(&APP_UPDATES, &(profile, message, counters.app_update), &record)?;
    if !tx.store.contains(&APPS, &(profile, message))? {
        tx.store.put(&APPS, &(profile, message), &AppRecord::default())?;
    }
    Ok(Some(counters.app_update))
}

/// Stores an update that has its number already; nothing if its repetition is known.
pub fn put_update(
    tx: &mut Tx<'_, '_>,
    message: MessageId,
    number: u32,
    json: String,
    uid: String,
) -> Result<(), StoreError> {
    let profile = tx.profile;
    if !uid.is_empty() {
        let key = (profile, uid_key(&uid));
        if tx.store.contains(&APP_UPDATE_BY_UID, &key)? {
            return Ok(());
        }
        tx.store.set(&APP_UPDATE_BY_UID, &key)?;
    }
    if !tx.store.contains(&APPS, &(profile, message))? {
        tx.store.put(&APPS, &(profile, message), &AppRecord::default())?;
    }
    tx.store.put(&APP_UPDATES, &(profile, message, number), &AppUpdateRecord { json, uid })
}

fn uid_key(uid: &str) -> String {
    if uid.len() <= LONGEST_UID { uid.to_owned() } else { blake3::hash(uid.as_bytes()).to_hex().to_string() }
}

/// The updates of an instance with numbers from `first` to `last`, in their wire form, ascending.
pub fn range(
    view: &impl View,
    profile: ProfileId,
    message: MessageId,
    first: u32,
    last: u32,
) -> Result<impl Iterator<Item = Result<(u32, String), StoreError>>, StoreError> {
    let rows = view.range(&APP_UPDATES, (profile, message, first)..=(profile, message, last.max(first)))?;
    Ok(rows.map(|row| row.map(|((_, _, serial), record)| (serial, record.json))))
}

/// The numbers of the first and last update of an instance.
pub fn ends(
    view: &impl View,
    profile: ProfileId,
    message: MessageId,
) -> Result<Option<(u32, u32)>, StoreError> {
    let mut rows = view.scan_prefix(&APP_UPDATES, &(profile, message))?;
    let Some(((_, _, first), _)) = rows.next().transpose()? else { return Ok(None) };
    let last = rows.next_back().transpose()?.map_or(first, |((_, _, last), _)| last);
    Ok(Some((first, last)))
}

/// Forgets an instance with its updates; of many some go now and the others soon.
pub fn forget(tx: &mut Tx<'_, '_>, message: MessageId) -> Result<(), StoreError> {
    let profile = tx.profile;
    if !tx.store.contains(&APPS, &(profile, message))? {
        return Ok(());
    }
    let rows = tx.store.scan_prefix(&APP_UPDATES, &(profile, message))?.take(REMOVED_AT_ONCE);
    let doomed: Vec<(u32, String)> =
        rows.map(|row| row.map(|((_, _, serial), record)| (serial, record.uid))).collect::<Result<_, _>>()?;
    for (serial, uid) in &doomed {
        tx.store.remove(&APP_UPDATES, &(profile, message, *serial))?;
        if !uid.is_empty() {
            tx.store.unset(&APP_UPDATE_BY_UID, &(profile, uid_key(uid)))?;
        }
    }
    if doomed.len() == REMOVED_AT_ONCE {
        return deadlines::set_single(tx, tx.now, deadlines::Kind::AppForgotten, message.into());
    }
    deadlines::cancel_single(tx, deadlines::Kind::AppUpdates, message.into())?;
    tx.store.remove(&APPS, &(profile, message)).map(|_| ())
}
