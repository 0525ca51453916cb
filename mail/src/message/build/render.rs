//! Payload, encrypted frame and clear-text mail.

use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::headers::{Header, HeaderType};
use mail_builder::mime::MimePart;
use rand::{CryptoRng, Rng};

use super::body::{Root, boundary, root};
use super::header::{Field, address, address_list, b_word, field, key_header, raw, text};
use super::{AutoSubmitted, Body, ChatHeader, Outgoing, Recipients, Stage};
use crate::message::bounds::OUTER_DATE_SPREAD;
use crate::message::headers::HP_OUTER;
use crate::message::ids::MessageId;
use crate::message::mailbox::Mailbox;
use crate::message::text::wire;

const HIDDEN_RECIPIENTS: &str = "\"hidden-recipients\": ;";
/// What stands outside instead of the subject (RFC 9788 §3.2.1).
const HIDDEN_SUBJECT: &str = "[...]";

/// The few headers that an encrypted mail shows to everybody. Drawn once per rendering and repeated inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OuterHeaders {
    /// Address of the sender, without name.
    pub from: String,
    /// A date at most six days before the rendering; says nothing about the message.
    pub date: i64,
    /// Same as inside.
    pub message_id: MessageId,
    /// Whether `Chat-Is-Post-Message: 1` is shown, so that receivers may skip the download.
    pub is_post_message: bool,
}

impl OuterHeaders {
    /// Draws the outer headers for one rendering at `now`; every retry draws anew.
    pub fn draw(outgoing: &Outgoing, now: i64, rng: &mut (impl Rng + CryptoRng)) -> Self {
        Self {
            from: outgoing.from.address.clone(),
            date: now.saturating_sub(rng.gen_range(0..OUTER_DATE_SPREAD)),
            message_id: outgoing.message_id.clone(),
            is_post_message: outgoing.stage == Stage::Post,
        }
    }

    fn sender_field(&self) -> HeaderType<'static> {
        address(&Mailbox::bare(self.from.clone())).into()
    }

    /// Field names with values, in the order of the outer block (`MIME-Version` aside, which is structural).
    fn fields(&self) -> Vec<Field> {
        let mut fields = vec![
            field("From", self.sender_field()),
            field("Date", Date::new(self.date)),
            raw("Message-ID", &self.message_id.bracketed()),
            raw("To", HIDDEN_RECIPIENTS),
            raw("Subject", HIDDEN_SUBJECT),
        ];
        if self.is_post_message {
            fields.push(raw("Chat-Is-Post-Message", "1"));
        }
        fields
    }

    /// The `HP-Outer` copy of one outer field.
    fn protected_copy(&self, name: &str) -> Option<Field> {
        let (_, value) = self.fields().into_iter().find(|(known, _)| *known == name)?;
        let mut line = Vec::new();
        value.write_header(&mut line, name.len() + 2);
        let value = String::from_utf8_lossy(&line);
        Some(raw(HP_OUTER, &format!("{name}: {}", value.trim_end())))
    }
}

/// The payload to encrypt: all real headers, protected (RFC 9788), and the content.
pub fn render_payload(
    outgoing: &Outgoing,
    outer: &OuterHeaders,
    rng: &mut (impl Rng + CryptoRng),
) -> Vec<u8> {
    let mut fields = Vec::new();
    fields.push(field("From", address(&visible_sender(outgoing))));
    fields.extend(outer.protected_copy("From"));
    fields.extend(outer.protected_copy("Date"));
    fields.push(raw("Message-ID", &outgoing.message_id.bracketed()));
    fields.extend(outer.protected_copy("Message-ID"));
    fields.extend(outgoing.autocrypt.as_ref().map(|value| key_header("Autocrypt", value)));
    for name in ["To", "Subject", "Chat-Is-Post-Message"] {
        fields.extend(outer.protected_copy(name));
    }
    let type_position = fields.len();
    fields.extend(message_fields(outgoing, false));
    if outgoing.stage != Stage::Post {
        fields.extend(outgoing.gossip.iter().map(|value| key_header("Autocrypt-Gossip", value)));
    }
    let mut root = root(&outgoing.body, &outgoing.stage, false, rng);
    root.content_type = root.content_type.attribute("protected-headers", "v1").attribute("hp", "cipher");
    write(root, fields, type_position, rng)
}

