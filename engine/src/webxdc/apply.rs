//! An update becomes part of the log of its instance, with all that follows from it.

use volary_mail::webxdc::self_addr;
use volary_mail::webxdc::update::Update;
use volary_mail::webxdc::update::effects::{self, Arrival, LastLine, Line, Listener};
use volary_proto::v1::event;
use volary_storage::StoreError;
use volary_storage::records::{Block, MessageRecord, MessageState, SystemType, ViewType};

use crate::chat::compose;
use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::events::Events as _;
use crate::ground::ids::{ContactId, MessageId};
use crate::state::{apps, chats, keys, messages};

/// Where an update comes from.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Who made it: a contact, or SELF.
    pub from: ContactId,
    /// Its time: now, or the place in the chat of the mail that brought it.
    pub at: i64,
    /// How it came.
    pub arrival: Arrival,
}

/// Adds an update to an instance and returns its number; `None` if it is known.
pub fn apply(
    tx: &mut Tx<'_, '_>,
    instance: MessageId,
    update: &Update,
    source: Source,
) -> Outcome<Option<u32>> {
    let Some(app) = messages::load(tx.store, tx.profile, instance)? else { return Ok(None) };
    // An app that is used does not age, also where an update is known from another relay or device.
    messages::update(tx, instance, |record| record.received = record.received.max(source.at))?;
    let Some(serial) = apps::add_update(tx, instance, update)? else { return Ok(None) };
    let before = apps::labels(&apps::load(tx.store, tx.profile, instance)?.unwrap_or_default());
    let mut labels = before.clone();
    let changed = labels.apply(update, source.at);
    if labels != before {
        apps::set_labels(tx, instance, labels)?;
    }
    let line = inform(tx, &app, update, source)?;
    if changed {
        tx.msg_changed(app.chat, instance);
    }
    if source.arrival.may_run() {
        let event = event::WebxdcStatusUpdate { msg_id: instance.get(), status_update_serial: serial };
        tx.tell(event::Kind::WebxdcStatusUpdate(event));
    }
    notify(tx, &app, update, source, line.unwrap_or(instance))?;
    Ok(Some(serial))
}

/// Shows the text of an update in the chat and returns the id of its line.
fn inform(
    tx: &mut Tx<'_, '_>,
    app: &MessageRecord,
    update: &Update,
    source: Source,
) -> Result<Option<MessageId>, StoreError> {
    let last = match messages::newest_id(tx.store, tx.profile, app.chat)? {
        Some((_, id)) if update.info.is_some() => {
            messages::load(tx.store, tx.profile, id)?.map(|record| (id, record))
        }
        _ => None,
    };
    let facts = last.as_ref().map(|(_, record)| LastLine {
        is_of_instance: record.system_type == SystemType::WebxdcInfo
            && !app.mid.is_empty()
            && record.in_reply_to == app.mid,
        is_by_sender: record.from == source.from,
    });
    let id = match (effects::line(update, source.arrival, facts), last) {
        (Line::None, _) | (Line::Replace(_), None) => return Ok(None),
        (Line::Replace(text), Some((id, _))) => {
            messages::update(tx, id, |record| {
                text.clone_into(&mut record.text);
                (record.sort, record.sent) = (source.at, source.at);
            })?;
            id
        }
        (Line::New { text, href }, _) => {
            let timer = chats::load(tx.store, tx.profile, app.chat)?.map_or(0, |chat| chat.ephemeral_timer);
            let record = MessageRecord {
                chat: app.chat,
                from: source.from,
                state: MessageState::InNoticed,
                view_type: ViewType::Text,
                system_type: SystemType::WebxdcInfo,
                text: text.to_owned(),
                href: href.unwrap_or_default().to_owned(),
                in_reply_to: app.mid.clone(),
                sent: source.at,
                sort: source.at,
                received: tx.now,
                encrypted: app.encrypted,
                ephemeral_timer: timer,
                ..Default::default()
            };
            messages::insert(tx, &record)?
        }
    };
    tx.msg_changed(app.chat, id);
    Ok(Some(id))
}

/// Tells the user of an update that is meant for them.
fn notify(
    tx: &mut Tx<'_, '_>,
    app: &MessageRecord,
    update: &Update,
    source: Source,
    message: MessageId,
) -> Outcome<()> {
    if update.notify.is_none() {
        return Ok(());
    }
    let Some(chat) = chats::load(tx.store, tx.profile, app.chat)? else { return Ok(()) };
    let own = keys::own_fingerprint(tx.store, tx.profile)?;
    let own = own.and_then(|own| keys::parse_fingerprint(&own));
    let listener = Listener {
        self_addr: &own.map(|own| self_addr(&own, &app.mid)).unwrap_or_default(),
        is_muted: compose::is_muted(chat.mute, tx.now),
        is_request: chat.blocked != Block::Not,
    };
    if let Some(text) = effects::notification(update, source.arrival, listener) {
        let event = event::IncomingWebxdcNotify {
            chat_id: app.chat.get(),
            contact_id: source.from.get(),
            msg_id: message.get(),
            text: text.to_owned(),
            href: update.href.clone(),
        };
        tx.tell(event::Kind::IncomingWebxdcNotify(event));
    }
    Ok(())
}
