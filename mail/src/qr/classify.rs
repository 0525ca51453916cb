//! What a code means for one profile.

use super::{Code, Invite, QrError, Target};
use crate::{address::Address, openpgp::Fingerprint};

/// What the profile knows about a code, looked up by whoever asks.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalFacts<'a> {
    /// Fingerprint of the own key, if there is one already.
    pub own_fingerprint: Option<Fingerprint>,
    /// The own addresses.
    pub own_addresses: &'a [Address],
    /// Whether the auth token of the code is stored as an own one.
    pub auth_known: bool,
    /// The contact with the fingerprint of the code.
    pub contact: Option<u32>,
}

/// A code as one profile sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scanned {
    /// Somebody else's invite: ask whether to join.
    Ask(Invite),
    /// An own invite that works: offer to withdraw it.
    Withdraw(Invite),
    /// An own invite that was withdrawn: offer to revive it.
    Revive(Invite),
    /// The fingerprint of a contact.
    KnownFingerprint {
        /// That contact.
        contact: u32,
    },
    /// A code whose meaning is the same for every profile; never an invite or a fingerprint.
    Other(Code),
}

/// Decides what `code` means for a profile with these `facts`.
///
/// An invite is an own one if it carries the own key. An own address with another key is refused: joining would send
/// the handshake to oneself, and reviving would offer tokens under a key that this profile does not have.
pub fn classify(code: Code, facts: &LocalFacts<'_>) -> Result<Scanned, QrError> {
    match code {
        Code::Invite(invite) if facts.own_fingerprint == Some(invite.fingerprint) => {
            Ok(if facts.auth_known { Scanned::Withdraw(invite) } else { Scanned::Revive(invite) })
        }
        Code::Invite(invite) => match invite.addresses.first() {
            Some(first) if facts.own_addresses.contains(first) => {
                Err(in_code(QrError::ForeignKeyAtOwnAddress))
            }
            _ => Ok(Scanned::Ask(invite)),
        },
        Code::Fingerprint(fingerprint) => match facts.contact {
            Some(contact) if facts.own_fingerprint != Some(fingerprint) => {
                Ok(Scanned::KnownFingerprint { contact })
            }
            _ => Err(in_code(QrError::UnknownFingerprint)),
        },
        other => Ok(Scanned::Other(other)),
    }
}

fn in_code(source: QrError) -> QrError {
    QrError::Invite { form: "OPENPGP4FPR", source: Box::new(source) }
}

impl Scanned {
    /// The name of the kind in the JSON-RPC interface.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ask(invite) => match invite.target {
                Target::Contact => "askVerifyContact",
                Target::Group { .. } => "askVerifyGroup",
                Target::Channel { .. } => "askJoinBroadcast",
            },
            Self::Withdraw(invite) => match invite.target {
                Target::Contact => "withdrawVerifyContact",
                Target::Group { .. } => "withdrawVerifyGroup",
                Target::Channel { .. } => "withdrawJoinBroadcast",
            },
            Self::Revive(invite) => match invite.target {
                Target::Contact => "reviveVerifyContact",
                Target::Group { .. } => "reviveVerifyGroup",
                Target::Channel { .. } => "reviveJoinBroadcast",
            },
            Self::KnownFingerprint { .. } => "fprOk",
            Self::Other(code) => match code {
                // `classify` never puts these two here; they get the kinds that need no facts.
                Code::Invite(_) => "askVerifyContact",
                Code::Fingerprint(_) => "fprOk",
                Code::Account(_) => "account",
                Code::Login(_) => "login",
                Code::Proxy(_) => "proxy",
                Code::Backup(_) => "backup2",
                Code::BackupTooNew => "backupTooNew",
                Code::Address(_) => "addr",
                Code::Url(_) => "url",
                Code::Text(_) => "text",
            },
        }
    }
}
