//! What people write arrives as they wrote it.
//!
//! The bytes are the fields of a message, divided by NUL octets. The message is built, and read in the encrypted and in
//! the clear form.

use volary_mail::message::{
    Attachment, Body, ChatBody, ChatHeader, Mailbox, Outgoing, ParsedMessage, Payload, Quoted, ReadOptions,
    parse_effective, parse_outer, render_unencrypted,
};

use crate::people;

/// The fields of a message, in the order of the input.
struct Fields {
    text: String,
    quote: String,
    status: String,
    sender: String,
    subject: String,
    group: String,
    file_name: String,
    file: Vec<u8>,
}

impl Fields {
    fn read(data: &[u8]) -> Self {
        let mut fields = data.splitn(8, |octet| *octet == 0);
        let mut line = || one_line(fields.next().unwrap_or_default());
        let [sender, subject, group, status, file_name] = [line(), line(), line(), line(), line()];
        let mut lines = || lines(fields.next().unwrap_or_default());
        let [text, quote] = [lines(), lines()];
        Self {
            text,
            quote,
            status,
            sender,
            subject,
            group,
            file_name,
            file: fields.next().unwrap_or_default().to_vec(),
        }
    }
}

/// What can be typed into a field of one line.
fn one_line(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned()
}

/// What can be typed into a field of several lines. The zero-width space is left out: it marks lines that must not be
/// taken for a footer, and is removed when they are read.
fn lines(octets: &[u8]) -> String {
    let typed = |c: &char| (!c.is_control() || *c == '\n') && *c != '\u{200B}';
    String::from_utf8_lossy(octets).chars().filter(typed).collect()
}

/// Builds and reads.
pub fn run(data: &[u8]) {
    let fields = Fields::read(data);
    let mail = build(&fields);
    let encrypted = through(&mail);
    assert_eq!(encrypted.group.name.as_deref(), Some(fields.group.as_str()));
    for message in [encrypted, in_clear(&mail)] {
        assert_eq!(message.from.name, fields.sender);
        assert_eq!(message.from.address, "alice@example.org");
        assert_eq!(message.subject.as_deref(), Some(fields.subject.as_str()));
        assert_eq!(message.parts.len(), 1, "one message, one part");
        let part = &message.parts[0];
        assert_eq!(part.text, tidy(&fields.text));
        assert_eq!(part.quote.as_deref(), Some(fields.quote.as_str()).filter(|quote| !quote.is_empty()));
        assert_eq!(message.status.as_deref(), Some(fields.status.as_str()));
        let Some(file) = &part.file else {
            assert!(fields.file_name.is_empty(), "the file is lost");
            continue;
        };
        assert_eq!(file.bytes, fields.file);
        assert_eq!(file.name, file_name(&fields.file_name));
    }
}

fn file_name(typed: &str) -> String {
    volary_mail::message::filename::sanitise(typed)
}

/// What is left of a text: no blank lines at its ends, no runs of them within.
fn tidy(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.split('\n') {
        let line = if line.trim().is_empty() { "" } else { line };
        if !(line.is_empty() && lines.last().is_none_or(|last| last.is_empty())) {
            lines.push(line);
        }
    }
    lines.join("\n").trim_end_matches('\n').to_owned()
}

fn build(fields: &Fields) -> Outgoing {
    let quote = (!fields.quote.is_empty()).then(|| Quoted { text: fields.quote.clone(), protected: false });
    let file = (!fields.file_name.is_empty())
        .then(|| Attachment::from_name(file_name(&fields.file_name), fields.file.clone()));
    let body = ChatBody {
        text: fields.text.clone(),
        status: fields.status.clone(),
        quote,
        file,
        ..ChatBody::default()
    };
    let mut mail = people::outgoing(Body::Chat(Box::new(body)));
    mail.from = Mailbox::new(fields.sender.clone(), "alice@example.org");
    mail.subject.clone_from(&fields.subject);
    mail.headers = vec![ChatHeader::GroupName(fields.group.clone())];
    mail
}

/// As bots read, which get texts uncut.
const UNCUT: ReadOptions = ReadOptions { for_bot: true };

fn through(mail: &Outgoing) -> ParsedMessage {
    let frame = people::frame(mail, "-----BEGIN PGP MESSAGE-----");
    let payload = people::payload(mail);
    let outer = parse_outer(&frame).expect("a mail that we wrote");
    let payload = Payload { bytes: &payload, signed: true };
    parse_effective(&outer, Some(&payload), UNCUT).expect("a mail that we wrote")
}

fn in_clear(mail: &Outgoing) -> ParsedMessage {
    let written = render_unencrypted(mail, &mut people::rng());
    let outer = parse_outer(&written).expect("a mail that we wrote");
    parse_effective(&outer, None, UNCUT).expect("a mail that we wrote")
}

/// Messages that people write, and some that look like what mail consists of.
pub fn seeds() -> Vec<Vec<u8>> {
    let messages: [[&str; 8]; 5] = [
        ["Alice", "Hello", "Friends", "on the road", "", "Hello Bob", "", ""],
        [
            "\u{c4}lice \"x\" <a@b>",
            "=?utf-8?Q?x?=",
            "Gr\u{fc}ppe, a; b",
            "--",
            "",
            "-- \n> a\n--\n\n\u{1F600}",
            "what?\n\n> this",
            "",
        ],
        ["A", "s", "g", "", "picture.png", "look", "", "\u{89}PNG\r\n\u{1a}\n"],
        ["", "", "", "", "no.extension.", "", "", "x"],
        [
            "A",
            "s",
            "g",
            "",
            "a.html",
            "From: x\n.\n--boundary--\n________\nOn Monday a wrote:\n> b",
            "a",
            "<p>",
        ],
    ];
    messages.iter().map(|fields| fields.join("\0").into_bytes()).collect()
}
