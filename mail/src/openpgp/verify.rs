//! Who signed a message.

use super::armor::{self, Block};
use super::{Certificate, Decrypted, Fingerprint, Rejection};
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
        let mut issuers = Vec::new();
        for fingerprint in self.signatures.iter().take(1).flat_map(Signature::issuer_fingerprint) {
            match Fingerprint::of(fingerprint) {
                Some(issuer) if !issuers.contains(&issuer) && issuers.len() < MAX_ISSUERS => {
                    issuers.push(issuer)
                }
                _ => {}
            }
        }
        issuers
    }

    /// Checks the first signature against the primary keys of `candidates`. Signatures of subkeys and further
    /// signatures do not count. The time of the signature and expiry of keys are not looked at.
    pub fn verify<'a>(&self, candidates: impl IntoIterator<Item = &'a Certificate>) -> Option<Verified> {
        verify_signature(self.signatures.first()?, &self.payload, candidates)
    }

    /// [`Decrypted::verify`] plus the rules about who may have sent this: the message must be meant for one of the
    /// `own` keys if its signature lists recipients, and a shared secret is only good in the hands of its owner.
    ///
    /// `Ok(None)` is an acceptable message without valid signature.
    pub fn authenticate<'a>(
        &self,
        own: &[Fingerprint],
        candidates: impl IntoIterator<Item = &'a Certificate>,
    ) -> Result<Option<Verified>, Rejection> {
        let verified = self.verify(candidates);
        if let Some(expected) = self.secret.and_then(|secret| secret.expected_signer) {
            match &verified {
                _ if self.signatures.len() > 1 => return Err(Rejection::SecretManySignatures),
                None => return Err(Rejection::SecretUnsigned),
                Some(verified) if verified.signer != expected => return Err(Rejection::SecretWrongSigner),
                Some(_) => {}
            }
        }
        if let Some(Verified { intended_recipients, .. }) = &verified
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
) -> Option<Verified> {
    if signature.len() > MAX_SIGNATURE_LEN {
        return None;
    }
    let binary = armor::decode(signature, Block::Signature).ok()?;
    let detached = DetachedSignature::from_bytes(binary.as_slice()).ok()?;
    let verified = verify_signature(&detached.signature, signed, candidates)?;
    Some(Verified { intended_recipients: Vec::new(), ..verified })
}

fn verify_signature<'a>(
    signature: &Signature,
    data: &[u8],
    candidates: impl IntoIterator<Item = &'a Certificate>,
) -> Option<Verified> {
    if !is_acceptable(signature) {
        return None;
    }
    // Candidates that the signature does not name are refused before anything is hashed.
    let signer = candidates
        .into_iter()
        .find(|certificate| signature.verify(certificate.primary_key(), data).is_ok())?
        .fingerprint();
    let hashed = signature.config().into_iter().flat_map(|config| config.hashed_subpackets());
    let intended_recipients = hashed
        .filter_map(|subpacket| match &subpacket.data {
            SubpacketData::IntendedRecipientFingerprint(fingerprint) => Fingerprint::of(fingerprint),
            _ => None,
        })
        .collect();
    let signed_at = signature.created().map(|time| i64::from(time.as_secs()));
    Some(Verified { signer, intended_recipients, signed_at })
}

/// Only signatures of documents count, and none with a digest for which collisions can be made.
fn is_acceptable(signature: &Signature) -> bool {
    let weak = [HashAlgorithm::Md5, HashAlgorithm::Sha1, HashAlgorithm::Ripemd160];
    matches!(signature.typ(), Some(SignatureType::Binary | SignatureType::Text))
        && signature.hash_alg().is_some_and(|hash| !weak.contains(&hash))
}
