//! A profile.

use std::fmt;
use std::path::Path;

use futures::Stream;
use volary_engine::ground::ids::{ChatId, ContactId, MessageId, ProfileId};
use volary_proto::{
    AddOrUpdateTransport, AddTransportFromQr, Call, CheckQr, Connectivity, CreateBroadcast, CreateContact,
    CreateGroup, DeleteTransport, GetChatSecurejoinQrCode, GetConfig, GetConnectivity, GetContacts,
    GetFreshMsgs, GetRelayStatuses, IsConfigured, ListTransports, LookupContactIdByAddr, MarknoticedAllChats,
    Qr, SearchMessages, SecureJoin, SetConfig, StartIo, StopIo,
};

use super::chat::Chat;
use super::contact::Contact;
use super::error::CallError;
use super::event::HostEvent;
use super::events::Events;
use super::inbox::Inbox;
use super::link::Link;
use super::login::Login;
use super::message::Message;
use super::new_message::path_text;
use super::views::{ContactView, RelayView};
use crate::bus::Bus;

/// A profile of a host. Cheap to clone.
#[derive(Clone)]
pub struct Profile<B> {
    pub(super) link: Link<B>,
}

impl<B> fmt::Debug for Profile<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Profile").field(&self.link.profile).finish()
    }
}

impl<B: Bus> Profile<B> {
    pub(super) fn new(bus: B, profile: ProfileId) -> Self {
        Self { link: Link { bus, profile } }
    }

    /// Its id.
    pub fn id(&self) -> ProfileId {
        self.link.profile
    }

    /// Carries out any call of the schema that goes to a profile.
    pub async fn call<C: Call>(&self, call: C) -> Result<C::Answer, CallError> {
        self.link.call(call).await
    }

    /// A chat of this profile.
    pub fn chat(&self, id: impl Into<ChatId>) -> Chat<B> {
        Chat::new(self.link.clone(), id.into())
    }

    /// A message of this profile.
    pub fn message(&self, id: impl Into<MessageId>) -> Message<B> {
        Message::new(self.link.clone(), id.into())
    }

    /// A contact of this profile.
    pub fn contact(&self, id: impl Into<ContactId>) -> Contact<B> {
        Contact::new(self.link.clone(), id.into())
    }

    /// What happens to this profile from now on.
    pub async fn events(&self) -> Result<Events<B>, CallError> {
        Events::of_profile(&self.link).await
    }

    /// The messages of others, each until it was handled: what a bot reads.
    pub async fn inbox(&self) -> Result<Inbox<B>, CallError> {
        Inbox::of(self.link.clone()).await
    }

    // Relays

    /// Makes an address on a relay, or takes a login, from a code (`dcaccount:…`, `dclogin:…`), and connects.
    pub async fn add_relay(&self, code: impl Into<String>) -> Result<(), CallError> {
        self.call(AddTransportFromQr { qr: code.into() }).await.map(drop)
    }

    /// Tries a login, keeps it and connects.
    pub async fn log_in(&self, login: Login) -> Result<(), CallError> {
        self.call(AddOrUpdateTransport { param: Some(login.into()) }).await.map(drop)
    }

    /// The addresses of its relays, in the order in which they were added.
    pub async fn relays(&self) -> Result<Vec<String>, CallError> {
        let relays = self.call(ListTransports {}).await?.transports;
        Ok(relays.into_iter().map(|relay| relay.addr).collect())
    }

    /// Removes a relay.
    pub async fn remove_relay(&self, address: impl Into<String>) -> Result<(), CallError> {
        self.call(DeleteTransport { addr: address.into() }).await.map(drop)
    }

    /// Whether it has a relay.
    pub async fn is_configured(&self) -> Result<bool, CallError> {
        Ok(self.call(IsConfigured {}).await?.value)
    }

    /// Connects to its relays. Adding a relay does that, too; a host that starts connects nobody.
    pub async fn connect(&self) -> Result<(), CallError> {
        self.call(StartIo {}).await.map(drop)
    }

    /// Ends its connections.
    pub async fn disconnect(&self) -> Result<(), CallError> {
        self.call(StopIo {}).await.map(drop)
    }

    /// How well it is connected.
    pub async fn connectivity(&self) -> Result<Connectivity, CallError> {
        let number = self.call(GetConnectivity {}).await?.value;
        let number = i32::try_from(number).unwrap_or_default();
        Connectivity::try_from(number).map_err(|_| CallError::not_understood("GetConnectivity"))
    }

    /// How it is connected to each of its relays, and what is wrong. Empty while it is disconnected.
    pub async fn relay_statuses(&self) -> Result<Vec<RelayView>, CallError> {
        let relays = self.call(GetRelayStatuses {}).await?.relays;
        Ok(relays.into_iter().map(RelayView::from).collect())
    }

    /// How well it is connected: now, and whenever that changes.
    pub async fn connectivity_changes(&self) -> Result<ConnectivityChanges<B>, CallError> {
        Ok(ConnectivityChanges { events: self.events().await?, profile: self.clone(), last: None })
    }

    // Itself

    /// A setting, or its default (`docs/settings.md` lists them).
    pub async fn setting(&self, key: impl Into<String>) -> Result<Option<String>, CallError> {
        Ok(self.call(GetConfig { key: key.into() }).await?.text)
    }

