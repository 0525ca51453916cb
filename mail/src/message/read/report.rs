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
    let [_, status, original, ..] = report.children.as_slice() else {
        return None;
    };
    if !matches!(status.mime(), "message/delivery-status" | "message/global-delivery-status") {
        return None;
    }
    let has_headers = original.mime().contains("rfc822")
        || matches!(original.mime(), "message/global" | "message/global-headers");
    let body = original.decoded().filter(|_| has_headers)?;
    let (fields, _) = HeaderBlock::parse(&body);
    let message_id = fields.last("message-id").and_then(|value| MessageId::parse(&value))?;
    let status = status.decoded()?;
    let (_, per_recipient) = HeaderBlock::parse(&status);
    let (recipient, _) = HeaderBlock::parse(per_recipient.trim_ascii_start());
    let action = recipient.last("action").unwrap_or_else(|| "failed".to_owned());
    let failed = action.eq_ignore_ascii_case("failed");
    Some(BounceReport { message_id, failed, text: DEFAULT_BOUNCE_TEXT.to_owned() })
}

/// Ids that a text names in lines such as `Message-ID: <…>`.
pub(super) fn ids_in_text(text: &str) -> Vec<MessageId> {
    let ids = text.lines().filter_map(|line| {
        let (name, value) = line.trim_start_matches(['>', ' ']).split_once(':')?;
        name.trim().eq_ignore_ascii_case("message-id").then(|| MessageId::parse(value)).flatten()
    });
    ids.take(MAX_IDS_IN_TEXT).collect()
}

/// Ids taken from one text.
const MAX_IDS_IN_TEXT: usize = 100;

/// Whether a sender is a mail server that reports a failure.
pub(super) fn is_mailer_daemon(address: &str) -> bool {
    address.contains("mailer-daemon") || address.contains("mail-daemon")
}
