//! Grams: three letters in a row, which the search index is made of. No I/O.
//!
//! A text has a gram for each of its letters: the letter and the two that follow, where the end of the text counts as two
//! letters 0. So also a query of one or two letters selects a range of grams, in every script, and a text that contains a
//! query has a gram of each range of the query.
//!
//! The grams of a segment of messages are kept in rows of some kilobytes, in ascending order. A row is a list of
//!
//! ```text
//! gram, as the difference to the one before · bytes of its list · list of messages, each as the difference to the one before
//! ```
//!
//! where all numbers are varints, and messages count from the first of the segment.

use std::ops::RangeInclusive;

use prost::encoding::{decode_varint, encode_varint, encoded_len_varint};

/// Messages of a segment, by their ids.
pub const SEGMENT: u32 = 2048;
/// A message with more grams than that is not indexed, but looked at by every search.
pub const MAX_GRAMS: usize = 1_024;
/// The first letters of a longer query decide which messages are looked at.
const MAX_RANGES: usize = 8;
/// A row is closed when it has so many bytes: two fit into a page of the database.
const ROW_BYTES: usize = 1_700;
/// Bits of a letter: no Unicode scalar value has more.
const LETTER: u32 = 21;
const LAST_LETTER: u64 = (1 << LETTER) - 1;

/// Three letters, which compare as they do.
pub type Gram = u64;

/// Stands for the grams of messages that are not indexed. No three letters make it.
pub const PLAIN: Gram = Gram::MAX;

fn gram(letters: [u64; 3]) -> Gram {
    let [a, b, c] = letters;
    (a << (2 * LETTER)) | (b << LETTER) | c
}

/// Puts the grams of a text in lower case into `out`, each once, in ascending order.
pub fn of_text(text: &str, out: &mut Vec<Gram>) {
    out.clear();
    let mut three = [0; 3];
    let letters = text.chars().map(u64::from).chain([0, 0]);
    for (at, letter) in letters.enumerate() {
        three = [three[1], three[2], letter];
        if at >= 2 {
            out.push(gram(three));
        }
    }
    out.sort_unstable();
    out.dedup();
}

/// The ranges of which a text that contains the query has a gram each. The query is in lower case and not empty.
pub fn of_query(query: &str) -> Vec<RangeInclusive<Gram>> {
    let letters: Vec<u64> = query.chars().map(u64::from).collect();
    match letters[..] {
        [] => Vec::new(),
        [a] => vec![gram([a, 0, 0])..=gram([a, LAST_LETTER, LAST_LETTER])],
        [a, b] => vec![gram([a, b, 0])..=gram([a, b, LAST_LETTER])],
        _ => {
            let mut grams: Vec<Gram> = letters
                .windows(3)
                .take(MAX_RANGES)
                .map(|three| gram([three[0], three[1], three[2]]))
                .collect();
            grams.sort_unstable();
            grams.dedup();
            grams.into_iter().map(|gram| gram..=gram).collect()
        }
    }
}

/// Some messages of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set([u64; (SEGMENT / 64) as usize]);

impl Default for Set {
    fn default() -> Self {
        Self([0; (SEGMENT / 64) as usize])
    }
}

impl Set {
    /// Adds a message. One that is not of a segment is none.
    pub fn add(&mut self, place: u32) {
        if let Some(word) = self.0.get_mut((place / 64) as usize) {
            *word |= 1 << (place % 64);
        }
    }

    /// Whether a message is among them.
    pub fn has(&self, place: u32) -> bool {
        self.0.get((place / 64) as usize).is_some_and(|word| word & (1 << (place % 64)) != 0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Leaves those that are in the other set, too.
    pub fn keep(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= other);
    }

    /// The messages, last one first.
    pub fn newest_first(&self) -> impl Iterator<Item = u32> + '_ {
        (0..SEGMENT).rev().filter(|place| self.has(*place))
    }
}

/// The rows of a segment, each with its first gram, out of grams and messages in ascending order.
pub fn rows(entries: &[(Gram, u16)]) -> Vec<(Gram, Vec<u8>)> {
    let mut rows: Vec<(Gram, Vec<u8>)> = Vec::new();
    let mut before = 0;
    for list in entries.chunk_by(|a, b| a.0 == b.0) {
        let Some((gram, _)) = list.first() else { continue };
        // Messages that are not indexed have a row of their own.
        if *gram == PLAIN || rows.last().is_none_or(|(_, row)| row.len() >= ROW_BYTES) {
            rows.push((*gram, Vec::with_capacity(ROW_BYTES + 256)));
            before = 0;
        }
        let Some((_, row)) = rows.last_mut() else { continue };
        encode_varint(gram - before, row);
        before = *gram;
        encode_varint(steps(list).map(encoded_len_varint).sum::<usize>() as u64, row);
        steps(list).for_each(|step| encode_varint(step, row));
    }
    rows
}

