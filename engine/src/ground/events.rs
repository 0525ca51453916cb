//! Telling what a transaction changed, with the companions that API clients expect of each event.

use volary_proto::v1::{ChatType, event};

use crate::ground::db::Tx;
use crate::ground::ids::{ChatId, ContactId, MessageId};

/// Events of a running transaction.
pub trait Events {
    /// Adds one event.
    fn tell(&mut self, event: event::Kind);

    /// A message was added or changed that must not be notified.
    fn msg_changed(&mut self, chat_id: ChatId, msg_id: MessageId) {
        self.tell(event::Kind::MsgsChanged(event::MsgsChanged {
            chat_id: chat_id.get(),
            msg_id: msg_id.get(),
        }));
        self.chatlist_changed();
        if chat_id != ChatId::NONE {
            self.chatlist_item_changed(Some(chat_id));
        }
    }

    /// Several messages of a chat changed, or are gone.
    fn msgs_changed(&mut self, chat_id: ChatId) {
        self.msg_changed(chat_id, MessageId::NONE);
    }

    /// The chat list as a whole may look different.
    fn msgs_changed_all(&mut self) {
        self.tell(event::Kind::MsgsChanged(event::MsgsChanged { chat_id: 0, msg_id: 0 }));
    }

    /// A message arrived that may be notified.
    fn incoming_msg(&mut self, chat_id: ChatId, msg_id: MessageId) {
        self.tell(event::Kind::IncomingMsg(event::IncomingMsg {
            chat_id: chat_id.get(),
            msg_id: msg_id.get(),
        }));
        self.chatlist_changed();
        self.chatlist_item_changed(Some(chat_id));
    }

    /// Fresh messages of a chat became noticed or seen.
    fn msgs_noticed(&mut self, chat_id: ChatId) {
        self.tell(event::Kind::MsgsNoticed(event::MsgsNoticed { chat_id: chat_id.get() }));
        self.chatlist_item_changed(Some(chat_id));
    }

    /// A message was accepted by the relay.
    fn msg_delivered(&mut self, chat_id: ChatId, msg_id: MessageId) {
        self.tell(event::Kind::MsgDelivered(event::MsgDelivered {
            chat_id: chat_id.get(),
            msg_id: msg_id.get(),
        }));
        self.chatlist_item_changed(Some(chat_id));
    }

    /// A message cannot be sent.
    fn msg_failed(&mut self, chat_id: ChatId, msg_id: MessageId) {
        self.tell(event::Kind::MsgFailed(event::MsgFailed { chat_id: chat_id.get(), msg_id: msg_id.get() }));
        self.chatlist_item_changed(Some(chat_id));
    }

    /// A message disappeared from view.
    fn msg_deleted(&mut self, chat_id: ChatId, msg_id: MessageId) {
        self.tell(event::Kind::MsgDeleted(event::MsgDeleted {
            chat_id: chat_id.get(),
            msg_id: msg_id.get(),
        }));
    }

    /// An app was deleted, after the event for its message.
    fn app_deleted(&mut self, msg_id: MessageId) {
        self.tell(event::Kind::WebxdcInstanceDeleted(event::WebxdcInstanceDeleted { msg_id: msg_id.get() }));
    }

    /// Name, picture, members, mute or block state of a chat changed.
    fn chat_modified(&mut self, chat_id: ChatId) {
        self.tell(event::Kind::ChatModified(event::ChatModified { chat_id: chat_id.get() }));
    }

    /// A chat was deleted.
    fn chat_deleted(&mut self, chat_id: ChatId) {
        self.tell(event::Kind::ChatDeleted(event::ChatDeleted { chat_id: chat_id.get() }));
    }

    /// The timer of disappearing messages changed.
    fn ephemeral_timer_modified(&mut self, chat_id: ChatId, timer: u32) {
        self.tell(event::Kind::ChatEphemeralTimerModified(event::ChatEphemeralTimerModified {
            chat_id: chat_id.get(),
            timer,
        }));
    }

    /// Set or order of chats may have changed.
    fn chatlist_changed(&mut self) {
        self.tell(event::Kind::ChatlistChanged(event::ChatlistChanged {}));
    }

    /// An entry of the chat list changed; `None`: all.
    fn chatlist_item_changed(&mut self, chat_id: Option<ChatId>) {
        self.tell(event::Kind::ChatlistItemChanged(event::ChatlistItemChanged {
            chat_id: chat_id.map(ChatId::get),
        }));
    }

    /// A contact changed; `None`: several.
    fn contacts_changed(&mut self, contact_id: Option<ContactId>) {
        self.tell(event::Kind::ContactsChanged(event::ContactsChanged {
            contact_id: contact_id.map(ContactId::get),
        }));
    }

    /// Progress log.
    fn info(&mut self, msg: impl Into<String>) {
        self.tell(event::Kind::Info(event::Info { msg: msg.into() }));
    }

    /// Log: something odd that the user need not see.
    fn warning(&mut self, msg: impl Into<String>) {
        self.tell(event::Kind::Warning(event::Warning { msg: msg.into() }));
    }

    /// To be shown to the user.
    fn error(&mut self, msg: impl Into<String>) {
        self.tell(event::Kind::Error(event::Error { msg: msg.into() }));
    }

    /// Progress of a handshake in which we are the joiner: 400 or 1000.
    fn joiner_progress(&mut self, contact_id: ContactId, progress: u32) {
        self.tell(event::Kind::SecurejoinJoinerProgress(event::SecurejoinJoinerProgress {
            contact_id: contact_id.get(),
            progress,
        }));
    }

    /// A handshake in which we are the inviter is complete.
    fn inviter_progress(&mut self, contact_id: ContactId, chat_id: ChatId, chat_type: ChatType) {
        self.tell(event::Kind::SecurejoinInviterProgress(event::SecurejoinInviterProgress {
            contact_id: contact_id.get(),
            chat_id: chat_id.get(),
            chat_type: chat_type.into(),
            progress: 1000,
        }));
    }
}

impl Events for Tx<'_, '_> {
    fn tell(&mut self, event: event::Kind) {
        self.emit(event);
    }
}
