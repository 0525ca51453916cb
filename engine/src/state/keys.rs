//! The own key and the certificates of contacts.

use volary_mail::address::Address;
use volary_mail::openpgp::{Certificate, Fingerprint, SecretKey};
use volary_proto::v1::event;
use volary_storage::records::{CertificateRecord, KeyRecord};
use volary_storage::tables::{CERTIFICATES, KEYS};
use volary_storage::{StoreError, View};

use super::transports;
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::ProfileId;
use crate::ground::key_cache::KeyCache;

/// The own key, if it was made already.
pub fn own(view: &impl View, cache: &KeyCache, profile: ProfileId) -> Outcome<Option<SecretKey>> {
    match view.get(&KEYS, &profile)? {
        Some(record) => Ok(Some(cache.secret(profile, &record)?)),
        None => Ok(None),
    }
}

/// The own fingerprint in upper-case hex, if the key was made already.
pub fn own_fingerprint(view: &impl View, profile: ProfileId) -> Result<Option<String>, StoreError> {
    Ok(view.get(&KEYS, &profile)?.map(|record| record.fingerprint))
}

/// The own key; made now if there is none.
pub fn ensure_own(tx: &mut Tx<'_, '_>) -> Outcome<SecretKey> {
    if let Some(key) = own(tx.store, tx.keys, tx.profile)? {
        return Ok(key);
    }
    let addr = transports::self_addr(tx.store, tx.profile)?
        .ok_or_else(|| Failure::refused("No self addr configured"))?;
    let addr = Address::parse(&addr).map_err(|error| Failure::refused(error.to_string()))?;
    let key = SecretKey::generate(&addr, tx.now, &mut rand::thread_rng())?;
    store_own(tx, &key)?;
    Ok(key)
}

/// Stores the own key; refuses to replace one.
pub fn store_own(tx: &mut Tx<'_, '_>, key: &SecretKey) -> Outcome<()> {
    if tx.store.contains(&KEYS, &tx.profile)? {
        return Err(Failure::refused("the profile has a key already"));
    }
    let record = KeyRecord {
        secret_key: key.to_bytes()?,
        fingerprint: key.fingerprint().to_string(),
        created: key.created_at(),
        relays_changed: tx.now,
    };
    tx.store.put(&KEYS, &tx.profile, &record)?;
    tx.emit(event::Kind::AccountsItemChanged(event::AccountsItemChanged {}));
    Ok(())
}

/// The relay list changed: contacts get a newer certificate from now on.
pub fn relays_changed(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    let now = tx.now;
    tx.store
        .update(&KEYS, &tx.profile, |record| record.relays_changed = now.max(record.relays_changed + 1))?;
    tx.effects().transports = true;
    Ok(())
}

/// Another device has changed the relays, the newest change being of that time: all devices then sign the same list with
/// the same time.
pub fn relays_changed_elsewhere(tx: &mut Tx<'_, '_>, newest: i64) -> Result<(), StoreError> {
    tx.store.update(&KEYS, &tx.profile, |record| {
        record.relays_changed = newest.max(record.relays_changed + 1);
    })?;
    tx.effects().transports = true;
    Ok(())
}

/// The own certificate as contacts get it, with the relay list.
pub fn own_certificate(
    view: &impl View,
    cache: &KeyCache,
    profile: ProfileId,
) -> Outcome<Option<Certificate>> {
    let Some(record) = view.get(&KEYS, &profile)? else { return Ok(None) };
    let secret = cache.secret(profile, &record)?;
    let relays = transports::published_addrs(view, profile)?;
    if let Some(certificate) = cache.handed_out(profile, &relays, record.relays_changed) {
        return Ok(Some(certificate));
    }
    let parsed: Vec<Address> = relays.iter().filter_map(|addr| Address::parse(addr).ok()).collect();
    let Some(first) = parsed.first() else { return Ok(None) };
    let user = transports::self_addr(view, profile)?.and_then(|addr| Address::parse(&addr).ok());
    let user = user.as_ref().unwrap_or(first);
    let certificate = secret.certificate(user, &parsed, record.relays_changed, &mut rand::thread_rng())?;
    cache.hand_out(profile, relays, record.relays_changed, &certificate);
    Ok(Some(certificate))
}

/// Whether the certificate of a fingerprint is known.
pub fn has_certificate(view: &impl View, profile: ProfileId, fingerprint: &str) -> Result<bool, StoreError> {
    if fingerprint.is_empty() {
        return Ok(false);
    }
    view.contains(&CERTIFICATES, &(profile, fingerprint))
}

/// The certificate of a fingerprint.
pub fn certificate(
    view: &impl View,
    cache: &KeyCache,
    profile: ProfileId,
    fingerprint: &str,
) -> Outcome<Option<Certificate>> {
    if fingerprint.is_empty() {
        return Ok(None);
    }
    match view.get(&CERTIFICATES, &(profile, fingerprint))? {
        Some(record) => Ok(Some(cache.certificate(&record.certificate)?)),
        None => Ok(None),
    }
}

/// The addresses that a certificate asks to send to; empty if it is unknown or lists none.
pub fn relays_of(view: &impl View, profile: ProfileId, fingerprint: &str) -> Result<Vec<String>, StoreError> {
    if fingerprint.is_empty() {
        return Ok(Vec::new());
    }
    Ok(view.get(&CERTIFICATES, &(profile, fingerprint))?.map(|record| record.relays).unwrap_or_default())
}

/// Merges a received certificate into the store. Returns whether the stored one changed.
pub fn import(tx: &mut Tx<'_, '_>, received: &Certificate) -> Outcome<bool> {
    let fingerprint = received.fingerprint().to_string();
    if own_fingerprint(tx.store, tx.profile)?.as_ref() == Some(&fingerprint) {
        return Ok(false);
    }
    let stored = match certificate(tx.store, tx.keys, tx.profile, &fingerprint) {
        // Better the one that came than none at all.
        Err(Failure::Stored(error)) => {
            tracing::error!(profile = %tx.profile, %fingerprint, %error, "a stored certificate cannot be read and is replaced");
            tx.effects().unlocked.repaired = true;
            None
        }
        stored => stored?,
    };
    let merged = Certificate::merge(stored.as_ref(), received)?;
    if !merged.changed {
        return Ok(false);
    }
    let record = CertificateRecord {
        certificate: merged.certificate.as_bytes().to_vec(),
        relays: merged.certificate.relays().unwrap_or_default().iter().map(ToString::to_string).collect(),
    };
    tx.store.put(&CERTIFICATES, &(tx.profile, fingerprint.as_str()), &record)?;
    tx.effects().unlocked.keys = true;
    Ok(true)
}

/// Reads a stored fingerprint.
pub fn parse_fingerprint(text: &str) -> Option<Fingerprint> {
    text.parse().ok()
}
