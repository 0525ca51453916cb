//! What a chat and a message look like, as texts and colours that any toolkit can draw. A rule: no I/O.
//!
//! Texts come from strangers: they are cut to a length that can be drawn, and have no character left that would move a
//! cursor or turn the direction of what stands around them.

use chrono::{DateTime, Datelike as _, Local, TimeZone as _};
use volary::handles::{Attachment, ChatEntry, ChatSummary, MessageView};
use volary::proto::{DownloadState, MessageState, ViewType};
use volary::{ChatId, ContactId};

/// Most letters of a message that are shown.
const MAX_TEXT: usize = 4_000;
/// Most letters of anything else.
const MAX_LINE: usize = 200;
/// What a colour is that is not understood.
const GREY: Colour = Colour { red: 128, green: 128, blue: 128 };

/// A colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    /// Its part of red.
    pub red: u8,
    /// Its part of green.
    pub green: u8,
    /// Its part of blue.
    pub blue: u8,
}

/// A line of the chat list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The chat that it leads to, if it is one.
    pub chat: Option<ChatId>,
    /// Its name.
    pub name: String,
    /// The newest message in short, or what it is.
    pub summary: String,
    /// How much is fresh.
    pub fresh: u32,
    /// The user does not want to be told of what is fresh.
    pub is_muted: bool,
    /// It has to be accepted first.
    pub is_request: bool,
    /// Its colour.
    pub colour: Colour,
}

/// Who has written a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// The own profile.
    Own,
    /// Somebody else.
    Other,
    /// Nobody: it is a note about the chat.
    Nobody,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bubble {
    /// Who has written it.
    pub author: Author,
    /// The name of the author.
    pub name: String,
    /// The colour of the author.
    pub colour: Colour,
    /// When it was sent.
    pub time: String,
    /// How far an own message has come.
    pub progress: &'static str,
    /// What it quotes.
    pub quote: Option<String>,
    /// Its file, in words.
    pub file: Option<String>,
    /// Its text. May have several lines.
    pub text: String,
    /// Reactions to it.
    pub reactions: String,
    /// What went wrong with it.
    pub error: Option<String>,
}

/// A line of the chat list.
pub fn row(entry: &ChatEntry) -> Row {
    match entry {
        ChatEntry::Chat(chat) => chat_row(chat),
        ChatEntry::Archive { fresh } => Row { fresh: *fresh, ..plain_row("Archived chats") },
        ChatEntry::Broken { error, .. } => Row { summary: line(error), ..plain_row("?") },
        _ => plain_row("?"),
    }
}

fn plain_row(name: &str) -> Row {
    let (name, summary) = (name.to_owned(), String::new());
    Row { chat: None, name, summary, fresh: 0, is_muted: false, is_request: false, colour: GREY }
}

fn chat_row(chat: &ChatSummary) -> Row {
    let summary = match &chat.summary_prefix {
        Some(prefix) => format!("{prefix}: {}", chat.summary),
        None => chat.summary.clone(),
    };
    Row {
        chat: Some(chat.id),
        name: line(&chat.name),
        summary: line(&summary),
        fresh: chat.fresh,
        is_muted: chat.is_muted,
        is_request: chat.is_contact_request,
        colour: colour(&chat.color),
    }
}

/// A message, as it is shown at a time.
pub fn bubble(message: &MessageView, now: DateTime<Local>) -> Bubble {
    let author = match () {
        () if message.info.is_some() || message.is_broken() => Author::Nobody,
        () if message.from == ContactId::SELF => Author::Own,
        () => Author::Other,
    };
    let quote = message.quote.as_ref().map(|quote| match &quote.author {
        Some(author) => line(&format!("{author}: {}", quote.text)),
        None => line(&quote.text),
    });
    let reactions = message.reactions.iter().map(|reaction| match reaction.count {
        1 => line(&reaction.emoji),
        count => format!("{} {count}", line(&reaction.emoji)),
    });
    let color = message.contact.as_ref().map(|contact| colour(&contact.color));
    Bubble {
        author,
        name: line(&message.sender),
        colour: color.unwrap_or(GREY),
        time: time(message.sent, now),
        progress: progress(message),
        quote,
        file: file(message),
        text: text(&message.text),
        reactions: reactions.collect::<Vec<_>>().join("  "),
        error: message.error.as_deref().map(line),
    }
}

