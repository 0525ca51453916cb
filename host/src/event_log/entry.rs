//! An event with its number, and how it is stored.

use std::sync::Arc;

use prost::{Message, encoding};
use volary_proto::Event;
use volary_proto::event::Kind;

/// Something in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its number. Numbers rise, but not by one.
    pub number: u64,
    /// What it is.
    pub item: Item,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// Something has happened.
    Event(Arc<Event>),
    /// Events are missing here.
    Gap(Gap),
    /// Nothing for this frontend has happened up to here. Not stored.
    Reached,
}

/// Whose events are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gap {
    /// Those of any profile.
    All,
    /// Those of these profiles.
    Of(Vec<u32>),
}

impl Gap {
    /// What is left of it for somebody who listens to some profiles only.
    pub fn for_profiles(self, wanted: &impl Fn(u32) -> bool) -> Option<Self> {
        match self {
            Self::All => Some(Self::All),
            Self::Of(profiles) => {
                let left: Vec<u32> = profiles.into_iter().filter(|id| wanted(*id)).collect();
                (!left.is_empty()).then_some(Self::Of(left))
            }
        }
    }
}

/// The field of `Stored` that holds the event.
const EVENT_FIELD: u32 = 2;

/// An entry as it is stored.
#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(uint64, tag = "1")]
    number: u64,
    #[prost(message, optional, tag = "2")]
    event: Option<Event>,
    #[prost(bool, tag = "3")]
    gap_of_all: bool,
    #[prost(uint32, repeated, tag = "4")]
    gap_of: Vec<u32>,
}

impl Entry {
    /// The bytes that are stored; none for what is worth nothing later.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let mut stored = Stored { number: self.number, ..Stored::default() };
        match &self.item {
            // Data of a moment, many and large.
            Item::Event(event) if matches!(event.kind, Some(Kind::WebxdcRealtimeData(_))) => return None,
            Item::Event(event) => {
                // As `Stored` is encoded, without a copy of the event.
                let mut bytes = stored.encode_to_vec();
                encoding::message::encode(EVENT_FIELD, &**event, &mut bytes);
                return Some(bytes);
            }
            Item::Gap(Gap::All) => stored.gap_of_all = true,
            Item::Gap(Gap::Of(profiles)) => stored.gap_of.clone_from(profiles),
            Item::Reached => return None,
        }
        Some(stored.encode_to_vec())
    }

    /// Bytes that it takes, roughly.
    pub fn size(&self) -> usize {
        match &self.item {
            Item::Event(event) => event.encoded_len(),
            Item::Gap(Gap::Of(profiles)) => size_of_val(&profiles[..]),
            Item::Gap(Gap::All) | Item::Reached => 0,
        }
    }

    /// Reads what was stored.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let stored = Stored::decode(bytes).ok()?;
        let item = match stored.event {
            Some(event) => Item::Event(Arc::new(event)),
            None if stored.gap_of_all => Item::Gap(Gap::All),
            None => Item::Gap(Gap::Of(stored.gap_of)),
        };
        Some(Self { number: stored.number, item })
    }

    /// Whether it is for somebody who listens to these profiles.
    pub fn concerns(&self, wanted: &impl Fn(u32) -> bool) -> bool {
        match &self.item {
            Item::Event(event) => wanted(event.profile_id),
            Item::Gap(Gap::All) | Item::Reached => true,
            Item::Gap(Gap::Of(profiles)) => profiles.iter().any(|id| wanted(*id)),
        }
    }
}

/// The entry for an event of the bus. The bus says itself when its log was too slow for it.
pub fn of_event(number: u64, event: Arc<Event>) -> Entry {
    let item = match &event.kind {
        Some(Kind::EventChannelOverflow(_)) if event.profile_id == 0 => Item::Gap(Gap::All),
        Some(Kind::EventChannelOverflow(_)) => Item::Gap(Gap::Of(vec![event.profile_id])),
        _ => Item::Event(event),
    };
    Entry { number, item }
}
