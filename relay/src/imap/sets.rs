//! Sets of message numbers (RFC 3501, section 9, `sequence-set`).

use std::fmt;

use imap_codec::imap_types::sequence::{SeqOrUid, Sequence, SequenceSet};

/// Disjoint ranges in ascending order, both ends included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<(u32, u32)>);

impl Ranges {
    /// Resolves a set. `largest` is what `*` stands for: the highest number in use, 0 if there is none.
    pub(crate) fn resolve(set: &SequenceSet, largest: u32) -> Self {
        let number = |end: &SeqOrUid| match end {
            SeqOrUid::Asterisk => largest,
            SeqOrUid::Value(value) => value.get(),
        };
        let mut ranges: Vec<(u32, u32)> = set
            .0
            .as_ref()
            .iter()
            .map(|sequence| match sequence {
                // The decoder writes a lone asterisk as the highest number there is.
                Sequence::Single(SeqOrUid::Value(value)) if value.get() == u32::MAX => (largest, largest),
                Sequence::Single(one) => (number(one), number(one)),
                Sequence::Range(from, to) => {
                    let (from, to) = (number(from), number(to));
                    (from.min(to), from.max(to))
                }
            })
            .collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (from, to) in ranges {
            match merged.last_mut() {
                Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
                _ => merged.push((from, to)),
            }
        }
        Self(merged)
    }

    /// Lowest and highest number.
    pub(crate) fn span(&self) -> Option<(u32, u32)> {
        Some((self.0.first()?.0, self.0.last()?.1))
    }

    /// The numbers as indexes that count from 0. The caller has checked that [`Ranges::span`] is within bounds.
    pub(crate) fn indexes(&self) -> impl Iterator<Item = usize> {
        self.0.iter().flat_map(|(from, to)| from.saturating_sub(1) as usize..*to as usize)
    }

    pub(crate) fn contains(&self, number: u32) -> bool {
        let behind = self.0.partition_point(|(from, _)| *from <= number);
        behind.checked_sub(1).and_then(|index| self.0.get(index)).is_some_and(|(_, to)| number <= *to)
    }

    /// Positions (from 0) of those ascending numbers that are in the set.
    pub(crate) fn positions<'a>(&'a self, numbers: &'a [u32]) -> impl Iterator<Item = usize> + 'a {
        self.0.iter().flat_map(move |(from, to)| {
            let start = numbers.partition_point(|number| number < from);
            let end = numbers.partition_point(|number| number <= to);
            start..end
        })
    }
}

/// UIDs written as a set, neighbours joined to ranges.
pub(crate) struct UidList<'a>(pub(crate) &'a [u32]);

impl fmt::Display for UidList<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let mut comma = "";
        while let Some((first, _)) = rest.split_first() {
            let neighbours = rest.iter().zip(0u32..).take_while(|(uid, index)| **uid - first == *index);
            let run = neighbours.count();
            let (own, behind) = rest.split_at(run);
            match own {
                [.., last] if run > 1 => write!(out, "{comma}{first}:{last}")?,
                _ => write!(out, "{comma}{first}")?,
            }
            comma = ",";
            rest = behind;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranges(text: &str, largest: u32) -> Vec<(u32, u32)> {
        Ranges::resolve(&SequenceSet::try_from(text).unwrap(), largest).0
    }

    #[test]
    fn an_asterisk_is_the_highest_number() {
        assert_eq!(ranges("*", 7), [(7, 7)]);
        assert_eq!(ranges("4294967295", 7), [(7, 7)]);
        assert_eq!(ranges("559:*", 7), [(7, 559)]);
        assert_eq!(ranges("*:1", 7), [(1, 7)]);
        assert_eq!(ranges("1:*", 0), [(0, 1)]);
    }

    #[test]
    fn overlapping_ranges_are_joined() {
        assert_eq!(ranges("5,1:3,2:4,9:7", 100), [(1, 5), (7, 9)]);
    }

    #[test]
    fn uids_are_written_compactly() {
        assert_eq!(UidList(&[1, 4, 5, 6, 9, u32::MAX]).to_string(), "1,4:6,9,4294967295");
        assert_eq!(UidList(&[]).to_string(), "");
    }

    proptest! {
        #[test]
        fn positions_and_contains_agree(
            pairs in proptest::collection::vec((1u32..50, 1u32..50), 1..10),
            numbers in proptest::collection::btree_set(1u32..50, 0..30),
        ) {
            let text: Vec<String> = pairs.iter().map(|(from, to)| format!("{from}:{to}")).collect();
            let set = Ranges::resolve(&SequenceSet::try_from(text.join(",").as_str()).unwrap(), 49);
            let numbers: Vec<u32> = numbers.into_iter().collect();
            let by_position: Vec<u32> = set.positions(&numbers).map(|index| numbers[index]).collect();
            let by_test: Vec<u32> = numbers.iter().copied().filter(|number| set.contains(*number)).collect();
            let naive: Vec<u32> = numbers
                .iter()
                .copied()
                .filter(|n| pairs.iter().any(|(a, b)| a.min(b) <= n && n <= a.max(b)))
                .collect();
            prop_assert_eq!(&by_position, &by_test);
            prop_assert_eq!(by_position, naive);
        }
    }
}
