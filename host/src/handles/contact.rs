//! A contact.

use std::fmt;

use volary_engine::ground::ids::ContactId;
use volary_proto::{
    BlockContact, ChangeContactName, CreateChatByContactId, DeleteContact, GetChatIdByContactId, GetContact,
    GetContactEncryptionInfo, UnblockContact,
};

use super::chat::Chat;
use super::error::CallError;
use super::link::Link;
use super::views::ContactView;
use crate::bus::Bus;

/// A contact of a profile. Cheap to clone.
#[derive(Clone)]
pub struct Contact<B> {
    link: Link<B>,
    id: ContactId,
}

impl<B> fmt::Debug for Contact<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Contact").field(&self.link.profile).field(&self.id).finish()
    }
}

impl<B: Bus> Contact<B> {
    pub(super) fn new(link: Link<B>, id: ContactId) -> Self {
        Self { link, id }
    }

    /// Its id.
    pub fn id(&self) -> ContactId {
        self.id
    }

    /// The contact as it is now.
    pub async fn load(&self) -> Result<ContactView, CallError> {
        Ok(self.link.call(GetContact { contact_id: self.id.get() }).await?.into())
    }

    /// The chat with it, which is made if there is none.
    pub async fn chat(&self) -> Result<Chat<B>, CallError> {
        let id = self.link.call(CreateChatByContactId { contact_id: self.id.get() }).await?.id;
        Ok(Chat::new(self.link.clone(), id.into()))
    }

    /// The chat with it, if there is one.
    pub async fn existing_chat(&self) -> Result<Option<Chat<B>>, CallError> {
        let id = self.link.call(GetChatIdByContactId { contact_id: self.id.get() }).await?.id;
        Ok(id.map(|id| Chat::new(self.link.clone(), id.into())))
    }

    /// Names it; an empty name is its own one again.
    pub async fn rename(&self, name: impl Into<String>) -> Result<(), CallError> {
        let call = ChangeContactName { contact_id: self.id.get(), name: name.into() };
        self.link.call(call).await.map(drop)
    }

    /// Blocks it.
    pub async fn block(&self) -> Result<(), CallError> {
        self.link.call(BlockContact { contact_id: self.id.get() }).await.map(drop)
    }

    /// Unblocks it.
    pub async fn unblock(&self) -> Result<(), CallError> {
        self.link.call(UnblockContact { contact_id: self.id.get() }).await.map(drop)
    }

    /// Forgets it.
    pub async fn delete(&self) -> Result<(), CallError> {
        self.link.call(DeleteContact { contact_id: self.id.get() }).await.map(drop)
    }

    /// Fingerprints, for people to compare.
    pub async fn fingerprints(&self) -> Result<String, CallError> {
        Ok(self.link.call(GetContactEncryptionInfo { contact_id: self.id.get() }).await?.text)
    }
}
