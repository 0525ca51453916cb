//! The self-signatures of own keys: what a key says about itself.

use super::KeyError;
use pgp::crypto::aead::AeadAlgorithm;
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::{
    Features, KeyFlags, SecretKey, SignatureConfig, SignatureType, Subpacket, SubpacketData, UserId,
};
use pgp::types::{
    CompressionAlgorithm, KeyDetails as _, KeyVersion, Password, SignedUser, SigningKey as _, Tag, Timestamp,
};
use rand::{CryptoRng, Rng};

/// Wraps what the cryptographic library says when it cannot sign.
pub(super) fn signing_error(error: impl std::fmt::Display) -> KeyError {
    KeyError::Signing(error.to_string())
}

/// Unix seconds as OpenPGP counts them (32 bits, until 2106).
pub(super) fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_secs(u32::try_from(seconds.max(0)).unwrap_or(u32::MAX))
}

/// Which preference for authenticated encryption a self-signature states.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AeadPreference {
    /// An empty list: the form in which keys are stored and exported.
    Empty,
    /// AES-256 with OCB: the form in which keys are handed out.
    Ocb,
}

/// The hashed subpackets with which the primary key describes itself, in the order in which chatmail emits them.
pub(super) fn description(
    key: &SecretKey,
    created: Timestamp,
    aead: AeadPreference,
) -> Result<Vec<Subpacket>, KeyError> {
    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(true);
    let mut features = Features::default();
    features.set_seipd_v1(true);
    features.set_seipd_v2(true);
    let aead = match aead {
        AeadPreference::Empty => [].into_iter().collect(),
        AeadPreference::Ocb => [(SymmetricKeyAlgorithm::AES256, AeadAlgorithm::Ocb)].into_iter().collect(),
    };
    let symmetric =
        [SymmetricKeyAlgorithm::AES256, SymmetricKeyAlgorithm::AES192, SymmetricKeyAlgorithm::AES128];
    let hashes = [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512, HashAlgorithm::Sha224];
    let compression = [CompressionAlgorithm::ZLIB, CompressionAlgorithm::ZIP];
    [
        SubpacketData::SignatureCreationTime(created),
        SubpacketData::IssuerFingerprint(key.fingerprint()),
        SubpacketData::KeyFlags(flags),
        SubpacketData::Features(features),
        SubpacketData::PreferredSymmetricAlgorithms(symmetric.into_iter().collect()),
        SubpacketData::PreferredHashAlgorithms(hashes.into_iter().collect()),
        SubpacketData::PreferredCompressionAlgorithms(compression.into_iter().collect()),
        SubpacketData::PreferredAeadAlgorithms(aead),
        SubpacketData::IsPrimary(true),
    ]
    .into_iter()
    .map(|data| Subpacket::regular(data).map_err(signing_error))
    .collect()
}

/// The 64-bit key id in the unhashed area: only for version 4 keys (RFC 9580 §5.2.3.12).
pub(super) fn issuer_key_id(key: &SecretKey) -> Result<Vec<Subpacket>, KeyError> {
    if key.version() > KeyVersion::V4 {
        return Ok(Vec::new());
    }
    let subpacket =
        Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id())).map_err(signing_error)?;
    Ok(vec![subpacket])
}

/// Starts a signature of `key` with its own hash algorithm (and salt, for version 6).
pub(super) fn configure(
    key: &SecretKey,
    typ: SignatureType,
    rng: &mut (impl Rng + CryptoRng),
) -> Result<SignatureConfig, KeyError> {
    SignatureConfig::from_key(rng, key, typ).map_err(signing_error)
}

/// Binds the user id `<addr>` to the key (positive certification).
pub(super) fn certify_user_id(
    key: &SecretKey,
    addr: &str,
    created: Timestamp,
    aead: AeadPreference,
    rng: &mut (impl Rng + CryptoRng),
) -> Result<SignedUser, KeyError> {
    let user_id = UserId::from_str(Default::default(), format!("<{addr}>")).map_err(signing_error)?;
    let mut config = configure(key, SignatureType::CertPositive, rng)?;
    config.hashed_subpackets = description(key, created, aead)?;
    config.unhashed_subpackets = issuer_key_id(key)?;
    let signature = config
        .sign_certification(key, key.public_key(), &Password::empty(), Tag::UserId, &user_id)
        .map_err(signing_error)?;
    Ok(user_id.into_signed(signature))
}

/// The digest algorithm with which `key` signs messages.
pub(super) fn hash_algorithm(key: &SecretKey) -> HashAlgorithm {
    key.hash_alg()
}
