//! Read receipts: one mail for each contact, naming all messages that were read.

use std::collections::BTreeMap;

use rand::thread_rng;
use volary_mail::message::{
    Body, Mailbox, MessageId as Mid, OuterHeaders, Outgoing, Recipients, render_encrypted, render_payload,
};
use volary_mail::openpgp::{Layers, encrypt};
use volary_storage::records::{ReceiptJobRecord, TimeRecord};
use volary_storage::tables::{GOSSIPED, RECEIPT_JOBS};
use volary_storage::{StoreError, View};

use super::context::{Context, own_autocrypt};
use super::rendered::Mail;
use crate::chat::reading;
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::{ChatId, ContactId, MessageId, ProfileId};
use crate::state::{config, contacts, keys, outbox, transports};

/// A receipt is given up after that many tries.
const MAX_TRIES: u32 = 6;

/// Receipts for one contact.
#[derive(Clone, Debug)]
pub struct Due {
    /// To whom.
    pub contact: ContactId,
    /// The messages with their jobs.
    pub jobs: Vec<(MessageId, ReceiptJobRecord)>,
}

/// What waits to be sent, by contact.
pub fn due(view: &impl View, profile: ProfileId, now: i64) -> Result<Vec<Due>, StoreError> {
    let mut by_contact: BTreeMap<ContactId, Vec<(MessageId, ReceiptJobRecord)>> = BTreeMap::new();
    for (contact, message, job) in outbox::receipts(view, profile)? {
        if outbox::is_due(job.not_before, now) {
            by_contact.entry(contact).or_default().push((message, job));
        }
    }
    Ok(by_contact.into_iter().map(|(contact, jobs)| Due { contact, jobs }).collect())
}

/// Renders a receipt; `None` if it is not due any more (unknown contact, no own key). Of what a blocked contact wrote only
/// own devices hear that it was read.
pub fn render(view: &impl View, context: &Context<'_>, due: &Due) -> Outcome<Option<Mail>> {
    let profile = context.profile;
    let Some(own) = keys::own(view, context.keys, profile)? else { return Ok(None) };
    let own_devices = reading::tells_own_devices(view, profile)?;
    let blocked = contacts::load(view, profile, due.contact)?.is_some_and(|record| record.blocked);
    if blocked && !own_devices {
        return Ok(None);
    }
    let to_self = due.contact == ContactId::SELF || blocked;
    let (to, certificates, mut recipients, fingerprint) = if to_self {
        (Mailbox::bare(context.from), Vec::new(), Vec::new(), String::new())
    } else {
        let Some(record) = contacts::load(view, profile, due.contact)? else { return Ok(None) };
        let Some(certificate) = keys::certificate(view, context.keys, profile, &record.fingerprint)? else {
            return Ok(None);
        };
        let mut relays = keys::relays_of(view, profile, &record.fingerprint)?;
        if relays.is_empty() {
            relays.push(record.addr.clone());
        }
        (Mailbox::bare(record.addr), vec![certificate], relays, record.fingerprint)
    };
    if to_self || own_devices {
        let others = transports::own_addrs(view, profile)?;
        recipients.extend(others.into_iter().filter(|addr| addr != context.from));
        recipients.push(context.from.to_owned());
    }
    let rng = &mut thread_rng();
    let message_ids = due.jobs.iter().filter_map(|(_, job)| Mid::parse(&job.mid)).collect();
    let mut outgoing = Outgoing::new(
        Mailbox::bare(context.from),
        Recipients::Listed(vec![to]),
        Mid::generate(rng),
        context.now,
        Body::Receipt { message_ids },
    );
    if !to_self && own_key_is_due(view, context, &fingerprint)? {
        outgoing.autocrypt = own_autocrypt(view, context)?;
    }
    let outer = OuterHeaders::draw(&outgoing, context.now, rng);
    let payload = render_payload(&outgoing, &outer, rng);
    let armored = encrypt(payload, &own, &certificates, Layers::MESSAGE, context.now, rng)
        .map_err(|error| Failure::OpenPgp(error.to_string()))?;
    let mid = outer.message_id.as_str().to_owned();
    Ok(Some(Mail { recipients, raw: render_encrypted(&outer, &armored, rng), mid }))
}

/// The own key goes with a receipt now and then, and always after it changed. Row: no chat.
fn own_key_is_due(view: &impl View, context: &Context<'_>, fingerprint: &str) -> Outcome<bool> {
    let last = view.get(&GOSSIPED, &(context.profile, ChatId::NONE, fingerprint))?.map(|record| record.time);
    let period = config::gossip_period(view, context.profile)?;
    let changed =
        view.get(&volary_storage::tables::KEYS, &context.profile)?.map_or(0, |key| key.relays_changed);
    Ok(last.is_none_or(|time| context.now >= time + period || time > context.now || changed > time))
}

/// The relay took the receipt.
pub fn sent(tx: &mut Tx<'_, '_>, due: &Due) -> Result<(), StoreError> {
    let profile = tx.profile;
    for (message, _) in &due.jobs {
        tx.store.remove(&RECEIPT_JOBS, &(profile, due.contact, *message))?;
    }
    if let Some(record) = contacts::load(tx.store, profile, due.contact)? {
        let now = tx.now;
        tx.store.put(
            &GOSSIPED,
            &(profile, ChatId::NONE, record.fingerprint.as_str()),
            &TimeRecord { time: now },
        )?;
    }
    Ok(())
}

/// The receipt is not due any more. Own devices hear what was read all the same.
pub fn drop_jobs(tx: &mut Tx<'_, '_>, due: &Due) -> Result<(), StoreError> {
    let tells = due.contact != ContactId::SELF && reading::tells_own_devices(tx.store, tx.profile)?;
    for (message, job) in &due.jobs {
        let was_due = tx.store.remove(&RECEIPT_JOBS, &(tx.profile, due.contact, *message))?;
        if was_due && tells {
            outbox::push_receipt(tx, ContactId::SELF, *message, &job.mid)?;
        }
    }
    Ok(())
}

/// The receipt was not sent; it is tried again at `retry_at`, and given up when relays refused it several times.
pub fn failed(tx: &mut Tx<'_, '_>, due: &Due, retry_at: i64, refused: bool) -> Result<(), StoreError> {
    let profile = tx.profile;
    for (message, job) in &due.jobs {
        let key = (profile, due.contact, *message);
        if refused && job.tries >= MAX_TRIES {
            tx.store.remove(&RECEIPT_JOBS, &key)?;
        } else if tx.store.contains(&RECEIPT_JOBS, &key)? {
            let job = ReceiptJobRecord {
                tries: job.tries + u32::from(refused),
                not_before: retry_at,
                ..job.clone()
            };
            tx.store.put(&RECEIPT_JOBS, &key, &job)?;
        }
    }
    Ok(())
}
