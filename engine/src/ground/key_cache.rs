//! Parsed keys of all profiles, so that no message parses them again.

use std::collections::HashMap;

use parking_lot::Mutex;
use volary_mail::openpgp::{Certificate, KeyError, SecretKey, StoredKeyError};
use volary_storage::records::KeyRecord;

use super::error::Failure;

/// Parsed certificates are kept up to that number, over all profiles; equal ones are shared.
const MAX_CERTIFICATES: usize = 4_096;
/// Parsed own keys are kept up to that number.
const MAX_OWN_KEYS: usize = 2_048;

/// Parsed keys, so that no message parses them again.
#[derive(Default)]
pub struct KeyCache {
    own: Mutex<HashMap<u32, OwnKey>>,
    certificates: Mutex<HashMap<Box<[u8]>, Certificate>>,
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
    /// The parsed own key of a profile.
    pub(crate) fn secret(&self, profile: u32, record: &KeyRecord) -> Result<SecretKey, StoredKeyError> {
        let mut own = self.own.lock();
        if let Some(known) = own.get(&profile).filter(|known| known.fingerprint == record.fingerprint) {
            return Ok(known.secret.clone());
        }
        let secret = SecretKey::from_store(&record.secret_key)?;
        if own.len() >= MAX_OWN_KEYS {
            own.clear();
        }
        let fingerprint = record.fingerprint.clone();
        own.insert(profile, OwnKey { fingerprint, secret: secret.clone(), handed_out: None });
        Ok(secret)
    }

    /// The parsed certificate of exactly these octets, if it is at hand. Only verified ones are.
    pub fn known(&self, bytes: &[u8]) -> Option<Certificate> {
        self.certificates.lock().get(bytes).cloned()
    }

    /// The parsed certificate of these stored octets.
    pub(crate) fn certificate(&self, bytes: &[u8]) -> Result<Certificate, StoredKeyError> {
        let mut certificates = self.certificates.lock();
        if let Some(known) = certificates.get(bytes) {
            return Ok(known.clone());
        }
        let certificate = Certificate::from_store(bytes)?;
        if certificates.len() >= MAX_CERTIFICATES {
            certificates.clear();
        }
        certificates.insert(bytes.into(), certificate.clone());
        Ok(certificate)
    }

    /// The certificate that contacts get, if it was made for these relays and this change of them.
    pub(crate) fn handed_out(&self, profile: u32, relays: &[String], changed: i64) -> Option<Certificate> {
        let own = self.own.lock();
        let handed_out = own.get(&profile)?.handed_out.as_ref()?;
        (handed_out.relays == relays && handed_out.changed == changed).then(|| handed_out.certificate.clone())
    }

    /// Keeps the certificate that contacts get.
    pub(crate) fn hand_out(
        &self,
        profile: u32,
        relays: Vec<String>,
        changed: i64,
        certificate: &Certificate,
    ) {
        if let Some(own) = self.own.lock().get_mut(&profile) {
            own.handed_out = Some(HandedOut { relays, changed, certificate: certificate.clone() });
        }
    }
}