/// The mail around an encrypted payload. `armored` is an ASCII-armoured OpenPGP message.
pub fn render_encrypted(outer: &OuterHeaders, armored: &str, rng: &mut (impl Rng + CryptoRng)) -> Vec<u8> {
    let part = |mime: &'static str, body: String| {
        MimePart::new(ContentType::new(mime).attribute("charset", "utf-8"), body).transfer_encoding("7bit")
    };
    let parts = vec![
        part("application/pgp-encrypted", "Version: 1\r\n".to_owned()),
        part("application/octet-stream", super::body::crlf(armored.trim_end()) + "\r\n"),
    ];
    let content_type = ContentType::new("multipart/encrypted")
        .attribute("protocol", "application/pgp-encrypted")
        .attribute("boundary", boundary(rng));
    let mut mail = MimePart::new(content_type, parts);
    let mut fields = outer.fields();
    fields.insert(3, raw("MIME-Version", "1.0"));
    fields.append(&mut mail.headers);
    mail.headers = fields;
    let mut bytes = Vec::with_capacity(armored.len() + 1_024);
    mail.write_part(&mut bytes);
    bytes
}

/// A mail in clear text: one header block with everything but pictures and secrets.
pub fn render_unencrypted(outgoing: &Outgoing, rng: &mut (impl Rng + CryptoRng)) -> Vec<u8> {
    let mut fields = vec![
        field("From", address(&visible_sender(outgoing))),
        raw("Message-ID", &outgoing.message_id.bracketed()),
        raw("MIME-Version", "1.0"),
    ];
    fields.extend(outgoing.autocrypt.as_ref().map(|value| key_header("Autocrypt", value)));
    let type_position = fields.len();
    fields.extend(message_fields(outgoing, true));
    let mut root = root(&outgoing.body, &Stage::Whole, true, rng);
    match &outgoing.body {
        Body::Handshake(handshake) if handshake.is_clear_request() => root = root.wrapped([]),
        // What an edit aims at counts in the inner header only.
        Body::Edit { .. } => root = root.wrapped(target_fields(&outgoing.body)),
        _ => {}
    }
    write(root, fields, type_position, rng)
}

fn write(root: Root, fields: Vec<Field>, type_position: usize, rng: &mut impl Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    root.into_part(fields, type_position, boundary(rng)).write_part(&mut bytes);
    bytes
}

/// The sender as shown: kinds of mail that may reach strangers tell no name.
fn visible_sender(outgoing: &Outgoing) -> Mailbox {
    let tells_name = match &outgoing.body {
        Body::Receipt { .. } | Body::KeyUpdate => false,
        Body::Handshake(handshake) => handshake.may_tell_name(),
        _ => true,
    };
    if tells_name { outgoing.from.clone() } else { Mailbox::bare(outgoing.from.address.clone()) }
}

/// The fields from `Date` on, without gossip.
fn message_fields(outgoing: &Outgoing, clear: bool) -> Vec<Field> {
    let mut optional: Vec<&ChatHeader> = outgoing
        .headers
        .iter()
        .filter(|h| !clear || h.allowed_in_clear())
        .filter(|h| outgoing.stage != Stage::Post || h.allowed_in_post())
        .collect();
    optional.sort_by_key(|header| header.rank());
    let own = &outgoing.from.address;
    let ranked = |from: u8, to: u8| {
        optional.iter().filter(move |h| (from..to).contains(&h.rank())).flat_map(|h| h.fields(own))
    };

    let mut fields = vec![field("Date", Date::new(outgoing.date))];
    fields.extend(outgoing.sender.as_ref().map(|sender| field("Sender", address(sender))));
    fields.push(to_field(&outgoing.to));
    fields.extend(ranked(0, 10));
    fields.push(text("Subject", subject(outgoing)));
    fields.extend(outgoing.in_reply_to.as_ref().map(|id| raw("In-Reply-To", &id.bracketed())));
    if !outgoing.references.is_empty() {
        fields.push(raw("References", &bracketed_list(&outgoing.references)));
    }
    fields.extend(auto_submitted(outgoing).map(|value| raw("Auto-Submitted", value)));
    fields.extend(ranked(10, 20));
    if !(clear && matches!(outgoing.body, Body::Edit { .. })) {
        fields.extend(target_fields(&outgoing.body));
    }
    if has_chat_version(&outgoing.body) {
        fields.push(raw("Chat-Version", "1.0"));
    }
    fields.extend(ranked(20, 30));
    if !clear {
        fields.extend(stage_fields(&outgoing.stage));
    }
    fields.extend(ranked(30, u8::MAX));
    fields.extend(body_fields(&outgoing.body));
    fields
}

