//! Decryption: one container, one session key, everything bounded.

use super::armor::{self, Block};
use super::packets::read_content;
use super::{DecryptError, Fingerprint, SecretKey};
use pgp::composed::{
    Edata, Esk, Message, PlainSessionKey, SignedSecretKey, decrypt_session_key_with_password,
};
use pgp::crypto::aead::AeadAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::{ProtectedDataConfig, SymEncryptedProtectedDataConfig};
use pgp::packet::{PublicKeyEncryptedSessionKey, Signature, SymKeyEncryptedSessionKey};
use pgp::types::{DecryptionKey, EskType, Password, PkeskVersion, SkeskVersion, StringToKey};
use std::fmt;
use std::io::{Cursor, Read as _};

/// Largest encrypted message that is looked at, armored or binary.
pub const MAX_MESSAGE_LEN: usize = 192 * 1024 * 1024;
/// Most session key packets (recipients); each costs a decryption attempt per own key.
const MAX_SESSION_KEYS: usize = 1000;
/// What compressed data may always expand to.
const PAYLOAD_ALLOWANCE: usize = 64 * 1024 * 1024;
/// How much larger than the message the payload may be beyond the allowance.
const PAYLOAD_RATIO: usize = 10;
/// Absolute bound of the payload.
const MAX_PAYLOAD_LEN: usize = 256 * 1024 * 1024;

/// A secret that several people know: of a channel, or of an invite.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedSecret {
    text: String,
    expected_signer: Option<Fingerprint>,
}

impl SharedSecret {
    /// The secret of a broadcast channel. `owner` is the only one who may use it; `None` in the owner's own profile.
    pub fn channel(secret: &str, owner: Option<Fingerprint>) -> Self {
        Self { text: secret.to_owned(), expected_signer: owner }
    }

    /// The secret of an invite that this profile scanned: answers must come from the inviter.
    pub fn scanned_invite(inviter: Fingerprint, token: &str) -> Self {
        Self { text: invite_secret(inviter, token), expected_signer: Some(inviter) }
    }

    /// The secret of an invite that this profile gave out: anybody may use it.
    pub fn own_invite(own: Fingerprint, token: &str) -> Self {
        Self { text: invite_secret(own, token), expected_signer: None }
    }

    /// Who alone may send with this secret.
    pub fn expected_signer(&self) -> Option<Fingerprint> {
        self.expected_signer
    }

    pub(super) fn password(&self) -> Password {
        Password::from(self.text.as_str())
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the secret.
        write!(f, "SharedSecret(expects {:?})", self.expected_signer)
    }
}

fn invite_secret(inviter: Fingerprint, token: &str) -> String {
    format!("securejoin/{inviter}/{token}")
}

/// A decrypted message. Nothing is said about its sender before [`Decrypted::authenticate`].
pub struct Decrypted {
    /// The complete, integrity-checked payload: a MIME entity.
    pub payload: Vec<u8>,
    pub(super) signatures: Vec<Signature>,
    pub(super) secret: Option<MatchedSecret>,
}

/// Which shared secret opened a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MatchedSecret {
    pub index: usize,
    pub expected_signer: Option<Fingerprint>,
}

impl Decrypted {
    /// Position (in the order of the candidates) of the shared secret that fitted; `None` if an own key did.
    pub fn matched_secret(&self) -> Option<usize> {
        self.secret.map(|secret| secret.index)
    }
}

impl fmt::Debug for Decrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decrypted({} octets, {} signatures)", self.payload.len(), self.signatures.len())
    }
}

/// An encrypted message whose session key packets are read, but nothing else.
pub struct Envelope {
    message: Message<'static>,
    payload_limit: usize,
}

