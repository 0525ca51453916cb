//! A profile that meets others, says things and sees things.

use std::fmt;
use std::sync::Arc;

use volary::Engine;
use volary_proto::event::Kind;
use volary_proto::{
    Call, Contact, CreateBroadcast, CreateChatByContactId, CreateGroup, Error, GetChatSecurejoinQrCode,
    GetChatlistEntries, GetConnectivity, GetContact, GetExistingMsgIds, GetMessage, GetMessageIds,
    ImportVcard, ListTransports, LookupContactIdByAddr, MakeVcard, MarkseenMsgs, Message, MessageState,
    SecureJoin, VcardSource, vcard_source,
};
use volary_relay::Relay;

use crate::chat::Chat;
use crate::log::Log;
use crate::wait::{patience, until};

/// Own contact id; as verifier it stands for direct verification.
const SELF: u32 = 1;

/// One profile.
#[derive(Clone)]
pub struct Person {
    /// The display name.
    pub name: String,
    /// The first address.
    pub address: String,
    /// Id of the profile.
    pub profile: u32,
    /// Everything that was told about the profile.
    pub log: Arc<Log>,
    engine: Engine,
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Person {
    pub(crate) fn new(name: &str, address: &str, profile: u32, engine: Engine, log: Arc<Log>) -> Self {
        Self { name: name.to_owned(), address: address.to_owned(), profile, log, engine }
    }

    /// Carries out a call that must succeed.
    pub async fn call<C: Call>(&self, call: C) -> C::Answer {
        match self.tries(call).await {
            Ok(answer) => answer,
            Err(error) => panic!("{self}: {} failed: {error}\n  {}", C::NAME, self.log.troubles()),
        }
    }

    /// Carries out a call that may fail.
    pub async fn tries<C: Call>(&self, call: C) -> Result<C::Answer, Error> {
        self.engine.call(self.profile, call).await
    }

    /// Looks again and again until there is something.
    pub async fn eventually<T>(&self, what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
        match until(look).await {
            Some(found) => found,
            None => {
                let seconds = patience().as_secs();
                panic!("{self}: it did not happen within {seconds} s: {what}\n  {}", self.log.troubles())
            }
        }
    }

    /// As [`Person::eventually`], but `None` if it does not happen in time.
    pub async fn within_patience<T>(&self, look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
        until(look).await
    }

    /// Waits for an event, which may have come already.
    pub async fn hears<T>(&self, what: &str, mut pick: impl FnMut(&Kind) -> Option<T>) -> T {
        self.eventually(what, async || self.log.find(&mut pick)).await
    }

    // Meeting

    /// The code for a contact, or for a group.
    pub async fn code(&self, chat_id: Option<u32>) -> String {
        self.call(GetChatSecurejoinQrCode { chat_id }).await.text
    }

    /// Scans a code; the handshake goes on by itself.
    pub async fn scans(&self, qr: &str) -> Chat {
        let join = SecureJoin { qr: qr.to_owned(), ..Default::default() };
        Chat { person: self.clone(), id: self.call(join).await.id }
    }

    /// Lets somebody scan the own code and waits until both have verified each other.
    pub async fn invites(&self, joiner: &Person) {
        joiner.scans(&self.code(None).await).await;
        self.has_verified(joiner).await;
        joiner.has_verified(self).await;
    }

    /// Waits until somebody is verified directly.
    pub async fn has_verified(&self, other: &Person) -> Contact {
        self.eventually(&format!("{other} is verified"), async || {
            let known = self.contact(other).await?;
            (known.is_verified && known.verifier_id == Some(SELF)).then_some(known)
        })
        .await
    }

    /// Gets the card of somebody, as from another program: the key is known, the owner knows nothing of it.
    pub async fn imports_card_of(&self, other: &Person) -> Contact {
        let text = other.call(MakeVcard { contact_ids: vec![SELF] }).await.text;
        let source = VcardSource { kind: Some(vcard_source::Kind::Text(text)) };
        let ids = self.call(ImportVcard { source: Some(source) }).await.ids;
        self.call(GetContact { contact_id: ids[0] }).await
    }

    /// The contact with a key that somebody is, if known. It has the address that was used last.
    pub async fn contact(&self, other: &Person) -> Option<Contact> {
        for addr in other.addresses().await {
            if let Some(contact_id) = self.call(LookupContactIdByAddr { addr }).await.id {
                return Some(self.call(GetContact { contact_id }).await);
            }
        }
        None
    }

    /// All own addresses.
    pub async fn addresses(&self) -> Vec<String> {
        self.call(ListTransports {}).await.transports.into_iter().map(|transport| transport.addr).collect()
    }

    /// Id of somebody who must be known.
    pub async fn id_of(&self, other: &Person) -> u32 {
        match self.contact(other).await {
            Some(contact) => contact.id,
            None => panic!("{self} does not know {other}"),
        }
    }

    /// Sends a text as soon as the key of the other one is known, which is in the middle of the handshake.
    pub async fn says_as_soon_as_possible(&self, chat: &Chat, text: &str) -> u32 {
        self.eventually("a chat in which one can write", async || chat.full().await.can_send.then_some(()))
            .await;
        chat.says(text).await
    }

    /// The chat with somebody who must be known.
    pub async fn chat_with(&self, other: &Person) -> Chat {
        let contact_id = self.id_of(other).await;
        Chat { person: self.clone(), id: self.call(CreateChatByContactId { contact_id }).await.id }
    }

    /// Founds a group.
    pub async fn founds(&self, name: &str) -> Chat {
        let group = CreateGroup { name: name.to_owned(), unencrypted: false };
        Chat { person: self.clone(), id: self.call(group).await.id }
    }

    /// Opens a channel.
    pub async fn opens_channel(&self, name: &str) -> Chat {
        let channel = CreateBroadcast { name: name.to_owned() };
        Chat { person: self.clone(), id: self.call(channel).await.id }
    }

    /// Waits for the chat of that name, which may still be a request.
    pub async fn finds_chat(&self, name: &str) -> Chat {
        self.eventually(&format!("a chat named {name}"), async || {
            let query = GetChatlistEntries { query: Some(name.to_owned()), ..Default::default() };
            let id = *self.call(query).await.ids.first()?;
            Some(Chat { person: self.clone(), id })
        })
        .await
    }

    /// Waits for the group of that name and accepts it if it is a request.
    pub async fn enters(&self, name: &str) -> Chat {
        let chat = self.finds_chat(name).await;
        if chat.full().await.is_contact_request {
            chat.is_accepted().await;
        }
        chat
    }

    // Talking

    /// Sends a text to somebody who must be known. Returns its id.
    pub async fn says(&self, other: &Person, text: &str) -> u32 {
        self.chat_with(other).await.says(text).await
    }

    /// Waits for a text in any chat. It must be there once only.
    pub async fn sees(&self, text: &str) -> Message {
        let found = self
            .eventually(&format!("the message {text:?}"), async || {
                let found = self.messages_with(text).await;
                (!found.is_empty()).then_some(found)
            })
            .await;
        assert_eq!(found.len(), 1, "{self} has {text:?} more than once");
        found.into_iter().next().expect("one message")
    }

    /// How often a text is in any chat now.
    pub async fn count(&self, text: &str) -> usize {
        self.messages_with(text).await.len()
    }

    async fn messages_with(&self, text: &str) -> Vec<Message> {
        let mut found = self.messages().await;
        found.retain(|message| message.text == text);
        found
    }

    /// All messages in all visible chats, notes included.
    pub async fn messages(&self) -> Vec<Message> {
        let mut found = Vec::new();
        for chat_id in self.call(GetChatlistEntries::default()).await.ids {
            let ids = self.call(GetMessageIds { chat_id, ..Default::default() }).await.ids;
            for msg_id in ids {
                // A message may disappear between the two calls.
                found.extend(self.tries(GetMessage { msg_id }).await);
            }
        }
        found
    }

    /// One message.
    pub async fn message(&self, msg_id: u32) -> Message {
        self.call(GetMessage { msg_id }).await
    }

    /// Reads messages.
    pub async fn reads(&self, msg_ids: &[u32]) {
        self.call(MarkseenMsgs { msg_ids: msg_ids.to_vec() }).await;
    }

    /// Waits until a message is in a state.
    pub async fn sees_state(&self, msg_id: u32, state: MessageState) -> Message {
        self.eventually(&format!("message {msg_id} is {state:?}"), async || {
            let message = self.message(msg_id).await;
            (message.state() == state).then_some(message)
        })
        .await
    }

    /// Waits until the relay has accepted a message.
    pub async fn has_sent(&self, msg_id: u32) {
        self.eventually(&format!("message {msg_id} is sent"), async || {
            let state = self.message(msg_id).await.state();
            matches!(state, MessageState::OutDelivered | MessageState::OutRead).then_some(())
        })
        .await;
    }

    /// Waits until a message is told to be deleted; then it is not there any more.
    pub async fn loses(&self, msg_id: u32) {
        self.hears("MsgDeleted", |kind| match kind {
            Kind::MsgDeleted(event) => (event.msg_id == msg_id).then_some(()),
            _ => None,
        })
        .await;
        assert!(self.call(GetExistingMsgIds { msg_ids: vec![msg_id] }).await.ids.is_empty());
    }

    // Being connected

    /// Waits until nothing is left in the mailboxes: everything was looked at.
    pub async fn empties_mailboxes(&self, relay: &Relay) {
        let addresses = self.addresses().await;
        self.eventually("empty mailboxes", async || {
            let left = |address: &String| relay.mailbox(address).is_some_and(|mails| !mails.is_empty());
            (!addresses.iter().any(left)).then_some(())
        })
        .await;
    }

    /// How well the profile is connected: 1000, 2000, 3000 or 4000.
    pub async fn connectivity(&self) -> u64 {
        self.call(GetConnectivity {}).await.value
    }

    /// Waits until the profile shows one of these numbers.
    pub async fn shows_connectivity(&self, expected: &[u64]) {
        self.eventually(&format!("connectivity {expected:?}"), async || {
            expected.contains(&self.connectivity().await).then_some(())
        })
        .await;
    }
}
