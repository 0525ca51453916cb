//! Sets of UIDs as they stand in commands (RFC 3501 `sequence-set`). Pure.

/// A set string is closed when it has grown beyond this, so that commands stay below 1,010 characters.
const MAX_SET_LEN: usize = 990;

/// Writes UIDs as sets of ranges, ascending, each short enough for one command, together with what they hold.
pub fn uid_sets(mut uids: Vec<u32>) -> Vec<(String, Vec<u32>)> {
    uids.sort_unstable();
    uids.dedup();
    let mut out: Vec<(String, Vec<u32>)> = Vec::new();
    let mut current = (String::new(), Vec::new());
    let mut rest = uids.as_slice();
    while let Some(&first) = rest.first() {
        let run = rest.iter().zip(first..=u32::MAX).take_while(|(uid, expected)| *uid == expected).count();
        let (range, after) = rest.split_at(run);
        if !current.0.is_empty() {
            current.0.push(',');
        }
        match run {
            1 => current.0.push_str(&first.to_string()),
            _ => current.0.push_str(&format!("{first}:{}", range[run - 1])),
        }
        current.1.extend_from_slice(range);
        if current.0.len() > MAX_SET_LEN {
            out.push(std::mem::take(&mut current));
        }
        rest = after;
    }
    if !current.0.is_empty() {
        out.push(current);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn neighbours_become_ranges() {
        assert_eq!(uid_sets(vec![9, 1, 5, 4, 6, 4]), [("1,4:6,9".to_string(), vec![1, 4, 5, 6, 9])]);
        assert!(uid_sets(vec![]).is_empty());
        assert_eq!(uid_sets(vec![u32::MAX, u32::MAX - 1])[0].0, "4294967294:4294967295");
    }

    proptest! {
        #[test]
        fn every_uid_is_in_exactly_one_set(uids in prop::collection::btree_set(1u32..5000, 0..1500)) {
            let sets = uid_sets(uids.iter().rev().copied().collect());
            let all: Vec<u32> = sets.iter().flat_map(|(_, uids)| uids.clone()).collect();
            prop_assert_eq!(all, uids.into_iter().collect::<Vec<_>>());
            for (set, held) in sets {
                prop_assert!(set.len() <= 1010);
                let written: Vec<u32> = set.split(',').flat_map(|part| {
                    let (a, b) = part.split_once(':').unwrap_or((part, part));
                    a.parse::<u32>().unwrap()..=b.parse::<u32>().unwrap()
                }).collect();
                prop_assert_eq!(written, held);
            }
        }
    }
}
