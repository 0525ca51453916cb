//! Public keys as contacts exchange them.

mod merge;

pub use merge::Merged;

use super::armor::{self, Block};
use super::{Fingerprint, KeyError, StoredKeyError};
use crate::address::Address;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pgp::composed::{Deserializable as _, SignedPublicKey};
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{PublicKey, PublicSubkey, Signature, SignatureType};
use pgp::ser::Serialize as _;
use pgp::types::{KeyDetails, KeyVersion};
use std::fmt;
use std::sync::Arc;

/// Largest accepted certificate. Post-quantum signatures need up to 50 KB each; everyday certificates have 600 octets.
pub const MAX_CERTIFICATE_LEN: usize = 512 * 1024;
/// Most addresses read from a relay list, and most relays of a profile.
pub const MAX_RELAYS: usize = 5;
/// Name of the notation that carries the relay list.
pub const RELAYS_NOTATION: &str = "relays@chatmail.at";
/// Most self-signatures a certificate may carry: each costs a verification.
const MAX_SIGNATURES: usize = 256;
/// Most subkeys a certificate may carry.
const MAX_PARSED_SUBKEYS: usize = 64;

/// A public key whose self-signatures and subkey bindings were verified. Cloning shares it.
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    key: SignedPublicKey,
    bytes: Box<[u8]>,
    fingerprint: Fingerprint,
    relays: Option<Box<[Address]>>,
    supports_seipd_v2: bool,
    encryption_subkeys: Vec<EncryptionSubkey>,
}

struct EncryptionSubkey {
    index: usize,
    expires_at: Option<i64>,
}

