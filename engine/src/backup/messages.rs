//! Messages: one row to one row.

use serde_json::{Value, json};
use volary_backup::MaybeText;
use volary_backup::params::Params;
use volary_backup::tables;
use volary_storage::records::{
    CallRecord, Download, HeaderRecord, MessageRecord, MessageState, SystemType, ViewType,
};

use super::people::{count, id, lower_case};
use super::unpack::{Files, reference};
use crate::ground::ids::{ContactId, MessageId};
use crate::ground::intent::{Intent, Named};
use crate::ground::texts::{Texts, id as text};

/// State of messages that the recipient was seen to have read, in old rows.
const OUT_READ: i64 = 28;
/// How messages that never were mail name their author or addressee.
const INFO: i64 = 2;

/// A message of a backup, and whether it waits to be sent.
#[derive(Debug)]
pub struct Taken {
    /// The message.
    pub record: MessageRecord,
    /// It is to be sent.
    pub is_pending: bool,
    /// The place that it points at.
    pub location: i64,
}

/// A message of a backup. Its full view is stored by others.
pub fn message_in(row: &tables::Message, files: &Files, texts: &Texts) -> Option<Taken> {
    let params = Params::parse(&row.param);
    let from: ContactId = id(row.from_id)?;
    let local = (row.to_id == INFO && row.from_id == INFO) || from == ContactId::DEVICE;
    let (blob, size) = files.of(params.get('f').unwrap_or_default());
    let mut record = MessageRecord {
        chat: id(row.chat_id)?,
        from,
        state: state(row.state, from),
        view_type: view_type(row.r#type),
        system_type: SystemType::of(count(params.number('S'))).unwrap_or_default(),
        text: row.txt.clone(),
        subject: row.subject.clone(),
        sent: row.timestamp_sent,
        sort: row.timestamp,
        received: row.timestamp_rcvd,
        encrypted: params.flag('c'),
        wants_receipt: params.flag('r'),
        file_name: params.get('v').unwrap_or_default().to_owned(),
        mime_type: params.get('m').unwrap_or_default().to_owned(),
        file_bytes: if size == 0 { u64::try_from(row.bytes).unwrap_or(0) } else { size },
        blob,
        width: count(params.number('w')),
        height: count(params.number('h')),
        duration: count(params.number('d')),
        in_reply_to: mids(&row.mime_in_reply_to).next().unwrap_or_default(),
        references: mids(&row.mime_references).collect(),
        quote: params.get('q').unwrap_or_default().to_owned(),
        has_quote: params.get('q').is_some(),
        ephemeral_timer: count(row.ephemeral_timer),
        expires: row.ephemeral_timestamp,
        error: row.error.clone(),
        override_name: params.get('O').unwrap_or_default().to_owned(),
        forwarded: params.get('a').is_some(),
        edited: params.flag('L'),
        bot: params.flag('b'),
        pinned: row.pinned != 0,
        download_state: download(row.download_state),
        original: id(row.starred).filter(|id: &MessageId| id.get() != 0),
        with_group_data: params.flag('A'),
        hops: row.hop_info.0.clone(),
        ..MessageRecord::default()
    };
    record.hidden = row.hidden != 0 && record.state != MessageState::OutDraft;
    if !local && record.state != MessageState::OutDraft {
        record.mid = bare(&row.rfc724_mid);
        record.pre_mid = bare(&row.pre_rfc724_mid);
    }
    if record.download_state != Download::Done && params.get('8').is_some() {
        record.announced_type = view_type(params.number('8'));
        record.view_type = ViewType::Text;
        record.file_bytes = u64::try_from(params.number('9')).unwrap_or(0);
    }
    record.info_contact = info_contact(&record, row, &params);
    if record.view_type == ViewType::Call {
        record.call = Some(Box::new(call(&record, &params, texts)));
    }
    let is_pending = pending(&mut record, row, &params);
    Some(Taken { record, is_pending, location: row.location_id })
}

fn state(number: i64, from: ContactId) -> MessageState {
    let known = u32::try_from(number).ok().and_then(MessageState::of);
    match known.filter(|state| *state != MessageState::Undefined) {
        Some(state) => state,
        None if number == OUT_READ || from == ContactId::SELF => MessageState::OutDelivered,
        None => MessageState::InSeen,
    }
}

fn view_type(number: i64) -> ViewType {
    u32::try_from(number).ok().and_then(ViewType::of).unwrap_or_default()
}

fn download(number: i64) -> Download {
    match u32::try_from(number).ok().and_then(Download::of).unwrap_or_default() {
        // Nobody fetches it any more.
        Download::InProgress => Download::Available,
        other => other,
    }
}

/// Message-IDs of a header field, with or without angle brackets.
fn mids(field: &str) -> impl Iterator<Item = String> {
    field.split_whitespace().map(bare).filter(|mid| !mid.is_empty())
}

fn bare(mid: &str) -> String {
    mid.trim_matches(['<', '>', ' ']).to_owned()
}

fn info_contact(record: &MessageRecord, row: &tables::Message, params: &Params) -> Option<ContactId> {
    match record.system_type {
        SystemType::MemberAdded | SystemType::MemberRemoved => {
            id(params.number('5')).filter(|id: &ContactId| id.get() != 0)
        }
        SystemType::GroupNameChanged
        | SystemType::GroupDescriptionChanged
        | SystemType::GroupImageChanged
        | SystemType::EphemeralTimerChanged => (row.from_id != INFO).then_some(record.from),
        _ => None,
    }
}

fn call(record: &MessageRecord, params: &Params, texts: &Texts) -> CallRecord {
    let given_up = [texts.get(text::CANCELED_CALL), texts.get(text::MISSED_CALL)];
    let (accepted, ended) = (params.number('F'), params.number('H'));
    CallRecord {
        offer: params.get('V').unwrap_or_default().to_owned(),
        has_video: params.flag('z'),
        accepted,
        ended,
        cancelled: accepted == 0 && ended != 0 && given_up.contains(&record.text),
    }
}

/// Makes the row of an own message ready to be sent, if it is to be and what it is for is known.
fn pending(record: &mut MessageRecord, row: &tables::Message, params: &Params) -> bool {
    if record.from != ContactId::SELF {
        return false;
    }
    if let Ok(Value::Object(ours)) = serde_json::from_str(&row.txt_raw) {
        restore(record, &ours);
        let waits = ours.get("waits").and_then(Value::as_bool).unwrap_or(false)
            && record.state == MessageState::OutFailed
            && record.error.is_empty();
        if waits {
            record.state = MessageState::OutPending;
        }
        return waits;
    }
    if record.state != MessageState::OutPending {
        return false;
    }
    match intent(record, params) {
        Some(Intent::Text) => true,
        Some(intent) => {
            let (system_type, group_data) = (record.system_type, record.with_group_data);
            intent.store_in(record);
            record.system_type = system_type;
            record.with_group_data |= group_data;
            true
        }
        None => {
            record.state = MessageState::OutFailed;
            false
        }
    }
}

/// What a message of chatmail core that waits is for.
fn intent(record: &MessageRecord, params: &Params) -> Option<Intent> {
    let target = record.in_reply_to.clone();
    let member = || Named {
        address: params.get('E').unwrap_or_default().to_owned(),
        fingerprint: params.get('H').unwrap_or_default().to_owned(),
    };
    if params.flag('x') {
        return Some(Intent::Reaction { target });
    }
    if let Some(edited) = params.get('I') {
        let old_text = params.get('q').unwrap_or_default().to_owned();
        return Some(Intent::Edit { target: bare(edited), old_text });
    }
    if let Some(deleted) = params.get('M') {
        let targets: Vec<String> = mids(deleted).collect();
        return (!targets.is_empty()).then_some(Intent::Delete { targets });
    }
    Some(match record.system_type {
        SystemType::None if !record.hidden => Intent::Text,
        SystemType::MemberAdded => Intent::MemberAdded { member: member(), by_handshake: params.flag('F') },
        SystemType::MemberRemoved => Intent::MemberRemoved(member()),
        SystemType::GroupNameChanged => {
            Intent::NameChanged { old: params.get('E').unwrap_or_default().to_owned(), new: None }
        }
        SystemType::GroupImageChanged => Intent::PictureChanged,
        SystemType::GroupDescriptionChanged => Intent::DescriptionChanged,
        SystemType::EphemeralTimerChanged => Intent::TimerChanged { seconds: None },
        SystemType::MessagePinned => Intent::Pin { target, pinned: true },
        SystemType::MessageUnpinned => Intent::Pin { target, pinned: false },
        SystemType::LocationStreamingEnabled => Intent::LocationStreaming,
        _ => return None,
    })
}

/// What an own message still needs to be sent and no column of chatmail core holds.
fn remember(record: &MessageRecord, waits: bool) -> String {
    let headers: Vec<_> = record.headers.iter().map(|header| json!([header.name, header.value])).collect();
    json!({ "waits": waits, "headers": headers, "wire_text": record.wire_text }).to_string()
}

fn restore(record: &mut MessageRecord, ours: &serde_json::Map<String, Value>) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    record.wire_text = ours.get("wire_text").map(text).unwrap_or_default();
    let headers = ours.get("headers").and_then(Value::as_array).into_iter().flatten();
    record.headers = headers
        .filter_map(|header| Some(HeaderRecord { name: text(header.get(0)?), value: text(header.get(1)?) }))
        .collect();
}