    /// Changes a setting; `None` is the default again.
    pub async fn set(&self, key: impl Into<String>, value: Option<&str>) -> Result<(), CallError> {
        self.call(SetConfig { key: key.into(), value: value.map(str::to_owned) }).await.map(drop)
    }

    /// The name that contacts see.
    pub async fn set_name(&self, name: &str) -> Result<(), CallError> {
        self.set("displayname", Some(name)).await
    }

    /// The picture that contacts see.
    pub async fn set_picture(&self, picture: Option<&Path>) -> Result<(), CallError> {
        let path = picture.map(path_text).transpose()?;
        self.set("selfavatar", path.as_deref()).await
    }

    /// Says that it is a program: contact requests are accepted, messages are marked as automatic.
    pub async fn set_bot(&self, is_bot: bool) -> Result<(), CallError> {
        self.set("bot", Some(if is_bot { "1" } else { "0" })).await
    }

    /// The own address, if it has one.
    pub async fn address(&self) -> Result<Option<String>, CallError> {
        self.setting("configured_addr").await
    }

    // Others

    /// An invite: whoever opens it gets a chat with this profile.
    pub async fn invite(&self) -> Result<String, CallError> {
        Ok(self.call(GetChatSecurejoinQrCode { chat_id: None }).await?.text)
    }

    /// Follows an invite to a contact, group or channel. The chat is there at once; [`HostEvent::Joining`] says when the
    /// other side has answered.
    pub async fn join(&self, code: impl Into<String>) -> Result<Chat<B>, CallError> {
        Ok(self.chat(self.call(SecureJoin { qr: code.into(), ..Default::default() }).await?.id))
    }

    /// What a code means. Nothing is joined.
    pub async fn read_code(&self, code: impl Into<String>) -> Result<Qr, CallError> {
        self.call(CheckQr { qr: code.into() }).await
    }

    /// Makes a group with this profile as its only member.
    pub async fn create_group(&self, name: impl Into<String>) -> Result<Chat<B>, CallError> {
        Ok(self.chat(self.call(CreateGroup { name: name.into(), unencrypted: false }).await?.id))
    }

    /// Makes a channel: only this profile writes in it.
    pub async fn create_channel(&self, name: impl Into<String>) -> Result<Chat<B>, CallError> {
        Ok(self.chat(self.call(CreateBroadcast { name: name.into() }).await?.id))
    }

    /// Makes or finds the contact of an address, for chats without encryption.
    pub async fn create_contact(
        &self,
        address: impl Into<String>,
        name: Option<&str>,
    ) -> Result<Contact<B>, CallError> {
        let call = CreateContact { email: address.into(), name: name.map(str::to_owned) };
        Ok(self.contact(self.call(call).await?.id))
    }

    /// The contact that was seen last with an address.
    pub async fn contact_of(&self, address: impl Into<String>) -> Result<Option<Contact<B>>, CallError> {
        let id = self.call(LookupContactIdByAddr { addr: address.into() }).await?.id;
        Ok(id.map(|id| self.contact(id)))
    }

    /// The contacts that the user knows and that have a key.
    pub async fn contacts(&self) -> Result<Vec<ContactView>, CallError> {
        let contacts = self.call(GetContacts { flags: 0, query: None }).await?.contacts;
        Ok(contacts.into_iter().map(ContactView::from).collect())
    }

    // Messages

    /// All fresh messages, the newest first.
    pub async fn fresh_messages(&self) -> Result<Vec<Message<B>>, CallError> {
        Ok(self.messages_of(self.call(GetFreshMsgs {}).await?.ids))
    }

    /// Messages whose text contains something, in all chats.
    pub async fn search(&self, text: impl Into<String>) -> Result<Vec<Message<B>>, CallError> {
        let call = SearchMessages { query: text.into(), chat_id: None };
        Ok(self.messages_of(self.call(call).await?.ids))
    }

    /// Nothing is fresh any more.
    pub async fn mark_all_noticed(&self) -> Result<(), CallError> {
        self.call(MarknoticedAllChats {}).await.map(drop)
    }

    fn messages_of(&self, ids: Vec<u32>) -> Vec<Message<B>> {
        ids.into_iter().map(|id| self.message(id)).collect()
    }
}

/// How well a profile is connected, whenever that changes.
pub struct ConnectivityChanges<B: Bus> {
    events: Events<B>,
    profile: Profile<B>,
    last: Option<Connectivity>,
}

impl<B: Bus> ConnectivityChanges<B> {
    /// The state, at first as it is, then when it is another one; `None` after the host has stopped.
    pub async fn next(&mut self) -> Result<Option<Connectivity>, CallError> {
        let may_have_changed = |event: &HostEvent| {
            matches!(event, HostEvent::ConnectivityChanged | HostEvent::Lost { .. }).then_some(())
        };
        loop {
            if self.last.is_some() && self.events.find(may_have_changed).await.is_none() {
                return Ok(None);
            }
            let state = self.profile.connectivity().await?;
            if self.last.replace(state) != Some(state) {
                return Ok(Some(state));
            }
        }
    }

    /// As a stream that ends with the host, or with the profile.
    pub fn into_stream(self) -> impl Stream<Item = Connectivity> + Send {
        futures::stream::unfold(self, async |mut changes| Some((changes.next().await.ok()??, changes)))
    }
}
