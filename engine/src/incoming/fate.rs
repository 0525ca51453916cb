//! What becomes of a mail, and why.

use volary_storage::records::{NotShownReason, NotShownState};

/// What becomes of the copies on relays, beyond the rule for single-device profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copies {
    /// As of other mail.
    Keep,
    /// Flagged as seen.
    Seen,
    /// Deleted now, on all relays.
    Delete,
}

/// What becomes of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is taken in: shown, known already, or it has done what it says.
    Taken(Copies),
    /// It is judged, and nothing of it is shown.
    NotShown(Reason),
    /// It cannot be taken in now, for a reason that may pass.
    Waits(Wait),
}

impl From<Copies> for Fate {
    fn from(copies: Copies) -> Self {
        Self::Taken(copies)
    }
}

/// Why nothing of a judged mail is shown. The text is for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It is no mail that can be read.
    #[error("{0}")]
    Unreadable(String),
    /// It is not encrypted.
    #[error("it is not encrypted")]
    Unencrypted,
    /// The own key does not open it.
    #[error("it is not encrypted to the own key")]
    NotDecrypted,
    /// It is encrypted without a valid signature.
    #[error("it is not validly signed")]
    Unsigned,
    /// Its signature or its sender is not acceptable.
    #[error("{0}")]
    Refused(String),
    /// It names no sender that can be used.
    #[error("it has no acceptable sender")]
    NoSender,
    /// Its sender is blocked.
    #[error("its sender is blocked")]
    Blocked,
    /// The user wrote it on another device, to somebody who is blocked.
    #[error("its recipient is blocked")]
    ToBlocked,
    /// A step of a handshake that the rules refuse.
    #[error("{0}")]
    Handshake(String),
    /// It belongs to no chat.
    #[error("it belongs to no chat")]
    NoChat,
    /// A kind of message that is not supported yet.
    #[error("{0} are not supported yet")]
    NotSupported(&'static str),
}

impl Reason {
    /// The reason as the query names it.
    pub fn kind(&self) -> NotShownReason {
        match self {
            Self::Unreadable(_) => NotShownReason::Unreadable,
            Self::Unencrypted => NotShownReason::Unencrypted,
            Self::NotDecrypted => NotShownReason::NotDecrypted,
            Self::Unsigned => NotShownReason::Unsigned,
            Self::Refused(_) => NotShownReason::Refused,
            Self::NoSender => NotShownReason::NoSender,
            Self::Blocked | Self::ToBlocked => NotShownReason::Blocked,
            Self::Handshake(_) => NotShownReason::Handshake,
            Self::NoChat => NotShownReason::NoChat,
            Self::NotSupported(_) => NotShownReason::NotSupported,
        }
    }

    /// What becomes of a mail that was downloaded and judged so.
    pub fn state(&self) -> NotShownState {
        match self {
            Self::Blocked | Self::ToBlocked => NotShownState::Hidden,
            _ => NotShownState::Dropped,
        }
    }

    /// Whether it is known that the mail is what it says it is, so that its Message-ID may be remembered. Of others
    /// the Message-ID proves nothing: a genuine mail with the same one may follow.
    pub fn is_authentic(&self) -> bool {
        match self {
            Self::Blocked | Self::ToBlocked | Self::Handshake(_) | Self::NoChat | Self::NotSupported(_) => {
                true
            }
            Self::Unreadable(_)
            | Self::Unencrypted
            | Self::NotDecrypted
            | Self::Unsigned
            | Self::Refused(_)
            | Self::NoSender => false,
        }
    }
}

/// What a mail waits for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wait {
    /// A shared secret.
    #[error("no known secret opens it")]
    Secret,
    /// The certificate of one of these fingerprints.
    #[error("the key of its signer is not known")]
    Signer(Vec<String>),
    /// The group or channel with this id, or a change of its members.
    #[error("its group is not known, or its author is no member of it")]
    Group(String),
    /// The app with this Message-ID, whose updates it brings.
    #[error("the app of its updates is not here yet")]
    App(String),
    /// Nothing that others can bring: a fault of this program or of its data.
    #[error("a fault of this program: {0}")]
    Fault(String),
}

impl Wait {
    /// The reason as the query names it.
    pub fn kind(&self) -> NotShownReason {
        match self {
            Self::Secret => NotShownReason::NoSecret,
            Self::Signer(_) => NotShownReason::SignerUnknown,
            Self::Group(_) => NotShownReason::GroupUnknown,
            Self::App(_) => NotShownReason::AppUnknown,
            Self::Fault(_) => NotShownReason::Fault,
        }
    }

    /// Whether it is our own fault.
    pub fn is_fault(&self) -> bool {
        matches!(self, Self::Fault(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_of_authentic_mail_is_the_message_id_remembered() {
        for forgeable in [
            Reason::Unreadable(String::new()),
            Reason::Unencrypted,
            Reason::NotDecrypted,
            Reason::Unsigned,
            Reason::Refused(String::new()),
            Reason::NoSender,
        ] {
            assert!(!forgeable.is_authentic(), "{forgeable:?}");
        }
        assert!(Reason::NoChat.is_authentic());
    }

    #[test]
    fn a_fault_of_ours_is_no_judgement_of_the_mail() {
        let fault = Wait::Fault("own key cannot be read".to_owned());
        assert!(fault.is_fault());
        assert_eq!(fault.kind(), NotShownReason::Fault);
        assert_eq!(fault.to_string(), "a fault of this program: own key cannot be read");
    }
}
