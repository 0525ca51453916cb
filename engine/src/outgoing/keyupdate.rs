//! Announcing a changed relay list: one hidden mail to the contacts that plausibly hold our key, once the list has
//! rested for a while. It carries nothing but the own certificate.

use std::collections::BTreeSet;

use rand::thread_rng;
use volary_mail::message::{
    Body, Mailbox, OuterHeaders, Outgoing, Recipients, render_encrypted, render_payload,
};
use volary_mail::openpgp::{Certificate, Layers, encrypt};
use volary_storage::records::{
    Block, ChatRecord, ChatType, JobKind, MessageRecord, MessageState, OutboxRecord, ViewType,
};
use volary_storage::{StoreError, View};

use super::body::message_id;
use super::context::{Context, own_autocrypt};
use super::rendered::{Mail, Rendered};
use super::targets::{recipients, targets};
use crate::chat::compose;
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::{ContactId, ProfileId};
use crate::state::deadlines::{self, Kind};
use crate::state::{chats, config, contacts, keys, members, messages, outbox, transports};

/// Contacts that share one mail. Each adds a session key to it and all its relays to the envelope.
const CONTACTS_PER_MAIL: usize = 50;

/// Own addresses in the form in which the announced ones are stored.
fn relay_list(view: &impl View, profile: ProfileId) -> Result<String, StoreError> {
    let mut addrs = transports::published_addrs(view, profile)?;
    addrs.sort();
    Ok(addrs.join(" "))
}

/// Whether the relay list is another one than was announced to contacts.
pub fn is_news(view: &impl View, profile: ProfileId) -> Result<bool, StoreError> {
    let told = config::get(view, profile, config::key::KEYUPDATE_BASELINE)?.unwrap_or_default();
    Ok(relay_list(view, profile)? != told)
}

/// Starts the time that a changed relay list has to rest, or starts it anew.
pub fn schedule(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    if !is_news(tx.store, tx.profile)? {
        return cancel(tx);
    }
    let rest = config::keyupdate_debounce(tx.store, tx.profile)?.max(0);
    deadlines::set_single(tx, tx.now.saturating_add(rest), Kind::KeyUpdate, 0)
}

/// Nothing is announced until I/O runs again.
pub fn cancel(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    deadlines::cancel_single(tx, Kind::KeyUpdate, 0)
}

/// The relay list has rested: queues its announcement and remembers it as announced, also if nobody is to be notified.
pub fn announce(tx: &mut Tx<'_, '_>) -> Outcome<()> {
    if !is_news(tx.store, tx.profile)? {
        return Ok(());
    }
    let told = relay_list(tx.store, tx.profile)?;
    for contacts in audience(tx.store, tx.profile)?.chunks(CONTACTS_PER_MAIL) {
        let message = MessageRecord {
            from: ContactId::SELF,
            mid: compose::new_mid(),
            state: MessageState::OutPending,
            view_type: ViewType::Text,
            sent: tx.now,
            sort: tx.now,
            hidden: true,
            encrypted: true,
            ..Default::default()
        };
        let job = OutboxRecord {
            kind: JobKind::KeyUpdate,
            message: messages::insert(tx, &message)?,
            contacts: contacts.to_vec(),
            uncompressed: true,
            no_self_copy: true,
            ..Default::default()
        };
        outbox::push(tx, &job)?;
    }
    Ok(config::set(tx, config::key::KEYUPDATE_BASELINE, Some(&told))?)
}

/// Whom to tell: key-contacts, not blocked, of accepted chats in which a message came or went, in order of their ids.
fn audience(view: &impl View, profile: ProfileId) -> Result<Vec<ContactId>, StoreError> {
    let mut found = BTreeSet::new();
    for (chat, record) in chats::all(view, profile)? {
        let counts = record.blocked == Block::Not && record.chat_type != ChatType::MailingList;
        if !counts || messages::newest_mail(view, profile, chat)?.is_none() {
            continue;
        }
        let members = members::current(view, profile, chat)?;
        found.extend(members.into_iter().filter(|contact| !contact.is_special()));
    }
    let mut told = Vec::with_capacity(found.len());
    for contact in found {
        let Some(record) = contacts::load(view, profile, contact)? else { continue };
        if !record.blocked && keys::has_certificate(view, profile, &record.fingerprint)? {
            told.push(contact);
        }
    }
    Ok(told)
}

/// Renders an announcement; `None` if there is nobody left who can read it.
pub fn render(
    view: &impl View,
    context: &Context<'_>,
    job: &OutboxRecord,
    message: &MessageRecord,
) -> Outcome<Option<Rendered>> {
    let own = keys::own(view, context.keys, context.profile)?;
    let mut targets = targets(view, context, job, message, &ChatRecord::default())?;
    targets.retain(|target| target.certificate.is_some());
    let (Some(own), false) = (own, targets.is_empty()) else { return Ok(None) };
    let recipients = recipients(view, context, job, &targets.iter().collect::<Vec<_>>())?;
    let certificates: Vec<Certificate> =
        targets.into_iter().filter_map(|target| target.certificate).collect();
    let rng = &mut thread_rng();
    let id = message_id(&message.mid)?;
    let from = Mailbox::bare(context.from);
    let mut outgoing = Outgoing::new(from, Recipients::Hidden, id, message.sent, Body::KeyUpdate);
    outgoing.autocrypt = own_autocrypt(view, context)?;
    let outer = OuterHeaders::draw(&outgoing, context.now, rng);
    let payload = render_payload(&outgoing, &outer, rng);
    let armored = encrypt(payload, &own, &certificates, Layers::UNSIGNED, context.now, rng)
        .map_err(|error| Failure::OpenPgp(error.to_string()))?;
    let raw = render_encrypted(&outer, &armored, rng);
    let mail = Mail { recipients, raw, mid: outer.message_id.as_str().to_owned() };
    Ok(Some(Rendered::single(mail)))
}

#[cfg(test)]
mod tests;
