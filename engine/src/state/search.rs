//! The index of texts: which messages a search has to look at.
//!
//! Messages are indexed in segments, by their ids: one segment after the other, when it is full, and not when a message
//! comes. What is behind the last indexed segment is searched by looking at it. A message of an indexed segment whose text
//! changes is looked at by every search until the segment is indexed anew, and so that texts of deleted messages do not
//! stay behind in the index, a segment that lost some is indexed anew, too. `upkeep::search_index` does it in the
//! background; why it is done so: `docs/decisions/search.md`.
//!
//! What the index finds are candidates. Whether a message is still there, is shown and contains the query is seen from the
//! message.

pub mod grams;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use volary_storage::records::CounterRecord;
use volary_storage::tables::{COUNTERS, SEARCH_CHANGED, SEARCH_GONE, SEARCH_GRAMS};
use volary_storage::{Raw, StoreError, View};

use self::grams::{Gram, PLAIN, SEGMENT, Set};
use super::deadlines::{self, Kind};
use crate::ground::db::Tx;
use crate::ground::ids::{MessageId, ProfileId};

/// A segment of which messages changed or went is indexed anew within that many seconds.
pub const CHANGES_WAIT: i64 = 3_600;

/// The segment of a message.
pub fn segment_of(id: MessageId) -> u32 {
    id.get() / SEGMENT
}

/// The first message id of a segment.
pub fn first_of(segment: u32) -> MessageId {
    segment.saturating_mul(SEGMENT).into()
}

fn counters(view: &impl View, profile: ProfileId) -> Result<CounterRecord, StoreError> {
    Ok(view.get(&COUNTERS, &profile)?.unwrap_or_default())
}

/// What an index covers: 1, the whole of long texts. Before, it was the part that is shown.
pub const FORM: u32 = 1;

/// How many segments are indexed as they are to be.
pub fn indexed(counters: &CounterRecord) -> u32 {
    if counters.search_form == FORM { counters.search_indexed } else { 0 }
}

/// A message id was given out. The first one of a segment closes the segment before. An index that covers less than it
/// should is made anew.
pub fn id_given(tx: &mut Tx<'_, '_>, counters: &CounterRecord) -> Result<(), StoreError> {
    let (id, indexed) = (counters.message, counters.search_indexed);
    let closes = id == first_of(segment_of(id));
    if closes || (indexed > 0 && counters.search_form != FORM) { due(tx, tx.now) } else { Ok(()) }
}

/// Indexing is due at `time` at the latest.
pub fn due(tx: &mut Tx<'_, '_>, time: i64) -> Result<(), StoreError> {
    let noted = deadlines::single(tx.store, tx.profile, Kind::SearchIndex, 0)?;
    if noted.is_none_or(|noted| noted > time) {
        deadlines::set_single(tx, time, Kind::SearchIndex, 0)?;
    }
    Ok(())
}

/// The text of a message became another one, or it came under an id that was given out before.
pub fn text_changed(tx: &mut Tx<'_, '_>, id: MessageId) -> Result<(), StoreError> {
    if segment_of(id) >= counters(tx.store, tx.profile)?.search_claimed {
        return Ok(());
    }
    let key = (tx.profile, id);
    let mut record = tx.store.get(&SEARCH_CHANGED, &key)?.unwrap_or_default();
    record.count = record.count.wrapping_add(1);
    tx.store.put(&SEARCH_CHANGED, &key, &record)?;
    due(tx, tx.now + CHANGES_WAIT)
}

/// A message was removed.
pub fn removed(tx: &mut Tx<'_, '_>, id: MessageId) -> Result<(), StoreError> {
    let segment = segment_of(id);
    if segment >= counters(tx.store, tx.profile)?.search_claimed {
        return Ok(());
    }
    let key = (tx.profile, segment);
    let mut record = tx.store.get(&SEARCH_GONE, &key)?.unwrap_or_default();
    record.count = record.count.wrapping_add(1);
    tx.store.put(&SEARCH_GONE, &key, &record)?;
    tx.store.remove(&SEARCH_CHANGED, &(tx.profile, id))?;
    due(tx, tx.now + CHANGES_WAIT)
}

/// Asks the index for one query, from one snapshot.
pub struct Index<'v, V> {
    view: &'v V,
    profile: ProfileId,
    segments: u32,
    ranges: Vec<RangeInclusive<Gram>>,
    changed: BTreeSet<MessageId>,
}

impl<'v, V: View> Index<'v, V> {
    /// For a query in lower case.
    pub fn new(view: &'v V, profile: ProfileId, query: &str) -> Result<Self, StoreError> {
        let segments = indexed(&counters(view, profile)?);
        let changed = view.scan_prefix(&SEARCH_CHANGED, &profile)?.keys().map(|key| key.map(|(_, id)| id));
        let changed = changed.collect::<Result<_, _>>()?;
        Ok(Self { view, profile, segments, ranges: grams::of_query(query), changed })
    }

    /// How many segments are indexed: those from 0.
    pub fn segments(&self) -> u32 {
        self.segments
    }

    /// Which messages of an indexed segment may contain the query.
    pub fn candidates(&self, segment: u32) -> Result<Set, StoreError> {
        let mut found: Option<Set> = None;
        for range in &self.ranges {
            let listed = self.listed(segment, range)?;
            match &mut found {
                Some(found) => found.keep(&listed),
                None => found = Some(listed),
            }
            if found.as_ref().is_some_and(Set::is_empty) {
                break;
            }
        }
        let mut found = found.unwrap_or_default();
        self.collect((self.profile, segment, PLAIN), &(PLAIN..=PLAIN), &mut found)?;
        for id in self.changed.range(first_of(segment)..first_of(segment + 1)) {
            found.add(id.get() % SEGMENT);
        }
        Ok(found)
    }

    /// The messages of a segment that have a gram of a range.
    fn listed(&self, segment: u32, range: &RangeInclusive<Gram>) -> Result<Set, StoreError> {
        let mut found = Set::default();
        let (profile, first, last) = (self.profile, *range.start(), *range.end());
        // The first gram may be listed in a row that begins before it.
        let mut begun =
            self.view.range(&SEARCH_GRAMS, (profile, segment, 0u64)..=(profile, segment, first))?;
        if let Some((_, Raw(row))) = begun.next_back().transpose()? {
            add(&row, range, &mut found)?;
        }
        if first < last {
            for row in
                self.view.range(&SEARCH_GRAMS, (profile, segment, first + 1)..=(profile, segment, last))?
            {
                let (_, Raw(row)) = row?;
                add(&row, range, &mut found)?;
            }
        }
        Ok(found)
    }

    fn collect(
        &self,
        key: (ProfileId, u32, Gram),
        range: &RangeInclusive<Gram>,
        into: &mut Set,
    ) -> Result<(), StoreError> {
        match self.view.get(&SEARCH_GRAMS, &key)? {
            Some(Raw(row)) => add(&row, range, into),
            None => Ok(()),
        }
    }
}

fn add(row: &[u8], range: &RangeInclusive<Gram>, into: &mut Set) -> Result<(), StoreError> {
    grams::collect(row, range, into).ok_or(StoreError::Row { table: SEARCH_GRAMS.name(), part: "value" })
}
