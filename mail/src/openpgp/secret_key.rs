//! The key pair of a profile.

use super::armor::{self, Block};
use super::certificate::{RELAYS_NOTATION, is_encryption_binding};
use super::self_signature::{
    AeadPreference, certify_user_id, configure, description, issuer_key_id, signing_error, timestamp,
};
use super::{Certificate, Fingerprint, KeyError, MAX_CERTIFICATE_LEN, StoredKeyError};
use crate::address::Address;
use pgp::composed::{
    Deserializable as _, KeyType, SignedKeyDetails, SignedPublicKey, SignedSecretKey, SignedSecretSubKey,
};
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::packet::{
    KeyFlags, Notation, PubKeyInner, PublicKey, PublicSubkey, SecretKey as SecretKeyPacket, SecretSubkey,
    Signature, SignatureType, Subpacket, SubpacketData,
};
use pgp::ser::Serialize as _;
use pgp::types::{KeyDetails as _, KeyVersion, Password, Timestamp};
use rand::{CryptoRng, Rng};
use std::fmt;
use std::sync::Arc;

/// Longest tail of garbage that old databases may carry behind a key (an armor checksum that was stored with it).
const MAX_GARBAGE_TAIL: usize = 9;

/// An own key pair, unprotected and ready to use. Cloning shares it.
#[derive(Clone)]
pub struct SecretKey(Arc<Inner>);

struct Inner {
    key: SignedSecretKey,
    fingerprint: Fingerprint,
    encryption_subkey: Option<PublicSubkey>,
}

impl SecretKey {
    /// Makes the key pair of a new profile: version 4, Ed25519 to certify and sign, Curve25519 to encrypt, user id
    /// `<addr>`, no password, no expiry.
    pub fn generate(addr: &Address, now: i64, rng: &mut (impl Rng + CryptoRng)) -> Result<Self, KeyError> {
        let created = timestamp(now);
        let (public, secret) = generate_material(KeyType::Ed25519Legacy, created, rng)?;
        let public = PublicKey::from_inner(public).map_err(signing_error)?;
        let primary = SecretKeyPacket::new(public, secret).map_err(signing_error)?;
        let (public, secret) = generate_material(KeyType::ECDH(ECCCurve::Curve25519Legacy), created, rng)?;
        let public = PublicSubkey::from_inner(public).map_err(signing_error)?;
        let subkey = SecretSubkey::new(public, secret).map_err(signing_error)?;
        let binding = bind_subkey(&primary, &subkey, created, rng)?;
        let user = certify_user_id(&primary, addr.as_str(), created, AeadPreference::Empty, rng)?;
        let details = SignedKeyDetails::new(vec![], vec![], vec![user], vec![]);
        let subkeys = vec![SignedSecretSubKey::new(subkey, vec![binding])];
        Self::new(SignedSecretKey::new(primary, details, vec![], subkeys))
    }

