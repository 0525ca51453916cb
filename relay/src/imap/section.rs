//! Parts of a message by section name (RFC 3501, section 6.4.5).

use std::num::NonZeroU32;
use std::ops::Range;

use imap_codec::imap_types::core::AString;
use imap_codec::imap_types::fetch::{Part, Section};
use mail_parser::{MessageParser, PartType};

use super::text::put_name;
use crate::header::Header;
use crate::net::Reply;

/// Messages within messages that a part number may lead into; each is parsed anew.
const MAX_NESTED_MESSAGES: usize = 8;

/// What a section consists of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Extract {
    /// A piece of the message as it is.
    Range(Range<usize>),
    /// Fields picked out of a header.
    Bytes(Vec<u8>),
}

/// The bytes of a section; `None` if the message has no such part.
pub(crate) fn extract(data: &[u8], section: Option<&Section<'_>>) -> Option<Extract> {
    let Some(section) = section else { return Some(Extract::Range(0..data.len())) };
    match section {
        Section::Part(part) => locate(data, part).map(|entity| Extract::Range(entity.body)),
        Section::Mime(part) => locate(data, part).map(|entity| Extract::Range(entity.header)),
        Section::Header(part) => {
            let message = message_at(data, part.as_ref())?;
            let body = Header::read(data.get(message.clone())?).body;
            Some(Extract::Range(message.start..message.start + body))
        }
        Section::Text(part) => {
            let message = message_at(data, part.as_ref())?;
            let body = Header::read(data.get(message.clone())?).body;
            Some(Extract::Range(message.start + body..message.end))
        }
        Section::HeaderFields(part, names) => {
            pick_fields(data.get(message_at(data, part.as_ref())?)?, names.as_ref(), true)
        }
        Section::HeaderFieldsNot(part, names) => {
            pick_fields(data.get(message_at(data, part.as_ref())?)?, names.as_ref(), false)
        }
    }
}

