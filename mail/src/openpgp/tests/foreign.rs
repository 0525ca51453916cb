//! Keys as other software makes them, for the tests of the other files.

use super::*;
use pgp::composed::{
    EncryptionCaps, KeyType, SecretKeyParamsBuilder, SignedPublicKey, SignedSecretKey, SubkeyParams,
    SubkeyParamsBuilder,
};
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::packet::{SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::ser::Serialize as _;
use pgp::types::{Duration, KeyDetails as _, KeyVersion, Password, Timestamp};

/// How a foreign key deviates from ours.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Only the first version of the encryption container.
    OldContainer,
    /// A signing subkey besides the encryption subkey.
    SigningSubkey,
    /// No subkey at all.
    NoSubkey,
    /// A subkey that is bound for authentication only.
    AuthenticationOnly,
}

fn subkey(kind: KeyType, encrypt: EncryptionCaps, sign: bool, authenticate: bool) -> SubkeyParams {
    SubkeyParamsBuilder::default()
        .version(KeyVersion::V4)
        .key_type(kind)
        .can_encrypt(encrypt)
        .can_sign(sign)
        .can_authenticate(authenticate)
        .build()
        .unwrap()
}

pub fn foreign_key(habit: Habit, seed: u64) -> SignedSecretKey {
    let encryption = || subkey(KeyType::ECDH(ECCCurve::Curve25519Legacy), EncryptionCaps::All, false, false);
    let subkeys = match habit {
        Habit::OldContainer => vec![encryption()],
        Habit::SigningSubkey => {
            vec![subkey(KeyType::Ed25519Legacy, EncryptionCaps::None, true, false), encryption()]
        }
        Habit::NoSubkey => vec![],
        Habit::AuthenticationOnly => {
            vec![subkey(KeyType::Ed25519Legacy, EncryptionCaps::None, false, true)]
        }
    };
    SecretKeyParamsBuilder::default()
        .version(KeyVersion::V4)
        .key_type(KeyType::Ed25519Legacy)
        .can_certify(true)
        .can_sign(true)
        .feature_seipd_v2(habit != Habit::OldContainer)
        .primary_user_id("Foreign <foreign@example.com>".into())
        .subkeys(subkeys)
        .build()
        .unwrap()
        .generate(rng(seed))
        .unwrap()
}

/// A key of version 6, as contacts may have it, with the given encryption algorithm.
pub fn version_6_key(encryption: KeyType, seed: u64) -> SecretKey {
    let subkey = SubkeyParamsBuilder::default()
        .version(KeyVersion::V6)
        .key_type(encryption)
        .can_encrypt(EncryptionCaps::All)
        .build()
        .unwrap();
    let key = SecretKeyParamsBuilder::default()
        .version(KeyVersion::V6)
        .key_type(KeyType::Ed25519)
        .can_certify(true)
        .can_sign(true)
        .feature_seipd_v2(true)
        .subkeys(vec![subkey])
        .build()
        .unwrap()
        .generate(rng(seed))
        .unwrap();
    SecretKey::from_bytes(&key.to_bytes().unwrap()).unwrap()
}

pub fn certificate_of(key: &SignedPublicKey) -> Certificate {
    Certificate::parse(&key.to_bytes().unwrap()).unwrap()
}

/// Binds the first subkey of `key` anew at `created`, to expire `lifetime` seconds after its creation.
pub fn with_expiring_subkey(key: &SignedSecretKey, created: u32, lifetime: u32) -> SignedPublicKey {
    let mut flags = pgp::packet::KeyFlags::default();
    flags.set_encrypt_comms(true);
    let primary = &key.primary_key;
    let mut config = SignatureConfig::from_key(rng(3), primary, SignatureType::SubkeyBinding).unwrap();
    config.hashed_subpackets = [
        SubpacketData::SignatureCreationTime(Timestamp::from_secs(created)),
        SubpacketData::KeyFlags(flags),
        SubpacketData::KeyExpirationTime(Duration::from_secs(lifetime)),
        SubpacketData::IssuerFingerprint(primary.fingerprint()),
    ]
    .into_iter()
    .map(|data| Subpacket::regular(data).unwrap())
    .collect();
    let subkey = key.secret_subkeys[0].key.public_key();
    let binding =
        config.sign_subkey_binding(primary, primary.public_key(), &Password::empty(), subkey).unwrap();
    let mut public = key.to_public_key();
    public.public_subkeys[0].signatures = vec![binding];
    public
}