    /// Reads a binary transferable secret key, also one with a few octets of garbage behind it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() > MAX_CERTIFICATE_LEN {
            return Err(KeyError::TooLarge(bytes.len()));
        }
        let first = match parse(bytes) {
            Ok(key) => return Self::new(key),
            Err(error) => error,
        };
        (3..=MAX_GARBAGE_TAIL)
            .filter_map(|tail| bytes.get(..bytes.len().checked_sub(tail)?))
            .filter(|cut| !cut.is_empty())
            .find_map(|cut| parse(cut).ok())
            .map_or(Err(first), Self::new)
    }

    /// Reads what [`SecretKey::to_bytes`] once gave, from the own store.
    pub fn from_store(bytes: &[u8]) -> Result<Self, StoredKeyError> {
        Ok(Self::from_bytes(bytes)?)
    }

    /// Reads an armored private key, as `import_self_keys` gets it.
    pub fn from_armor(text: &[u8]) -> Result<Self, KeyError> {
        if text.len() > 2 * MAX_CERTIFICATE_LEN {
            return Err(KeyError::TooLarge(text.len()));
        }
        Self::from_bytes(&armor::decode(text, Block::PrivateKey)?)
    }

    fn new(key: SignedSecretKey) -> Result<Self, KeyError> {
        let locked = key.primary_key.secret_params().is_encrypted()
            || key.secret_subkeys.iter().any(|subkey| subkey.key.secret_params().is_encrypted());
        if locked {
            return Err(KeyError::PasswordProtected);
        }
        let fingerprint =
            Fingerprint::of(&key.primary_key.fingerprint()).ok_or(KeyError::UnsupportedVersion)?;
        let encryption_subkey = key
            .secret_subkeys
            .iter()
            .find(|subkey| is_encryption_binding(subkey.key.algorithm(), &subkey.signatures))
            .map(|subkey| subkey.key.public_key().clone());
        Ok(Self(Arc::new(Inner { key, fingerprint, encryption_subkey })))
    }

    /// The identity.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// When the key was made, in Unix seconds.
    pub fn created_at(&self) -> i64 {
        i64::from(self.0.key.primary_key.created_at().as_secs())
    }

    /// Version of the OpenPGP format of the key.
    pub fn version(&self) -> u8 {
        self.0.key.primary_key.version().into()
    }

    /// What signs, as the library names it.
    pub fn algorithm(&self) -> String {
        format!("{:?}", self.0.key.primary_key.algorithm())
    }

    /// Bytes of the public half.
    pub fn public_len(&self) -> usize {
        self.0.key.to_public_key().to_bytes().map_or(0, |bytes| bytes.len())
    }

    /// The binary transferable secret key, for the store.
    pub fn to_bytes(&self) -> Result<Vec<u8>, KeyError> {
        self.0.key.to_bytes().map_err(signing_error)
    }

    /// The armored private key, for the export file.
    pub fn to_armor(&self) -> Result<String, KeyError> {
        Ok(armor::encode(Block::PrivateKey, &self.to_bytes()?, "\n"))
    }

    /// The armored public key in its stored form (without relay list), for the export file.
    pub fn to_public_armor(&self) -> Result<String, KeyError> {
        let bytes = self.0.key.to_public_key().to_bytes().map_err(signing_error)?;
        Ok(armor::encode(Block::PublicKey, &bytes, "\n"))
    }

    /// The certificate that contacts get: all self-signatures of the primary key are replaced by a direct-key signature
    /// that carries `relays` (newest first) and a user id `<addr>` (version 4 only).
    ///
    /// `relays_changed` is the newest time at which a relay was added or removed. It is the time of the signatures, so
    /// that equal relay lists give equal octets on every device (version 4) and a newer list replaces an older one.
    pub fn certificate(
        &self,
        addr: &Address,
        relays: &[Address],
        relays_changed: i64,
        rng: &mut (impl Rng + CryptoRng),
    ) -> Result<Certificate, KeyError> {
        let key = &self.0.key.primary_key;
        let time = timestamp(relays_changed.max(self.created_at()));
        let direct = self.sign_relays(relays, time, rng)?;
        let users = match key.version() {
            KeyVersion::V6 => vec![],
            _ => vec![certify_user_id(key, addr.as_str(), time, AeadPreference::Ocb, rng)?],
        };
        let details = SignedKeyDetails::new(vec![], vec![direct], users, vec![]);
        let subkeys = self.0.key.to_public_key().public_subkeys;
        Certificate::admit_parsed(SignedPublicKey::new(key.public_key().clone(), details, subkeys))
    }

    fn sign_relays(
        &self,
        relays: &[Address],
        time: Timestamp,
        rng: &mut (impl Rng + CryptoRng),
    ) -> Result<Signature, KeyError> {
        if relays.is_empty() {
            return Err(KeyError::NoRelays);
        }
        let key = &self.0.key.primary_key;
        let list = relays.iter().map(Address::as_str).collect::<Vec<_>>().join(",");
        let notation = Notation { readable: true, name: RELAYS_NOTATION.into(), value: list.into() };
        let mut config = configure(key, SignatureType::Key, rng)?;
        config.hashed_subpackets = description(key, time, AeadPreference::Ocb)?;
        config
            .hashed_subpackets
            .push(Subpacket::regular(SubpacketData::Notation(notation)).map_err(signing_error)?);
        config.sign_key(key, &Password::empty(), key.public_key()).map_err(signing_error)
    }

    /// The key with which own devices read what this profile sends.
    pub(super) fn encryption_subkey(&self) -> Option<&PublicSubkey> {
        self.0.encryption_subkey.as_ref()
    }

    pub(super) fn as_pgp(&self) -> &SignedSecretKey {
        &self.0.key
    }
}

fn parse(bytes: &[u8]) -> Result<SignedSecretKey, KeyError> {
    SignedSecretKey::from_bytes(bytes).map_err(|error| match error {
        pgp::errors::Error::NoMatchingPacket { .. } => KeyError::NoPrivateKey,
        other => KeyError::Malformed(other.to_string()),
    })
}

fn generate_material(
    kind: KeyType,
    created: Timestamp,
    rng: &mut (impl Rng + CryptoRng),
) -> Result<(PubKeyInner, pgp::types::SecretParams), KeyError> {
    let (public, secret) = kind.generate(rng).map_err(signing_error)?;
    let inner =
        PubKeyInner::new(KeyVersion::V4, kind.to_alg(), created, None, public).map_err(signing_error)?;
    Ok((inner, secret))
}

fn bind_subkey(
    primary: &SecretKeyPacket,
    subkey: &SecretSubkey,
    created: Timestamp,
    rng: &mut (impl Rng + CryptoRng),
) -> Result<Signature, KeyError> {
    let mut flags = KeyFlags::default();
    flags.set_encrypt_comms(true);
    flags.set_encrypt_storage(true);
    let mut config = configure(primary, SignatureType::SubkeyBinding, rng)?;
    config.hashed_subpackets = [
        SubpacketData::SignatureCreationTime(created),
        SubpacketData::KeyFlags(flags),
        SubpacketData::IssuerFingerprint(primary.fingerprint()),
    ]
    .into_iter()
    .map(|data| Subpacket::regular(data).map_err(signing_error))
    .collect::<Result<_, _>>()?;
    config.unhashed_subpackets = issuer_key_id(primary)?;
    config
        .sign_subkey_binding(primary, primary.public_key(), &Password::empty(), subkey.public_key())
        .map_err(signing_error)
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the secret.
        write!(f, "SecretKey({})", self.fingerprint())
    }
}
