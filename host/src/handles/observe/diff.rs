//! What turns one list into another. A rule: no I/O.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// Differences with more steps than that are one [`Change::Reset`]: a user interface is faster with it.
const MAX_STEPS: usize = 1_000;

/// An entry that is the same one in two lists when its key is.
pub trait Keyed {
    /// What an entry is known by. No two entries of a list have the same.
    type Key: Copy + Eq + Hash;

    /// The key of this entry.
    fn key(&self) -> Self::Key;
}

/// A step from one list to the next. Steps are applied one after the other, in their order; each index is one of the list
/// as the steps before have left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<T> {
    /// There is a new entry.
    Insert {
        /// Where it is then.
        index: usize,
        /// The entry.
        item: T,
    },
    /// An entry is gone.
    Remove {
        /// Where it was.
        index: usize,
    },
    /// An entry has another place.
    Move {
        /// Where it was.
        from: usize,
        /// Where it is then, after it was taken out.
        to: usize,
    },
    /// An entry looks different.
    Update {
        /// Where it is.
        index: usize,
        /// The entry as it is now.
        item: T,
    },
    /// The whole list is another one.
    Reset {
        /// All entries.
        items: Vec<T>,
    },
}

impl<T> Change<T> {
    /// Carries out the step on a list.
    ///
    /// # Panics
    ///
    /// If the list is not the one that the step was made for, and is too short.
    pub fn apply(self, list: &mut Vec<T>) {
        match self {
            Self::Insert { index, item } => list.insert(index, item),
            Self::Remove { index } => drop(list.remove(index)),
            Self::Move { from, to } => {
                let item = list.remove(from);
                list.insert(to, item);
            }
            Self::Update { index, item } => list[index] = item,
            Self::Reset { items } => *list = items,
        }
    }
}

/// The steps from `old` to `new`: removals from the end, then moves and insertions from the front, then updates. Entries
/// that kept their order among each other are not moved.
pub fn diff<T: Keyed + Clone + PartialEq>(old: &[T], new: &[T]) -> Vec<Change<T>> {
    let wanted: HashSet<T::Key> = new.iter().map(Keyed::key).collect();
    let mut changes = Vec::new();
    for (index, item) in old.iter().enumerate().rev() {
        if !wanted.contains(&item.key()) {
            changes.push(Change::Remove { index });
        }
    }
    let kept: Vec<&T> = old.iter().filter(|item| wanted.contains(&item.key())).collect();
    changes.append(&mut order(&kept, new));
    let before: HashMap<T::Key, &T> = kept.iter().map(|item| (item.key(), *item)).collect();
    for (index, item) in new.iter().enumerate() {
        if before.get(&item.key()).is_some_and(|before| *before != item) {
            changes.push(Change::Update { index, item: item.clone() });
        }
    }
    if changes.len() > MAX_STEPS {
        return vec![Change::Reset { items: new.to_vec() }];
    }
    changes
}

/// The moves and insertions that give the kept entries the order of `new`.
fn order<T: Keyed + Clone>(kept: &[&T], new: &[T]) -> Vec<Change<T>> {
    let places: HashMap<T::Key, usize> =
        kept.iter().enumerate().map(|(place, item)| (item.key(), place)).collect();
    let old_places: Vec<usize> = new.iter().filter_map(|item| places.get(&item.key()).copied()).collect();
    let staying: HashSet<usize> = longest_rising(&old_places).into_iter().collect();
    let mut changes = Vec::new();
    let mut list: Vec<T::Key> = kept.iter().map(|item| item.key()).collect();
    // Where the next entry belongs: right behind the one before it.
    let mut next = 0;
    for item in new {
        // More steps are thrown away anyway.
        if changes.len() > MAX_STEPS {
            break;
        }
        let key = item.key();
        match places.get(&key) {
            None => {
                list.insert(next, key);
                changes.push(Change::Insert { index: next, item: item.clone() });
                next += 1;
            }
            Some(place) if staying.contains(place) => {
                // What lies between is moved later.
                next = find(&list, next, key) + 1;
            }
            Some(_) => {
                let from = find(&list, 0, key);
                // Taking it out moves what is behind it.
                let to = if from < next { next - 1 } else { next };
                if from != to {
                    list.remove(from);
                    list.insert(to, key);
                    changes.push(Change::Move { from, to });
                }
                next = to + 1;
            }
        }
    }
    changes
}

