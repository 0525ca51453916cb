//! Keys, certificates with relay lists, Autocrypt, encryption and decryption (RFC 9580).
//!
//! | module | holds |
//! |---|---|
//! | `fingerprint` | [`Fingerprint`]: the identity of a key, and so of a contact |
//! | `secret_key` | [`SecretKey`]: the key pair of a profile, its export forms and the [`Certificate`] it hands out |
//! | `certificate` | [`Certificate`]: a public key as contacts exchange it, its relay list, merging two versions |
//! | [`autocrypt`] | the `Autocrypt` and `Autocrypt-Gossip` header fields |
//! | `encrypt` | [`encrypt`] to keys and [`encrypt_with_secret`] for channels and handshakes |
//! | `decrypt` | [`decrypt`]: one encryption layer, one compression layer, one literal, bounded everywhere |
//! | `verify` | who signed: [`Decrypted::verify`], [`Decrypted::authenticate`], [`verify_detached`] |
//! | `acceptance` | what becomes of a mail of a given protection ([`treatment`]) |
//!
//! Parsed keys are cheap handles (`Arc`): clone and keep them. A certificate that comes back from the own store is read
//! with [`Certificate::from_store`], which does not repeat the signature checks of its first arrival.
//!
//! An incoming mail is handled in two steps, because the key that validates it may be inside: [`decrypt`] it, read the
//! header fields of [`Decrypted::payload`], collect candidate certificates (the accepted `Autocrypt` key, the own key,
//! the stored keys named by [`Decrypted::issuers`]), then call [`Decrypted::authenticate`].
//!
//! What fails on the way is of one of three classes ([`FailureClass`]), and no class may be taken for another:
//!
//! | class | examples | the mail |
//! |---|---|---|
//! | not yet | [`DecryptError::NoKey`], [`DecryptError::NoSecret`], [`Unverified::UnknownSigner`] | is kept and tried again |
//! | refused | [`DecryptError::Malformed`], [`Unverified::BadSignature`], [`Rejection::NotIntended`] | leaves |
//! | own | [`StoredKeyError`] | is kept, and the user is notified |

mod acceptance;
mod armor;
pub mod autocrypt;
mod certificate;
mod decrypt;
mod encrypt;
mod error;
mod fingerprint;
mod packets;
mod secret_key;
mod self_signature;
mod verify;

pub use acceptance::{Protection, Treatment, treatment};
pub use certificate::{Certificate, MAX_CERTIFICATE_LEN, MAX_RELAYS, Merged, RELAYS_NOTATION};
pub use decrypt::{Decrypted, Envelope, MAX_MESSAGE_LEN, SharedSecret, decrypt};
pub use encrypt::{Layers, encrypt, encrypt_unsigned, encrypt_with_secret};
pub use error::{DecryptError, EncryptError, FailureClass, KeyError, Rejection, StoredKeyError, Unverified};
pub use fingerprint::{BadFingerprint, Fingerprint};
pub use secret_key::SecretKey;
pub use verify::{Verified, verify_detached};

#[cfg(test)]
mod tests;
