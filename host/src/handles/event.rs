//! What happens, with ids and enums of their own types. A rule: no I/O.

use std::sync::Arc;

use volary_engine::ground::ids::{ChatId, ContactId, MessageId};
use volary_proto::Event;
use volary_proto::event::Kind;

/// How far joining somebody by an invite has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinProgress {
    /// The other side was asked.
    Asked,
    /// Both know each other.
    Done,
}

/// Something that has happened to a profile.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum HostEvent {
    /// A message came that the user wants to know of.
    Incoming {
        /// Its chat.
        chat: ChatId,
        /// The message.
        message: MessageId,
    },
    /// Messages changed, or came without need of a notification.
    MessagesChanged {
        /// Their chat; not set: several.
        chat: Option<ChatId>,
        /// The message; not set: several.
        message: Option<MessageId>,
    },
    /// The relay took an own message for all who are to receive it.
    Delivered {
        /// Its chat.
        chat: ChatId,
        /// The message.
        message: MessageId,
    },
    /// An own message cannot be sent.
    Failed {
        /// Its chat.
        chat: ChatId,
        /// The message.
        message: MessageId,
    },
    /// Somebody has read an own message.
    Read {
        /// Its chat.
        chat: ChatId,
        /// The message.
        message: MessageId,
    },
    /// A message is gone.
    Deleted {
        /// The chat that it was in.
        chat: ChatId,
        /// The message.
        message: MessageId,
    },
    /// Reactions to a message changed.
    Reactions {
        /// Its chat.
        chat: ChatId,
        /// The message.
        message: MessageId,
        /// Whose reaction changed.
        contact: ContactId,
    },
    /// Messages of a chat are not fresh any more.
    Noticed {
        /// The chat.
        chat: ChatId,
    },
    /// Name, picture, members, timer, pinned messages or another property of a chat changed.
    ChatChanged {
        /// The chat.
        chat: ChatId,
    },
    /// A chat was deleted.
    ChatDeleted {
        /// The chat.
        chat: ChatId,
    },
    /// The set or order of chats may have changed.
    ChatListChanged,
    /// What the chat list shows of a chat changed.
    ChatEntryChanged {
        /// The chat; not set: all of them.
        chat: Option<ChatId>,
    },
    /// A contact changed.
    ContactChanged {
        /// The contact; not set: several.
        contact: Option<ContactId>,
    },
    /// Joining somebody by an invite has come further.
    Joining {
        /// Whose invite it is.
        inviter: ContactId,
        /// How far.
        progress: JoinProgress,
    },
    /// Somebody has joined by an own invite.
    Joined {
        /// Who.
        contact: ContactId,
        /// Where.
        chat: ChatId,
    },
    /// The state of a connection changed.
    ConnectivityChanged,
    /// Relays were added, changed or removed.
    RelaysChanged,
    /// The set or order of profiles changed.
    ProfilesChanged,
    /// How the profile shows itself changed.
    ProfileChanged,
    /// Something that the user should see.
    Problem {
        /// What.
        text: String,
    },
    /// Events are missing here: the program did not read them in time. What it shows has to be read anew.
    Lost {
        /// How many, at least.
        count: u64,
    },
    /// Anything else, as the schema has it.
    Other(Arc<Event>),
}

impl HostEvent {
    /// The typed form of an event.
    pub fn new(event: Arc<Event>) -> Self {
        let Some(kind) = &event.kind else { return Self::Other(event) };
        about_messages(kind)
            .or_else(|| about_chats(kind))
            .or_else(|| about_profile(kind))
            .unwrap_or(Self::Other(event))
    }

    /// The chat that it is about, if it is about one.
    pub fn chat(&self) -> Option<ChatId> {
        match self {
            Self::Incoming { chat, .. }
            | Self::Delivered { chat, .. }
            | Self::Failed { chat, .. }
            | Self::Read { chat, .. }
            | Self::Deleted { chat, .. }
            | Self::Reactions { chat, .. }
            | Self::Noticed { chat }
            | Self::ChatChanged { chat }
            | Self::ChatDeleted { chat }
            | Self::Joined { chat, .. } => Some(*chat),
            Self::MessagesChanged { chat, .. } | Self::ChatEntryChanged { chat } => *chat,
            _ => None,
        }
    }

    /// Whether somebody who shows one chat has to know of it.
    pub fn concerns(&self, chat: ChatId) -> bool {
        match self {
            Self::Lost { .. } | Self::MessagesChanged { chat: None, .. } => true,
            _ => self.chat() == Some(chat),
        }
    }
}

