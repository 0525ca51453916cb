//! The answers to FETCH (RFC 3501, section 7.4.2).

use std::sync::Arc;

use chrono::DateTime;
use imap_codec::imap_types::IntoStatic;
use imap_codec::imap_types::fetch::{MacroOrMessageDataItemNames, MessageDataItemName, Section};
use mail_parser::MessageParser;

use super::section::{Extract, extract, put_section_name};
use super::structure::{put_envelope, put_structure};
use super::view::News;
use crate::net::Reply;
use crate::store::{Account, Flags};

/// A FETCH command on its way: which messages, what of them, and how far it is.
pub(crate) struct Fetch {
    folder: String,
    items: Vec<MessageDataItemName<'static>>,
    by_uid: bool,
    /// Sequence number, UID, and whether the message is `\Recent`; in answering order.
    targets: Vec<(u32, u32, bool)>,
    done: usize,
}

/// What is taken from the store for one answer.
struct Subject {
    sequence: u32,
    uid: u32,
    recent: bool,
    flags: Flags,
    date: i64,
    data: Arc<[u8]>,
}

impl Fetch {
    pub(crate) fn new(
        folder: &str,
        items: MacroOrMessageDataItemNames<'static>,
        by_uid: bool,
        targets: Vec<(u32, u32, bool)>,
    ) -> Self {
        let mut items = match items {
            MacroOrMessageDataItemNames::Macro(shorthand) => shorthand.expand().into_static(),
            MacroOrMessageDataItemNames::MessageDataItemNames(items) => items,
        };
        // The answer to a UID command always says the UID.
        if by_uid && !items.contains(&MessageDataItemName::Uid) {
            items.insert(0, MessageDataItemName::Uid);
        }
        Self { folder: folder.to_owned(), items, by_uid, targets, done: 0 }
    }

    /// Items that this relay does not have.
    pub(crate) fn unsupported(&self) -> bool {
        self.items.iter().any(|item| {
            matches!(item, MessageDataItemName::Binary { .. } | MessageDataItemName::BinarySize { .. })
        })
    }

    /// Whether reading marks the messages as seen.
    pub(crate) fn marks_seen(&self) -> bool {
        self.items.iter().any(|item| match item {
            MessageDataItemName::BodyExt { peek, .. } => !peek,
            MessageDataItemName::Rfc822 | MessageDataItemName::Rfc822Text => true,
            _ => false,
        })
    }

    /// The answers must contain the flags although they were not asked for, since reading changed them.
    pub(crate) fn tell_flags(&mut self) {
        if !self.items.contains(&MessageDataItemName::Flags) {
            self.items.push(MessageDataItemName::Flags);
        }
    }

    pub(crate) fn news(&self) -> News {
        if self.by_uid { News::All } else { News::KeepNumbers }
    }

    /// Appends answers until `limit` bytes of text are queued; true if there are more to come.
    pub(crate) fn render(&mut self, account: &Account, reply: &mut Reply, limit: usize) -> bool {
        while let Some((sequence, uid, recent)) = self.targets.get(self.done).copied() {
            self.done += 1;
            let subject = {
                let state = account.lock();
                let message = state.folders.get(&self.folder).and_then(|folder| folder.get(uid));
                message.map(|message| Subject {
                    sequence,
                    uid,
                    recent,
                    flags: message.flags.clone(),
                    date: message.date,
                    data: Arc::clone(&message.data),
                })
            };
            if let Some(subject) = subject {
                self.put_answer(&subject, reply);
            }
            if reply.text_len() >= limit {
                return self.done < self.targets.len();
            }
        }
        false
    }

    fn put_answer(&self, subject: &Subject, reply: &mut Reply) {
        reply.put(format_args!("* {} FETCH (", subject.sequence));
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                reply.bytes(b" ");
            }
            put_item(item, subject, reply);
        }
        reply.bytes(b")\r\n");
    }
}

fn put_item(item: &MessageDataItemName<'_>, subject: &Subject, reply: &mut Reply) {
    let data = &subject.data;
    match item {
        MessageDataItemName::Uid => reply.put(format_args!("UID {}", subject.uid)),
        MessageDataItemName::Flags => {
            let recent = match (subject.recent, subject.flags.is_empty()) {
                (false, _) => "",
                (true, true) => "\\Recent",
                (true, false) => " \\Recent",
            };
            reply.put(format_args!("FLAGS ({}{recent})", subject.flags));
        }
        MessageDataItemName::Rfc822Size => reply.put(format_args!("RFC822.SIZE {}", data.len())),
        MessageDataItemName::InternalDate => {
            let date = DateTime::from_timestamp(subject.date, 0).unwrap_or_default();
            reply.put(format_args!("INTERNALDATE \"{}\"", date.format("%d-%b-%Y %H:%M:%S %z")));
        }
        MessageDataItemName::Rfc822 => put_named(reply, "RFC822", data, None, None),
        MessageDataItemName::Rfc822Header => {
            put_named(reply, "RFC822.HEADER", data, Some(&Section::Header(None)), None);
        }
        MessageDataItemName::Rfc822Text => {
            put_named(reply, "RFC822.TEXT", data, Some(&Section::Text(None)), None);
        }
        MessageDataItemName::BodyExt { section, partial, .. } => {
            reply.bytes(b"BODY[");
            if let Some(section) = section {
                put_section_name(reply, section);
            }
            let partial = partial.map(|(start, length)| (start, length.get()));
            match partial {
                Some((start, _)) => put_named(reply, &format!("]<{start}>"), data, section.as_ref(), partial),
                None => put_named(reply, "]", data, section.as_ref(), None),
            }
        }
        MessageDataItemName::Envelope => {
            reply.bytes(b"ENVELOPE ");
            put_envelope(reply, MessageParser::default().parse(data.as_ref()).as_ref());
        }
        MessageDataItemName::Body | MessageDataItemName::BodyStructure => {
            let extended = *item == MessageDataItemName::BodyStructure;
            reply.bytes(if extended { b"BODYSTRUCTURE " } else { b"BODY " });
            put_structure(reply, MessageParser::default().parse(data.as_ref()).as_ref(), extended);
        }
        // Refused before the answer began.
        MessageDataItemName::Binary { .. } | MessageDataItemName::BinarySize { .. } => {}
    }
}

/// A name, then a part of the message as a literal.
fn put_named(
    reply: &mut Reply,
    name: &str,
    data: &Arc<[u8]>,
    section: Option<&Section<'_>>,
    partial: Option<(u32, u32)>,
) {
    let cut = |length: usize| match partial {
        Some((start, most)) => {
            let start = (start as usize).min(length);
            start..start.saturating_add(most as usize).min(length)
        }
        None => 0..length,
    };
    match extract(data, section) {
        Some(Extract::Range(range)) => {
            let part = cut(range.len());
            let range = range.start + part.start..range.start + part.end;
            reply.put(format_args!("{name} {{{}}}\r\n", range.len()));
            reply.share(data, range);
        }
        Some(Extract::Bytes(bytes)) => {
            let bytes = bytes.get(cut(bytes.len())).unwrap_or_default();
            reply.put(format_args!("{name} {{{}}}\r\n", bytes.len()));
            reply.bytes(bytes);
        }
        None => reply.put(format_args!("{name} NIL")),
    }
}
