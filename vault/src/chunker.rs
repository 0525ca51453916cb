//! Where the stream of a profile is cut.
//!
//! A cut follows an entry whose key says so, so that a row that comes, goes or changes touches the chunk that it is in,
//! and at most the one after it: all others are the same as in the backup before.

/// No chunk of a longer stream is shorter.
const SHORTEST: usize = 64 << 10;
/// No chunk is longer; entries are cut in the middle where they have to be.
const LONGEST: usize = 1 << 20;
/// After the shortest length one entry in that many ends a chunk.
const ONE_IN: u32 = 512;

/// Collects entries until there is enough for a chunk.
#[derive(Default)]
pub(crate) struct Chunker {
    buffer: Vec<u8>,
}

impl Chunker {
    /// Adds an entry; `key` is what stays the same when it changes. Chunks that are complete go to `take`.
    pub(crate) fn add<E>(
        &mut self,
        entry: &[u8],
        key: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.buffer.extend_from_slice(entry);
        while self.buffer.len() >= LONGEST {
            take(&self.buffer[..LONGEST])?;
            self.buffer.drain(..LONGEST);
        }
        if self.buffer.len() >= SHORTEST && ends(key) {
            take(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// The last chunk, unless it is empty.
    pub(crate) fn finish<E>(self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if self.buffer.is_empty() { Ok(()) } else { take(&self.buffer) }
    }
}

fn ends(key: &[u8]) -> bool {
    let hash = blake3::hash(key);
    let [a, b, c, d, ..] = *hash.as_bytes();
    u32::from_le_bytes([a, b, c, d]) % ONE_IN == 0
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn chunks(entries: &[(u32, Vec<u8>)]) -> Vec<Vec<u8>> {
        let (mut chunker, mut chunks) = (Chunker::default(), Vec::new());
        let mut take = |chunk: &[u8]| {
            chunks.push(chunk.to_vec());
            Ok::<_, ()>(())
        };
        for (key, entry) in entries {
            chunker.add(entry, &key.to_be_bytes(), &mut take).unwrap();
        }
        chunker.finish(&mut take).unwrap();
        chunks
    }

    #[test]
    fn a_change_in_the_middle_touches_few_chunks() {
        let entries: Vec<(u32, Vec<u8>)> = (0..20_000).map(|key| (key, vec![key as u8; 200])).collect();
        let before: HashSet<Vec<u8>> = chunks(&entries).into_iter().collect();
        let mut changed = entries.clone();
        changed.insert(9_000, (70_000, vec![7; 300]));
        changed[12_000].1 = vec![1; 150];
        let after = chunks(&changed);
        let new = after.iter().filter(|chunk| !before.contains(*chunk)).count();
        assert!(after.len() > 15 && new <= 4, "{new} of {}", after.len());
    }

    proptest! {
        #[test]
        fn chunks_together_are_the_stream(lengths in prop::collection::vec(0_usize..200_000, 0..40)) {
            let entries: Vec<(u32, Vec<u8>)> =
                lengths.iter().enumerate().map(|(key, length)| (key as u32, vec![key as u8; *length])).collect();
            let chunks = chunks(&entries);
            prop_assert!(chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() < LONGEST + 200_000));
            let stream: Vec<u8> = entries.into_iter().flat_map(|(_, entry)| entry).collect();
            prop_assert_eq!(chunks.concat(), stream);
        }
    }
}
