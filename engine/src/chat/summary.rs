//! A message in one line: the text alone, without looking anything up.

use volary_storage::records::{Download, MessageRecord, ViewType};

use crate::ground::texts::{Texts, id as text};

/// A cut summary may be that many characters longer than asked for before it is cut.
const TOLERANCE: usize = 5;
/// Stands for what was cut.
const ELLIPSIS: &str = "[...]";

/// How a summary is written.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Say that the message was forwarded.
    pub forwarded: bool,
    /// An emoji for the type.
    pub emoji: bool,
}

/// The style of the chat list.
pub const CHAT_LIST: Style = Style { forwarded: true, emoji: true };

/// The summary of a message as the chat list shows it.
pub fn line(texts: &Texts, record: &MessageRecord) -> String {
    let (head, caption) = parts(texts, record, CHAT_LIST, None);
    fold(&format!("{head}{caption}"))
}

/// What stands before the text of the message (or in its place), and that text. `told` is the name that a contact card or
/// an app itself gives.
pub(crate) fn parts(
    texts: &Texts,
    record: &MessageRecord,
    style: Style,
    told: Option<String>,
) -> (String, String) {
    let kind = if record.announced_type != ViewType::Unknown && record.download_state != Download::Done {
        record.announced_type
    } else {
        record.view_type
    };
    let named = |number: u32| texts.get(number);
    let name = || if record.file_name.is_empty() { named(text::FILE) } else { record.file_name.clone() };
    // The last member says whether the text replaces the name of the type or follows it.
    let (emoji, title, replaces) = match kind {
        ViewType::Image => ("📷 ", named(text::IMAGE), true),
        ViewType::Gif => ("", named(text::GIF), false),
        ViewType::Sticker => ("", named(text::STICKER), false),
        ViewType::Video => ("🎥 ", named(text::VIDEO), true),
        ViewType::Voice => ("🎤 ", named(text::VOICE_MESSAGE), true),
        ViewType::Audio => ("🎵 ", name(), false),
        ViewType::File => ("📎 ", name(), false),
        ViewType::Webxdc => ("📱 ", told.unwrap_or_else(name), false),
        ViewType::Vcard => ("👤 ", told.unwrap_or_else(name), true),
        ViewType::Call => {
            let has_video = record.call.as_ref().is_some_and(|call| call.has_video);
            (if has_video { "🎥 " } else { "📞 " }, String::new(), true)
        }
        ViewType::Text | ViewType::Unknown | ViewType::Other(_) => {
            let bare = record.text.is_empty() && record.has_quote;
            ("", if bare { named(text::REPLY) } else { String::new() }, true)
        }
    };
    let mut head = String::new();
    if style.forwarded && record.forwarded {
        head.push_str(&format!("{}: ", named(text::FORWARDED)));
    }
    if style.emoji {
        head.push_str(emoji);
    }
    let caption = match kind {
        // How long it took stands on the second line.
        ViewType::Call => record.text.lines().next().unwrap_or_default(),
        _ => record.text.as_str(),
    };
    let keeps_title = kind == ViewType::Vcard;
    match (caption.trim().is_empty() || keeps_title, replaces) {
        (true, _) => (head + &title, String::new()),
        (false, true) => (head, caption.to_owned()),
        (false, false) => (head + &title + " – ", caption.to_owned()),
    }
}

/// Makes one line: runs of white space become one blank.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// Cuts a line that is much longer than `limit` characters, behind the last blank before the limit.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit.saturating_add(TOLERANCE) {
        return text.to_owned();
    }
    let end = text.char_indices().nth(limit).map_or(text.len(), |(at, _)| at);
    let kept = &text[..end];
    let kept = kept.rfind(' ').map_or(kept, |blank| &kept[..=blank]);
    format!("{kept}{ELLIPSIS}")
}

