//! A chat as one person has it.

use std::collections::BTreeSet;
use std::path::Path;

use volary_proto::{
    AcceptChat, AddContactToChat, BlockChat, FullChat, GetChatContacts, GetContact, GetFullChat,
    GetMessageIds, Message, MessageData, RemoveContactFromChat, SendMessage, SetChatEphemeralTimer, ViewType,
};

use crate::person::Person;

/// Own contact id.
const SELF: u32 = 1;

/// A chat of a person: the others have other ids for it.
#[derive(Clone)]
pub struct Chat {
    /// Whose chat.
    pub person: Person,
    /// The id that it has for this person.
    pub id: u32,
}

impl Chat {
    /// Sends a text. Returns its id.
    pub async fn says(&self, text: &str) -> u32 {
        self.sends(MessageData { text: Some(text.to_owned()), ..Default::default() }).await
    }

    /// Sends a text that quotes a message.
    pub async fn answers(&self, quoted: u32, text: &str) -> u32 {
        let text = Some(text.to_owned());
        self.sends(MessageData { text, quoted_message_id: Some(quoted), ..Default::default() }).await
    }

    /// Sends a file.
    pub async fn shows(&self, path: &Path, view_type: ViewType) -> u32 {
        let file = Some(path.to_string_lossy().into_owned());
        self.sends(MessageData { file, viewtype: Some(view_type.into()), ..Default::default() }).await
    }

    /// Sends anything.
    pub async fn sends(&self, data: MessageData) -> u32 {
        self.person.call(SendMessage { chat_id: self.id, data: Some(data) }).await.id
    }

    /// Accepts a request.
    pub async fn is_accepted(&self) {
        self.person.call(AcceptChat { chat_id: self.id }).await;
    }

    /// Blocks the chat, and its contact if it is a chat of two.
    pub async fn is_blocked(&self) {
        self.person.call(BlockChat { chat_id: self.id }).await;
    }

    /// Adds a contact to the group.
    pub async fn adds(&self, other: &Person) {
        let contact_id = self.person.id_of(other).await;
        self.person.call(AddContactToChat { chat_id: self.id, contact_id }).await;
    }

    /// Removes a contact from the group.
    pub async fn removes(&self, other: &Person) {
        let contact_id = self.person.id_of(other).await;
        self.person.call(RemoveContactFromChat { chat_id: self.id, contact_id }).await;
    }

    /// Leaves the group.
    pub async fn is_left(&self) {
        self.person.call(RemoveContactFromChat { chat_id: self.id, contact_id: SELF }).await;
    }

    /// Lets messages disappear that many seconds after they were read; 0: no longer.
    pub async fn sets_timer(&self, seconds: u32) {
        self.person.call(SetChatEphemeralTimer { chat_id: self.id, seconds }).await;
    }

    /// Waits until the chat has this timer.
    pub async fn has_timer(&self, seconds: u32) {
        let person = &self.person;
        let same = async || (self.full().await.ephemeral_timer == seconds).then_some(());
        person.eventually(&format!("the timer is {seconds} s"), same).await;
    }

    /// Waits until exactly these texts are there, in this order.
    pub async fn shows_texts(&self, expected: &[&str]) {
        let same = async || (self.texts().await == expected).then_some(());
        if self.person.within_patience(same).await.is_none() {
            assert_eq!(self.texts().await, expected, "in a chat of {}", self.person);
        }
    }

    /// The chat as it is shown.
    pub async fn full(&self) -> FullChat {
        self.person.call(GetFullChat { chat_id: self.id }).await
    }

    /// Addresses of all members, the own one included.
    pub async fn members(&self) -> BTreeSet<String> {
        let mut members = BTreeSet::new();
        for contact_id in self.person.call(GetChatContacts { chat_id: self.id }).await.ids {
            members.insert(self.person.call(GetContact { contact_id }).await.address);
        }
        members
    }

    /// Waits until exactly these are members.
    pub async fn has_members(&self, people: &[&Person]) {
        let expected: BTreeSet<String> = people.iter().map(|person| person.address.clone()).collect();
        let agreed = async || (self.members().await == expected).then_some(());
        self.person.eventually(&format!("the members are {expected:?}"), agreed).await;
    }

    /// All messages, notes included, in the order of the chat.
    pub async fn messages(&self) -> Vec<Message> {
        let call = GetMessageIds { chat_id: self.id, ..Default::default() };
        let mut messages = Vec::new();
        for id in self.person.call(call).await.ids {
            messages.push(self.person.message(id).await);
        }
        messages
    }

    /// Texts of all messages that somebody wrote.
    pub async fn texts(&self) -> Vec<String> {
        let messages = self.messages().await.into_iter();
        messages.filter(|message| !message.is_info).map(|message| message.text).collect()
    }
}
