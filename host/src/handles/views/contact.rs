//! A contact.

use std::path::PathBuf;

use volary_engine::ground::ids::ContactId;
use volary_proto::{Contact, ContactFreshness};

/// A contact, as it was when it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContactView {
    /// Its id.
    pub id: ContactId,
    /// The name to show.
    pub name: String,
    /// The name that the user gave it here.
    pub own_name: Option<String>,
    /// The name that it gave itself.
    pub auth_name: Option<String>,
    /// Its address.
    pub address: String,
    /// Its signature text.
    pub status: String,
    /// Its picture.
    pub picture: Option<PathBuf>,
    /// Its colour, `#rrggbb`.
    pub color: String,
    /// Messages to it can be encrypted.
    pub has_key: bool,
    /// Its key was verified, by itself or through somebody.
    pub is_verified: bool,
    /// Who introduced it with its verified key; [`ContactId::SELF`] if it was verified directly.
    pub verifier: Option<ContactId>,
    /// The user has blocked it.
    pub is_blocked: bool,
    /// It says that it is a program.
    pub is_bot: bool,
    /// Its last sign of life, Unix seconds.
    pub last_seen: Option<i64>,
    /// The same in coarse steps.
    pub freshness: ContactFreshness,
}

impl From<Contact> for ContactView {
    fn from(contact: Contact) -> Self {
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            id: contact.id.into(),
            freshness: contact.freshness(),
            name: contact.display_name,
            own_name: given(contact.name),
            auth_name: given(contact.auth_name),
            address: contact.address,
            status: contact.status,
            picture: contact.profile_image.map(PathBuf::from),
            color: contact.color,
            has_key: contact.e2ee_avail,
            is_verified: contact.is_verified,
            verifier: contact.verifier_id.map(ContactId::from),
            is_blocked: contact.is_blocked,
            is_bot: contact.is_bot,
            last_seen: Some(contact.last_seen).filter(|time| *time != 0),
        }
    }
}