/// What is known of a message besides its row.
#[derive(Debug, Default)]
pub struct Beside {
    /// It waits to be sent.
    pub waits: bool,
    /// The first recipient of the chat.
    pub to: i64,
    /// Its full view.
    pub html: Option<String>,
    /// The place that it points at.
    pub location: i64,
    /// Document, its time, summary, its time.
    pub labels: Option<(String, i64, String, i64)>,
}

/// A message for a backup.
pub fn message_out(message: MessageId, record: &MessageRecord, beside: &Beside) -> tables::Message {
    let is_draft = record.state == MessageState::OutDraft;
    let unsent = record.from == ContactId::SELF
        && matches!(record.state, MessageState::OutPending | MessageState::OutFailed);
    let cut = record.system_type == SystemType::None && !record.wire_text.is_empty();
    let (from, to) = if record.from == ContactId::INFO {
        (told_by(record).map_or(INFO, Into::into), INFO)
    } else {
        (record.from.into(), if record.from == ContactId::SELF { beside.to } else { 1 })
    };
    tables::Message {
        id: message.into(),
        rfc724_mid: record.mid.clone(),
        chat_id: record.chat.into(),
        from_id: from,
        to_id: to,
        timestamp: record.sort,
        r#type: record.view_type.number().into(),
        // Chatmail core sends nothing that is not in its queue, and would show it as waiting for ever.
        state: if unsent { MessageState::OutFailed } else { record.state }.number().into(),
        bytes: if record.from == ContactId::SELF { 0 } else { i64::try_from(record.file_bytes).unwrap_or(0) },
        txt: record.text.clone(),
        txt_raw: if unsent { remember(record, beside.waits) } else { String::new() },
        param: params_out(record, beside).to_text(),
        starred: record.original.map_or(0, Into::into),
        timestamp_sent: record.sent,
        timestamp_rcvd: record.received,
        hidden: (record.hidden || is_draft).into(),
        mime_in_reply_to: record.in_reply_to.clone(),
        mime_references: record.references.join(" "),
        location_id: beside.location,
        error: record.error.clone(),
        ephemeral_timer: record.ephemeral_timer.into(),
        ephemeral_timestamp: record.expires,
        mime_modified: (beside.html.is_some() || cut).into(),
        subject: record.subject.clone(),
        download_state: download(record.download_state.number().into()).number().into(),
        hop_info: MaybeText(record.hops.clone()),
        txt_normalized: lower_case(&record.text),
        pre_rfc724_mid: record.pre_mid.clone(),
        pinned: record.pinned.into(),
        ..tables::Message::default()
    }
}

