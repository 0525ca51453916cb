//! SEARCH (RFC 3501, section 6.4.4).

use std::cell::OnceCell;

use chrono::{DateTime, NaiveDate};
use imap_codec::imap_types::search::SearchKey;
use mail_parser::parsers::MessageStream;
use memchr::memmem;

use super::sets::Ranges;
use crate::header::Header;
use crate::store::{Flags, Message};

/// Keys in one command that look into the text of messages; each costs a pass over the mailbox.
const MAX_TEXT_KEYS: usize = 16;

/// A message that may be found.
pub(crate) struct Candidate<'a> {
    pub(crate) sequence: u32,
    pub(crate) uid: u32,
    pub(crate) recent: bool,
    pub(crate) message: &'a Message,
    header: OnceCell<Header>,
    lower: OnceCell<Vec<u8>>,
}

/// The highest numbers in use, which `*` stands for.
#[derive(Clone, Copy)]
pub(crate) struct Largest {
    pub(crate) sequence: u32,
    pub(crate) uid: u32,
}

/// A search made ready: sets are resolved once, not for each message.
pub(crate) enum Test {
    All(Vec<Test>),
    Either(Box<Test>, Box<Test>),
    Not(Box<Test>),
    Always,
    Sequence(Ranges),
    Uid(Ranges),
    Flag(u8),
    Keyword(String),
    Recent,
    Larger(u64),
    Smaller(u64),
    Arrived(Span),
    Sent(Span),
    Field { name: Vec<u8>, text: Vec<u8> },
    Body(Vec<u8>),
    Text(Vec<u8>),
}

/// Days from (included) to (excluded).
pub(crate) struct Span {
    from: NaiveDate,
    to: NaiveDate,
}

impl Span {
    fn before(day: NaiveDate) -> Self {
        Self { from: NaiveDate::MIN, to: day }
    }

    fn since(day: NaiveDate) -> Self {
        Self { from: day, to: NaiveDate::MAX }
    }

    fn on(day: NaiveDate) -> Self {
        Self { from: day, to: day.succ_opt().unwrap_or(NaiveDate::MAX) }
    }

    fn contains(&self, day: NaiveDate) -> bool {
        self.from <= day && day < self.to
    }
}

