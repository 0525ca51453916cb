//! Sender and recipients of a mail become contacts.

use volary_mail::message::{Mailbox, ParsedMessage};
use volary_storage::records::ContactOrigin;

use super::open::Opened;
use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::ids::ContactId;
use crate::state::contacts::{self, Seen};
use crate::state::{keys, transports};

/// Contacts by their position in a header; `None` where nobody is known.
pub type Positions = Vec<Option<ContactId>>;

/// Who wrote a mail and to whom.
#[derive(Clone, Debug, Default)]
pub struct People {
    /// The author; SELF for own mail of another device.
    pub sender: ContactId,
    /// Written by ourselves.
    pub outgoing: bool,
    /// Name to show on this message only.
    pub override_name: String,
    /// Contacts of `To` and `Cc`, by position.
    pub to: Positions,
    /// Contacts of the former members, by position.
    pub past: Positions,
}

/// The sender decided by the signature, else by the address; `None` if there is none that may be used.
pub fn sender(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
) -> Outcome<Option<(ContactId, bool)>> {
    let profile = tx.profile;
    let Ok(from) = parsed.from.checked() else { return Ok(None) };
    let own_addr = transports::is_own_addr(tx.store, profile, from.as_str())?;
    let fingerprint = match opened.signer {
        Some(signer) => {
            let signer = signer.to_string();
            if keys::own_fingerprint(tx.store, profile)?.as_ref() == Some(&signer) {
                return Ok(Some((ContactId::SELF, true)));
            }
            // Somebody else signed a mail that claims to be ours.
            if own_addr {
                return Ok(None);
            }
            signer
        }
        None if own_addr => return Ok(Some((ContactId::SELF, true))),
        None => String::new(),
    };
    let name =
        if parsed.sender_overridden || parsed.is_mailing_list() { "" } else { parsed.from.name.as_str() };
    let seen = Seen {
        name,
        addr: from.as_str(),
        fingerprint: &fingerprint,
        origin: ContactOrigin::IncomingUnknownFrom,
    };
    Ok(Some((contacts::add_or_lookup(tx, seen)?, false)))
}

/// Resolves the recipients of a mail: present members, then former ones.
pub fn recipients(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
) -> Outcome<(Positions, Positions)> {
    let listed: Vec<&Mailbox> = parsed.to.iter().chain(&parsed.cc).collect();
    let past: Vec<&Mailbox> = parsed.group.past_members.iter().collect();
    if !parsed.has_padlock() {
        let to = listed.iter().map(|mailbox| address_contact(tx, mailbox)).collect::<Outcome<_>>()?;
        let past = past.iter().map(|mailbox| address_contact(tx, mailbox)).collect::<Outcome<_>>()?;
        return Ok((to, past));
    }
    let given = parsed.group.member_fingerprints.as_deref().unwrap_or_default();
    // A list that is too short cannot be matched by position.
    let given = if given.len() >= listed.len() { given } else { &[] };
    let (to_given, past_given) = given.split_at(given.len().min(listed.len()));
    let mut to = Vec::with_capacity(listed.len());
    for (at, mailbox) in listed.iter().enumerate() {
        to.push(key_contact(tx, opened, mailbox, to_given.get(at))?);
    }
    let mut former = Vec::with_capacity(past.len());
    for (at, mailbox) in past.iter().enumerate() {
        former.push(key_contact(tx, opened, mailbox, past_given.get(at))?);
    }
    Ok((to, former))
}

fn address_contact(tx: &mut Tx<'_, '_>, mailbox: &Mailbox) -> Outcome<Option<ContactId>> {
    let Ok(addr) = mailbox.checked() else { return Ok(None) };
    let seen =
        Seen { name: &mailbox.name, addr: addr.as_str(), fingerprint: "", origin: ContactOrigin::Hidden };
    Ok(Some(contacts::add_or_lookup(tx, seen)?))
}

/// The contact of a recipient: by the fingerprint at its position, by the key gossiped for its address, or ourselves.
fn key_contact(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    mailbox: &Mailbox,
    given: Option<&String>,
) -> Outcome<Option<ContactId>> {
    let given =
        given.and_then(|text| keys::parse_fingerprint(text)).map(|fingerprint| fingerprint.to_string());
    let fingerprint = given.or_else(|| gossiped(opened, &mailbox.address));
    let Some(fingerprint) = fingerprint else {
        let own = transports::is_own_addr(tx.store, tx.profile, &mailbox.address)?;
        return Ok(own.then_some(ContactId::SELF));
    };
    // What is no address is not stored as one: the fingerprint says who it is.
    let addr = mailbox.checked().map(|addr| addr.to_string()).unwrap_or_default();
    let seen =
        Seen { name: &mailbox.name, addr: &addr, fingerprint: &fingerprint, origin: ContactOrigin::Hidden };
    Ok(Some(contacts::add_or_lookup(tx, seen)?))
}

/// Fingerprint of the key gossiped for an address; the last one counts.
pub fn gossiped(opened: &Opened, addr: &str) -> Option<String> {
    let found = opened.gossip.iter().rev().find(|header| header.addr.as_str().eq_ignore_ascii_case(addr));
    found.map(|header| header.certificate.fingerprint().to_string())
}

/// The contact that a membership header names: by fingerprint, else by the gossiped key of its address; in clear text by
/// its address alone.
pub fn named_member(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    change: &volary_mail::message::read::MemberChange,
) -> Outcome<Option<ContactId>> {
    let mailbox = Mailbox::bare(change.address.clone());
    if !parsed.has_padlock() {
        return address_contact(tx, &mailbox);
    }
    key_contact(tx, opened, &mailbox, change.fingerprint.as_ref())
}