/// How far an own message has come.
fn progress(message: &MessageView) -> &'static str {
    match message.state {
        MessageState::OutPending => "…",
        MessageState::OutDelivered => "✓",
        MessageState::OutRead => "✓✓",
        MessageState::OutFailed => "✗",
        _ => "",
    }
}

/// The file of a message, in words.
fn file(message: &MessageView) -> Option<String> {
    let attachment = message.attachment.as_ref()?;
    let kind = match message.kind {
        ViewType::Image => "picture",
        ViewType::Gif => "animation",
        ViewType::Sticker => "sticker",
        ViewType::Audio => "sound",
        ViewType::Voice => "voice message",
        ViewType::Video => "video",
        ViewType::Webxdc => "app",
        ViewType::Vcard => "contact",
        _ => "file",
    };
    let name = attachment.name.as_deref().map(|name| format!(" {}", line(name))).unwrap_or_default();
    let missing = match message.download {
        DownloadState::Done => "",
        DownloadState::InProgress => ", on its way",
        _ => ", not here",
    };
    Some(format!("[{kind}{name}, {}{missing}]", size(attachment)))
}

fn size(attachment: &Attachment) -> String {
    const KIB: u64 = 1024;
    match attachment.bytes {
        bytes if bytes < KIB => format!("{bytes} bytes"),
        bytes if bytes < KIB * KIB => format!("{} KiB", bytes / KIB),
        bytes => format!("{} MiB", bytes / (KIB * KIB)),
    }
}

/// A time of today as hours and minutes, another one with its day.
fn time(seconds: i64, now: DateTime<Local>) -> String {
    let Some(time) = Local.timestamp_opt(seconds, 0).single() else { return String::new() };
    let form = match () {
        () if time.date_naive() == now.date_naive() => "%H:%M",
        () if time.year() == now.year() => "%-d %b %H:%M",
        () => "%-d %b %Y",
    };
    time.format(form).to_string()
}

/// A colour that is written as `#rrggbb`.
fn colour(text: &str) -> Colour {
    let number = text.strip_prefix('#').filter(|digits| digits.len() == 6);
    match number.and_then(|digits| u32::from_str_radix(digits, 16).ok()).map(u32::to_be_bytes) {
        Some([_, red, green, blue]) => Colour { red, green, blue },
        None => GREY,
    }
}

/// The colour that is easier to read upon another one.
pub fn upon(ground: Colour) -> Colour {
    // How bright people see the three colours.
    let bright = 299 * u32::from(ground.red) + 587 * u32::from(ground.green) + 114 * u32::from(ground.blue);
    match bright > 150_000 {
        true => Colour { red: 0, green: 0, blue: 0 },
        false => Colour { red: 255, green: 255, blue: 255 },
    }
}

/// Text of a stranger in one line.
pub fn line(text: &str) -> String {
    let parted = text.split_whitespace().collect::<Vec<_>>().join(" ");
    cut(parted.chars().filter(|letter| is_harmless(*letter)), MAX_LINE)
}

/// Text of a stranger with its lines.
fn text(text: &str) -> String {
    let lines = text.replace('\t', "    ");
    cut(lines.trim_end().chars().filter(|letter| *letter == '\n' || is_harmless(*letter)), MAX_TEXT)
}

fn cut(letters: impl Iterator<Item = char>, most: usize) -> String {
    let mut letters = letters.peekable();
    let mut kept: String = letters.by_ref().take(most).collect();
    if letters.peek().is_some() {
        kept.push('…');
    }
    kept
}

/// Whether a character changes nothing but its own place.
fn is_harmless(letter: char) -> bool {
    let turns_direction =
        matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !letter.is_control() && !turns_direction
}

#[cfg(test)]
mod tests {
    use volary::proto::chat_list_item_fetch_result::ChatListItem;
    use volary::proto::{Contact, Message, MessageQuote, Reaction, Reactions, message_quote};

    use super::*;

    fn now() -> DateTime<Local> {
        Local.with_ymd_and_hms(2026, 11, 29, 12, 0, 0).unwrap()
    }

    fn shown(message: Message) -> Bubble {
        bubble(&message.into(), now())
    }

    #[test]
    fn a_stranger_cannot_move_the_cursor_or_turn_the_line() {
        let evil = "one\u{1b}[2J\r\n\ttwo\u{202e}three\u{7}";
        let message = shown(Message { from_id: 10, text: evil.to_owned(), ..Default::default() });
        assert_eq!(message.text, "one[2J\n    twothree");
        assert_eq!(line(evil), "one[2J twothree");
        let long = shown(Message { text: "ä".repeat(MAX_TEXT + 1), ..Default::default() });
        assert_eq!(long.text.chars().count(), MAX_TEXT + 1);
        assert!(long.text.ends_with("ä…"));
    }