/// Who made the change that an info line tells of: chatmail core knows it as the author.
fn told_by(record: &MessageRecord) -> Option<ContactId> {
    let by_author = matches!(
        record.system_type,
        SystemType::GroupNameChanged
            | SystemType::GroupDescriptionChanged
            | SystemType::GroupImageChanged
            | SystemType::EphemeralTimerChanged
    );
    record.info_contact.filter(|_| by_author)
}

fn params_out(record: &MessageRecord, beside: &Beside) -> Params {
    let mut params = Params::default();
    params.set('f', &reference(&record.blob));
    params.set('v', &record.file_name);
    params.set('m', &record.mime_type);
    params.set_number('w', record.width);
    params.set_number('h', record.height);
    params.set_number('d', record.duration);
    params.set_flag('c', record.encrypted);
    params.set_flag('r', record.wants_receipt);
    params.set_flag('b', record.bot);
    params.set_flag('a', record.forwarded);
    params.set_flag('L', record.edited);
    params.set_flag('A', record.with_group_data);
    params.set('O', &record.override_name);
    params.set_number('S', record.system_type.number());
    if record.has_quote {
        params.set('q', &record.quote);
        params.set_flag('0', record.encrypted);
    }
    if matches!(record.system_type, SystemType::MemberAdded | SystemType::MemberRemoved) {
        params.set_number('5', record.info_contact.map_or(0, i64::from));
    }
    if record.download_state != Download::Done && record.announced_type != ViewType::Unknown {
        params.set_number('8', record.announced_type.number());
        params.set_number('9', i64::try_from(record.file_bytes).unwrap_or(0));
    }
    if let Some(call) = &record.call {
        params.set('V', &call.offer);
        params.set_flag('z', call.has_video);
        params.set_number('F', call.accepted);
        params.set_number('H', call.ended);
    }
    if let Some((document, document_at, summary, summary_at)) = &beside.labels {
        params.set('R', document);
        params.set_number('W', *document_at);
        params.set('N', summary);
        params.set_number('Q', *summary_at);
    }
    if let Some(html) = &beside.html {
        params.set('T', html);
    }
    params
}
