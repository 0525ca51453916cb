//! What a mailing list is called.

use super::facts::ParsedMessage;

/// Characters at the start of a subject among which a list's tag may begin.
const TAG_WITHIN: usize = 5;

/// The name for the chat of a mailing list. Lists name themselves in many ways; a tag in the subject is the one that
/// people know. `None` if the message is no list mail.
pub fn list_chat_name(message: &ParsedMessage) -> Option<String> {
    let list = message.list.as_ref()?;
    let sender_name = &message.from.name;
    let mut name = list.name.clone();
    if list.id.ends_with(".list-id.mcsv.net") && !sender_name.is_empty() {
        name.clone_from(sender_name);
    }
    if let Some(tag) = message.subject.as_deref().and_then(subject_tag) {
        name = tag;
    }
    let address = &message.from.address;
    let sends_automatically = ["noreply", "no-reply"].iter().any(|mark| address.contains(mark))
        || ["notifications@", "newsletter@"].iter().any(|mark| address.starts_with(mark));
    if name.is_empty() && (sends_automatically || list.id.ends_with(".xt.local")) {
        name.clone_from(sender_name);
    }
    Some(if name.is_empty() { without_hash(&list.id).to_owned() } else { name })
}

/// `[tag]` near the start of a subject, with a second `[tag]` that directly follows.
fn subject_tag(subject: &str) -> Option<String> {
    let (start, _) = subject.char_indices().take(TAG_WITHIN).find(|(_, c)| *c == '[')?;
    let (tag, rest) = subject[start + 1..].split_once(']')?;
    if tag.is_empty() {
        return None;
    }
    let second = rest.trim_start().strip_prefix('[').and_then(|rest| rest.split_once(']'));
    Some(match second {
        Some((second, _)) if !second.is_empty() => format!("{tag} [{second}]"),
        _ => tag.to_owned(),
    })
}

/// Some lists put a hash in front of their id.
fn without_hash(id: &str) -> &str {
    match id.split_once('.') {
        Some((label, rest)) if label.len() == 32 && label.bytes().all(|b| b.is_ascii_hexdigit()) => rest,
        _ => id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::mailbox::Mailbox;
    use crate::message::read::ListFacts;

    fn name(list: &str, id: &str, subject: &str, from: &str) -> String {
        let list = ListFacts { id: id.into(), name: list.into(), is_channel: false };
        let from = Mailbox::new("Sender", from);
        let message = ParsedMessage {
            list: Some(list),
            subject: Some(subject.into()),
            from,
            ..ParsedMessage::default()
        };
        list_chat_name(&message).unwrap()
    }

    #[test]
    fn lists_are_named_by_tag_then_header_then_sender_then_id() {
        assert_eq!(name("Name", "l.example.org", "Re: [tag] [x] topic", "a@b.org"), "tag [x]");
        assert_eq!(name("Name", "l.example.org", "a long [tag]", "a@b.org"), "Name");
        assert_eq!(name("x", "1.list-id.mcsv.net", "", "a@b.org"), "Sender");
        assert_eq!(name("", "l.example.org", "", "noreply@b.org"), "Sender");
        assert_eq!(name("", "l.example.org", "", "a@b.org"), "l.example.org");
        assert_eq!(name("", "0123456789abcdef0123456789abcdef.b.org", "", "a@b.org"), "b.org");
    }
}
