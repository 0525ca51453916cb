//! What the rules must know of a received mail, and which of its claims are believed.

use super::{Prefix, Reason, Step};
use crate::openpgp::Fingerprint;

/// A shared secret that opened a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchedSecret {
    /// That of an own pending join; only the holder of this key (fingerprint) may use it to answer.
    PendingJoin(Fingerprint),
    /// That of an own invite.
    OwnInvite,
    /// That of a channel.
    Channel,
}

/// The facts about a received mail that decide in the handshake.
///
/// Headers are those of the protected part when the mail is encrypted, else those of the mail itself.
#[derive(Debug, Clone, Default)]
pub struct HandshakeMessage {
    /// `Secure-Join`.
    pub step: Option<String>,
    /// `Secure-Join-Invitenumber`.
    pub invite_number: Option<String>,
    /// `Secure-Join-Auth`.
    pub auth: Option<String>,
    /// `Secure-Join-Fingerprint`, as written.
    pub fingerprint: Option<String>,
    /// Whether the mail was encrypted, in whichever way.
    pub encrypted: bool,
    /// Fingerprint of the key of the one valid signature.
    pub signer: Option<Fingerprint>,
    /// The shared secret that opened it, if it was not encrypted to a key.
    pub matched_secret: Option<MatchedSecret>,
    /// Whether the protected `From` differs from the visible one.
    pub forged_from: bool,
    /// Fingerprint of the key in the `Autocrypt` header.
    pub autocrypt: Option<Fingerprint>,
    /// Whether one of the gossiped keys has the own fingerprint.
    pub gossips_own_key: bool,
    /// `Chat-Group-Member-Added`.
    pub member_added: Option<String>,
    /// Whether that is an own address.
    pub member_added_is_self: bool,
}

/// What a mail is for the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reading {
    /// No handshake mail; its `Secure-Join` headers must not be looked at.
    None,
    /// A step whose claims may be checked.
    Step(Step),
    /// A signed step that nobody knows.
    Unknown(String),
    /// A mail that must have no effect at all.
    Rejected(Reason),
}

impl HandshakeMessage {
    /// Reads the step, after dropping claims that unsigned or unencrypted mails must not make.
    pub(super) fn read(&self) -> Reading {
        if let Some(MatchedSecret::PendingJoin(expected)) = &self.matched_secret {
            match &self.signer {
                None => return Reading::Rejected(Reason::SecretNeedsSignature),
                Some(signer) if signer != expected => return Reading::Rejected(Reason::SecretOfOtherSender),
                Some(_) => {}
            }
        }
        let step = self.step.as_deref().map(str::trim);
        match (self.encrypted, &self.signer) {
            (true, Some(_)) => self.read_signed(step),
            (true, None) if step == Some(Step::KeyRequest.header()) => match self.forged_from {
                true => Reading::Rejected(Reason::ForgedFrom),
                false => Reading::Step(Step::KeyRequest),
            },
            _ => self.read_unsigned(step),
        }
    }

    fn read_signed(&self, step: Option<&str>) -> Reading {
        match step {
            _ if self.invite_number.is_some() => Reading::Step(Step::Request(Self::prefix(step))),
            None => Reading::None,
            Some(name) => match Step::parse(name) {
                // Without an invite number a request asks for nothing.
                Some(Step::Request(_)) | None => Reading::Unknown(name.chars().take(64).collect()),
                Some(step) => Reading::Step(step),
            },
        }
    }

    /// Relays may have encrypted the clear-text request at rest, and lost its `Secure-Join` header by that.
    fn read_unsigned(&self, step: Option<&str>) -> Reading {
        let plausible = match step.map(Step::parse) {
            Some(Some(Step::Request(_))) => true,
            None => self.encrypted,
            Some(_) => false,
        };
        if plausible && self.invite_number.is_some() {
            Reading::Step(Step::Request(Self::prefix(step)))
        } else {
            Reading::None
        }
    }

    fn prefix(step: Option<&str>) -> Prefix {
        match step {
            Some(step) if step.starts_with("vg") => Prefix::Group,
            _ => Prefix::Contact,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Fingerprint = Fingerprint::V4([1; 20]);

    fn message(step: &str) -> HandshakeMessage {
        HandshakeMessage { step: Some(step.to_owned()), ..Default::default() }
    }

    #[test]
    fn only_key_requests_may_be_encrypted_and_unsigned() {
        let encrypted = |step| HandshakeMessage { encrypted: true, ..message(step) };
        assert_eq!(encrypted("vc-request-pubkey").read(), Reading::Step(Step::KeyRequest));
        for step in
            ["vc-pubkey", "vc-auth-required", "vg-request-with-auth", "vc-contact-confirm", "vg-member-added"]
        {
            assert_eq!(encrypted(step).read(), Reading::None, "{step}");
        }
        let forged = HandshakeMessage { forged_from: true, ..encrypted("vc-request-pubkey") };
        assert_eq!(forged.read(), Reading::Rejected(Reason::ForgedFrom));
    }

    #[test]
    fn clear_text_mails_can_only_be_requests() {
        let clear = |step| HandshakeMessage { invite_number: Some("INV".into()), ..message(step) };
        assert_eq!(clear("vg-request").read(), Reading::Step(Step::Request(Prefix::Group)));
        for step in ["vc-request-pubkey", "vc-pubkey", "vc-request-with-auth", "vg-member-added", "other"] {
            assert_eq!(clear(step).read(), Reading::None, "{step}");
        }
        let nameless = HandshakeMessage { step: None, ..clear("") };
        assert_eq!(nameless.read(), Reading::None);
        // A signature without encryption is worth nothing, either.
        let signed = HandshakeMessage { signer: Some(KEY), ..message("vc-contact-confirm") };
        assert_eq!(signed.read(), Reading::None);
    }

    #[test]
    fn requests_are_recognised_by_their_invite_number() {
        let at_rest =
            HandshakeMessage { encrypted: true, invite_number: Some("INV".into()), ..Default::default() };
        assert_eq!(at_rest.read(), Reading::Step(Step::Request(Prefix::Contact)));
    }

    #[test]
    fn answers_are_bound_to_the_inviter_of_the_code() {
        let secret = |signer: Option<Fingerprint>| HandshakeMessage {
            encrypted: true,
            signer,
            matched_secret: Some(MatchedSecret::PendingJoin(KEY)),
            ..message("vc-pubkey")
        };
        assert_eq!(secret(Some(KEY)).read(), Reading::Step(Step::Key));
        assert_eq!(secret(None).read(), Reading::Rejected(Reason::SecretNeedsSignature));
        assert_eq!(
            secret(Some(Fingerprint::V4([2; 20]))).read(),
            Reading::Rejected(Reason::SecretOfOtherSender)
        );
    }
}
