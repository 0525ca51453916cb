//! The text part and the MIME tree of each kind of body.

use std::borrow::Cow;

use mail_builder::headers::HeaderType;
use mail_builder::headers::content_type::ContentType;
use mail_builder::mime::{BodyPart, MimePart};
use rand::Rng;

use super::header::Field;
use super::{Attachment, Body, ChatBody, Stage};
use crate::message::ids::MessageId;
use crate::message::text::bidi::strip_bidi;
use crate::message::text::footer;
use crate::message::text::wire;

/// Name of the attachment that holds sync items.
pub const SYNC_FILE: &str = "multi-device-sync.json";
/// Name of the attachment that holds updates of a mini app.
pub const STATUS_UPDATE_FILE: &str = "status-update.json";
/// Name of the attachment with a point of interest.
pub const POINT_FILE: &str = "message.kml";
/// Name of the attachment with a track.
pub const TRACK_FILE: &str = "location.kml";

const KML: &str = "application/vnd.google-earth.kml+xml";

/// The root of a payload: its type without header protection, headers that stand with the type, and content.
pub(super) struct Root {
    pub content_type: ContentType<'static>,
    pub is_reaction: bool,
    pub content: Content,
}

pub(super) enum Content {
    Text(String),
    Parts(Vec<MimePart<'static>>),
}

impl Root {
    fn text(text: String) -> Self {
        let content_type = ContentType::new("text/plain").attribute("charset", "utf-8");
        Self { content_type, is_reaction: false, content: Content::Text(text) }
    }

    fn multipart(mime: &'static str, parts: Vec<MimePart<'static>>) -> Self {
        Self { content_type: ContentType::new(mime), is_reaction: false, content: Content::Parts(parts) }
    }

    fn report(report_type: &'static str, text: &str, second: MimePart<'static>) -> Self {
        let mut root = Self::multipart("multipart/report", vec![text_part(crlf(text)), second]);
        root.content_type = root.content_type.attribute("report-type", report_type);
        root
    }

    /// Makes a lone text part, with these fields, the only child of a `multipart/mixed`.
    pub(super) fn wrapped(self, fields: impl IntoIterator<Item = Field>) -> Self {
        match self.content {
            Content::Text(text) => {
                let mut part = text_part(text);
                part.headers.extend(fields);
                Self::multipart("multipart/mixed", vec![part])
            }
            Content::Parts(_) => self,
        }
    }

    /// The finished part; `boundary` is used for containers.
    pub(super) fn into_part(
        self,
        mut headers: Vec<(Cow<'static, str>, HeaderType<'static>)>,
        type_position: usize,
        boundary: String,
    ) -> MimePart<'static> {
        let mut content_type = self.content_type;
        let contents: BodyPart<'static> = match self.content {
            Content::Text(text) => text.into(),
            Content::Parts(parts) => {
                content_type = content_type.attribute("boundary", boundary);
                parts.into()
            }
        };
        if self.is_reaction {
            let disposition = ContentType::new("reaction");
            headers.insert(type_position, ("Content-Disposition".into(), disposition.into()));
        }
        headers.insert(type_position, ("Content-Type".into(), content_type.into()));
        let mut part = MimePart::raw(contents);
        part.headers = headers;
        part
    }
}

/// The MIME tree of a body. `clear` tells that the mail will not be encrypted.
pub(super) fn root(body: &Body, stage: &Stage, clear: bool, rng: &mut impl Rng) -> Root {
    match body {
        Body::Chat(chat) => chat_root(chat, stage, clear, rng),
        Body::Reaction(emoji) => Root { is_reaction: true, ..Root::text(emoji.clone()) },
        Body::BroadcastStates(_) => Root { is_reaction: true, ..Root::text(String::new()) },
        Body::Edit { old_text, new_text, .. } => {
            // The mark stands in front, so nothing in the new text can look like a quote or footer at its start.
            let text = footer::escape(&format!("{}{new_text}", wire::EDIT_PREFIX));
            Root::text(crlf(&format!("{}{text}", quote_block(old_text))))
        }
        Body::Delete { .. } => Root::text(wire::DELETED.to_owned()),
        Body::Receipt { message_ids } => {
            let report = notification_part(receipt_fields(message_ids));
            Root::report("disposition-notification", wire::RECEIPT, report)
        }
        Body::KeyUpdate => {
            let fields = "Disposition: automatic-action/MDN-sent-automatically; processed\r\n".to_owned();
            Root::report("disposition-notification", wire::KEY_UPDATE, notification_part(fields))
        }
        Body::Sync { json } => {
            Root::report("multi-device-sync", wire::SYNC, json_part(json.clone(), SYNC_FILE))
        }
        Body::StatusUpdate { quote, json } => {
            let text = format!("{}{}", quote_block(quote), wire::STATUS_UPDATE);
            Root::report("status-update", &text, json_part(json.clone(), STATUS_UPDATE_FILE))
        }
        Body::Handshake(handshake) => Root::text(if handshake.is_password_encrypted() {
            "Secure-Join".to_owned()
        } else {
            format!("Secure-Join: {}", handshake.step)
        }),
    }
}