    #[test]
    fn a_message_says_who_and_how_far() {
        let sender =
            Contact { display_name: "Bob".to_owned(), color: "#0a0b0c".to_owned(), ..Default::default() };
        let theirs =
            shown(Message { from_id: 10, sender: Some(sender), text: "hi".to_owned(), ..Default::default() });
        assert_eq!((theirs.author, theirs.name.as_str(), theirs.progress), (Author::Other, "Bob", ""));
        assert_eq!(theirs.colour, Colour { red: 10, green: 11, blue: 12 });
        let own = |state: MessageState| Message { from_id: 1, state: state.into(), ..Default::default() };
        let far = [MessageState::OutPending, MessageState::OutDelivered, MessageState::OutRead];
        assert_eq!(far.map(|state| shown(own(state)).progress), ["…", "✓", "✓✓"]);
        let failed = Message { error: Some("no\nrelay".to_owned()), ..own(MessageState::OutFailed) };
        let failed = shown(failed);
        assert_eq!((failed.progress, failed.error.as_deref()), ("✗", Some("no relay")));
        let note = shown(Message { from_id: 10, is_info: true, ..Default::default() });
        assert_eq!(note.author, Author::Nobody);
    }

    #[test]
    fn what_comes_with_a_message_is_told_in_words() {
        let with_message = message_quote::WithMessage {
            text: "see\nyou".to_owned(),
            message_id: 11,
            author_display_name: "Bob".to_owned(),
            ..Default::default()
        };
        let reaction = |emoji: &str, count| Reaction { emoji: emoji.to_owned(), count, ..Default::default() };
        let message = shown(Message {
            from_id: 10,
            view_type: ViewType::Image.into(),
            file: Some("/blobs/1".to_owned()),
            file_name: Some("fox.png".to_owned()),
            file_bytes: 70_000,
            download_state: DownloadState::Available.into(),
            quote: Some(MessageQuote { kind: Some(message_quote::Kind::WithMessage(with_message)) }),
            reactions: Some(Reactions {
                reactions: vec![reaction("👍", 2), reaction("🦊", 1)],
                ..Default::default()
            }),
            ..Default::default()
        });
        assert_eq!(message.file.as_deref(), Some("[picture fox.png, 68 KiB, not here]"));
        assert_eq!(message.quote.as_deref(), Some("Bob: see you"));
        assert_eq!(message.reactions, "👍 2  🦊");
    }

    #[test]
    fn a_time_of_another_day_has_its_day() {
        let at = |year, month, day| Local.with_ymd_and_hms(year, month, day, 9, 5, 0).unwrap().timestamp();
        assert_eq!(time(at(2026, 11, 29), now()), "09:05");
        assert_eq!(time(at(2026, 2, 3), now()), "3 Feb 09:05");
        assert_eq!(time(at(2025, 11, 29), now()), "29 Nov 2025");
        assert_eq!(time(i64::MAX, now()), "", "there is no such time");
    }

    #[test]
    fn a_line_of_the_chat_list_says_what_it_is() {
        let item = ChatListItem {
            id: 12,
            name: "Foxes".to_owned(),
            color: "grey".to_owned(),
            summary_text1: "Bob".to_owned(),
            summary_text2: "hello\nall".to_owned(),
            fresh_message_counter: 3,
            is_contact_request: true,
            ..Default::default()
        };
        let row_of = row(&ChatEntry::Chat(Box::new(item.into())));
        assert_eq!((row_of.name.as_str(), row_of.summary.as_str()), ("Foxes", "Bob: hello all"));
        assert_eq!((row_of.fresh, row_of.is_request, row_of.colour), (3, true, GREY));
        let archive = row(&ChatEntry::Archive { fresh: 2 });
        assert_eq!((archive.chat, archive.name.as_str(), archive.fresh), (None, "Archived chats", 2));
    }

    #[test]
    fn what_is_written_upon_a_colour_can_be_read() {
        let white = Colour { red: 255, green: 255, blue: 255 };
        assert_eq!(upon(Colour { red: 10, green: 20, blue: 90 }), white);
        assert_eq!(upon(white), Colour { red: 0, green: 0, blue: 0 });
    }
}
