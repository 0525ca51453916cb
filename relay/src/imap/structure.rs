//! ENVELOPE and BODYSTRUCTURE (RFC 3501, section 7.4.2).

use mail_parser::{
    Address, ContentType, HeaderName, HeaderValue, Message, MessagePart, MimeHeaders, PartType,
};

use super::text::{put_nstring, put_string};
use crate::net::Reply;

/// Levels of nesting that are described; deeper parts appear as plain data.
const MAX_DEPTH: usize = 20;

/// The envelope of a message without a header.
const EMPTY_ENVELOPE: &[u8] = b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)";

/// The structure of a message without any content.
const EMPTY_STRUCTURE: &[u8] = b"(\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0)";

/// Writes the envelope: date, subject, six address lists, in-reply-to and message id.
pub(crate) fn put_envelope(reply: &mut Reply, message: Option<&Message<'_>>) {
    let Some(message) = message.filter(|message| !message.parts.is_empty()) else {
        reply.bytes(EMPTY_ENVELOPE);
        return;
    };
    let raw =
        |name: &'static str| message.header_raw(name).map(|value| value.trim().replace(['\r', '\n'], ""));
    let text = |reply: &mut Reply, name| put_nstring(reply, raw(name).as_deref().map(str::as_bytes));
    reply.bytes(b"(");
    text(reply, "Date");
    reply.bytes(b" ");
    text(reply, "Subject");
    let from = message.from();
    let lists = [
        from,
        message.sender().or(from),
        message.reply_to().or(from),
        message.to(),
        message.cc(),
        message.bcc(),
    ];
    for list in lists {
        reply.bytes(b" ");
        put_addresses(reply, list);
    }
    reply.bytes(b" ");
    text(reply, "In-Reply-To");
    reply.bytes(b" ");
    text(reply, "Message-ID");
    reply.bytes(b")");
}

fn put_addresses(reply: &mut Reply, list: Option<&Address<'_>>) {
    let Some(list) = list.filter(|list| list.iter().next().is_some()) else {
        reply.bytes(b"NIL");
        return;
    };
    reply.bytes(b"(");
    for address in list.iter() {
        let full = address.address().unwrap_or_default();
        let (local, domain) = full.rsplit_once('@').unwrap_or((full, ""));
        reply.bytes(b"(");
        put_nstring(reply, address.name().map(str::as_bytes));
        reply.bytes(b" NIL ");
        put_string(reply, local.as_bytes());
        reply.bytes(b" ");
        put_string(reply, domain.as_bytes());
        reply.bytes(b")");
    }
    reply.bytes(b")");
}

/// Writes the structure of a message; `extended` adds dispositions and the like.
pub(crate) fn put_structure(reply: &mut Reply, message: Option<&Message<'_>>, extended: bool) {
    match message {
        Some(message) => put_message(reply, message, extended, MAX_DEPTH),
        None => reply.bytes(EMPTY_STRUCTURE),
    }
}

fn put_message(reply: &mut Reply, message: &Message<'_>, extended: bool, depth: usize) {
    match message.parts.first() {
        Some(part) => put_part(reply, message, part, extended, depth),
        None => reply.bytes(EMPTY_STRUCTURE),
    }
}

fn put_part(reply: &mut Reply, message: &Message<'_>, part: &MessagePart<'_>, extended: bool, depth: usize) {
    let content_type = part.content_type();
    reply.bytes(b"(");
    match (&part.body, depth.checked_sub(1)) {
        (PartType::Multipart(children), Some(depth)) if !children.is_empty() => {
            for child in children.iter().filter_map(|id| message.parts.get(*id as usize)) {
                put_part(reply, message, child, extended, depth);
            }
            reply.bytes(b" ");
            put_string(reply, content_type.and_then(ContentType::subtype).unwrap_or("mixed").as_bytes());
            if extended {
                reply.bytes(b" ");
                put_parameters(reply, content_type);
            }
        }
        (PartType::Message(inner), Some(depth)) => {
            put_basic(reply, part, "message", "rfc822");
            reply.bytes(b" ");
            put_envelope(reply, Some(inner));
            reply.bytes(b" ");
            put_message(reply, inner, extended, depth);
            reply.put(format_args!(" {}", lines(message, part)));
            put_md5(reply, extended);
        }
        (PartType::Text(_) | PartType::Html(_), _) => {
            let subtype = if matches!(part.body, PartType::Html(_)) { "html" } else { "plain" };
            put_basic(reply, part, "text", subtype);
            reply.put(format_args!(" {}", lines(message, part)));
            put_md5(reply, extended);
        }
        _ => {
            put_basic(reply, part, "application", "octet-stream");
            put_md5(reply, extended);
        }
    }
    if extended {
        reply.bytes(b" ");
        put_disposition(reply, part.content_disposition());
        reply.bytes(b" NIL NIL");
    }
    reply.bytes(b")");
}

fn put_md5(reply: &mut Reply, extended: bool) {
    if extended {
        reply.bytes(b" NIL");
    }
}

