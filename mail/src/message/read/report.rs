//! Read receipts (RFC 8098) and delivery status (RFC 3464).

use super::facts::{BounceReport, Receipt};
use super::header_block::HeaderBlock;
use super::mime::Entity;
use crate::message::ids::MessageId;

/// Error text of a bounce that says nothing itself.
pub const DEFAULT_BOUNCE_TEXT: &str = "Delivery to at least one recipient failed.";

/// Reads the second part of a receipt. `None` if it reports nothing. `in_reply_to` stands in where a server dropped
/// the original id.
pub(super) fn receipt(report: &Entity<'_>, in_reply_to: Option<&MessageId>) -> Option<Receipt> {
    let body = report.children.get(1)?.decoded()?;
    let (fields, _) = HeaderBlock::parse(&body);
    if !fields.has("disposition") {
        return None;
    }
    let original = fields.last("original-message-id").and_then(|value| MessageId::parse(&value));
    let mut message_ids: Vec<_> = original.or_else(|| in_reply_to.cloned()).into_iter().collect();
    message_ids.extend(MessageId::parse_list(&fields.last("additional-message-ids").unwrap_or_default()));
    Some(Receipt { message_ids })
}

/// Reads a delivery status. `None` if it does not tell which message it is about.
pub(super) fn bounce(report: &Entity<'_>) -> Option<BounceReport> {
    let [_, status, rest @ ..] = report.children.as_slice() else {
        return None;
    };
    if !matches!(status.mime(), "message/delivery-status" | "message/global-delivery-status") {
        return None;
    }
    let status = status.decoded()?;
    let (of_message, per_recipient) = HeaderBlock::parse(&status);
    let message_id = rest.first().and_then(returned_id).or_else(|| id_of(&of_message, &STATUS_ID_FIELDS))?;
    Some(BounceReport { message_id, failed: has_failed(per_recipient), text: DEFAULT_BOUNCE_TEXT.to_owned() })
}

/// The id of the message that a report returns, whole or as its header fields.
fn returned_id(original: &Entity<'_>) -> Option<MessageId> {
    let has_headers = original.mime().contains("rfc822")
        || matches!(original.mime(), "message/global" | "message/global-headers");
    let body = original.decoded().filter(|_| has_headers)?;
    id_of(&HeaderBlock::parse(&body).0, &RETURNED_ID_FIELDS)
}

fn id_of(fields: &HeaderBlock<'_>, names: &[&str]) -> Option<MessageId> {
    names.iter().find_map(|name| MessageId::parse(&fields.last(name)?))
}

/// Whether one recipient at least did not get the message and will not. Without an action it is a failure, and so it is
/// without a recipient.
fn has_failed(per_recipient: &[u8]) -> bool {
    let mut rest = per_recipient.trim_ascii_start();
    let mut recipients = 0;
    while !rest.is_empty() && recipients < MAX_RECIPIENTS {
        let (recipient, after) = HeaderBlock::parse(rest);
        if recipient.last("action").is_none_or(|action| action.eq_ignore_ascii_case("failed")) {
            return true;
        }
        recipients += 1;
        rest = after.trim_ascii_start();
    }
    recipients == 0
}

/// Ids that a text names in lines such as `Message-ID: <…>`.
pub(super) fn ids_in_text(text: &str) -> Vec<MessageId> {
    let ids = text.lines().filter_map(|line| {
        let (name, value) = line.trim_start_matches(['>', ' ']).split_once(':')?;
        name.trim().eq_ignore_ascii_case("message-id").then(|| MessageId::parse(value)).flatten()
    });
    ids.take(MAX_IDS_IN_TEXT).collect()
}

/// Where the id of a returned message stands. Exchange gives messages new ids and keeps the first one.
const RETURNED_ID_FIELDS: [&str; 2] = ["x-microsoft-original-message-id", "message-id"];
/// Where it stands in the report itself, for servers that return nothing.
const STATUS_ID_FIELDS: [&str; 2] = ["x-original-message-id", "original-message-id"];
/// Most recipients of a report that are looked at.
const MAX_RECIPIENTS: usize = 1_000;
/// Ids taken from one text.
const MAX_IDS_IN_TEXT: usize = 100;

/// Whether a sender is a mail server that reports a failure.
pub(super) fn is_mailer_daemon(address: &str) -> bool {
    address.contains("mailer-daemon") || address.contains("mail-daemon")
}
