//! Who signed a message.

use super::armor::{self, Block};
use super::certificate::names;
use super::{Certificate, Decrypted, Fingerprint, Rejection, Unverified};
use pgp::composed::{Deserializable as _, DetachedSignature};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType, SubpacketData};

/// Most issuers of one signature that are looked up.
const MAX_ISSUERS: usize = 4;
/// Largest armored detached signature.
const MAX_SIGNATURE_LEN: usize = 128 * 1024;

/// A valid signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Whose primary key made it: this, and nothing else, decides who sent the message.
    pub signer: Fingerprint,
    /// For which keys the signer meant the message, the signer's own first. Empty if the signature does not say.
    pub intended_recipients: Vec<Fingerprint>,
    /// When it was made, in Unix seconds, as the signer claims.
    pub signed_at: Option<i64>,
}

impl Decrypted {
    /// Whether there is any signature, valid or not.
    pub fn is_signed(&self) -> bool {
        !self.signatures.is_empty()
    }

    /// The keys that the first signature names as its makers: whose certificates are worth a look into the store.
    pub fn issuers(&self) -> Vec<Fingerprint> {
        self.signatures.first().map(issuers_of).unwrap_or_default()
    }

    /// Checks the first signature against the primary keys of `candidates`. Signatures of subkeys and further
    /// signatures do not count. The time of the signature and expiry of keys are not looked at.
    pub fn verify<'a>(
        &self,
        candidates: impl IntoIterator<Item = &'a Certificate>,
    ) -> Result<Verified, Unverified> {
        let first = self.signatures.first().ok_or(Unverified::NotSigned)?;
        verify_signature(first, &self.payload, candidates)
    }

    /// [`Decrypted::verify`] plus the rules about who may have sent this: the message must be meant for one of the
    /// `own` keys if its signature lists recipients, and a shared secret is only good in the hands of its owner.
    ///
    /// The inner error is that of an acceptable message without valid signature; it tells why there is none.
    pub fn authenticate<'a>(
        &self,
        own: &[Fingerprint],
        candidates: impl IntoIterator<Item = &'a Certificate>,
    ) -> Result<Result<Verified, Unverified>, Rejection> {
        let verified = self.verify(candidates);
        if let Some(expected) = self.secret.and_then(|secret| secret.expected_signer) {
            match &verified {
                _ if self.signatures.len() > 1 => return Err(Rejection::SecretManySignatures),
                Err(Unverified::UnknownSigner(named)) if named.contains(&expected) => {
                    return Err(Rejection::SecretUnknownSigner);
                }
                Err(_) => return Err(Rejection::SecretUnsigned),
                Ok(verified) if verified.signer != expected => return Err(Rejection::SecretWrongSigner),
                Ok(_) => {}
            }
        }
        if let Ok(Verified { intended_recipients, .. }) = &verified
            && !intended_recipients.is_empty()
            && !intended_recipients.iter().any(|recipient| own.contains(recipient))
        {
            return Err(Rejection::NotIntended);
        }
        Ok(verified)
    }
}

/// Checks the armored detached `signature` of a `multipart/signed` part inside an encrypted message. Such a signature
/// says nothing about recipients.
pub fn verify_detached<'a>(
    signed: &[u8],
    signature: &[u8],
    candidates: impl IntoIterator<Item = &'a Certificate>,
) -> Result<Verified, Unverified> {
    if signature.len() > MAX_SIGNATURE_LEN {
        return Err(Unverified::Unacceptable);
    }
    let binary = armor::decode(signature, Block::Signature).map_err(|_| Unverified::Unacceptable)?;
    let detached = DetachedSignature::from_bytes(binary.as_slice()).map_err(|_| Unverified::Unacceptable)?;
    let verified = verify_signature(&detached.signature, signed, candidates)?;
    Ok(Verified { intended_recipients: Vec::new(), ..verified })
}

fn verify_signature<'a>(
    signature: &Signature,
    data: &[u8],
    candidates: impl IntoIterator<Item = &'a Certificate>,
) -> Result<Verified, Unverified> {
    if !is_acceptable(signature) {
        return Err(Unverified::Unacceptable);
    }
    let mut failure = None;
    for certificate in candidates {
        // Candidates that the signature does not name are refused before anything is hashed.
        if signature.verify(certificate.primary_key(), data).is_ok() {
            return Ok(verified(signature, certificate.fingerprint()));
        }
        if names(signature, certificate.primary_key()) {
            failure = Some(Unverified::BadSignature(certificate.fingerprint()));
        } else if certificate.has_subkey_that(|subkey| names(signature, subkey)) {
            failure = failure.or(Some(Unverified::BySubkey(certificate.fingerprint())));
        }
    }
    Err(failure.unwrap_or_else(|| Unverified::UnknownSigner(issuers_of(signature))))
}

fn verified(signature: &Signature, signer: Fingerprint) -> Verified {
    let hashed = signature.config().into_iter().flat_map(|config| config.hashed_subpackets());
    let intended_recipients = hashed
        .filter_map(|subpacket| match &subpacket.data {
            SubpacketData::IntendedRecipientFingerprint(fingerprint) => Fingerprint::of(fingerprint),
            _ => None,
        })
        .collect();
    let signed_at = signature.created().map(|time| i64::from(time.as_secs()));
    Verified { signer, intended_recipients, signed_at }
}

/// The fingerprints that a signature names as its makers.
fn issuers_of(signature: &Signature) -> Vec<Fingerprint> {
    let mut issuers = Vec::new();
    for issuer in signature.issuer_fingerprint().into_iter().filter_map(Fingerprint::of) {
        if !issuers.contains(&issuer) && issuers.len() < MAX_ISSUERS {
            issuers.push(issuer);
        }
    }
    issuers
}

/// Only signatures of documents count, and none with a digest for which collisions can be made.
fn is_acceptable(signature: &Signature) -> bool {
    let weak = [HashAlgorithm::Md5, HashAlgorithm::Sha1, HashAlgorithm::Ripemd160];
    matches!(signature.typ(), Some(SignatureType::Binary | SignatureType::Text))
        && signature.hash_alg().is_some_and(|hash| !weak.contains(&hash))
}
