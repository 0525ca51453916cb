//! Calls that come in, and what is heard of calls.

use volary_mail::calls::{Caller, Party, Reception, Trigger, WhoRings, receive};
use volary_mail::message::ParsedMessage;
use volary_mail::message::read::{MessageKind, SplitRole};
use volary_proto::v1::event;
use volary_storage::View as _;
use volary_storage::records::{
    Block, CallRecord, ChatRecord, ChatType, KnownMail, MessageRecord, PendingCallRecord, ViewType,
};
use volary_storage::tables::PENDING_CALLS;

use super::contacts::People;
use super::fate::Copies;
use super::open::Opened;
use crate::chat::calls::{self, Happening};
use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::events::Events as _;
use crate::ground::ids::{ContactId, MessageId};
use crate::state::{chats, config, contacts, messages};

/// Makes a message that says that it is a call one, or a text: calls are between two people who write encrypted.
pub fn take(
    tx: &Tx<'_, '_>,
    parsed: &ParsedMessage,
    who: &People,
    chat: &ChatRecord,
    record: &mut MessageRecord,
) -> Outcome<()> {
    let offer = parsed.call.offer.clone().filter(|_| {
        let between_two = chat.chat_type == ChatType::Single && !chat.contact.is_special();
        let whole = parsed.split == SplitRole::Whole && parsed.parts.len() == 1 && record.blob.is_empty();
        between_two && whole && parsed.has_padlock()
    });
    let Some(offer) = offer else {
        record.view_type = ViewType::Text;
        return Ok(());
    };
    let has_video = parsed.call.has_video;
    record.call = Some(Box::new(CallRecord { offer, has_video, ..Default::default() }));
    record.quote.clear();
    record.has_quote = false;
    let Some(call) = calls::of(record) else { return Ok(()) };
    let shown = match reception(tx, record, chat)? {
        Some(reception) => reception.text(&call),
        // An own one, from another device.
        None => volary_mail::calls::Text::of_state(
            call.direction,
            call.media,
            volary_mail::calls::State::Alerting,
        ),
    };
    record.text = calls::words(tx.texts, shown);
    if who.outgoing {
        return Ok(());
    }
    if chat.blocked == Block::Yes
        && let Some(stored) = &mut record.call
    {
        stored.ended = tx.now;
        stored.cancelled = true;
    }
    Ok(())
}

/// What a call does that comes in; `None` for own ones.
fn reception(tx: &Tx<'_, '_>, record: &MessageRecord, chat: &ChatRecord) -> Outcome<Option<Reception>> {
    let Some(call) = calls::of(record).filter(|_| record.from != ContactId::SELF) else { return Ok(None) };
    let blocked = contacts::load(tx.store, tx.profile, record.from)?.is_some_and(|contact| contact.blocked);
    let caller = match chat.blocked {
        _ if blocked => Caller::Blocked,
        Block::Not => Caller::Contact,
        Block::Request => Caller::Stranger,
        Block::Yes => Caller::Blocked,
    };
    let choice = config::number(tx.store, tx.profile, config::key::WHO_CAN_CALL_ME)?;
    Ok(Some(receive(&call, caller, WhoRings::from_setting(choice), tx.now)))
}

/// A message that was stored and announced rings, if it is a call that may. What was heard before it came is applied.
pub fn came(tx: &mut Tx<'_, '_>, id: MessageId, record: &MessageRecord) -> Outcome<()> {
    if record.call.is_none() {
        return Ok(());
    }
    let chat = chats::load(tx.store, tx.profile, record.chat)?.unwrap_or_default();
    for (contact, party) in [(ContactId::SELF, Party::Own), (chat.contact, Party::Other)] {
        heard_before(tx, id, record, contact, party)?;
    }
    let Some(record) = messages::load(tx.store, tx.profile, id)? else { return Ok(()) };
    if !calls::is_alerting(&record, tx.now) {
        return Ok(());
    }
    let reception = reception(tx, &record, &chat)?;
    tracing::info!(profile = %tx.profile, chat = %record.chat, msg = %id, ?reception, "call came");
    let Some(Reception::Alerting { rings, seconds }) = reception else { return Ok(()) };
    if rings && let Some(call) = &record.call {
        tx.tell(event::Kind::IncomingCall(event::IncomingCall {
            msg_id: id.get(),
            chat_id: record.chat.get(),
            place_call_info: call.offer.clone(),
            has_video: call.has_video,
        }));
    }
    calls::rings_until(tx, id, seconds)
}

fn heard_before(
    tx: &mut Tx<'_, '_>,
    id: MessageId,
    record: &MessageRecord,
    contact: ContactId,
    party: Party,
) -> Outcome<()> {
    let key = (tx.profile, record.mid.clone(), contact);
    let Some(news) = tx.store.get(&PENDING_CALLS, &key)? else { return Ok(()) };
    tx.store.remove(&PENDING_CALLS, &key)?;
    let heard = [(Trigger::HeardAccepted(party), news.accepted), (Trigger::HeardEnded(party), news.ended)];
    for (trigger, at) in heard.into_iter().filter(|(_, at)| *at != 0) {
        calls::hear(tx, id, Happening { trigger, at, answer: &news.answer })?;
    }
    Ok(())
}

/// A call was answered, or it is over. What is heard of one that is not here yet waits for it.
pub fn heard(tx: &mut Tx<'_, '_>, opened: &Opened, parsed: &ParsedMessage, who: &People) -> Outcome<Copies> {
    let Some(target) = parsed.in_reply_to.as_ref().filter(|_| parsed.has_padlock()) else {
        tx.warning("Ignoring news of a call that names none, or is not encrypted");
        return Ok(Copies::Keep);
    };
    let accepted = parsed.kind() == MessageKind::CallAccepted;
    let at = parsed.sent_at(opened.received).min(tx.now);
    let answer = parsed.call.answer.clone().unwrap_or_default();
    let Some((id, record)) = messages::by_mid(tx.store, tx.profile, target.as_str())? else {
        let unknown = messages::known(tx.store, tx.profile, target.as_str())?
            .is_none_or(|known| known.kind == KnownMail::Nothing);
        if unknown {
            let key = (tx.profile, target.as_str().to_owned(), who.sender);
            let mut news = tx.store.get(&PENDING_CALLS, &key)?.unwrap_or_default();
            news.time = tx.now;
            if accepted {
                news = PendingCallRecord { accepted: at, answer, ..news };
            } else {
                news.ended = at;
            }
            tx.store.put(&PENDING_CALLS, &key, &news)?;
        }
        return Ok(Copies::Keep);
    };
    let chat = chats::load(tx.store, tx.profile, record.chat)?.unwrap_or_default();
    let party = match who.sender {
        ContactId::SELF => Party::Own,
        contact if contact == chat.contact => Party::Other,
        _ => {
            tx.warning("Ignoring news of a call by somebody else");
            return Ok(Copies::Keep);
        }
    };
    let trigger = if accepted { Trigger::HeardAccepted(party) } else { Trigger::HeardEnded(party) };
    calls::hear(tx, id, Happening { trigger, at, answer: &answer })?;
    Ok(Copies::Keep)
}

#[cfg(test)]
mod tests;