/// Where a key is, from a place on.
fn find<K: Eq>(list: &[K], from: usize, key: K) -> usize {
    // It is there: the list has every entry that was kept.
    list.iter().skip(from).position(|other| *other == key).map_or(list.len(), |place| place + from)
}

/// One of the longest rising selections of the numbers, all of which are different.
fn longest_rising(numbers: &[usize]) -> Vec<usize> {
    // The last number of the best selection of each length, and for each number the one before it in its selection.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: HashMap<usize, usize> = HashMap::new();
    for number in numbers {
        let length = ends.partition_point(|end| end < number);
        if let Some(previous) = length.checked_sub(1).and_then(|shorter| ends.get(shorter)) {
            before.insert(*number, *previous);
        }
        match ends.get_mut(length) {
            Some(end) => *end = *number,
            None => ends.push(*number),
        }
    }
    let mut selection: Vec<usize> =
        std::iter::successors(ends.last().copied(), |number| before.get(number).copied()).collect();
    selection.reverse();
    selection
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An entry: a key and what is shown of it.
    type Entry = (u16, u8);

    impl Keyed for Entry {
        type Key = u16;

        fn key(&self) -> u16 {
            self.0
        }
    }

    fn entries(keys: &[u16]) -> Vec<Entry> {
        keys.iter().map(|key| (*key, 0)).collect()
    }

    fn applied(old: &[Entry], changes: Vec<Change<Entry>>) -> Vec<Entry> {
        let mut list = old.to_vec();
        changes.into_iter().for_each(|change| change.apply(&mut list));
        list
    }

    /// A list without doubles.
    fn list(keys: std::ops::Range<u16>) -> impl Strategy<Value = Vec<Entry>> {
        proptest::collection::vec((keys, 0_u8..3), 0..40).prop_map(|mut entries| {
            let mut known = HashSet::new();
            entries.retain(|entry| known.insert(entry.0));
            entries
        })
    }

    proptest! {
        #[test]
        fn applied_to_the_old_list_the_differences_give_the_new_one(old in list(0..50), new in list(0..50)) {
            prop_assert_eq!(applied(&old, diff(&old, &new)), new);
        }

        #[test]
        fn a_shuffled_list_is_put_into_order(
            (old, new) in list(0..50).prop_flat_map(|old| (Just(old.clone()), Just(old).prop_shuffle()))
        ) {
            let changes = diff(&old, &new);
            let moves = changes.iter().filter(|change| matches!(change, Change::Move { .. })).count();
            prop_assert_eq!(moves, changes.len());
            prop_assert!(changes.len() < old.len().max(1), "one entry at least stays where it is");
            prop_assert_eq!(applied(&old, changes), new);
        }

        #[test]
        fn entries_that_are_the_same_are_not_touched(same in list(0..500)) {
            prop_assert_eq!(diff(&same, &same), vec![]);
        }
    }

    #[test]
    fn a_chat_that_comes_to_the_top_is_one_move() {
        let changes = diff(&entries(&[1, 2, 3, 4]), &entries(&[4, 1, 2, 3]));
        assert_eq!(changes, [Change::Move { from: 3, to: 0 }]);
        let changes = diff(&entries(&[1, 2, 3, 4]), &entries(&[2, 3, 4, 1]));
        assert_eq!(changes, [Change::Move { from: 0, to: 3 }]);
    }

    #[test]
    fn an_entry_that_looks_different_keeps_its_place() {
        let changes = diff(&[(1, 0), (2, 0)], &[(1, 0), (2, 7)]);
        assert_eq!(changes, [Change::Update { index: 1, item: (2, 7) }]);
    }

    #[test]
    fn very_many_steps_are_one() {
        let old = entries(&(0..3_000).collect::<Vec<_>>());
        let new = entries(&(0..3_000).rev().collect::<Vec<_>>());
        let changes = diff(&old, &new);
        assert!(matches!(changes[..], [Change::Reset { .. }]));
        assert_eq!(applied(&old, changes), new);
        let few = diff(&old, &old[..2_500]);
        assert_eq!((few.len(), applied(&old, few).len()), (500, 2_500));
    }
}
