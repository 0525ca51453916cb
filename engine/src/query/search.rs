//! Finding messages by their text.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use memchr::memmem;
use volary_mail::message::text::wire::ELLIPSIS;
use volary_proto::v1::{MessageSearchResult, MessageSearchResults};
use volary_storage::records::{Block, MessageGlance, MessageRecord, Visibility};
use volary_storage::tables::MESSAGES;
use volary_storage::{ReadTx, View as _};

use super::look::Look;
use super::{chats, contacts, convert, messages};
use crate::chat::compose::load_chat;
use crate::ground::error::Outcome;
use crate::ground::ids::{ChatId, ContactId, MessageId};
use crate::state::search::grams::{SEGMENT, Set};
use crate::state::search::{Index, first_of, segment_of};
use crate::state::{chats as stored_chats, contacts as people, messages as stored};

/// A search in all chats finds at most that many.
const MAX_FOUND: usize = 1_000;
/// A search in a chat asks the index if the chat has more messages than that for each segment.
const MESSAGES_PER_SEGMENT: usize = 16;

/// A text that is looked for in many others, whatever the case of either.
struct Needle {
    /// In lower case.
    text: String,
    finder: memmem::Finder<'static>,
    /// The text that is being looked through, in lower case; kept for its memory.
    folded: Vec<u8>,
}

impl Needle {
    /// `None` if there is nothing to look for.
    fn new(query: &str) -> Option<Self> {
        let text = query.trim().to_lowercase();
        let finder = memmem::Finder::new(&text).into_owned();
        (!text.is_empty()).then_some(Self { text, finder, folded: Vec::new() })
    }

    /// Whether it is in the text of a stored message, or that cannot be said without decoding it: what is shown of a long
    /// text ends with an ellipsis.
    fn may_be_in(&mut self, stored: &[u8]) -> bool {
        let text = MessageRecord::text_in(stored);
        text.is_none_or(|text| text.ends_with(ELLIPSIS.as_bytes()) || self.is_in(text))
    }

    /// The same of what a glance shows; `None` if that cannot be said without decoding.
    fn is_seen_in(&mut self, glance: &MessageGlance<'_>) -> Option<bool> {
        (!glance.text.ends_with(ELLIPSIS.as_bytes())).then(|| self.is_in(glance.text))
    }

    /// Whether it is in the text of a message, the whole of a long one.
    fn is_in_message(&mut self, record: &MessageRecord) -> bool {
        self.is_in(record.text.as_bytes())
            || stored::long_text(record).is_some_and(|text| self.is_in(text.as_bytes()))
    }

    fn is_in(&mut self, text: &[u8]) -> bool {
        if !text.is_ascii() {
            // Letters may grow and shrink, and their neighbours count: that takes a text of its own.
            let text = String::from_utf8_lossy(text).to_lowercase();
            return self.finder.find(text.as_bytes()).is_some();
        }
        self.folded.clear();
        self.folded.extend_from_slice(text);
        self.folded.make_ascii_lowercase();
        self.finder.find(&self.folded).is_some()
    }
}

/// Which authors are blocked and which chats are open, as far as it was asked.
struct Known<'l, 'a> {
    look: &'l Look<'a>,
    blocked: BTreeMap<ContactId, bool>,
    open: BTreeMap<ChatId, bool>,
}

impl Known<'_, '_> {
    fn is_blocked(&mut self, author: ContactId) -> Outcome<bool> {
        if let Some(known) = self.blocked.get(&author) {
            return Ok(*known);
        }
        let record = people::load(self.look.view, self.look.profile, author)?;
        Ok(*self.blocked.entry(author).or_insert(record.is_some_and(|record| record.blocked)))
    }

    fn is_open(&mut self, chat: ChatId) -> Outcome<bool> {
        if let Some(known) = self.open.get(&chat) {
            return Ok(*known);
        }
        let record = stored_chats::load(self.look.view, self.look.profile, chat)?;
        Ok(*self.open.entry(chat).or_insert(record.is_some_and(|record| record.blocked != Block::Yes)))
    }
}

/// What decides whether a message that contains the text is shown.
struct Hit {
    chat: ChatId,
    from: ContactId,
    listed: bool,
}

impl Hit {
    fn seen(glance: &MessageGlance<'_>) -> Self {
        Self {
            chat: glance.chat,
            from: glance.from,
            listed: stored::is_listed_as(glance.hidden, glance.state),
        }
    }

    fn of(record: &MessageRecord) -> Self {
        Self { chat: record.chat, from: record.from, listed: stored::is_listed(record) }
    }
}

/// Messages whose text contains `query`: in one chat oldest first, in all chats newest first.
pub fn find(look: &Look<'_>, query: &str, chat: Option<ChatId>) -> Outcome<Vec<MessageId>> {
    let Some(needle) = Needle::new(query) else { return Ok(Vec::new()) };
    let index = Index::new(look.view, look.profile, &needle.text)?;
    let known = Known { look, blocked: BTreeMap::new(), open: BTreeMap::new() };
    let mut search = Search { look, needle, index, known };
    match chat.and_then(ChatId::given) {
        Some(chat) => search.in_chat(chat),
        None => search.everywhere(),
    }
}

