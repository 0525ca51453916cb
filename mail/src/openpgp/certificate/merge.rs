//! Merging two versions of one certificate: the newest self-description of both, all subkeys, nothing else.

use super::{Certificate, created_at, is_encryption_binding, newest};
use crate::openpgp::KeyError;
use pgp::composed::{SignedKeyDetails, SignedPublicKey, SignedPublicSubKey};
use pgp::packet::{Signature, SignatureType};
use pgp::types::{KeyDetails as _, SignedUser};

/// Certificates up to this size are stored as received; larger ones are reduced to what matters.
const MAX_VERBATIM_LEN: usize = 16 * 1024;
/// Most subkeys a stored certificate keeps.
const MAX_SUBKEYS: usize = 16;

const CERTIFICATIONS: [SignatureType; 4] = [
    SignatureType::CertGeneric,
    SignatureType::CertPersona,
    SignatureType::CertCasual,
    SignatureType::CertPositive,
];

/// What the key store should hold after a certificate arrived.
#[derive(Debug, Clone)]
pub struct Merged {
    /// The certificate to keep.
    pub certificate: Certificate,
    /// Whether it differs from the stored one.
    pub changed: bool,
}

impl Certificate {
    /// Combines the `stored` certificate of a key with a `received` one.
    ///
    /// Of each kind of self-signature the newest survives, of equally old ones the stored one; revocations, user
    /// attributes and superfluous user ids are dropped; subkeys are united, so that no import takes the last
    /// encryption key away. A key that is not stored yet is taken as received, unless nobody could encrypt to it.
    pub fn merge(stored: Option<&Certificate>, received: &Certificate) -> Result<Merged, KeyError> {
        let Some(stored) = stored else {
            if received.0.encryption_subkeys.is_empty() {
                return Err(KeyError::NoEncryptionKey);
            }
            let large = received.as_bytes().len() > MAX_VERBATIM_LEN;
            let certificate = if large { received.minimised()? } else { received.clone() };
            return Ok(Merged { certificate, changed: true });
        };
        if stored == received {
            return Ok(Merged { certificate: stored.clone(), changed: false });
        }
        let (old, new) = (&stored.0.key, &received.0.key);
        // Fingerprints of version 4 are SHA-1: the key material itself must agree, too.
        if stored.fingerprint() != received.fingerprint()
            || old.primary_key.public_params() != new.primary_key.public_params()
        {
            return Err(KeyError::DifferentKeys);
        }
        let certificate = Certificate::index(combine(old, new))?;
        let changed = certificate != *stored;
        Ok(Merged { certificate, changed })
    }

    /// The certificate reduced to what a merge would keep of it.
    pub fn minimised(&self) -> Result<Certificate, KeyError> {
        Certificate::index(combine(&self.0.key, &self.0.key))
    }
}

fn combine(old: &SignedPublicKey, new: &SignedPublicKey) -> SignedPublicKey {
    let direct = newest(
        old.details.direct_signatures.iter().chain(&new.details.direct_signatures),
        &[SignatureType::Key],
    );
    let user = newest_user(old.details.users.iter().chain(&new.details.users));
    let details = SignedKeyDetails::new(
        vec![],
        direct.cloned().into_iter().collect(),
        user.into_iter().collect(),
        vec![],
    );
    SignedPublicKey::new(old.primary_key.clone(), details, unite_subkeys(old, new))
}

/// The user id with the newest certification, with that certification only.
fn newest_user<'a>(users: impl Iterator<Item = &'a SignedUser>) -> Option<SignedUser> {
    users
        .filter_map(|user| Some((user, newest(&user.signatures, &CERTIFICATIONS)?)))
        .reduce(|best, next| if created_at(next.1) > created_at(best.1) { next } else { best })
        .map(|(user, signature)| SignedUser::new(user.id.clone(), vec![signature.clone()]))
}

/// Every subkey of both with its newest binding, the stored ones first.
fn unite_subkeys(old: &SignedPublicKey, new: &SignedPublicKey) -> Vec<SignedPublicSubKey> {
    let mut united: Vec<(&SignedPublicSubKey, &Signature)> = Vec::new();
    for subkey in old.public_subkeys.iter().chain(&new.public_subkeys) {
        let Some(binding) = newest(&subkey.signatures, &[SignatureType::SubkeyBinding]) else { continue };
        // Bounded by the parts a parsed certificate may have, so a linear search is enough.
        match united.iter_mut().find(|(known, _)| known.key.fingerprint() == subkey.key.fingerprint()) {
            Some((_, known)) if created_at(binding) > created_at(known) => *known = binding,
            Some(_) => {}
            None => united.push((subkey, binding)),
        }
    }
    if united.len() > MAX_SUBKEYS {
        // Encryption keys matter, everything else may go; the order among them stays.
        united.sort_by_key(|(subkey, binding)| {
            !is_encryption_binding(subkey.key.algorithm(), std::slice::from_ref(binding))
        });
        united.truncate(MAX_SUBKEYS);
    }
    united
        .into_iter()
        .map(|(subkey, binding)| SignedPublicSubKey::new(subkey.key.clone(), vec![binding.clone()]))
        .collect()
}
