//! Telling what a transaction changed, with the companions that API clients expect of each event.

use volary_proto::v1::{ChatType, event};

use crate::ground::db::Tx;

/// Events of a running transaction.
pub trait Events {
    /// Adds one event.
    fn tell(&mut self, event: event::Kind);

    /// A message was added or changed that must not be notified.
    fn msgs_changed(&mut self, chat_id: u32, msg_id: u32) {
        self.tell(event::Kind::MsgsChanged(event::MsgsChanged { chat_id, msg_id }));
        self.chatlist_changed();
        if chat_id != 0 {
            self.chatlist_item_changed(Some(chat_id));
        }
    }

    /// The chat list as a whole may look different.
    fn msgs_changed_all(&mut self) {
        self.tell(event::Kind::MsgsChanged(event::MsgsChanged { chat_id: 0, msg_id: 0 }));
    }

    /// A message arrived that may be notified.
    fn incoming_msg(&mut self, chat_id: u32, msg_id: u32) {
        self.tell(event::Kind::IncomingMsg(event::IncomingMsg { chat_id, msg_id }));
        self.chatlist_changed();
        self.chatlist_item_changed(Some(chat_id));
    }

    /// Fresh messages of a chat became noticed or seen.
    fn msgs_noticed(&mut self, chat_id: u32) {
        self.tell(event::Kind::MsgsNoticed(event::MsgsNoticed { chat_id }));
        self.chatlist_item_changed(Some(chat_id));
    }

    /// A message was accepted by the relay.
    fn msg_delivered(&mut self, chat_id: u32, msg_id: u32) {
        self.tell(event::Kind::MsgDelivered(event::MsgDelivered { chat_id, msg_id }));
        self.chatlist_item_changed(Some(chat_id));
    }

    /// A message cannot be sent.
    fn msg_failed(&mut self, chat_id: u32, msg_id: u32) {
        self.tell(event::Kind::MsgFailed(event::MsgFailed { chat_id, msg_id }));
        self.chatlist_item_changed(Some(chat_id));
    }

    /// A message disappeared from view.
    fn msg_deleted(&mut self, chat_id: u32, msg_id: u32) {
        self.tell(event::Kind::MsgDeleted(event::MsgDeleted { chat_id, msg_id }));
    }

    /// Name, picture, members, mute or block state of a chat changed.
    fn chat_modified(&mut self, chat_id: u32) {
        self.tell(event::Kind::ChatModified(event::ChatModified { chat_id }));
    }

    /// A chat was deleted.
    fn chat_deleted(&mut self, chat_id: u32) {
        self.tell(event::Kind::ChatDeleted(event::ChatDeleted { chat_id }));
    }

    /// The timer of disappearing messages changed.
    fn ephemeral_timer_modified(&mut self, chat_id: u32, timer: u32) {
        self.tell(event::Kind::ChatEphemeralTimerModified(event::ChatEphemeralTimerModified {
            chat_id,
            timer,
        }));
    }

    /// Set or order of chats may have changed.
    fn chatlist_changed(&mut self) {
        self.tell(event::Kind::ChatlistChanged(event::ChatlistChanged {}));
    }

    /// An entry of the chat list changed; `None`: all.
    fn chatlist_item_changed(&mut self, chat_id: Option<u32>) {
        self.tell(event::Kind::ChatlistItemChanged(event::ChatlistItemChanged { chat_id }));
    }

    /// A contact changed; `None`: several.
    fn contacts_changed(&mut self, contact_id: Option<u32>) {
        self.tell(event::Kind::ContactsChanged(event::ContactsChanged { contact_id }));
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
    fn joiner_progress(&mut self, contact_id: u32, progress: u32) {
        self.tell(event::Kind::SecurejoinJoinerProgress(event::SecurejoinJoinerProgress {
            contact_id,
            progress,
        }));
    }

    /// A handshake in which we are the inviter is complete.
    fn inviter_progress(&mut self, contact_id: u32, chat_id: u32, chat_type: ChatType) {
        self.tell(event::Kind::SecurejoinInviterProgress(event::SecurejoinInviterProgress {
            contact_id,
            chat_id,
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
