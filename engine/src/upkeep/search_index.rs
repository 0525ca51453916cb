//! Making the search index, in the background: a segment is read and indexed on a worker and stored in one short
//! transaction. See [`crate::state::search`].

use volary_storage::records::MessageRecord;
use volary_storage::tables::{COUNTERS, MESSAGES, SEARCH_CHANGED, SEARCH_GONE, SEARCH_GRAMS};
use volary_storage::{Raw, StoreError, View};

use crate::ground::db::{Db, Tx};
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::{MessageId, ProfileId};
use crate::ground::work::Lane;
use crate::state::deadlines::{self, Kind};
use crate::state::search::grams::{self, Gram, MAX_GRAMS, PLAIN, SEGMENT};
use crate::state::search::{CHANGES_WAIT, FORM, first_of, indexed, segment_of};
use crate::state::{messages, profiles};

/// An index of a segment, as of one snapshot.
struct Built {
    segment: u32,
    rows: Vec<(Gram, Vec<u8>)>,
    /// What was noted of changes when the snapshot was taken.
    noted: Noted,
}

/// Changes of a segment since it was indexed, each with its count.
#[derive(Default)]
struct Noted {
    changed: Vec<(MessageId, u32)>,
    gone: Option<u32>,
}

/// Notes that it is to be done again: what is done now may be cut short.
pub fn again(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    deadlines::set_single(tx, tx.now + CHANGES_WAIT, Kind::SearchIndex, 0)
}

/// Indexes the full segments of a profile that are not indexed yet, and those of which messages changed or went; how many
/// they were.
pub async fn build(db: &Db, profile: ProfileId) -> Outcome<usize> {
    let mut built = 0;
    while let Some(segment) = db.transact::<_, Failure, _>(profile, |tx| Ok(claim(tx)?)).await?.value {
        index(db, profile, segment).await?;
        built += 1;
    }
    // Each once: changes that come meanwhile are noted and wait for the next time.
    for segment in db.look(|view| outdated(view, profile))? {
        index(db, profile, segment).await?;
        built += 1;
    }
    db.transact::<_, Failure, _>(profile, |tx| Ok(finish(tx)?)).await?;
    Ok(built)
}

async fn index(db: &Db, profile: ProfileId, segment: u32) -> Outcome<()> {
    let reader = db.clone();
    let built = db.work(Lane::Bulk, move || reader.look(|view| read(view, profile, segment))).await?;
    db.transact::<_, Failure, _>(profile, move |tx| Ok(store(tx, built)?)).await?;
    Ok(())
}

/// The next full segment that is not indexed. From now on changes of its messages are noted, so that none is missed that
/// comes after the snapshot.
fn claim(tx: &mut Tx<'_, '_>) -> Result<Option<u32>, StoreError> {
    let Some(mut counters) = tx.store.get(&COUNTERS, &tx.profile)? else { return Ok(None) };
    let segment = indexed(&counters);
    if segment >= segment_of(counters.message) {
        return Ok(None);
    }
    counters.search_claimed = counters.search_claimed.max(segment + 1);
    // Searches look at every message until the segments are made.
    counters.search_indexed = segment;
    counters.search_form = FORM;
    tx.store.put(&COUNTERS, &tx.profile, &counters)?;
    Ok(Some(segment))
}

/// Indexed segments of which changes are noted, in ascending order.
fn outdated(view: &impl View, profile: ProfileId) -> Result<Vec<u32>, StoreError> {
    let changed =
        view.scan_prefix(&SEARCH_CHANGED, &profile)?.keys().map(|key| key.map(|(_, id)| segment_of(id)));
    let gone = view.scan_prefix(&SEARCH_GONE, &profile)?.keys().map(|key| key.map(|(_, segment)| segment));
    let mut segments = changed.chain(gone).collect::<Result<Vec<_>, _>>()?;
    segments.sort_unstable();
    segments.dedup();
    Ok(segments)
}

fn read(view: &impl View, profile: ProfileId, segment: u32) -> Result<Built, StoreError> {
    let mut noted = Noted::default();
    for row in view.range(&SEARCH_CHANGED, (profile, first_of(segment))..(profile, first_of(segment + 1)))? {
        let ((_, id), record) = row?;
        noted.changed.push((id, record.count));
    }
    noted.gone = view.get(&SEARCH_GONE, &(profile, segment))?.map(|record| record.count);
    let mut entries: Vec<(Gram, u16)> = Vec::new();
    let mut letters = Vec::new();
    for row in view.range(&MESSAGES, (profile, first_of(segment))..(profile, first_of(segment + 1)))? {
        let ((_, id), record) = row?;
        let Ok(place) = u16::try_from(id.get() % SEGMENT) else { continue };
        add(&record, place, &mut letters, &mut entries);
    }
    entries.sort_unstable();
    Ok(Built { segment, rows: grams::rows(&entries), noted })
}

fn add(record: &MessageRecord, place: u16, letters: &mut Vec<Gram>, entries: &mut Vec<(Gram, u16)>) {
    let text = record.text.to_lowercase();
    match messages::long_text(record) {
        Some(whole) => grams::of_text(&format!("{text}\n{}", whole.to_lowercase()), letters),
        None => grams::of_text(&text, letters),
    }
    if letters.len() > MAX_GRAMS {
        entries.push((PLAIN, place));
    } else {
        entries.extend(letters.iter().map(|gram| (*gram, place)));
    }
}

/// Puts the index of a segment in place of the one before. Changes that came after the snapshot stay noted.
fn store(tx: &mut Tx<'_, '_>, built: Built) -> Result<(), StoreError> {
    let (profile, segment) = (tx.profile, built.segment);
    let Some(mut counters) = tx.store.get(&COUNTERS, &profile)? else { return Ok(()) };
    if profiles::load(tx.store, profile)?.is_none() {
        return Ok(());
    }
    tx.store.remove_prefix(&SEARCH_GRAMS, &(profile, segment))?;
    for (first, row) in built.rows {
        tx.store.put(&SEARCH_GRAMS, &(profile, segment, first), &Raw(row))?;
    }
    for (id, count) in built.noted.changed {
        if tx.store.get(&SEARCH_CHANGED, &(profile, id))?.is_some_and(|record| record.count == count) {
            tx.store.remove(&SEARCH_CHANGED, &(profile, id))?;
        }
    }
    let gone = tx.store.get(&SEARCH_GONE, &(profile, segment))?.map(|record| record.count);
    if gone.is_some() && gone == built.noted.gone {
        tx.store.remove(&SEARCH_GONE, &(profile, segment))?;
    }
    counters.search_indexed = counters.search_indexed.max(segment + 1);
    tx.store.put(&COUNTERS, &profile, &counters)
}

/// Nothing is due until the next change, unless one came meanwhile.
fn finish(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    let counters = tx.store.get(&COUNTERS, &tx.profile)?.unwrap_or_default();
    let full = indexed(&counters) < segment_of(counters.message);
    if !full && outdated(tx.store, tx.profile)?.is_empty() {
        return deadlines::cancel_single(tx, Kind::SearchIndex, 0);
    }
    deadlines::set_single(tx, tx.now + if full { 0 } else { CHANGES_WAIT }, Kind::SearchIndex, 0)
}

#[cfg(test)]
mod tests;
