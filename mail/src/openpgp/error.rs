//! Why OpenPGP material was refused, and what that means for the mail it came with.

use super::Fingerprint;

/// What a failure means for the mail. Only [`FailureClass::Refused`] is a reason to let it go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// A key, secret or certificate is not at hand that another mail may bring: keep the mail and try again then.
    NotYet,
    /// Wrong, altered, or not allowed. It stays so whatever comes later.
    Refused,
    /// Something of our own is damaged. That says nothing about the mail: keep it, and notify the user.
    Own,
}

/// A key or certificate that this program stored before cannot be read any more. Never the fault of a mail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stored key is damaged: {0}")]
pub struct StoredKeyError(#[from] pub KeyError);

impl StoredKeyError {
    /// Always [`FailureClass::Own`].
    pub fn class(&self) -> FailureClass {
        FailureClass::Own
    }
}

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
    /// None of the own keys is a recipient, as far as the message names them. Most do not.
    #[error("decrypt_the_ring: missing key")]
    NoKey {
        /// How many own keys were tried.
        tried: usize,
    },
    /// A session key names an own key, which cannot open it.
    #[error("session key for {0} is damaged")]
    BadSessionKey(Fingerprint),
    /// The session key of a symmetric message is not protected by a salted secret.
    #[error("unsupported string2key algorithm")]
    UnsupportedStringToKey,
    /// Only a shared secret opens it, and none of those that were tried does.
    #[error("Could not find symmetric secret for session key")]
    NoSecret {
        /// How many secrets were tried.
        tried: usize,
    },
    /// The ciphertext was altered or cut, or its container has no integrity protection.
    #[error("integrity check failed: {0}")]
    Integrity(String),
    /// The decrypted packets are not one (compressed) signed or unsigned literal.
    #[error("unexpected content of encrypted message: {0}")]
    UnexpectedContent(String),
}

impl DecryptError {
    /// What it means for the mail.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::NoKey { .. } | Self::NoSecret { .. } => FailureClass::NotYet,
            Self::Malformed(_)
            | Self::TooLarge
            | Self::TooManyPackets
            | Self::BadSessionKey(_)
            | Self::UnsupportedStringToKey
            | Self::Integrity(_)
            | Self::UnexpectedContent(_) => FailureClass::Refused,
        }
    }
}

/// Why nobody is known to have signed a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// There is no signature.
    #[error("not signed")]
    NotSigned,
    /// The signature is of a key that is not among the candidates: those it names, often none but the key id.
    #[error("signed with an unknown key")]
    UnknownSigner(Vec<Fingerprint>),
    /// The signature names this candidate, but is not its signature of this message.
    #[error("bad signature of {0}")]
    BadSignature(Fingerprint),
    /// A subkey of this candidate signed; only primary keys sign for their owner.
    #[error("signed with a subkey of {0}")]
    BySubkey(Fingerprint),
    /// Not a signature of a document, or one with a digest that can be forged, or not readable at all.
    #[error("signature of a kind that does not count")]
    Unacceptable,
}

impl Unverified {
    /// What it means for a mail that needs a signature.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::UnknownSigner(_) => FailureClass::NotYet,
            Self::NotSigned | Self::BadSignature(_) | Self::BySubkey(_) | Self::Unacceptable => {
                FailureClass::Refused
            }
        }
    }
}

/// Why a decrypted message is not accepted. If its class is [`FailureClass::Refused`] only a tombstone remains and
/// nobody learns of it.
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
    /// A shared secret was used by who claims to be its owner; without the owner's certificate that cannot be checked.
    #[error("The key of the owner of this secret is not known")]
    SecretUnknownSigner,
}

impl Rejection {
    /// What it means for the mail.
    pub fn class(self) -> FailureClass {
        match self {
            Self::SecretUnknownSigner => FailureClass::NotYet,
            Self::NotIntended
            | Self::SecretUnsigned
            | Self::SecretManySignatures
            | Self::SecretWrongSigner => FailureClass::Refused,
        }
    }
}