/// Type, subtype, parameters, id, description, encoding and size.
fn put_basic(reply: &mut Reply, part: &MessagePart<'_>, kind: &str, subtype: &str) {
    let own = part.content_type();
    // The parser may treat a part as text or data against its label; then the label would break the syntax.
    let label = own.filter(|own| own.ctype().eq_ignore_ascii_case(kind) || kind == "application");
    let (kind, subtype) = match label.and_then(|own| Some((own.ctype(), own.subtype()?))) {
        Some((own, _))
            if kind == "application"
                && (own.eq_ignore_ascii_case("text") || own.eq_ignore_ascii_case("message")) =>
        {
            (kind, subtype)
        }
        Some(labelled) => labelled,
        None => (kind, subtype),
    };
    put_string(reply, kind.as_bytes());
    reply.bytes(b" ");
    put_string(reply, subtype.as_bytes());
    reply.bytes(b" ");
    put_parameters(reply, own);
    reply.bytes(b" ");
    put_nstring(reply, part.content_id().map(|id| format!("<{id}>")).as_deref().map(str::as_bytes));
    reply.bytes(b" ");
    put_nstring(reply, part.content_description().map(str::as_bytes));
    reply.bytes(b" ");
    let encoding = part.headers.iter().find(|header| header.name == HeaderName::ContentTransferEncoding);
    let encoding = encoding.and_then(|header| match &header.value {
        HeaderValue::Text(text) => Some(text.as_ref()),
        _ => None,
    });
    put_string(reply, encoding.unwrap_or("7bit").as_bytes());
    reply.put(format_args!(" {}", part.offset_end.saturating_sub(part.offset_body)));
}

fn put_parameters(reply: &mut Reply, content_type: Option<&ContentType<'_>>) {
    let Some(attributes) = content_type.and_then(ContentType::attributes).filter(|list| !list.is_empty())
    else {
        reply.bytes(b"NIL");
        return;
    };
    for (index, attribute) in attributes.iter().enumerate() {
        reply.bytes(if index == 0 { b"(" } else { b" " });
        put_string(reply, attribute.name.as_bytes());
        reply.bytes(b" ");
        put_string(reply, attribute.value.as_bytes());
    }
    reply.bytes(b")");
}

fn put_disposition(reply: &mut Reply, disposition: Option<&ContentType<'_>>) {
    let Some(disposition) = disposition else {
        reply.bytes(b"NIL");
        return;
    };
    reply.bytes(b"(");
    put_string(reply, disposition.ctype().as_bytes());
    reply.bytes(b" ");
    put_parameters(reply, Some(disposition));
    reply.bytes(b")");
}

fn lines(message: &Message<'_>, part: &MessagePart<'_>) -> usize {
    let range = part.offset_body as usize..part.offset_end.max(part.offset_body) as usize;
    message.raw_message.get(range).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use mail_parser::MessageParser;
    use proptest::prelude::*;

    use super::*;

    fn render(mail: &[u8], put: impl Fn(&mut Reply, Option<&Message<'_>>)) -> String {
        let mut reply = Reply::default();
        put(&mut reply, MessageParser::default().parse(mail).as_ref());
        let bytes: Vec<u8> = reply.take().iter().flat_map(|segment| segment.bytes().to_vec()).collect();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_envelope_has_its_ten_fields() {
        let mail = b"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nFrom: \"A B\" <a@x.org>\r\nTo: <b@x.org>, <c@x.org>\r\n\
                     Message-ID: <1@x>\r\n\r\nhi";
        let from = r#"(("A B" NIL "a" "x.org"))"#;
        assert_eq!(
            render(mail, put_envelope),
            format!(
                "(\"Mon, 1 Jan 2024 00:00:00 +0000\" NIL {from} {from} {from} \
                 ((NIL NIL \"b\" \"x.org\")(NIL NIL \"c\" \"x.org\")) NIL NIL NIL \"<1@x>\")"
            )
        );
    }

    #[test]
    fn a_multipart_lists_its_children() {
        let mail = b"Content-Type: multipart/encrypted; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\na\r\nb\r\n\
                     --b\r\nContent-Type: application/octet-stream; name=x\r\nContent-Disposition: inline\r\n\r\nzz\r\n--b--\r\n";
        assert_eq!(
            render(mail, |reply, message| put_structure(reply, message, true)),
            "((\"text\" \"plain\" NIL NIL NIL \"7bit\" 4 1 NIL NIL NIL NIL)\
             (\"application\" \"octet-stream\" (\"name\" \"x\") NIL NIL \"7bit\" 2 NIL (\"inline\" NIL) NIL NIL) \
             \"encrypted\" (\"boundary\" \"b\") NIL NIL NIL)"
        );
    }

    proptest! {
        #[test]
        fn any_message_is_described_without_panic(mail in proptest::collection::vec(any::<u8>(), 0..400)) {
            render(&mail, put_envelope);
            let text = render(&mail, |reply, message| put_structure(reply, message, true));
            prop_assert!(text.starts_with('(') && text.ends_with(')'));
        }
    }
}