impl Envelope {
    /// Reads an armored or binary encrypted message.
    pub fn parse(message: &[u8]) -> Result<Self, DecryptError> {
        if message.len() > MAX_MESSAGE_LEN {
            return Err(DecryptError::TooLarge);
        }
        // The first octet of binary OpenPGP has its highest bit set, that of text has not.
        let binary = match message.first() {
            Some(octet) if octet & 0x80 != 0 => message.to_vec(),
            _ => armor::decode(message, Block::Message)
                .map_err(|error| DecryptError::Malformed(error.to_string()))?,
        };
        let payload_limit =
            binary.len().saturating_mul(PAYLOAD_RATIO).saturating_add(PAYLOAD_ALLOWANCE).min(MAX_PAYLOAD_LEN);
        let message = Message::from_bytes(Cursor::new(binary))
            .map_err(|error| DecryptError::Malformed(error.to_string()))?;
        match &message {
            Message::Encrypted { esk, .. } if esk.len() > MAX_SESSION_KEYS => {
                Err(DecryptError::TooManyPackets)
            }
            Message::Encrypted { .. } => Ok(Self { message, payload_limit }),
            _ => Err(DecryptError::Malformed("not encrypted".into())),
        }
    }

    /// Whether only a shared secret can open it. A mixture of public-key and secret session keys never asks for
    /// secrets, so that a mail cannot make us try them repeatedly.
    pub fn needs_shared_secret(&self) -> bool {
        matches!(&self.message, Message::Encrypted { esk, .. } if matches!(esk.as_slice(), [Esk::SymKeyEncryptedSessionKey(_)]))
    }

    /// Opens it with the first own key that fits, or the first of `secrets` if only a secret can. The error tells what
    /// the failure means for the mail: [`DecryptError::class`].
    pub fn decrypt<'a>(
        self,
        own: &[SecretKey],
        secrets: impl IntoIterator<Item = &'a SharedSecret>,
    ) -> Result<Decrypted, DecryptError> {
        let Message::Encrypted { esk, mut edata, is_nested } = self.message else {
            return Err(DecryptError::Malformed("not encrypted".into()));
        };
        let (session_key, secret) = match esk.as_slice() {
            [Esk::SymKeyEncryptedSessionKey(packet)] => {
                let (key, matched) = find_by_secret(packet, secrets)?;
                (key, Some(matched))
            }
            packets => (find_by_key(packets, own)?, None),
        };
        let plaintext = open(&mut edata, &session_key).and_then(|()| {
            // Reading through the message also refuses anything behind the container.
            let mut message = Message::Encrypted { esk: Vec::new(), edata, is_nested };
            let mut plaintext = Vec::new();
            message
                .read_to_end(&mut plaintext)
                .map_err(|error| DecryptError::Integrity(error.to_string()))?;
            Ok(plaintext)
        })?;
        let content = read_content(&plaintext, self.payload_limit)?;
        Ok(Decrypted { payload: content.payload, signatures: content.signatures, secret })
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Envelope(needs secret: {})", self.needs_shared_secret())
    }
}

/// [`Envelope::parse`] and [`Envelope::decrypt`] in one go.
pub fn decrypt<'a>(
    message: &[u8],
    own: &[SecretKey],
    secrets: impl IntoIterator<Item = &'a SharedSecret>,
) -> Result<Decrypted, DecryptError> {
    Envelope::parse(message)?.decrypt(own, secrets)
}

/// Only containers with integrity protection are opened.
fn open(edata: &mut Edata<'_>, session_key: &PlainSessionKey) -> Result<(), DecryptError> {
    let Edata::SymEncryptedProtectedData { reader } = edata else {
        return Err(DecryptError::Integrity("container without integrity protection".into()));
    };
    if !is_supported(reader.config(), session_key) {
        return Err(DecryptError::Integrity("unsupported cipher".into()));
    }
    edata.decrypt(session_key).map_err(|error| DecryptError::Integrity(error.to_string()))
}

