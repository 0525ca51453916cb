//! Encryption in the form in which chatmail exchanges it.

use super::armor::{self, Block};
use super::self_signature::{hash_algorithm, issuer_key_id, timestamp};
use super::{Certificate, EncryptError, Fingerprint, SecretKey, SharedSecret};
use pgp::composed::{DummyReader, Encryption, MessageBuilder, SubpacketConfig};
use pgp::crypto::aead::{AeadAlgorithm, ChunkSize};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::{Subpacket, SubpacketData};
use pgp::types::{CompressionAlgorithm, KeyDetails as _, KeyVersion, Password, StringToKey, Timestamp};
use rand::{CryptoRng, Rng};

/// What lies between the encryption container and the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layers {
    /// Sign with the own primary key.
    pub signed: bool,
    /// Compress. Never together with a secret that somebody could guess from the length.
    pub compressed: bool,
}

impl Layers {
    /// Ordinary messages and channel posts.
    pub const MESSAGE: Self = Self { signed: true, compressed: true };
    /// Steps of the handshake.
    pub const HANDSHAKE: Self = Self { signed: true, compressed: false };
    /// Announcements of a changed key and the first request under an invite secret: no signature that would list or
    /// name anybody.
    pub const UNSIGNED: Self = Self { signed: false, compressed: false };
}

/// Encrypts `payload` (a MIME entity with CRLF lines) to the own key and to `recipients`, and gives the armored message
/// with CRLF line ends.
///
/// The order of `recipients` is kept, the own key comes first. The second version of the encryption container is used
/// unless a recipient's software cannot read it.
pub fn encrypt(
    payload: Vec<u8>,
    own: &SecretKey,
    recipients: &[Certificate],
    layers: Layers,
    now: i64,
    rng: &mut (impl Rng + CryptoRng),
) -> Result<String, EncryptError> {
    let own_subkey = own.encryption_subkey().ok_or(EncryptError::UnusableOwnKey)?;
    let mut subkeys = vec![own_subkey];
    let mut intended = vec![own.fingerprint()];
    for recipient in recipients.iter().filter(|recipient| recipient.fingerprint() != own.fingerprint()) {
        let fingerprint = recipient.fingerprint();
        let subkey = recipient.encryption_subkey(now).ok_or(EncryptError::UnusableRecipient(fingerprint))?;
        subkeys.push(subkey);
        intended.push(fingerprint);
    }
    let builder = MessageBuilder::from_bytes("", payload);
    let signature = || message_subpackets(own, &intended, now);
    if recipients.iter().all(Certificate::supports_seipd_v2) {
        let mut builder =
            builder.seipd_v2(&mut *rng, SymmetricKeyAlgorithm::AES128, AeadAlgorithm::Ocb, ChunkSize::C8KiB);
        for subkey in subkeys {
            builder.encrypt_to_key_anonymous(&mut *rng, subkey).map_err(failed)?;
        }
        finish(builder, own, layers, signature, rng)
    } else {
        let mut builder = builder.seipd_v1(&mut *rng, SymmetricKeyAlgorithm::AES128);
        for subkey in subkeys {
            builder.encrypt_to_key_anonymous(&mut *rng, subkey).map_err(failed)?;
        }
        finish(builder, own, layers, signature, rng)
    }
}

/// Encrypts `payload` with a shared `secret` of at least 144 bits of entropy (channel or invite), and gives the armored
/// message with CRLF line ends. `signer` is `None` for the first request of the handshake only.
pub fn encrypt_with_secret(
    payload: Vec<u8>,
    secret: &SharedSecret,
    signer: Option<&SecretKey>,
    compressed: bool,
    now: i64,
    rng: &mut (impl Rng + CryptoRng),
) -> Result<String, EncryptError> {
    let mut builder = MessageBuilder::from_bytes("", payload).seipd_v2(
        &mut *rng,
        SymmetricKeyAlgorithm::AES128,
        AeadAlgorithm::Ocb,
        ChunkSize::C8KiB,
    );
    let mut salt = [0u8; 8];
    rng.fill_bytes(&mut salt);
    // Not iterated: the secrets are random and receivers try many of them.
    let derivation = StringToKey::Salted { hash_alg: HashAlgorithm::Sha256, salt };
    builder.encrypt_with_password(&mut *rng, derivation, &secret.password()).map_err(failed)?;
    match signer {
        Some(key) => {
            let layers = Layers { signed: true, compressed };
            finish(builder, key, layers, || secret_subpackets(key, now), rng)
        }
        None => seal(builder, compressed, rng),
    }
}