fn to_field(recipients: &Recipients) -> Field {
    match recipients {
        Recipients::Listed(mailboxes) if !mailboxes.is_empty() => field("To", address_list(mailboxes)),
        _ => raw("To", HIDDEN_RECIPIENTS),
    }
}

fn subject(outgoing: &Outgoing) -> String {
    match &outgoing.body {
        Body::Receipt { .. } => wire::RECEIPT_SUBJECT.to_owned(),
        Body::KeyUpdate => wire::KEY_UPDATE_SUBJECT.to_owned(),
        Body::Sync { .. } => wire::SYNC_SUBJECT.to_owned(),
        Body::Handshake(handshake) if handshake.is_password_encrypted() => "Secure-Join".to_owned(),
        _ => outgoing.subject.clone(),
    }
}

fn auto_submitted(outgoing: &Outgoing) -> Option<&'static str> {
    match (&outgoing.body, outgoing.auto_submitted) {
        (Body::Receipt { .. }, _) => Some("auto-replied"),
        (Body::Sync { .. } | Body::StatusUpdate { .. }, _) => Some("auto-generated"),
        (Body::KeyUpdate, _) | (_, None) => None,
        (_, Some(AutoSubmitted::Generated)) => Some("auto-generated"),
        (_, Some(AutoSubmitted::Replied)) => Some("auto-replied"),
    }
}

fn has_chat_version(body: &Body) -> bool {
    match body {
        Body::KeyUpdate => false,
        Body::Handshake(handshake) => !handshake.is_password_encrypted(),
        _ => true,
    }
}

fn target_fields(body: &Body) -> Option<Field> {
    match body {
        Body::Edit { target, .. } => Some(raw("Chat-Edit", &target.bracketed())),
        Body::Delete { targets } => {
            let ids: Vec<_> = targets.iter().map(MessageId::as_str).collect();
            Some(raw("Chat-Delete", &format!("<{}>", ids.join(" "))))
        }
        _ => None,
    }
}

fn stage_fields(stage: &Stage) -> Vec<Field> {
    match stage {
        Stage::Whole => Vec::new(),
        Stage::Pre { post_id, metadata } => vec![
            raw("Chat-Post-Message-ID", &post_id.bracketed()),
            raw("Chat-Post-Message-Metadata", &metadata.to_header()),
        ],
        Stage::Post => vec![raw("Chat-Is-Post-Message", "1")],
    }
}

fn body_fields(body: &Body) -> Vec<Field> {
    match body {
        Body::BroadcastStates(json) => vec![b_word("Chat-Broadcast-States", json)],
        Body::Handshake(handshake) => {
            let mut fields = vec![raw("Secure-Join", &handshake.step)];
            let optional = [
                ("Secure-Join-Invitenumber", &handshake.invite_number),
                ("Secure-Join-Auth", &handshake.auth),
                ("Secure-Join-Fingerprint", &handshake.fingerprint),
                ("Secure-Join-Group", &handshake.group),
            ];
            fields.extend(
                optional.into_iter().filter_map(|(name, value)| value.as_ref().map(|v| raw(name, v))),
            );
            fields
        }
        _ => Vec::new(),
    }
}

fn bracketed_list(ids: &[MessageId]) -> String {
    ids.iter().map(MessageId::bracketed).collect::<Vec<_>>().join(" ")
}