/// Whether container and session key name ciphers that rPGP knows: it takes sizes from their names before it looks
/// whether there is such a cipher.
fn is_supported(config: &ProtectedDataConfig, session_key: &PlainSessionKey) -> bool {
    use SymEncryptedProtectedDataConfig::{V1, V2};
    match (config, session_key) {
        (ProtectedDataConfig::Seipd(V1), PlainSessionKey::V3_4 { sym_alg, key }) => {
            sym_alg.key_size() > 0 && sym_alg.key_size() == key.len()
        }
        (ProtectedDataConfig::Seipd(V2 { sym_alg, aead, .. }), PlainSessionKey::V6 { key }) => {
            let known = [AeadAlgorithm::Ocb, AeadAlgorithm::Gcm, AeadAlgorithm::Eax].contains(aead);
            let aes =
                [SymmetricKeyAlgorithm::AES128, SymmetricKeyAlgorithm::AES192, SymmetricKeyAlgorithm::AES256];
            known && aes.contains(sym_alg) && sym_alg.key_size() == key.len()
        }
        _ => false,
    }
}

fn find_by_secret<'a>(
    packet: &SymKeyEncryptedSessionKey,
    secrets: impl IntoIterator<Item = &'a SharedSecret>,
) -> Result<(PlainSessionKey, MatchedSecret), DecryptError> {
    // Iterated and memory-hard derivations would let a stranger burn our time once per known secret; older packet
    // versions cannot distinguish a wrong secret from a right one.
    let cheap =
        matches!(packet.s2k(), Some(StringToKey::Salted { .. })) && packet.version() == SkeskVersion::V6;
    if !cheap {
        return Err(DecryptError::UnsupportedStringToKey);
    }
    let mut tried = 0;
    for (index, secret) in secrets.into_iter().enumerate() {
        tried += 1;
        if let Ok(key) = decrypt_session_key_with_password(packet, &secret.password()) {
            return Ok((key, MatchedSecret { index, expected_signer: secret.expected_signer }));
        }
    }
    Err(DecryptError::NoSecret { tried })
}

fn find_by_key(packets: &[Esk], own: &[SecretKey]) -> Result<PlainSessionKey, DecryptError> {
    let mut failure = DecryptError::NoKey { tried: own.len() };
    for packet in packets {
        let Esk::PublicKeyEncryptedSessionKey(packet) = packet else { continue };
        for key in own {
            match try_key(packet, key.as_pgp()) {
                Attempt::Opened(session_key) => return Ok(session_key),
                Attempt::Failed { named: true } => failure = DecryptError::BadSessionKey(key.fingerprint()),
                Attempt::Failed { named: false } => {}
            }
        }
    }
    Err(failure)
}

/// What came of trying one key on one session key.
enum Attempt {
    Opened(PlainSessionKey),
    Failed {
        /// The session key says that it is for this very key.
        named: bool,
    },
}

/// Tries the primary key and all subkeys that the packet may be for.
fn try_key(packet: &PublicKeyEncryptedSessionKey, key: &SignedSecretKey) -> Attempt {
    let kind = match packet.version() {
        PkeskVersion::V3 => EskType::V3_4,
        PkeskVersion::V6 => EskType::V6,
        PkeskVersion::Other(_) => return Attempt::Failed { named: false },
    };
    let attempt =
        |key: &dyn DecryptionKey| key.decrypt(&Password::empty(), packet.values().ok()?, kind).ok()?.ok();
    let mut fits = false;
    for subkey in key.secret_subkeys.iter().filter(|subkey| packet.match_identity(subkey.key.public_key())) {
        fits = true;
        if let Some(session_key) = attempt(&subkey.key) {
            return Attempt::Opened(session_key);
        }
    }
    if packet.match_identity(key.primary_key.public_key()) {
        fits = true;
        if let Some(session_key) = attempt(&key.primary_key) {
            return Attempt::Opened(session_key);
        }
    }
    Attempt::Failed { named: fits && !is_anonymous(packet) }
}

/// Whether a session key keeps its recipient to itself (RFC 9580 §5.1.8), as chatmail programs do.
fn is_anonymous(packet: &PublicKeyEncryptedSessionKey) -> bool {
    let id = packet.id().is_ok_and(|id| id.is_wildcard());
    id || packet.fingerprint().is_ok_and(|fingerprint| fingerprint.is_none())
}