impl Certificate {
    /// Reads a binary certificate from a stranger and verifies every self-signature, subkey binding and
    /// back-signature; one bad signature makes all of it invalid. Certifications by third parties are dropped unseen.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyError> {
        Self::admit_parsed(read(bytes)?)
    }

    /// Reads what [`Certificate::as_bytes`] once gave: from the own store, where only verified certificates are.
    pub fn from_store(bytes: &[u8]) -> Result<Self, StoredKeyError> {
        Ok(Self::index(read(bytes)?)?)
    }

    /// Reads the standard Base64 of header fields and vCards; white space is skipped.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        Self::parse(&decode_base64(text)?)
    }

    /// Reads an armored public key (`application/pgp-keys` attachments).
    pub fn from_armor(text: &[u8]) -> Result<Self, KeyError> {
        if text.len() > 2 * MAX_CERTIFICATE_LEN {
            return Err(KeyError::TooLarge(text.len()));
        }
        Self::parse(&armor::decode(text, Block::PublicKey)?)
    }

    /// Verifies a parsed certificate.
    pub(super) fn admit_parsed(mut key: SignedPublicKey) -> Result<Self, KeyError> {
        drop_third_party_signatures(&mut key);
        let subkey_signatures: usize = key.public_subkeys.iter().map(|subkey| subkey.signatures.len()).sum();
        let user_signatures: usize = key.details.users.iter().map(|user| user.signatures.len()).sum();
        let attribute_signatures: usize =
            key.details.user_attributes.iter().map(|attribute| attribute.signatures.len()).sum();
        let signatures = subkey_signatures
            + user_signatures
            + attribute_signatures
            + key.details.direct_signatures.len()
            + key.details.revocation_signatures.len();
        if signatures > MAX_SIGNATURES || key.public_subkeys.len() > MAX_PARSED_SUBKEYS {
            return Err(KeyError::TooManyParts);
        }
        key.verify_bindings().map_err(|error| KeyError::InvalidBinding(error.to_string()))?;
        Self::index(key)
    }

    /// Looks up once what every use needs.
    fn index(key: SignedPublicKey) -> Result<Self, KeyError> {
        if !matches!(key.primary_key.version(), KeyVersion::V4 | KeyVersion::V6) {
            return Err(KeyError::UnsupportedVersion);
        }
        let fingerprint =
            Fingerprint::of(&key.primary_key.fingerprint()).ok_or(KeyError::UnsupportedVersion)?;
        let bytes =
            key.to_bytes().map_err(|error| KeyError::Malformed(error.to_string()))?.into_boxed_slice();
        let relays = find_relays(&key.details.direct_signatures);
        let supports_seipd_v2 = key
            .details
            .direct_signatures
            .iter()
            .chain(key.details.users.iter().flat_map(|user| &user.signatures))
            .filter_map(Signature::features)
            .any(|features| features.seipd_v2());
        let encryption_subkeys = key
            .public_subkeys
            .iter()
            .enumerate()
            .filter(|(_, subkey)| is_encryption_binding(subkey.key.algorithm(), &subkey.signatures))
            .map(|(index, subkey)| EncryptionSubkey {
                index,
                expires_at: expiry(&subkey.key, &subkey.signatures),
            })
            .collect();
        Ok(Self(Arc::new(Inner { key, bytes, fingerprint, relays, supports_seipd_v2, encryption_subkeys })))
    }

    /// The identity.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// The addresses under which the owner wants mail, at most [`MAX_RELAYS`], in the owner's order. `None` if the
    /// certificate lists none that could be used: then mail goes to the address under which the contact is known.
    pub fn relays(&self) -> Option<&[Address]> {
        self.0.relays.as_deref()
    }

    /// The binary certificate.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// The binary certificate in standard Base64 without line breaks.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.0.bytes)
    }

    /// The armored certificate (LF line ends).
    pub fn to_armor(&self) -> String {
        armor::encode(Block::PublicKey, &self.0.bytes, "\n")
    }

    /// Whether a message can be encrypted to this certificate at `now`. If not, the owner's key counts as missing.
    pub fn can_encrypt(&self, now: i64) -> bool {
        self.encryption_subkey(now).is_some()
    }

    /// Whether the owner's software reads version 2 of the encryption container.
    pub fn supports_seipd_v2(&self) -> bool {
        self.0.supports_seipd_v2
    }

    /// When the newest direct-key signature was made: it tells which relay list is newer.
    pub fn newest_direct_signature(&self) -> Option<i64> {
        self.0.key.details.direct_signatures.iter().map(created_at).max()
    }

    /// The first subkey that is made for encryption and not expired. Primary keys are never used to encrypt.
    pub(super) fn encryption_subkey(&self, now: i64) -> Option<&PublicSubkey> {
        self.0
            .encryption_subkeys
            .iter()
            .find(|subkey| subkey.expires_at.is_none_or(|expiry| now < expiry))
            .and_then(|subkey| self.0.key.public_subkeys.get(subkey.index))
            .map(|subkey| &subkey.key)
    }

    /// Whether some subkey, of whatever purpose, passes a test.
    pub(super) fn has_subkey_that(&self, test: impl Fn(&PublicSubkey) -> bool) -> bool {
        self.0.key.public_subkeys.iter().any(|subkey| test(&subkey.key))
    }

    /// The key that signs for the owner. Subkeys never do.
    pub(super) fn primary_key(&self) -> &PublicKey {
        &self.0.key.primary_key
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.0.bytes == other.0.bytes
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({}, {} octets)", self.fingerprint(), self.0.bytes.len())
    }
}

/// Decodes Base64 with white space in it, refusing what could not be a certificate before any allocation.
pub(super) fn decode_base64(text: &str) -> Result<Vec<u8>, KeyError> {
    if text.len() > 2 * MAX_CERTIFICATE_LEN {
        return Err(KeyError::TooLarge(text.len()));
    }
    let digits: Vec<u8> = text.bytes().filter(|octet| !octet.is_ascii_whitespace()).collect();
    STANDARD.decode(digits).map_err(|_| KeyError::NotBase64)
}

