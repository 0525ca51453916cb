//! Changing contacts.

use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use volary_mail::address::Address;
use volary_mail::openpgp::{Certificate, KeyError};
use volary_mail::vcard::{self, Card};
use volary_proto::Error;
use volary_proto::v1::vcard_source::Kind as Source;
use volary_storage::records::{ContactOrigin, CounterRecord};
use volary_storage::tables::{CHATS_OF_CONTACT, COUNTERS};
use volary_storage::{Blobs, View as _};

use super::files;
use crate::chat::requests;
use crate::ground::db::{Db, Tx, picture_name, put_picture};
use crate::ground::error::{Failure, Outcome};
use crate::ground::events::Events as _;
use crate::ground::ids::{ContactId, ProfileId};
use crate::ground::work::Lane;
use crate::query::contacts::{MAX_CARD_FILE, not_found};
use crate::state::contacts::{self, Seen};
use crate::state::{keys, transports};

/// Larger pictures of cards are left away, in characters of base64.
const MAX_CARD_PICTURE: usize = 1 << 20;

/// Makes or finds the contact of an address and unblocks it.
pub fn create(tx: &mut Tx<'_, '_>, addr: &str, name: &str) -> Outcome<ContactId> {
    if Address::parse_exact(addr).is_err() {
        return Err(Failure::refused("provided email address is not a valid email address"));
    }
    let known = contacts::by_addr(tx.store, tx.profile, addr)?;
    let known = match known {
        Some(id) => contacts::load(tx.store, tx.profile, id)?,
        None => None,
    };
    // No name leaves the name that is there.
    let kept = known.map(|record| record.name).unwrap_or_default();
    let name = if name.trim().is_empty() { kept.as_str() } else { name };
    let seen = Seen { name, addr, fingerprint: "", origin: ContactOrigin::ManuallyCreated };
    let id = contacts::add_or_lookup(tx, seen)?;
    if contacts::load(tx.store, tx.profile, id)?.is_some_and(|record| record.blocked) {
        requests::block_contact(tx, id, false)?;
    }
    Ok(id)
}

/// Forgets a contact; one that is in a chat is only hidden.
pub fn delete(tx: &mut Tx<'_, '_>, contact: ContactId) -> Outcome<()> {
    if contact.is_special() {
        return Err(Failure::refused("Can not delete special contact"));
    }
    if contacts::load(tx.store, tx.profile, contact)?.is_none() {
        return Err(not_found(contact));
    }
    if tx.store.first(&CHATS_OF_CONTACT, &(tx.profile, contact))?.is_some() {
        contacts::update(tx, contact, |record| record.origin = ContactOrigin::Hidden)?;
    } else {
        contacts::remove(tx, contact)?;
    }
    tx.contacts_changed(None);
    Ok(())
}

/// Makes contacts from cards; one id for each that could be used.
pub async fn import_vcard(
    db: &Db,
    profile: ProfileId,
    source: Option<Source>,
) -> Result<Vec<ContactId>, Error> {
    let text = match source {
        Some(Source::Text(text)) => text,
        Some(Source::Path(path)) => db.work(Lane::Interactive, move || read(&path)).await?,
        None => return Err(Error::invalid("no cards")),
    };
    // Parsing, verifying keys and storing pictures takes time that the writer does not have.
    let (blobs, _) = files::place(db, profile)?;
    let cards = db.work(Lane::Interactive, move || {
        vcard::parse(&text).into_iter().map(|card| Checked::new(card, &blobs)).collect::<Outcome<Vec<_>>>()
    });
    let cards = cards.await?;
    let written = db.transact(profile, move |tx| {
        let mut ids = Vec::with_capacity(cards.len());
        for card in cards {
            ids.extend(import(tx, card)?);
        }
        Ok::<_, Failure>(ids)
    });
    Ok(written.await?.value)
}

fn read(path: &str) -> Outcome<String> {
    let file = fs::metadata(path).map_err(|error| Failure::refused(error.to_string()))?;
    if file.len() > MAX_CARD_FILE {
        return Err(Failure::refused("file is too large"));
    }
    let bytes = fs::read(path).map_err(|error| Failure::refused(error.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A card with its key and its picture.
struct Checked {
    card: Card,
    /// Blob name of the picture; empty if there is none.
    picture: String,
    key: Result<Option<Certificate>, KeyError>,
}

impl Checked {
    fn new(card: Card, blobs: &Blobs) -> Outcome<Self> {
        let key = match card.key.as_deref().map(Certificate::from_base64) {
            None => Ok(None),
            Some(Ok(certificate)) => Ok(Some(certificate)),
            // Nobody can tell whose key that was meant to be: all that is left is the address.
            Some(Err(KeyError::InvalidBinding(reason))) => Err(KeyError::InvalidBinding(reason)),
            Some(Err(_)) => Ok(None),
        };
        let encoded = card.picture.as_ref().filter(|picture| picture.len() <= MAX_CARD_PICTURE);
        let picture = match encoded.and_then(|picture| STANDARD.decode(picture).ok()) {
            Some(bytes) => {
                put_picture(blobs, &bytes).map_err(Failure::file("picture of a card cannot be stored"))?;
                picture_name(&bytes)
            }
            None => String::new(),
        };
        Ok(Self { card, picture, key })
    }
}

fn import(tx: &mut Tx<'_, '_>, checked: Checked) -> Outcome<Option<ContactId>> {
    let Checked { card, picture, key } = checked;
    let (Ok(key), Ok(addr)) = (key, Address::parse(&card.address)) else {
        tx.warning("A contact card cannot be imported.");
        return Ok(None);
    };
    let fingerprint = key.as_ref().map(|key| key.fingerprint().to_string()).unwrap_or_default();
    let own_key = keys::own_fingerprint(tx.store, tx.profile)?.is_some_and(|own| own == fingerprint);
    if own_key || transports::is_own_addr(tx.store, tx.profile, addr.as_str())? {
        return Ok(Some(ContactId::SELF));
    }
    let learned = match &key {
        Some(key) => keys::import(tx, key)?,
        None => false,
    };
    let last = tx.store.get(&COUNTERS, &tx.profile)?.unwrap_or_default();
    let seen = Seen {
        name: &card.name,
        addr: addr.as_str(),
        fingerprint: &fingerprint,
        origin: ContactOrigin::CreateChat,
    };
    let id = contacts::add_or_lookup(tx, seen)?;
    let is_new = is_newer(id, &last);
    if is_new {
        decorate(tx, id, &card, picture)?;
    } else if key.is_some() {
        let moved = contacts::update(tx, id, |record| addr.as_str().clone_into(&mut record.addr))?;
        if moved || learned {
            tx.contacts_changed(Some(id));
        }
    }
    Ok(Some(id))
}

fn is_newer(id: ContactId, before: &CounterRecord) -> bool {
    !id.is_special() && id > before.contact
}

/// Picture and status of a contact that was just made.
fn decorate(tx: &mut Tx<'_, '_>, contact: ContactId, card: &Card, picture: String) -> Outcome<()> {
    let status = card.status.clone().unwrap_or_default();
    contacts::update(tx, contact, |record| {
        record.avatar = picture;
        record.status = status;
    })?;
    Ok(())
}
