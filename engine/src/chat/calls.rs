//! Calls: placing, answering and ending them. What changes a call, and what follows, is a rule of
//! [`volary_mail::calls`]; here its effects are carried out.

use volary_mail::calls::{Call, Direction, Effect, Media, State, Text, Trigger};
use volary_mail::message::text::wire;
use volary_proto::v1::event;
use volary_storage::records::{CallRecord, ChatType, MessageRecord, ViewType};

use super::compose::{self, NewCall, NewMessage, SystemMessage, load_chat};
use super::{reading, requests};
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ContactId, MessageId};
use crate::ground::intent::Intent;
use crate::ground::texts::{Texts, id as text};
use crate::state::deadlines::{self, Kind};
use crate::state::messages;

/// The call that a message is.
pub fn of(record: &MessageRecord) -> Option<Call> {
    let stored = record.call.as_deref()?;
    let direction = if record.from == ContactId::SELF { Direction::Outgoing } else { Direction::Incoming };
    let given = |time: i64| (time != 0).then_some(time);
    Some(Call {
        accepted: given(stored.accepted),
        ended: given(stored.ended),
        cancelled: stored.cancelled,
        ..Call::new(direction, media(stored.has_video), record.sent)
    })
}

fn media(has_video: bool) -> Media {
    if has_video { Media::Video } else { Media::Audio }
}

/// Whether a message is a call that rings at `now`, or could.
pub fn is_alerting(record: &MessageRecord, now: i64) -> bool {
    of(record).is_some_and(|call| call.state(now) == State::Alerting)
}

/// The words of a text.
pub fn words(texts: &Texts, shown: Text) -> String {
    let begun = |direction, media| {
        texts.get(match (direction, media) {
            (Direction::Outgoing, Media::Audio) => text::OUTGOING_AUDIO_CALL,
            (Direction::Outgoing, Media::Video) => text::OUTGOING_VIDEO_CALL,
            (Direction::Incoming, Media::Audio) => text::INCOMING_AUDIO_CALL,
            (Direction::Incoming, Media::Video) => text::INCOMING_VIDEO_CALL,
        })
    };
    match shown {
        Text::Begun(direction, media) => begun(direction, media),
        Text::Completed(direction, media, minutes) => {
            format!("{}\n{}", begun(direction, media), Text::minutes(minutes))
        }
        Text::Declined => texts.get(text::DECLINED_CALL),
        Text::Canceled => texts.get(text::CANCELED_CALL),
        Text::Missed => texts.get(text::MISSED_CALL),
    }
}

/// Calls the contact of a chat. Returns the id of the message that is the call.
pub fn place(tx: &mut Tx<'_, '_>, chat: ChatId, new: NewCall) -> Outcome<MessageId> {
    let record = load_chat(tx.store, tx.profile, chat)?;
    if record.chat_type != ChatType::Single {
        return Err(Failure::refused("Can only place calls in single chats"));
    }
    if record.contact == ContactId::SELF {
        return Err(Failure::refused("Cannot call self"));
    }
    let call = Call::new(Direction::Outgoing, media(new.has_video), tx.now);
    let message = NewMessage {
        text: words(tx.texts, call.text(tx.now)),
        view_type: ViewType::Call,
        call: Some(new),
        ..Default::default()
    };
    let id = compose::send(tx, chat, message, None)?;
    tracing::info!(profile = %tx.profile, %chat, msg = %id, "call placed");
    rings_until(tx, id, call.rings_for(tx.now))?;
    Ok(id)
}

/// From now on a call rings for so many seconds at most.
pub fn rings_until(tx: &mut Tx<'_, '_>, id: MessageId, seconds: u64) -> Outcome<()> {
    let end = tx.now.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX));
    Ok(deadlines::set_single(tx, end, Kind::CallRingsOut, u64::from(id))?)
}

/// Answers a call.
pub fn accept(tx: &mut Tx<'_, '_>, id: MessageId, answer: &str) -> Outcome<()> {
    let (record, call) = load(tx, id, "accept_incoming_call")?;
    let now = tx.now;
    match change(tx, id, &record, call, Happening { trigger: Trigger::Accept, at: now, answer })? {
        Some(refused) => Err(refused),
        None => Ok(()),
    }
}

/// Cancels, declines or hangs up. What comes back is why the other side does not learn of it; the call is over here.
pub fn end(tx: &mut Tx<'_, '_>, id: MessageId) -> Outcome<Option<Failure>> {
    let (record, call) = load(tx, id, "end_call")?;
    let now = tx.now;
    change(tx, id, &record, call, Happening { trigger: Trigger::End, at: now, answer: "" })
}

fn load(tx: &Tx<'_, '_>, id: MessageId, asked: &str) -> Outcome<(MessageRecord, Call)> {
    let record = messages::load(tx.store, tx.profile, id)?
        .ok_or_else(|| Failure::refused(format!("Message Msg#{id} does not exist")))?;
    match of(&record) {
        Some(call) => Ok((record, call)),
        None => {
            Err(Failure::refused(format!("{asked} is called with Msg#{id} which does not refer to a call")))
        }
    }
}

