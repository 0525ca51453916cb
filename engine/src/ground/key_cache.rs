//! Parsed keys of all profiles, so that no message parses them again.

use std::num::NonZeroUsize;

use lru::LruCache;
use parking_lot::Mutex;
use volary_mail::openpgp::{Certificate, KeyError, SecretKey, StoredKeyError};
use volary_storage::records::KeyRecord;

use super::error::Failure;
use crate::ground::ids::ProfileId;

/// Parsed certificates are kept up to that number, over all profiles; equal ones are shared.
const MAX_CERTIFICATES: usize = 4_096;
/// Parsed own keys are kept up to that number.
const MAX_OWN_KEYS: usize = 2_048;

/// Parsed keys, so that no message parses them again. When there are too many, the one goes that was not used for
/// longest. Nothing is parsed under a lock: now and then two threads parse the same key, and none waits for another.
pub struct KeyCache {
    own: Mutex<LruCache<ProfileId, OwnKey>>,
    certificates: Mutex<LruCache<Box<[u8]>, Certificate>>,
}

impl Default for KeyCache {
    fn default() -> Self {
        Self::of(MAX_OWN_KEYS, MAX_CERTIFICATES)
    }
}

struct OwnKey {
    fingerprint: String,
    secret: SecretKey,
    handed_out: Option<HandedOut>,
}

/// The certificate in the form that contacts get, and what it was made from.
struct HandedOut {
    relays: Vec<String>,
    changed: i64,
    certificate: Certificate,
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        Self::OpenPgp(error.to_string())
    }
}

impl KeyCache {
    fn of(own: usize, certificates: usize) -> Self {
        let room = |places| NonZeroUsize::new(places).unwrap_or(NonZeroUsize::MIN);
        let (own, certificates) = (LruCache::new(room(own)), LruCache::new(room(certificates)));
        Self { own: Mutex::new(own), certificates: Mutex::new(certificates) }
    }

    /// The parsed own key of a profile.
    pub(crate) fn secret(&self, profile: ProfileId, record: &KeyRecord) -> Result<SecretKey, StoredKeyError> {
        let known = |own: &OwnKey| (own.fingerprint == record.fingerprint).then(|| own.secret.clone());
        if let Some(secret) = self.own.lock().get(&profile).and_then(known) {
            return Ok(secret);
        }
        let secret = SecretKey::from_store(&record.secret_key)?;
        let fingerprint = record.fingerprint.clone();
        let fresh = OwnKey { fingerprint, secret: secret.clone(), handed_out: None };
        let mut own = self.own.lock();
        // Another thread may have been faster, and its entry may know what contacts get.
        if own.get(&profile).and_then(known).is_none() {
            own.put(profile, fresh);
        }
        Ok(secret)
    }

    /// The parsed certificate of exactly these octets, if it is at hand. Only verified ones are.
    pub fn known(&self, bytes: &[u8]) -> Option<Certificate> {
        self.certificates.lock().get(bytes).cloned()
    }

    /// The parsed certificate of these stored octets.
    pub(crate) fn certificate(&self, bytes: &[u8]) -> Result<Certificate, StoredKeyError> {
        if let Some(known) = self.known(bytes) {
            return Ok(known);
        }
        let certificate = Certificate::from_store(bytes)?;
        self.certificates.lock().put(bytes.into(), certificate.clone());
        Ok(certificate)
    }

    /// The certificate that contacts get, if it was made for these relays and this change of them.
    pub(crate) fn handed_out(
        &self,
        profile: ProfileId,
        relays: &[String],
        changed: i64,
    ) -> Option<Certificate> {
        let mut own = self.own.lock();
        let handed_out = own.get(&profile)?.handed_out.as_ref()?;
        (handed_out.relays == relays && handed_out.changed == changed).then(|| handed_out.certificate.clone())
    }

    /// Keeps the certificate that contacts get.
    pub(crate) fn hand_out(
        &self,
        profile: ProfileId,
        relays: Vec<String>,
        changed: i64,
        certificate: &Certificate,
    ) {
        if let Some(own) = self.own.lock().get_mut(&profile) {
            own.handed_out = Some(HandedOut { relays, changed, certificate: certificate.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;
    use volary_mail::address::Address;

    use super::*;

    fn certificate(seed: u64) -> Vec<u8> {
        let mut rng = StdRng::seed_from_u64(seed);
        let addr = Address::parse(&format!("p{seed}@x.test")).unwrap();
        let secret = SecretKey::generate(&addr, 1_750_000_000, &mut rng).unwrap();
        let relays = [addr.clone()];
        secret.certificate(&addr, &relays, 1_750_000_000, &mut rng).unwrap().as_bytes().to_vec()
    }

    #[test]
    fn the_certificate_that_was_not_used_for_longest_makes_room() {
        let cache = KeyCache::of(2, 2);
        let [a, b, c] = [1, 2, 3].map(certificate);
        for bytes in [&a, &b, &a, &c] {
            cache.certificate(bytes).unwrap();
        }
        assert!(cache.known(&a).is_some(), "it was used again");
        assert!(cache.known(&b).is_none());
        assert!(cache.known(&c).is_some());
        assert!(cache.certificate(b"no certificate").is_err());
        assert!(cache.known(&a).is_some(), "what does not parse takes no place");
    }
}