/// What a message list shows of a pre-message behind its text: what is still to come.
pub fn announcement(texts: &Texts, record: &MessageRecord) -> String {
    let title = match record.announced_type {
        ViewType::Image => texts.get(text::IMAGE),
        ViewType::Gif => texts.get(text::GIF),
        ViewType::Sticker => texts.get(text::STICKER),
        ViewType::Video => texts.get(text::VIDEO),
        ViewType::Voice => texts.get(text::VOICE_MESSAGE),
        ViewType::Audio => texts.get(text::AUDIO),
        ViewType::File | ViewType::Webxdc | ViewType::Vcard => record.file_name.clone(),
        ViewType::Unknown | ViewType::Text | ViewType::Call | ViewType::Other(_) => "Unknown".to_owned(),
    };
    let size = match record.file_bytes {
        0 => "?".to_owned(),
        bytes => crate::ground::sizes::size(bytes),
    };
    format!("[{title} – {size}]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use volary_storage::records::CallRecord;

    fn shown(record: &MessageRecord) -> String {
        line(&Texts::default(), record)
    }

    fn message(view_type: ViewType, file_name: &str, text: &str) -> MessageRecord {
        MessageRecord { view_type, file_name: file_name.into(), text: text.into(), ..Default::default() }
    }

    #[test]
    fn each_type_has_its_own_form() {
        for (kind, file, caption, expected) in [
            (ViewType::Text, "", "two\n lines", "two lines"),
            (ViewType::Image, "a.png", "", "📷 Image"),
            (ViewType::Image, "a.png", "sunset", "📷 sunset"),
            (ViewType::Gif, "a.gif", "", "GIF"),
            (ViewType::Gif, "a.gif", "ha", "GIF – ha"),
            (ViewType::Sticker, "a.png", "", "Sticker"),
            (ViewType::Video, "a.mp4", "", "🎥 Video"),
            (ViewType::Voice, "a.ogg", "", "🎤 Voice message"),
            (ViewType::Audio, "a.mp3", "listen", "🎵 a.mp3 – listen"),
            (ViewType::File, "a.pdf", "", "📎 a.pdf"),
            (ViewType::Webxdc, "game.xdc", "play", "📱 game.xdc – play"),
        ] {
            assert_eq!(shown(&message(kind, file, caption)), expected);
        }
    }

    #[test]
    fn a_call_is_summarised_without_the_time_that_it_took() {
        let mut call = message(ViewType::Call, "", "Outgoing video call\n5 minutes");
        assert_eq!(shown(&call), "📞 Outgoing video call");
        call.call = Some(Box::new(CallRecord { has_video: true, ..Default::default() }));
        assert_eq!(shown(&call), "🎥 Outgoing video call");
    }

    #[test]
    fn forwarded_messages_and_bare_replies_say_so() {
        let forwarded = MessageRecord { forwarded: true, ..message(ViewType::Text, "", "hi") };
        assert_eq!(shown(&forwarded), "Forwarded: hi");
        let reply = MessageRecord { has_quote: true, ..message(ViewType::Text, "", "") };
        assert_eq!(shown(&reply), "Reply");
    }

    #[test]
    fn a_pre_message_is_summarised_as_what_it_announces() {
        let announced = MessageRecord {
            download_state: Download::Available,
            announced_type: ViewType::File,
            ..message(ViewType::Text, "test.bin", "test")
        };
        assert_eq!(shown(&announced), "📎 test.bin – test");
        let sized = MessageRecord { file_bytes: 5_001_707, ..announced };
        assert_eq!(announcement(&Texts::default(), &sized), "[test.bin – 4.77 MiB]");
        let unknown = MessageRecord { download_state: Download::Available, ..Default::default() };
        assert_eq!(announcement(&Texts::default(), &unknown), "[Unknown – ?]");
    }

    #[test]
    fn long_summaries_are_cut_behind_a_blank() {
        let text = "line one is here line two is there";
        assert_eq!(cut(text, 1), "l[...]");
        assert_eq!(cut(text, 5), "line [...]");
        assert_eq!(cut(text, 10), "line one [...]");
        assert_eq!(cut("short", 1), "short");
        assert_eq!(cut("ääääääääää", 2), "ää[...]");
    }
}