fn about_messages(kind: &Kind) -> Option<HostEvent> {
    Some(match kind {
        Kind::IncomingMsg(of) => HostEvent::Incoming { chat: of.chat_id.into(), message: of.msg_id.into() },
        Kind::MsgsChanged(of) => HostEvent::MessagesChanged {
            chat: ChatId::new(of.chat_id).given(),
            message: MessageId::new(of.msg_id).given(),
        },
        Kind::MsgDelivered(of) => HostEvent::Delivered { chat: of.chat_id.into(), message: of.msg_id.into() },
        Kind::MsgFailed(of) => HostEvent::Failed { chat: of.chat_id.into(), message: of.msg_id.into() },
        Kind::MsgRead(of) => HostEvent::Read { chat: of.chat_id.into(), message: of.msg_id.into() },
        Kind::MsgDeleted(of) => HostEvent::Deleted { chat: of.chat_id.into(), message: of.msg_id.into() },
        Kind::ReactionsChanged(of) => HostEvent::Reactions {
            chat: of.chat_id.into(),
            message: of.msg_id.into(),
            contact: of.contact_id.into(),
        },
        Kind::MsgsNoticed(of) => HostEvent::Noticed { chat: of.chat_id.into() },
        _ => return None,
    })
}

fn about_chats(kind: &Kind) -> Option<HostEvent> {
    Some(match kind {
        Kind::ChatModified(of) => HostEvent::ChatChanged { chat: of.chat_id.into() },
        Kind::ChatEphemeralTimerModified(of) => HostEvent::ChatChanged { chat: of.chat_id.into() },
        Kind::PinnedMessagesChanged(of) => HostEvent::ChatChanged { chat: of.chat_id.into() },
        Kind::ChatDeleted(of) => HostEvent::ChatDeleted { chat: of.chat_id.into() },
        Kind::ChatlistChanged(_) => HostEvent::ChatListChanged,
        Kind::ChatlistItemChanged(of) => HostEvent::ChatEntryChanged { chat: of.chat_id.map(ChatId::from) },
        _ => return None,
    })
}

fn about_profile(kind: &Kind) -> Option<HostEvent> {
    /// The end of joining.
    const DONE: u32 = 1000;
    Some(match kind {
        Kind::ContactsChanged(of) => {
            HostEvent::ContactChanged { contact: of.contact_id.map(ContactId::from) }
        }
        Kind::SecurejoinJoinerProgress(of) => HostEvent::Joining {
            inviter: of.contact_id.into(),
            progress: if of.progress >= DONE { JoinProgress::Done } else { JoinProgress::Asked },
        },
        Kind::SecurejoinInviterProgress(of) if of.progress >= DONE => {
            HostEvent::Joined { contact: of.contact_id.into(), chat: of.chat_id.into() }
        }
        Kind::ConnectivityChanged(_) => HostEvent::ConnectivityChanged,
        Kind::TransportsModified(_) => HostEvent::RelaysChanged,
        Kind::AccountsChanged(_) => HostEvent::ProfilesChanged,
        Kind::AccountsItemChanged(_) => HostEvent::ProfileChanged,
        Kind::Error(of) => HostEvent::Problem { text: of.msg.clone() },
        Kind::ErrorSelfNotInGroup(of) => HostEvent::Problem { text: of.msg.clone() },
        Kind::EventChannelOverflow(of) => HostEvent::Lost { count: of.n },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use volary_proto::event;

    use super::*;

    fn typed(kind: Kind) -> HostEvent {
        HostEvent::new(Arc::new(Event { profile_id: 1, kind: Some(kind) }))
    }

    #[test]
    fn an_event_names_what_it_is_about() {
        let (chat, message) = (ChatId::new(12), MessageId::new(40));
        let incoming = typed(Kind::IncomingMsg(event::IncomingMsg { chat_id: 12, msg_id: 40 }));
        assert_eq!(incoming, HostEvent::Incoming { chat, message });
        assert!(incoming.concerns(chat) && !incoming.concerns(ChatId::new(13)));
        let several = typed(Kind::MsgsChanged(event::MsgsChanged { chat_id: 0, msg_id: 0 }));
        assert_eq!(several, HostEvent::MessagesChanged { chat: None, message: None });
        assert!(several.concerns(chat), "any chat may have changed");
    }

    #[test]
    fn progress_of_joining_is_no_number() {
        let joining = |progress| {
            typed(Kind::SecurejoinJoinerProgress(event::SecurejoinJoinerProgress {
                contact_id: 11,
                progress,
            }))
        };
        let inviter = ContactId::new(11);
        assert_eq!(joining(400), HostEvent::Joining { inviter, progress: JoinProgress::Asked });
        assert_eq!(joining(1000), HostEvent::Joining { inviter, progress: JoinProgress::Done });
    }

    #[test]
    fn what_is_lost_concerns_everybody_and_what_is_not_typed_stays_as_it_is() {
        let lost = typed(Kind::EventChannelOverflow(event::EventChannelOverflow { n: 7 }));
        assert_eq!(lost, HostEvent::Lost { count: 7 });
        assert!(lost.concerns(ChatId::new(12)));
        let Kind::Info(info) = Kind::Info(event::Info { msg: "log".to_owned() }) else { unreachable!() };
        let HostEvent::Other(event) = typed(Kind::Info(info.clone())) else { panic!("typed") };
        assert_eq!(event.kind, Some(Kind::Info(info)));
    }
}