fn read(bytes: &[u8]) -> Result<SignedPublicKey, KeyError> {
    if bytes.len() > MAX_CERTIFICATE_LEN {
        return Err(KeyError::TooLarge(bytes.len()));
    }
    SignedPublicKey::from_bytes(bytes).map_err(|error| match error {
        pgp::errors::Error::NoMatchingPacket { .. } => KeyError::NoPublicKey,
        other => KeyError::Malformed(other.to_string()),
    })
}

/// Whether `signature` names `key` as its maker.
pub(super) fn names(signature: &Signature, key: &impl KeyDetails) -> bool {
    signature.issuer_key_id().iter().any(|&id| *id == key.legacy_key_id())
        || signature.issuer_fingerprint().iter().any(|&fingerprint| *fingerprint == key.fingerprint())
}

/// Whether `signature` names somebody else than `key` as its maker.
fn is_third_party(signature: &Signature, key: &PublicKey) -> bool {
    let names_someone = !signature.issuer_key_id().is_empty() || !signature.issuer_fingerprint().is_empty();
    names_someone && !names(signature, key)
}

/// Certifications by others say nothing to us, cannot be verified here and would make a certificate grow without end.
fn drop_third_party_signatures(key: &mut SignedPublicKey) {
    let primary = &key.primary_key;
    let details = &mut key.details;
    details.direct_signatures.retain(|signature| !is_third_party(signature, primary));
    details.revocation_signatures.retain(|signature| !is_third_party(signature, primary));
    for user in &mut details.users {
        user.signatures.retain(|signature| !is_third_party(signature, primary));
    }
    details.users.retain(|user| !user.signatures.is_empty());
    for attribute in &mut details.user_attributes {
        attribute.signatures.retain(|signature| !is_third_party(signature, primary));
    }
    details.user_attributes.retain(|attribute| !attribute.signatures.is_empty());
}

/// The first notation of the relay list in the first direct-key signature that has one.
fn find_relays(direct_signatures: &[Signature]) -> Option<Box<[Address]>> {
    let value = direct_signatures
        .iter()
        .flat_map(Signature::notations)
        .find(|notation| notation.name.as_ref() == RELAYS_NOTATION.as_bytes())
        .map(|notation| String::from_utf8_lossy(&notation.value).into_owned())?;
    let relays: Box<[Address]> =
        value.split(',').filter_map(|entry| Address::parse(entry).ok()).take(MAX_RELAYS).collect();
    // A list without any usable address would make the owner unreachable.
    (!relays.is_empty()).then_some(relays)
}

/// Creation time of a signature in Unix seconds; signatures without one count as oldest.
fn created_at(signature: &Signature) -> i64 {
    signature.created().map_or(0, |time| i64::from(time.as_secs()))
}

/// The newest of `signatures` that is of a type in `types`; of equally old ones the first.
fn newest<'a>(
    signatures: impl IntoIterator<Item = &'a Signature>,
    types: &[SignatureType],
) -> Option<&'a Signature> {
    let fitting =
        signatures.into_iter().filter(|signature| signature.typ().is_some_and(|typ| types.contains(&typ)));
    fitting.reduce(|best, next| if created_at(next) > created_at(best) { next } else { best })
}

/// Whether the newest binding of a subkey declares it for encryption.
pub(super) fn is_encryption_binding(algorithm: PublicKeyAlgorithm, signatures: &[Signature]) -> bool {
    algorithm.can_encrypt()
        && newest(signatures, &[SignatureType::SubkeyBinding]).is_some_and(|binding| {
            let flags = binding.key_flags();
            flags.encrypt_comms() || flags.encrypt_storage()
        })
}

/// When the newest binding lets a subkey expire.
fn expiry(subkey: &PublicSubkey, signatures: &[Signature]) -> Option<i64> {
    let lifetime = newest(signatures, &[SignatureType::SubkeyBinding])?.key_expiration_time()?.as_secs();
    (lifetime > 0).then(|| i64::from(subkey.created_at().as_secs()) + i64::from(lifetime))
}
