//! Read receipts (RFC 8098) and delivery status (RFC 3464).

use super::facts::{BounceReport, ParsedMessage, Receipt};
use super::header_block::HeaderBlock;
use super::mime::Entity;
use super::parameters::Parameterised;
use crate::message::ids::MessageId;
use crate::message::mailbox::Mailbox;

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

/// Whether a report in words says that the mail server goes on trying. Others are about failures.
pub(super) fn is_warning(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    WARNINGS.iter().any(|words| text.contains(words))
}

/// The id of the message that an entity returns, whole or as its header fields, in a report of any form.
pub(super) fn id_of_returned(entity: &Entity<'_>) -> Option<MessageId> {
    let is_returned = entity.mime().starts_with("message/") || entity.mime() == "text/rfc822-headers";
    returned_id(entity).filter(|_| is_returned)
}

/// Ids that a text names in lines such as `Message-ID: <…>`.
pub(super) fn ids_in_text(text: &str) -> Vec<MessageId> {
    let mut lines = text.lines().map(|line| line.trim_start_matches(['>', ' ', '\t'])).peekable();
    let ids = std::iter::from_fn(|| {
        let line = lines.next()?;
        let value = line.split_once(':').filter(|(name, _)| name.trim().eq_ignore_ascii_case("message-id"));
        Some(value.and_then(|(_, value)| match value.trim() {
            // Long ids stand in a line of their own.
            "" => lines.peek().and_then(|next| MessageId::parse(next)),
            value => MessageId::parse(value),
        }))
    });
    ids.flatten().take(MAX_IDS_IN_TEXT).collect()
}

/// Where the id of a returned message stands. Exchange gives messages new ids and keeps the first one.
const RETURNED_ID_FIELDS: [&str; 2] = ["x-microsoft-original-message-id", "message-id"];
/// Where it stands in the report itself, for servers that return nothing.
const STATUS_ID_FIELDS: [&str; 2] = ["x-original-message-id", "original-message-id"];
/// Most recipients of a report that are looked at.
const MAX_RECIPIENTS: usize = 1_000;
/// Ids taken from one mail.
pub(super) const MAX_IDS_IN_TEXT: usize = 100;

/// What Exim, Sendmail and their kin write while they go on trying.
const WARNINGS: [&str; 4] = [
    "this is a warning message only",
    "you do not need to resend your message",
    "no action is required on your part",
    "delivery attempts will continue",
];

/// Whether a sender is a mail server that reports a failure.
pub fn is_mailer_daemon(address: &str) -> bool {
    address.contains("mailer-daemon") || address.contains("mail-daemon")
}

/// Whether a mail without a delivery status may be a report of a mail server: of a daemon, or of a postmaster who is none.
pub(super) fn may_be_of_server(message: &ParsedMessage) -> bool {
    let address = message.from.address.as_str();
    let is_automatic =
        || message.auto_submitted.as_ref().is_some_and(|value| !value.eq_ignore_ascii_case("no"));
    is_mailer_daemon(address) || (address.starts_with("postmaster@") && is_automatic())
}

/// The sender of reports whose `From` names nobody, as Courier writes them.
pub(super) fn nobody() -> Mailbox {
    Mailbox { address: "mailer-daemon@invalid".to_owned(), ..Mailbox::default() }
}

/// Whether a value of `Content-Type` announces a delivery status (RFC 3464), as far as that can be seen before the mail is
/// here.
pub fn is_delivery_status(content_type: &str) -> bool {
    let content_type = Parameterised::parse(content_type);
    content_type.value == "multipart/report"
        && content_type.get("report-type").is_none_or(|kind| kind.eq_ignore_ascii_case("delivery-status"))
}
