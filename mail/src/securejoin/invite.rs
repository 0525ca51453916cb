//! What an invite says. [`crate::qr`] writes and reads it as a code.

use super::{GroupId, Scope, Token};
use crate::address::Address;
use crate::openpgp::Fingerprint;

/// What an invite leads into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A chat with the inviter.
    Contact,
    /// A group of the inviter.
    Group {
        /// Its id.
        id: GroupId,
        /// Its name.
        name: String,
    },
    /// A channel of the inviter.
    Channel {
        /// Its id.
        id: GroupId,
        /// Its name.
        name: String,
    },
}

/// An invite to a chat, a group or a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// Fingerprint of the inviter's key.
    pub fingerprint: Fingerprint,
    /// Addresses of the inviter, never empty; the first one stands for the contact.
    pub addresses: Vec<Address>,
    /// Name of the inviter, may be empty.
    pub inviter_name: String,
    /// Where it leads.
    pub target: Target,
    /// What the older handshake proves first; missing in some codes.
    pub invite_number: Option<Token>,
    /// The secret of this code.
    pub auth: Token,
    /// Whether the inviter understands the handshake whose first mails are encrypted, too.
    pub v3: bool,
}

impl Invite {
    /// Which tokens belong to this invite.
    pub fn scope(&self) -> Scope {
        match &self.target {
            Target::Contact => Scope::Contact,
            Target::Group { id, .. } | Target::Channel { id, .. } => Scope::Chat(id.clone()),
        }
    }
}
