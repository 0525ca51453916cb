//! The steps of the handshake and their names in the `Secure-Join` header.

/// Whether the handshake leads to a chat with the inviter, or into a group or channel. Inviters do not rely on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// `vc-…`
    Contact,
    /// `vg-…`, also for channels.
    Group,
}

/// A step of the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// v3: the joiner asks for the key, encrypted with the secret of the code.
    KeyRequest,
    /// v3: the inviter's key, encrypted likewise.
    Key,
    /// v2: the joiner asks for the key in clear text.
    Request(Prefix),
    /// v2: the inviter's answer, encrypted to the joiner's key.
    AuthRequired(Prefix),
    /// The joiner proves to know the secret of the code, encrypted to the inviter's key.
    RequestWithAuth(Prefix),
    /// The inviter confirms a contact join.
    ContactConfirm,
    /// The inviter tells everybody about the new member, or a new subscriber about the channel.
    MemberAdded,
    /// A receipt that older versions sent; of no use.
    Obsolete,
}

impl Step {
    /// Reads a `Secure-Join` header.
    pub fn parse(header: &str) -> Option<Self> {
        Some(match header.trim() {
            "vc-request-pubkey" => Self::KeyRequest,
            "vc-pubkey" => Self::Key,
            "vc-request" => Self::Request(Prefix::Contact),
            "vg-request" => Self::Request(Prefix::Group),
            "vc-auth-required" => Self::AuthRequired(Prefix::Contact),
            "vg-auth-required" => Self::AuthRequired(Prefix::Group),
            "vc-request-with-auth" => Self::RequestWithAuth(Prefix::Contact),
            "vg-request-with-auth" => Self::RequestWithAuth(Prefix::Group),
            "vc-contact-confirm" => Self::ContactConfirm,
            "vg-member-added" => Self::MemberAdded,
            "vc-contact-confirm-received" | "vg-member-added-received" => Self::Obsolete,
            _ => return None,
        })
    }

    /// The value of the `Secure-Join` header. [`Step::Obsolete`] is never sent and has none.
    pub fn header(self) -> &'static str {
        match self {
            Self::KeyRequest => "vc-request-pubkey",
            Self::Key => "vc-pubkey",
            Self::Request(Prefix::Contact) => "vc-request",
            Self::Request(Prefix::Group) => "vg-request",
            Self::AuthRequired(Prefix::Contact) => "vc-auth-required",
            Self::AuthRequired(Prefix::Group) => "vg-auth-required",
            Self::RequestWithAuth(Prefix::Contact) => "vc-request-with-auth",
            Self::RequestWithAuth(Prefix::Group) => "vg-request-with-auth",
            Self::ContactConfirm => "vc-contact-confirm",
            Self::MemberAdded => "vg-member-added",
            Self::Obsolete => "",
        }
    }

    /// Whether the sender's name, picture and status may be in the mail: only after the receiver's key is known to be
    /// the right one.
    pub fn carries_profile(self) -> bool {
        matches!(self, Self::RequestWithAuth(_) | Self::ContactConfirm | Self::MemberAdded)
    }

    /// Whether the mail is compressed. Handshake mails are not, so that their sizes tell nothing about tokens.
    pub fn compresses(self) -> bool {
        self == Self::MemberAdded
    }

    /// Whether the mail has a `Chat-Version` header. The two v3 mails have as few headers as possible.
    pub fn carries_chat_version(self) -> bool {
        !matches!(self, Self::KeyRequest | Self::Key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_as_their_steps() {
        use Prefix::{Contact, Group};
        for step in [
            Step::KeyRequest,
            Step::Key,
            Step::Request(Contact),
            Step::Request(Group),
            Step::AuthRequired(Contact),
            Step::AuthRequired(Group),
            Step::RequestWithAuth(Contact),
            Step::RequestWithAuth(Group),
            Step::ContactConfirm,
            Step::MemberAdded,
        ] {
            assert_eq!(Step::parse(step.header()), Some(step));
        }
        assert_eq!(Step::parse("vg-member-added-received"), Some(Step::Obsolete));
        assert_eq!(Step::parse("vb-request"), None);
        assert_eq!(Step::parse(""), None);
    }
}