fn chat_root(chat: &ChatBody, stage: &Stage, clear: bool, rng: &mut impl Rng) -> Root {
    let is_pre = matches!(stage, Stage::Pre { .. });
    let is_post = *stage == Stage::Post;
    let text = if is_post { String::new() } else { crlf(&text_body(chat, clear)) };
    let html = chat.html.as_ref().filter(|_| !is_post);

    let mut parts = Vec::new();
    if !is_pre {
        parts.extend(chat.file.as_ref().map(attachment_part));
        let kml = |kml: &String, name| file_part(KML, name, kml.clone().into_bytes());
        parts.extend(chat.point_kml.as_ref().map(|k| kml(k, POINT_FILE)));
        parts.extend(chat.track_kml.as_ref().map(|k| kml(k, TRACK_FILE)));
        parts.extend(chat.status_updates.as_ref().map(|json| json_part(json.clone(), STATUS_UPDATE_FILE)));
    }
    match (html, parts.is_empty()) {
        (None, true) => Root::text(text),
        (Some(html), true) => Root::multipart("multipart/alternative", alternatives(text, html)),
        (None, false) => {
            parts.insert(0, text_part(text));
            Root::multipart("multipart/mixed", parts)
        }
        (Some(html), false) => {
            let kind = ContentType::new("multipart/alternative").attribute("boundary", boundary(rng));
            parts.insert(0, MimePart::new(kind, alternatives(text, html)));
            Root::multipart("multipart/mixed", parts)
        }
    }
}

fn alternatives(text: String, html: &str) -> Vec<MimePart<'static>> {
    let kind = ContentType::new("text/html").attribute("charset", "utf-8");
    vec![text_part(text), MimePart::new(kind, crlf(html))]
}

/// Forward mark, quote, text and footer, with line ends LF.
pub fn text_body(chat: &ChatBody, clear: bool) -> String {
    let mut out = String::new();
    if chat.forwarded {
        out.push_str(wire::FORWARD_MARK);
        out.push('\n');
        out.push_str("From: Delta Chat\n\n");
    }
    let text = lf(&chat.text);
    match &chat.quote {
        Some(quoted) if clear && quoted.protected => out.push_str("> ...\n\n"),
        Some(quoted) => out.push_str(&quote_block(&quoted.text)),
        // An empty line keeps the text from being read as a quote.
        None if text.starts_with('>') => out.push('\n'),
        None => {}
    }
    out.push_str(&footer::escape(&text));
    let status = lf(&chat.status);
    if !text.is_empty() && !status.is_empty() {
        out.push_str("\n\n");
    }
    if !status.is_empty() {
        out.push_str("-- \n");
        out.push_str(&status);
    }
    out
}

/// The text with `> ` before each line and an empty line after; nothing for an empty text.
fn quote_block(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for line in lf(text).split('\n') {
        out.push_str("> ");
        out.push_str(line);
        out.push('\n');
    }
    out.push('\n');
    out
}

fn receipt_fields(ids: &[MessageId]) -> String {
    let mut fields = String::new();
    if let Some((first, more)) = ids.split_first() {
        fields.push_str(&format!("Original-Message-ID: {}\r\n", first.bracketed()));
        fields.push_str("Disposition: manual-action/MDN-sent-automatically; displayed\r\n");
        if !more.is_empty() {
            let list: Vec<_> = more.iter().map(MessageId::bracketed).collect();
            fields.push_str(&format!("Additional-Message-IDs: {}\r\n", list.join("\r\n ")));
        }
    }
    fields
}

fn notification_part(fields: String) -> MimePart<'static> {
    MimePart::new(ContentType::new("message/disposition-notification").attribute("charset", "utf-8"), fields)
}

fn text_part(text: String) -> MimePart<'static> {
    MimePart::new(ContentType::new("text/plain").attribute("charset", "utf-8"), text)
}

fn json_part(json: String, name: &'static str) -> MimePart<'static> {
    // As octets, so that it travels in Base64: its lines have any length, and their ends are part of it.
    MimePart::new(ContentType::new("application/json"), json.into_bytes()).attachment(name)
}

fn file_part(mime: &'static str, name: &'static str, bytes: Vec<u8>) -> MimePart<'static> {
    MimePart::new(ContentType::new(mime), bytes).attachment(name)
}

fn attachment_part(file: &Attachment) -> MimePart<'static> {
    let mime: String = file.mime.chars().filter(|c| c.is_ascii_graphic() && *c != ';').collect();
    let name: String = strip_bidi(&file.name).chars().filter(|c| !c.is_control()).collect();
    MimePart::new(ContentType::new(mime), file.bytes.clone()).attachment(name)
}

/// A fresh boundary. Its underscores can appear in no Base64 line and its letters follow no `=` of quoted-printable.
pub(super) fn boundary(rng: &mut impl Rng) -> String {
    format!("{:016x}_{:016x}_{:016x}", rng.r#gen::<u64>(), rng.r#gen::<u64>(), rng.r#gen::<u64>())
}

fn lf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// Line ends as mail wants them.
pub(super) fn crlf(text: &str) -> String {
    lf(text).replace('\n', "\r\n")
}