/// The messages of a list, each as the difference to the one before.
fn steps(list: &[(Gram, u16)]) -> impl Iterator<Item = u64> + '_ {
    let before = std::iter::once(0).chain(list.iter().map(|(_, place)| *place));
    list.iter().zip(before).map(|((_, place), before)| u64::from(*place) - u64::from(before))
}

/// Adds the messages that a row lists for a range of grams. `None` if it is no such row.
pub fn collect(mut row: &[u8], wanted: &RangeInclusive<Gram>, into: &mut Set) -> Option<()> {
    let mut gram: Gram = 0;
    while !row.is_empty() {
        gram = gram.checked_add(decode_varint(&mut row).ok()?)?;
        let bytes = usize::try_from(decode_varint(&mut row).ok()?).ok()?;
        let (mut list, rest) = row.split_at_checked(bytes)?;
        row = rest;
        if gram > *wanted.end() {
            break;
        }
        if gram < *wanted.start() {
            continue;
        }
        let mut place = 0u64;
        while !list.is_empty() {
            place = place.checked_add(decode_varint(&mut list).ok()?)?;
            into.add(u32::try_from(place).ok()?);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grams(text: &str) -> Vec<Gram> {
        let mut out = Vec::new();
        of_text(text, &mut out);
        out
    }

    /// What a search with the index does, over texts that are in lower case.
    fn candidates(texts: &[String], query: &str) -> Vec<usize> {
        let mut entries: Vec<(Gram, u16)> = texts
            .iter()
            .enumerate()
            .flat_map(|(place, text)| grams(text).into_iter().map(move |gram| (gram, place as u16)))
            .collect();
        entries.sort_unstable();
        let rows = rows(&entries);
        let sets = of_query(query).into_iter().map(|range| {
            let mut set = Set::default();
            rows.iter().for_each(|(_, row)| collect(row, &range, &mut set).unwrap());
            set
        });
        let set = sets.reduce(|mut all, set| {
            all.keep(&set);
            all
        });
        let mut found: Vec<usize> =
            set.unwrap_or_default().newest_first().map(|place| place as usize).collect();
        found.reverse();
        found
    }

    #[test]
    fn a_text_has_a_gram_for_each_of_its_letters() {
        assert!(grams("").is_empty());
        assert_eq!(grams("a").len(), 1);
        assert_eq!(grams("abcd").len(), 4);
        assert_eq!(grams("aaaa").len(), 3, "each once");
        assert!(grams("\u{10FFFF}\u{10FFFF}\u{10FFFF}").iter().all(|gram| *gram < PLAIN));
    }

    #[test]
    fn words_of_every_script_and_parts_of_them_are_found() {
        let texts =
            ["rehearsal at eight", "äight o'clock", "会議は明日です", "שלום עולם", "नमस्ते", "👩‍👩‍👧 family", "ab"]
                .map(str::to_owned);
        for (query, expected) in [
            ("hears", vec![0]),
            ("äi", vec![1]),
            ("議", vec![2]),
            ("明日", vec![2]),
            ("ום ע", vec![3]),
            ("मस्", vec![4]),
            ("👧", vec![5]),
            ("b", vec![6]),
            ("t", vec![0, 1]),
            ("rehearsal at eight", vec![0]),
            ("xyz", vec![]),
        ] {
            assert_eq!(candidates(&texts, query), expected, "{query}");
        }
    }

    #[test]
    fn rows_are_cut_and_each_knows_its_first_gram() {
        let entries: Vec<(Gram, u16)> = (0..2_000).map(|gram| (gram * 7, (gram % 100) as u16)).collect();
        let rows = rows(&entries);
        assert!(rows.len() > 3 && rows.iter().all(|(_, row)| row.len() < 4_000));
        for (first, row) in &rows {
            let mut set = Set::default();
            collect(row, &(*first..=*first), &mut set).unwrap();
            assert!(set.has((first / 7 % 100) as u32), "{first}");
        }
    }

    #[test]
    fn what_is_no_row_is_noticed() {
        let whole = rows(&[(5, 1), (5, 9), (6, 300)]).remove(0).1;
        assert_eq!(collect(&whole, &(0..=PLAIN), &mut Set::default()), Some(()));
        for end in [1, 2, 3, whole.len() - 1] {
            assert_eq!(collect(&whole[..end], &(0..=PLAIN), &mut Set::default()), None, "{end}");
        }
    }

    proptest! {
        #[test]
        fn no_text_that_contains_the_query_is_missed(
            texts in prop::collection::vec("[abcäß会議 \u{0}]{0,12}", 1..40),
            query in "[abcäß会議 \u{0}]{1,5}",
        ) {
            let found = candidates(&texts, &query);
            for (place, text) in texts.iter().enumerate() {
                prop_assert!(!text.contains(&query) || found.contains(&place), "{query:?} in {text:?}");
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(row in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = collect(&row, &(3..=1 << 40), &mut Set::default());
        }
    }
}
