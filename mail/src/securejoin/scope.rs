//! What a token lets into.

use super::GroupId;

/// What a token lets into.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// A chat with the inviter.
    Contact,
    /// A group or channel.
    Chat(GroupId),
}