/// A search under way.
struct Search<'l, 'a> {
    look: &'l Look<'a>,
    needle: Needle,
    index: Index<'l, ReadTx>,
    known: Known<'l, 'a>,
}

impl Search<'_, '_> {
    fn in_chat(&mut self, chat: ChatId) -> Outcome<Vec<MessageId>> {
        let ids = stored::visible_ids(self.look.view, self.look.profile, chat)?;
        // Few messages are looked at sooner than all segments that they may be in are asked.
        let ask = ids.len() > self.index.segments() as usize * MESSAGES_PER_SEGMENT;
        let mut asked: BTreeMap<u32, Set> = BTreeMap::new();
        let mut found = Vec::new();
        for id in ids {
            let segment = segment_of(id);
            if ask && segment < self.index.segments() {
                let candidates = match asked.entry(segment) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => new.insert(self.index.candidates(segment)?),
                };
                if !candidates.has(id.get() % SEGMENT) {
                    continue;
                }
            }
            if let Some(hit) = self.matching(id)?
                && !self.known.is_blocked(hit.from)?
            {
                found.push(id);
            }
        }
        Ok(found)
    }

    fn everywhere(&mut self) -> Outcome<Vec<MessageId>> {
        let (view, profile) = (self.look.view, self.look.profile);
        let mut found = Vec::new();
        let mut rows = view.range(&MESSAGES, (profile, first_of(self.index.segments()))..)?;
        while found.len() < MAX_FOUND
            && let Some(row) = rows.next_back_where(|stored| self.needle.may_be_in(stored))
        {
            let ((_, id), record) = row?;
            let hit = self.needle.is_in_message(&record) && self.is_shown(&Hit::of(&record))?;
            found.extend(hit.then_some(id));
        }
        for segment in (0..self.index.segments()).rev() {
            if found.len() >= MAX_FOUND {
                break;
            }
            for place in self.index.candidates(segment)?.newest_first() {
                let id = MessageId::new(first_of(segment).get() + place);
                if found.len() < MAX_FOUND
                    && let Some(hit) = self.matching(id)?
                {
                    found.extend(self.is_shown(&hit)?.then_some(id));
                }
            }
        }
        Ok(found)
    }

    /// A message, if it contains what is looked for. Most are told without decoding them.
    fn matching(&mut self, id: MessageId) -> Outcome<Option<Hit>> {
        let key = (self.look.profile, id);
        let mut seen = None;
        let undecided = self.look.view.get_where(&MESSAGES, &key, |stored| {
            let Some(glance) = MessageGlance::at(stored) else { return true };
            match self.needle.is_seen_in(&glance) {
                Some(is_in) => {
                    seen = is_in.then(|| Hit::seen(&glance));
                    false
                }
                None => true,
            }
        })?;
        let decoded = undecided.filter(|record| self.needle.is_in_message(record));
        Ok(seen.or_else(|| decoded.as_ref().map(Hit::of)))
    }

    fn is_shown(&mut self, hit: &Hit) -> Outcome<bool> {
        Ok(hit.listed && !self.known.is_blocked(hit.from)? && self.known.is_open(hit.chat)?)
    }
}

/// What a list of hits shows, in the order of the ids; one unknown message fails all.
pub fn results(look: &Look<'_>, ids: &[MessageId]) -> Outcome<MessageSearchResults> {
    ids.iter().map(|id| Ok((id.get(), result(look, *id)?))).collect()
}

fn result(look: &Look<'_>, id: MessageId) -> Outcome<MessageSearchResult> {
    let record = messages::record(look, id)?;
    let chat = load_chat(look.view, look.profile, record.chat)?;
    let author = contacts::record(look, record.from)?;
    let (chat_color, chat_profile_image) = chats::face(look, &chat)?;
    Ok(MessageSearchResult {
        id: id.get(),
        author_profile_image: look.path(&author.avatar),
        author_name: stored::author_name(look.view, look.texts, look.profile, &record)?,
        author_color: contacts::color_of(&author, record.from),
        author_id: record.from.get(),
        chat_profile_image,
        chat_color,
        chat_name: chats::name(look, &chat)?,
        chat_type: convert::chat_type(chat.chat_type).into(),
        is_chat_contact_request: chat.blocked == Block::Request,
        is_chat_archived: chat.visibility == Visibility::Archived,
        timestamp: messages::sent_or_sort(&record),
        chat_id: record.chat.get(),
        message: record.text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_needle_is_found_as_if_both_were_written_in_lower_case() {
        let texts = [
            "",
            "Rehearsal at eight",
            "REHEARSAL",
            "ÄIGHT o'clock",
            "20 \u{212A}elvin",
            "İstanbul",
            "ΟΔΟΣ οδός",
        ];
        for query in [
            "e", "hears", "äight", "Äight", "kelvin", "\u{212A}", "i", "istanbul", "οδος", "οδοσ", " at ",
            "x",
        ] {
            let mut needle = Needle::new(query).unwrap();
            for text in texts {
                let expected = text.to_lowercase().contains(&query.trim().to_lowercase());
                assert_eq!(needle.is_in(text.as_bytes()), expected, "{query:?} in {text:?}");
            }
        }
    }

    #[test]
    fn blanks_are_nothing_to_look_for() {
        assert!(Needle::new(" \t").is_none());
    }
}
