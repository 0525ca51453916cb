//! Who gets a mail: the contacts, the field `To`, the envelope.

use volary_mail::message::{Mailbox, Recipients};
use volary_mail::openpgp::Certificate;
use volary_storage::View;
use volary_storage::records::{ChatRecord, ChatType, ContactRecord, JobKind, MessageRecord, OutboxRecord};

use super::context::Context;
use crate::ground::error::Outcome;
use crate::ground::ids::ContactId;
use crate::state::{config, contacts, keys, members, transports};

/// A recipient of a mail.
pub(super) struct Target {
    pub(super) contact: ContactId,
    pub(super) record: ContactRecord,
    /// Its certificate, if it can be encrypted to.
    pub(super) certificate: Option<Certificate>,
    addrs: Vec<String>,
    in_to: bool,
}

/// Who gets a queued mail.
pub(super) fn targets(
    view: &impl View,
    context: &Context<'_>,
    job: &OutboxRecord,
    message: &MessageRecord,
    chat: &ChatRecord,
) -> Outcome<Vec<Target>> {
    let profile = context.profile;
    let mut chosen: Vec<(ContactId, bool)> = Vec::new();
    if job.kind == JobKind::Message {
        let mut rows = members::rows(view, profile, message.chat)?;
        rows.retain(|(_, row)| members::is_current(row));
        rows.sort_by_key(|(id, row)| (std::cmp::Reverse(row.added), *id));
        chosen.extend(rows.into_iter().map(|(id, _)| (id, true)));
    }
    let direct = chat.chat_type == ChatType::Single || job.kind == JobKind::Directed;
    for contact in &job.contacts {
        if !chosen.iter().any(|(id, _)| id == contact) {
            chosen.push((*contact, direct));
        }
    }
    let mut found = Vec::with_capacity(chosen.len());
    if chat.chat_type == ChatType::MailingList && !chat.list_post.is_empty() {
        let record = ContactRecord { addr: chat.list_post.clone(), ..Default::default() };
        let addrs = vec![record.addr.clone()];
        found.push(Target { contact: ContactId::NONE, record, certificate: None, addrs, in_to: true });
    }
    for (contact, in_to) in chosen {
        if contact.is_special() {
            continue;
        }
        let Some(record) = contacts::load(view, profile, contact)? else { continue };
        let certificate = keys::certificate(view, context.keys, profile, &record.fingerprint)?;
        let usable = certificate.filter(|certificate| certificate.can_encrypt(context.now));
        let mut addrs = keys::relays_of(view, profile, &record.fingerprint)?;
        if addrs.is_empty() {
            addrs.push(record.addr.clone());
        }
        found.push(Target { contact, record, certificate: usable, addrs, in_to });
    }
    Ok(found)
}

/// The field `To`.
pub(super) fn to_field(
    from: &Mailbox,
    job: &OutboxRecord,
    chat: &ChatRecord,
    targets: &[Target],
) -> Recipients {
    let mailbox = |target: &Target| Mailbox::new(target.record.auth_name.clone(), target.record.addr.clone());
    match job.kind {
        JobKind::Password => Recipients::Hidden,
        JobKind::Clear => Recipients::Listed(job.addrs.first().map(Mailbox::bare).into_iter().collect()),
        JobKind::Message if chat.chat_type == ChatType::OutBroadcast => Recipients::Hidden,
        JobKind::Message | JobKind::Directed | JobKind::KeyUpdate => {
            let mut listed: Vec<Mailbox> = Vec::new();
            for target in targets.iter().filter(|target| target.in_to) {
                if !listed.iter().any(|known| known.same_address(&target.record.addr)) {
                    listed.push(mailbox(target));
                }
            }
            if listed.is_empty() {
                let named = chat.contact == ContactId::SELF;
                listed.push(if named { from.clone() } else { Mailbox::bare(from.address.clone()) });
            }
            Recipients::Listed(listed)
        }
    }
}

/// Envelope recipients: all relays of each contact, then own relays, the sending address last.
pub(super) fn recipients(
    view: &impl View,
    context: &Context<'_>,
    job: &OutboxRecord,
    targets: &[&Target],
) -> Outcome<Vec<String>> {
    let mut all: Vec<String> = Vec::new();
    for addr in targets.iter().flat_map(|target| &target.addrs) {
        if !all.contains(addr) {
            all.push(addr.clone());
        }
    }
    if config::flag(view, context.profile, config::key::BCC_SELF)? && !job.no_self_copy {
        let own = transports::published_addrs(view, context.profile)?;
        all.extend(own.into_iter().filter(|addr| addr != context.from));
        all.push(context.from.to_owned());
    }
    all.retain(|addr| !job.done.contains(addr));
    Ok(all)
}