/// The fields with (or without) one of these names, in message order, then an empty line.
fn pick_fields(message: &[u8], names: &[AString<'_>], with: bool) -> Option<Extract> {
    let header = Header::read(message);
    let mut bytes = Vec::new();
    for field in &header.fields {
        if names.iter().any(|name| field.is(message, name.as_ref())) == with {
            bytes.extend_from_slice(message.get(field.whole.clone())?);
        }
    }
    bytes.extend_from_slice(b"\r\n");
    Some(Extract::Bytes(bytes))
}

/// Where an entity's MIME header and its content lie.
struct Entity {
    header: Range<usize>,
    body: Range<usize>,
    is_message: bool,
}

/// The whole message, or the message that a part contains.
fn message_at(data: &[u8], part: Option<&Part>) -> Option<Range<usize>> {
    let Some(part) = part else { return Some(0..data.len()) };
    locate(data, part).filter(|entity| entity.is_message).map(|entity| entity.body)
}

fn locate(data: &[u8], part: &Part) -> Option<Entity> {
    locate_below(data, 0, part.0.as_ref(), MAX_NESTED_MESSAGES)
}

/// Follows part numbers inside one message; `offset` is where it begins in the outermost one.
fn locate_below(message: &[u8], offset: usize, path: &[NonZeroU32], nesting: usize) -> Option<Entity> {
    let parsed = MessageParser::default().parse(message)?;
    let mut part = parsed.parts.first()?;
    for (depth, number) in path.iter().enumerate() {
        let index = number.get() as usize - 1;
        match &part.body {
            PartType::Multipart(children) => part = parsed.parts.get(*children.get(index)? as usize)?,
            PartType::Message(_) if depth > 0 => {
                let body = part.offset_body as usize..part.offset_end as usize;
                let start = body.start;
                return locate_below(
                    message.get(body)?,
                    offset + start,
                    path.get(depth..)?,
                    nesting.checked_sub(1)?,
                );
            }
            // A message that is no multipart has its content as its only part.
            _ if depth == 0 && index == 0 => {}
            _ => return None,
        }
    }
    let absolute = |from: u32, to: u32| offset + from as usize..offset + to.max(from) as usize;
    Some(Entity {
        header: absolute(part.offset_header, part.offset_body),
        body: absolute(part.offset_body, part.offset_end),
        is_message: matches!(part.body, PartType::Message(_)),
    })
}

/// Writes a section's name as it stands between the brackets of an answer.
pub(crate) fn put_section_name(reply: &mut Reply, section: &Section<'_>) {
    let (part, keyword, names) = match section {
        Section::Part(part) => (Some(part), "", None),
        Section::Mime(part) => (Some(part), "MIME", None),
        Section::Header(part) => (part.as_ref(), "HEADER", None),
        Section::Text(part) => (part.as_ref(), "TEXT", None),
        Section::HeaderFields(part, names) => (part.as_ref(), "HEADER.FIELDS", Some(names)),
        Section::HeaderFieldsNot(part, names) => (part.as_ref(), "HEADER.FIELDS.NOT", Some(names)),
    };
    if let Some(part) = part {
        let numbers: Vec<String> = part.0.as_ref().iter().map(ToString::to_string).collect();
        reply.put(format_args!("{}{}", numbers.join("."), if keyword.is_empty() { "" } else { "." }));
    }
    reply.bytes(keyword.as_bytes());
    if let Some(names) = names {
        for (index, name) in names.as_ref().iter().enumerate() {
            reply.bytes(if index == 0 { b" (" } else { b" " });
            put_name(reply, name.as_ref());
        }
        reply.bytes(b")");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "From: a@x\r\nContent-Type: multipart/mixed; boundary=b\r\nTo: c@x\r\n\r\n--b\r\n\
        Content-Type: text/plain\r\n\r\none\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n\
        Subject: inner\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\ndeep\r\n--c--\r\n\r\n--b--\r\n";

    fn text(section: &str) -> Option<String> {
        use imap_codec::decode::Decoder;
        use imap_codec::imap_types::command::CommandBody;
        use imap_codec::imap_types::fetch::{MacroOrMessageDataItemNames, MessageDataItemName};
        let line = format!("a FETCH 1 (BODY.PEEK[{section}])\r\n");
        let (_, command) = imap_codec::CommandCodec::default().decode(line.as_bytes()).unwrap();
        let CommandBody::Fetch {
            macro_or_item_names: MacroOrMessageDataItemNames::MessageDataItemNames(items),
            ..
        } = command.body
        else {
            panic!("no FETCH");
        };
        let [MessageDataItemName::BodyExt { section, .. }] = items.as_slice() else { panic!("no BODY") };
        extract(MAIL.as_bytes(), section.as_ref()).map(|extract| match extract {
            Extract::Range(range) => MAIL[range].to_owned(),
            Extract::Bytes(bytes) => String::from_utf8(bytes).unwrap(),
        })
    }

    #[test]
    fn sections_are_cut_from_the_message() {
        assert_eq!(text("").as_deref(), Some(MAIL));
        assert_eq!(text("1").as_deref(), Some("one"));
        assert_eq!(text("1.MIME").as_deref(), Some("Content-Type: text/plain\r\n\r\n"));
        assert_eq!(text("2.HEADER.FIELDS (SUBJECT)").as_deref(), Some("Subject: inner\r\n\r\n"));
        assert_eq!(text("2.1").as_deref(), Some("deep"));
        assert_eq!(text("HEADER.FIELDS (to FROM none)").as_deref(), Some("From: a@x\r\nTo: c@x\r\n\r\n"));
        assert!(text("HEADER.FIELDS.NOT (from to)").unwrap().starts_with("Content-Type: multipart/mixed"));
        assert!(text("HEADER").unwrap().ends_with("To: c@x\r\n\r\n"));
        assert!(text("TEXT").unwrap().starts_with("--b\r\n"));
    }

    #[test]
    fn parts_that_do_not_exist_have_no_bytes() {
        for section in ["3", "1.1", "1.HEADER", "2.2", "2.1.1", "4294967295"] {
            assert_eq!(text(section), None, "{section}");
        }
    }
}
