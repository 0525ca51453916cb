//! Subject and references of an answer.

use crate::message::ids::MessageId;

/// Ids of the parent's thread that an answer repeats, besides the parent's own.
const KEPT_REFERENCES: usize = 2;

/// What is known of the newest message of a chat when another one is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// Its id.
    pub message_id: MessageId,
    /// Its `References`.
    pub references: Vec<MessageId>,
    /// Its `In-Reply-To`.
    pub in_reply_to: Option<MessageId>,
}

/// The `References` of a message `own`: the end of the parent's thread and the parent. Without a parent the own id,
/// which survives servers that rewrite `Message-ID`.
pub fn references(own: &MessageId, parent: Option<&Parent>) -> Vec<MessageId> {
    let Some(parent) = parent else {
        return vec![own.clone()];
    };
    let thread: Vec<&MessageId> = if parent.references.is_empty() {
        parent.in_reply_to.iter().collect()
    } else {
        parent.references.iter().collect()
    };
    let mut ids: Vec<MessageId> = Vec::with_capacity(KEPT_REFERENCES + 1);
    for id in thread.into_iter().rev().filter(|id| **id != parent.message_id).take(KEPT_REFERENCES) {
        ids.insert(0, id.clone());
    }
    ids.push(parent.message_id.clone());
    ids
}

/// Characters at the start of a subject among which a colon ends a prefix such as `Re:`.
const PREFIX_CHARS: usize = 5;

/// `Re: ` and the subject without one earlier prefix.
pub fn reply_subject(subject: &str) -> String {
    format!("Re: {}", without_prefix(subject))
}

/// The subject without one prefix such as `Re:` or `Antw:`.
pub fn without_prefix(subject: &str) -> &str {
    if subject.starts_with("Chat:") {
        return subject;
    }
    let colon = subject.char_indices().take(PREFIX_CHARS).find(|(_, c)| *c == ':');
    match colon {
        Some((at, _)) => subject[at + 1..].trim(),
        None => subject.trim(),
    }
}

/// The subject of the first message to somebody; `name` may be empty.
pub fn first_subject(name: &str, address: &str) -> String {
    format!("Message from {}", if name.is_empty() { address } else { name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> MessageId {
        MessageId::parse(text).unwrap()
    }

    #[test]
    fn a_first_message_refers_to_itself() {
        assert_eq!(references(&id("own"), None), [id("own")]);
    }

    #[test]
    fn an_answer_has_at_most_three_references() {
        let parent = |refs: &[&str], reply: Option<&str>| Parent {
            message_id: id("p"),
            references: refs.iter().map(|r| id(r)).collect(),
            in_reply_to: reply.map(id),
        };
        assert_eq!(
            references(&id("own"), Some(&parent(&["a", "b", "c"], None))),
            [id("b"), id("c"), id("p")]
        );
        assert_eq!(references(&id("own"), Some(&parent(&[], Some("r")))), [id("r"), id("p")]);
        assert_eq!(references(&id("own"), Some(&parent(&["p"], None))), [id("p")]);
    }

    #[test]
    fn one_prefix_of_the_subject_is_replaced() {
        for (subject, reply) in [
            ("Hi", "Re: Hi"),
            ("Re: Hi", "Re: Hi"),
            ("Antw: Chat: hello", "Re: Chat: hello"),
            ("Infos: 42", "Re: Infos: 42"),
            ("Chat: x", "Re: Chat: x"),
            ("", "Re: "),
        ] {
            assert_eq!(reply_subject(subject), reply);
        }
    }
}