/// A call has rung for as long as calls do.
pub fn ring_out(tx: &mut Tx<'_, '_>, id: MessageId) -> Outcome<()> {
    let now = tx.now;
    hear(tx, id, Happening { trigger: Trigger::RungOut, at: now, answer: "" })
}

/// Something happens to a call without the user of this device.
pub fn hear(tx: &mut Tx<'_, '_>, id: MessageId, happening: Happening<'_>) -> Outcome<()> {
    let Some(record) = messages::load(tx.store, tx.profile, id)? else { return Ok(()) };
    let Some(call) = of(&record) else { return Ok(()) };
    change(tx, id, &record, call, happening).map(|_| ())
}

/// What happens to a call.
#[derive(Clone, Copy, Debug)]
pub struct Happening<'a> {
    /// What it is.
    pub trigger: Trigger,
    /// When.
    pub at: i64,
    /// Session description of the callee, if it answers.
    pub answer: &'a str,
}

/// Applies what happens. Returns why a mail about it cannot be sent, in the one case in which the call changes all the
/// same: whoever is not accepted yet can be declined, and is not told.
fn change(
    tx: &mut Tx<'_, '_>,
    id: MessageId,
    record: &MessageRecord,
    mut call: Call,
    happening: Happening<'_>,
) -> Outcome<Option<Failure>> {
    let Happening { trigger, at, answer } = happening;
    let effects = call.apply(trigger, at).map_err(|error| Failure::refused(error.to_string()))?;
    if effects.is_empty() {
        return Ok(None);
    }
    let quoted = record.text.clone();
    // An outgoing call that rang out counts as declined; its text says that it was cancelled.
    let shown = effects.iter().find_map(shown_by).unwrap_or_else(|| call.text(at));
    let shown = words(tx.texts, shown);
    messages::update(tx, id, |record| {
        record.text = shown;
        record.call = Some(Box::new(CallRecord {
            accepted: call.accepted.unwrap_or(0),
            ended: call.ended.unwrap_or(0),
            cancelled: call.cancelled,
            ..record.call.take().map(|call| *call).unwrap_or_default()
        }));
    })?;
    deadlines::cancel_single(tx, Kind::CallRingsOut, u64::from(id))?;
    tracing::info!(profile = %tx.profile, chat = %record.chat, msg = %id, ?trigger, "call changed");
    let mut refused = None;
    for effect in effects {
        let sent = carry_out(tx, id, record, effect, &quoted, answer);
        match (trigger, sent) {
            (Trigger::End, Err(Failure::Refused(text))) => refused = Some(Failure::Refused(text)),
            (_, sent) => sent?,
        }
    }
    Ok(refused)
}

fn shown_by(effect: &Effect) -> Option<Text> {
    match effect {
        Effect::Show(text) => Some(*text),
        _ => None,
    }
}

fn carry_out(
    tx: &mut Tx<'_, '_>,
    id: MessageId,
    record: &MessageRecord,
    effect: Effect,
    quoted: &str,
    answer: &str,
) -> Outcome<()> {
    let (chat_id, msg_id) = (record.chat.get(), id.get());
    let (target, quoted) = (record.mid.clone(), quoted.to_owned());
    match effect {
        // Stored with the change itself.
        Effect::Show(_) => {}
        Effect::AcceptChat => requests::accept(tx, record.chat)?,
        Effect::MarkSeen => reading::mark_seen(tx, &[id])?,
        Effect::SendAccepted => {
            let intent = Intent::CallAccepted { target, quoted, answer: answer.to_owned() };
            tell_other(tx, record.chat, intent, wire::CALL_ACCEPTED)?;
        }
        Effect::SendEnded => {
            tell_other(tx, record.chat, Intent::CallEnded { target, quoted }, wire::CALL_ENDED)?;
        }
        Effect::AnnounceMessage => tx.msg_changed(record.chat, id),
        Effect::AnnounceIncomingAccepted { here } => {
            let event = event::IncomingCallAccepted { msg_id, chat_id, from_this_device: here };
            tx.tell(event::Kind::IncomingCallAccepted(event));
        }
        Effect::AnnounceOutgoingAccepted => {
            let accept_call_info = answer.to_owned();
            let event = event::OutgoingCallAccepted { msg_id, chat_id, accept_call_info };
            tx.tell(event::Kind::OutgoingCallAccepted(event));
        }
        Effect::AnnounceEnded => {
            tx.tell(event::Kind::CallEnded(event::CallEnded { msg_id, chat_id }));
        }
    }
    Ok(())
}

fn tell_other(tx: &mut Tx<'_, '_>, chat: ChatId, intent: Intent, body: &str) -> Outcome<()> {
    compose::check_can_send(tx.store, tx.profile, chat)?;
    let system = SystemMessage { intent, text: body.to_owned(), ..Default::default() };
    compose::send_system(tx, chat, system).map(|_| ())
}

#[cfg(test)]
mod tests;
