//! Why OpenPGP material was refused.

use super::Fingerprint;

/// Why a key or certificate cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Larger than any sane certificate.
    #[error("key of {0} octets is too large")]
    TooLarge(usize),
    /// The text is not standard Base64.
    #[error("key is not Base64")]
    NotBase64,
    /// No, broken or cut ASCII armor.
    #[error("broken ASCII armor")]
    Armor,
    /// Armor of something else, such as `PGP PUBLIC KEY BLOCK` where a private key is wanted.
    #[error("unexpected block type: {0}")]
    UnexpectedBlock(String),
    /// There is no secret key inside.
    #[error("No private key packet found")]
    NoPrivateKey,
    /// There is no public key inside.
    #[error("No public key packet found")]
    NoPublicKey,
    /// Only key versions 4 and 6 are in use.
    #[error("unsupported key version")]
    UnsupportedVersion,
    /// The secret key needs a passphrase, which nobody can enter later.
    #[error("password-protected keys cannot be used")]
    PasswordProtected,
    /// A packet does not parse.
    #[error("malformed key: {0}")]
    Malformed(String),
    /// A self-signature, subkey binding or back-signature does not verify.
    #[error("invalid key binding: {0}")]
    InvalidBinding(String),
    /// More signatures or subkeys than anybody needs.
    #[error("key has too many parts")]
    TooManyParts,
    /// Two certificates of different primary keys cannot be merged.
    #[error("certificates belong to different keys")]
    DifferentKeys,
    /// Nobody could encrypt to this certificate.
    #[error("certificate has no encryption key")]
    NoEncryptionKey,
    /// The relay list of an own certificate is never empty.
    #[error("relay list is empty")]
    NoRelays,
    /// The cryptographic library refused to produce a key or signature.
    #[error("signing failed: {0}")]
    Signing(String),
}

/// Why a message could not be encrypted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncryptError {
    /// This recipient has no usable encryption subkey; it must be treated as a missing key.
    #[error("no usable encryption key in {0}")]
    UnusableRecipient(Fingerprint),
    /// The own key has no encryption subkey, so no own device could read the message.
    #[error("own key cannot encrypt")]
    UnusableOwnKey,
    /// The cryptographic library refused.
    #[error("encryption failed: {0}")]
    Failed(String),
}

/// Why a message could not be decrypted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecryptError {
    /// Not armored or binary OpenPGP data, or not an encrypted message.
    #[error("not an OpenPGP encrypted message: {0}")]
    Malformed(String),
    /// The message, or what it expands to, exceeds the bounds.
    #[error("message is too large")]
    TooLarge,
    /// More session keys or packets than any honest message has.
    #[error("message has too many packets")]
    TooManyPackets,
    /// No own key fits any of the encrypted session keys.
    #[error("decrypt_the_ring: missing key")]
    MissingKey,
    /// The session key of a symmetric message is not protected by a salted secret.
    #[error("unsupported string2key algorithm")]
    UnsupportedStringToKey,
    /// No known secret fits.
    #[error("Could not find symmetric secret for session key")]
    MissingSecret,
    /// The ciphertext was altered or cut, or its container has no integrity protection.
    #[error("integrity check failed: {0}")]
    Integrity(String),
    /// The decrypted packets are not one (compressed) signed or unsigned literal.
    #[error("unexpected content of encrypted message: {0}")]
    UnexpectedContent(String),
}

/// Why a decrypted message must vanish: only a tombstone remains, nobody learns of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The signer wrote to others; somebody passed the message on.
    #[error("not intended for us")]
    NotIntended,
    /// A shared secret with a known owner was used without a valid signature.
    #[error("Unsigned message is not allowed to be encrypted with this shared secret")]
    SecretUnsigned,
    /// A shared secret with a known owner was used with several signatures.
    #[error("Too many signatures on symm-encrypted message")]
    SecretManySignatures,
    /// A shared secret was used by somebody other than its owner.
    #[error("This sender is not allowed to encrypt with this secret key")]
    SecretWrongSigner,
}