/// Encrypts `payload` to one certificate, neither signed nor compressed, and gives the binary message. For what is no
/// mail.
pub fn encrypt_unsigned(
    payload: Vec<u8>,
    recipient: &Certificate,
    now: i64,
    rng: &mut (impl Rng + CryptoRng),
) -> Result<Vec<u8>, EncryptError> {
    let subkey = recipient
        .encryption_subkey(now)
        .ok_or_else(|| EncryptError::UnusableRecipient(recipient.fingerprint()))?;
    let mut builder = MessageBuilder::from_bytes("", payload).seipd_v2(
        &mut *rng,
        SymmetricKeyAlgorithm::AES128,
        AeadAlgorithm::Ocb,
        ChunkSize::C8KiB,
    );
    builder.encrypt_to_key(&mut *rng, subkey).map_err(failed)?;
    builder.to_vec(rng).map_err(failed)
}

type Builder<'a, E> = MessageBuilder<'a, DummyReader, E>;

fn finish<'a, E: Encryption>(
    mut builder: Builder<'a, E>,
    own: &'a SecretKey,
    layers: Layers,
    signature: impl FnOnce() -> Result<SubpacketConfig, EncryptError>,
    rng: &mut (impl Rng + CryptoRng),
) -> Result<String, EncryptError> {
    if layers.signed {
        let key = &own.as_pgp().primary_key;
        builder.sign_with_subpackets(key, Password::empty(), hash_algorithm(key), signature()?);
    }
    seal(builder, layers.compressed, rng)
}

fn seal<E: Encryption>(
    mut builder: Builder<'_, E>,
    compressed: bool,
    rng: &mut (impl Rng + CryptoRng),
) -> Result<String, EncryptError> {
    if compressed {
        builder.compression(CompressionAlgorithm::ZLIB);
    }
    let binary = builder.to_vec(rng).map_err(failed)?;
    Ok(armor::encode(Block::Message, &binary, "\r\n"))
}

/// Subpackets of the signature of a message to keys: it names everybody who can read it.
fn message_subpackets(
    own: &SecretKey,
    intended: &[Fingerprint],
    now: i64,
) -> Result<SubpacketConfig, EncryptError> {
    let key = &own.as_pgp().primary_key;
    let is_v6 = key.version() == KeyVersion::V6;
    let mut hashed = vec![Subpacket::critical(SubpacketData::SignatureCreationTime(signing_time(own, now)))];
    hashed.extend(intended.iter().map(|fingerprint| {
        let data = SubpacketData::IntendedRecipientFingerprint(fingerprint.to_pgp());
        if is_v6 { Subpacket::critical(data) } else { Subpacket::regular(data) }
    }));
    hashed.push(Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint())));
    subpackets(own, hashed)
}

/// Subpackets of the signature of a message under a shared secret: whoever knows the secret may read it.
fn secret_subpackets(own: &SecretKey, now: i64) -> Result<SubpacketConfig, EncryptError> {
    let fingerprint = own.as_pgp().primary_key.fingerprint();
    let hashed = vec![
        Subpacket::regular(SubpacketData::IssuerFingerprint(fingerprint)),
        Subpacket::regular(SubpacketData::SignatureCreationTime(signing_time(own, now))),
    ];
    subpackets(own, hashed)
}

/// A signature is never older than its key, though the clock may have been ahead when the key was made.
fn signing_time(own: &SecretKey, now: i64) -> Timestamp {
    timestamp(now.max(own.created_at()))
}

fn subpackets(
    own: &SecretKey,
    hashed: Vec<pgp::errors::Result<Subpacket>>,
) -> Result<SubpacketConfig, EncryptError> {
    let hashed = hashed.into_iter().collect::<Result<_, _>>().map_err(failed)?;
    let unhashed = issuer_key_id(&own.as_pgp().primary_key).map_err(failed)?;
    Ok(SubpacketConfig::UserDefined { hashed, unhashed })
}

fn failed(error: impl std::fmt::Display) -> EncryptError {
    EncryptError::Failed(error.to_string())
}
