//! Technical facts about messages: receipts, copies on relays, a text for people.

use volary_mail::message::text::{footer, view::plain_view};
use volary_proto::v1::ephemeral_timer::{Disabled, Enabled, Kind as Timer};
use volary_proto::v1::{EphemeralTimer, MessageInfo, MessageReadReceipt};
use volary_storage::View as _;
use volary_storage::records::MessageRecord;
use volary_storage::tables::RECEIPTS;

use super::look::Look;
use super::{convert, messages, time};
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::{ContactId, MessageId};
use crate::state::{contacts, copies, messages as stored, transports};

/// Larger HTML versions are not shown, in bytes.
const MAX_HTML: u64 = 16 << 20;

/// Who has confirmed reading, earliest first.
pub fn receipts(look: &Look<'_>, message: MessageId) -> Outcome<Vec<MessageReadReceipt>> {
    let mut found = Vec::new();
    for row in look.view.scan_prefix(&RECEIPTS, &(look.profile, message))? {
        let ((_, _, contact_id), record) = row?;
        found.push(MessageReadReceipt { contact_id: contact_id.get(), timestamp: record.time });
    }
    found.sort_by_key(|receipt| (receipt.timestamp, receipt.contact_id));
    Ok(found)
}

/// Where copies of a message are on the relays: `addr/folder/;UID=n`.
fn server_urls(look: &Look<'_>, record: &MessageRecord) -> Outcome<Vec<String>> {
    let mut urls = Vec::new();
    for mid in [&record.mid, &record.pre_mid] {
        if mid.is_empty() {
            continue;
        }
        for place in copies::of_mail(look.view, look.profile, mid)? {
            if let Some(transport) = transports::load(look.view, look.profile, place.transport)? {
                urls.push(format!("<{}/INBOX/;UID={}>", transport.addr, place.uid));
            }
        }
    }
    Ok(urls)
}

/// Technical facts.
pub fn info_object(look: &Look<'_>, message: MessageId) -> Outcome<MessageInfo> {
    let record = messages::record(look, message)?;
    let timer = match record.ephemeral_timer {
        0 => Timer::Disabled(Disabled {}),
        duration => Timer::Enabled(Enabled { duration }),
    };
    Ok(MessageInfo {
        server_urls: server_urls(look, &record)?,
        error: (!record.error.is_empty()).then_some(record.error),
        ephemeral_timer: Some(EphemeralTimer { kind: Some(timer) }),
        ephemeral_timestamp: (record.ephemeral_timer != 0).then_some(record.expires),
        hop_info: record.hops,
        rfc724_mid: record.mid,
    })
}

/// Technical facts for people.
pub fn info(look: &Look<'_>, message: MessageId) -> Outcome<String> {
    let record = messages::record(look, message)?;
    let name = |contact: ContactId| contacts::name_of(look.view, look.texts, look.profile, contact);
    let author = stored::author_name(look.view, look.texts, look.profile, &record)?;
    let mut text = format!("Sent: {} by {author}\n", time::full(messages::sent_or_sort(&record)));
    if record.from != ContactId::SELF {
        text.push_str(&format!("Received: {}\n", time::full(record.received)));
    }
    if record.ephemeral_timer != 0 {
        text.push_str(&format!("Ephemeral timer: {}\n", record.ephemeral_timer));
    }
    if record.expires != 0 {
        text.push_str(&format!("Expires: {}\n", time::full(record.expires)));
    }
    for receipt in receipts(look, message)? {
        text.push_str(&format!(
            "Read: {} by {}\n",
            time::full(receipt.timestamp),
            name(receipt.contact_id.into())?
        ));
    }
    text.push_str(&format!("State: {}", convert::state_name(messages::shown_state(look, message, &record)?)));
    if record.encrypted {
        text.push_str(", Encrypted");
    }
    text.push('\n');
    if let Some(reactions) = messages::reactions(look, message)? {
        let counted = reactions.reactions.iter().map(|one| format!("{}{}", one.emoji, one.count));
        text.push_str(&format!("Reactions: {}\n", counted.collect::<Vec<_>>().join(" ")));
    }
    if !record.error.is_empty() {
        text.push_str(&format!("Error: {}\n", record.error));
    }
    text.push('\n');
    push_file(&mut text, look, &record);
    text.push_str(&format!("Database ID: Msg#{message}"));
    if !record.mid.is_empty() {
        text.push_str(&format!("\nMessage-ID: {}", record.mid));
    }
    for url in server_urls(look, &record)? {
        text.push_str(&format!("\nServer-URL: {url}"));
    }
    let hops = if record.hops.is_empty() { "No Hop Info" } else { &record.hops };
    text.push_str(&format!("\n\n{hops}"));
    Ok(text)
}

fn push_file(text: &mut String, look: &Look<'_>, record: &MessageRecord) {
    let Some(path) = look.path(&record.blob) else { return };
    text.push_str(&format!("File: {path}, name: {}, {} bytes\n", record.file_name, record.file_bytes));
    text.push_str(&format!("Type: {}\n", convert::view_name(record.view_type)));
    text.push_str(&format!("Mimetype: {}\n", messages::mime_of(record).unwrap_or_default()));
    if record.width != 0 || record.height != 0 {
        text.push_str(&format!("Dimension: {} x {}\n", record.width, record.height));
    }
    if record.duration != 0 {
        text.push_str(&format!("Duration: {} ms\n", record.duration));
    }
    text.push('\n');
}

/// The HTML version, if there is one.
pub fn html(look: &Look<'_>, message: MessageId) -> Outcome<Option<String>> {
    let record = stored::load(look.view, look.profile, message)?;
    let record = record.ok_or_else(|| Failure::refused("Query returned no rows"))?;
    // Received messages have both where the text was cut; the view shows also what is no text.
    if let Some(bytes) = look.blob(&record.html_blob, MAX_HTML) {
        return Ok(Some(String::from_utf8_lossy(&bytes).into_owned()));
    }
    Ok(stored::long_text(&record).map(|text| plain_view(&footer::escape(text), false, false)))
}