impl Test {
    /// Prepares a search; `None` if it looks into texts too often.
    pub(crate) fn prepare(keys: &[SearchKey<'_>], largest: Largest) -> Option<Self> {
        let mut budget = MAX_TEXT_KEYS;
        let tests: Option<Vec<Self>> = keys.iter().map(|key| Self::of(key, largest, &mut budget)).collect();
        tests.map(Self::All)
    }

    fn of(key: &SearchKey<'_>, largest: Largest, budget: &mut usize) -> Option<Self> {
        Some(match key {
            SearchKey::And(keys) => {
                let tests: Option<Vec<Self>> =
                    keys.as_ref().iter().map(|key| Self::of(key, largest, budget)).collect();
                Self::All(tests?)
            }
            SearchKey::Or(left, right) => Self::Either(
                Box::new(Self::of(left, largest, budget)?),
                Box::new(Self::of(right, largest, budget)?),
            ),
            SearchKey::Not(key) => Self::Not(Box::new(Self::of(key, largest, budget)?)),
            SearchKey::All => Self::Always,
            SearchKey::SequenceSet(set) => Self::Sequence(Ranges::resolve(set, largest.sequence)),
            SearchKey::Uid(set) => Self::Uid(Ranges::resolve(set, largest.uid)),
            SearchKey::Larger(size) => Self::Larger(u64::from(*size)),
            SearchKey::Smaller(size) => Self::Smaller(u64::from(*size)),
            SearchKey::Before(day) => Self::Arrived(Span::before(*day.as_ref())),
            SearchKey::On(day) => Self::Arrived(Span::on(*day.as_ref())),
            SearchKey::Since(day) => Self::Arrived(Span::since(*day.as_ref())),
            SearchKey::SentBefore(day) => Self::Sent(Span::before(*day.as_ref())),
            SearchKey::SentOn(day) => Self::Sent(Span::on(*day.as_ref())),
            SearchKey::SentSince(day) => Self::Sent(Span::since(*day.as_ref())),
            flag_or_text => {
                return Self::of_flag(flag_or_text).or_else(|| Self::of_text(flag_or_text, budget));
            }
        })
    }

    fn of_flag(key: &SearchKey<'_>) -> Option<Self> {
        let not = |test| Self::Not(Box::new(test));
        Some(match key {
            SearchKey::Answered => Self::Flag(Flags::ANSWERED),
            SearchKey::Deleted => Self::Flag(Flags::DELETED),
            SearchKey::Draft => Self::Flag(Flags::DRAFT),
            SearchKey::Flagged => Self::Flag(Flags::FLAGGED),
            SearchKey::Seen => Self::Flag(Flags::SEEN),
            SearchKey::Unanswered => not(Self::Flag(Flags::ANSWERED)),
            SearchKey::Undeleted => not(Self::Flag(Flags::DELETED)),
            SearchKey::Undraft => not(Self::Flag(Flags::DRAFT)),
            SearchKey::Unflagged => not(Self::Flag(Flags::FLAGGED)),
            SearchKey::Unseen => not(Self::Flag(Flags::SEEN)),
            SearchKey::Keyword(word) => Self::Keyword(word.as_ref().to_owned()),
            SearchKey::Unkeyword(word) => not(Self::Keyword(word.as_ref().to_owned())),
            SearchKey::Recent => Self::Recent,
            SearchKey::Old => not(Self::Recent),
            SearchKey::New => Self::All(vec![Self::Recent, not(Self::Flag(Flags::SEEN))]),
            _ => return None,
        })
    }

    fn of_text(key: &SearchKey<'_>, budget: &mut usize) -> Option<Self> {
        *budget = budget.checked_sub(1)?;
        let field =
            |name: &[u8], text: &[u8]| Self::Field { name: name.to_vec(), text: text.to_ascii_lowercase() };
        Some(match key {
            SearchKey::Bcc(text) => field(b"Bcc", text.as_ref()),
            SearchKey::Cc(text) => field(b"Cc", text.as_ref()),
            SearchKey::From(text) => field(b"From", text.as_ref()),
            SearchKey::To(text) => field(b"To", text.as_ref()),
            SearchKey::Subject(text) => field(b"Subject", text.as_ref()),
            SearchKey::Header(name, text) => field(name.as_ref(), text.as_ref()),
            SearchKey::Body(text) => Self::Body(text.as_ref().to_ascii_lowercase()),
            SearchKey::Text(text) => Self::Text(text.as_ref().to_ascii_lowercase()),
            _ => return None,
        })
    }

    pub(crate) fn finds(&self, candidate: &Candidate<'_>) -> bool {
        let message = candidate.message;
        match self {
            Self::All(tests) => tests.iter().all(|test| test.finds(candidate)),
            Self::Either(left, right) => left.finds(candidate) || right.finds(candidate),
            Self::Not(test) => !test.finds(candidate),
            Self::Always => true,
            Self::Sequence(set) => set.contains(candidate.sequence),
            Self::Uid(set) => set.contains(candidate.uid),
            Self::Flag(bit) => message.flags.has(*bit),
            Self::Keyword(word) => message.flags.has_keyword(word),
            Self::Recent => candidate.recent,
            Self::Larger(size) => message.data.len() as u64 > *size,
            Self::Smaller(size) => (message.data.len() as u64) < *size,
            Self::Arrived(span) => {
                DateTime::from_timestamp(message.date, 0).is_some_and(|date| span.contains(date.date_naive()))
            }
            Self::Sent(span) => candidate.sent().is_some_and(|day| span.contains(day)),
            Self::Field { name, text } => candidate.has_field(name, text),
            Self::Body(text) => {
                let body = candidate.lower().get(candidate.header().body..).unwrap_or_default();
                memmem::find(body, text).is_some()
            }
            Self::Text(text) => memmem::find(candidate.lower(), text).is_some(),
        }
    }
}

impl<'a> Candidate<'a> {
    pub(crate) fn new(sequence: u32, uid: u32, recent: bool, message: &'a Message) -> Self {
        Self { sequence, uid, recent, message, header: OnceCell::new(), lower: OnceCell::new() }
    }

    fn header(&self) -> &Header {
        self.header.get_or_init(|| Header::read(&self.message.data))
    }

    /// The message in lower case, since searches ignore the case of letters.
    fn lower(&self) -> &[u8] {
        self.lower.get_or_init(|| self.message.data.to_ascii_lowercase())
    }

    fn has_field(&self, name: &[u8], text: &[u8]) -> bool {
        let data = &self.message.data;
        let mut fields = self.header().fields.iter().filter(|field| field.is(data, name));
        fields.any(|field| {
            text.is_empty() || memmem::find(&field.value(data).to_ascii_lowercase(), text).is_some()
        })
    }

    /// The day in the Date field, as its writer saw it.
    fn sent(&self) -> Option<NaiveDate> {
        let data = &self.message.data;
        let mut value = self.header().named(data, "Date").next()?.value(data).to_vec();
        value.extend_from_slice(b"\r\n");
        let parsed = MessageStream::new(&value).parse_date();
        let date = parsed.as_datetime()?;
        NaiveDate::from_ymd_opt(i32::from(date.year), u32::from(date.month), u32::from(date.day))
    }
}
