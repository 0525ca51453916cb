//! The guard before the zip library: finds the end record, reads the central directory and checks all of it.
//!
//! The library searches for further end records when it dislikes the first, inside the data of entries as well, and
//! allocates what the directory claims. It gets to see only what passed here, written anew ([`Directory::rewritten`]):
//! one end record, names that are numbers, no extra fields.
//!
//! Layouts: [APPNOTE.TXT](https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT) 4.3.12 (directory header),
//! 4.3.14 to 4.3.16 (end records), 4.5.3 (64-bit sizes).

use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Seek, SeekFrom};

use super::bounds::{
    MAX_ARCHIVE, MAX_DIRECTORY, MAX_ENTRIES, MAX_ENTRY, MAX_RATIO, MAX_TOTAL, MAX_TRAILER, RATIO_FREE,
};
use super::error::{ArchiveError, shown};
use super::name;

const HEADER: &[u8; 4] = b"PK\x01\x02";
const END: &[u8; 4] = b"PK\x05\x06";
const END64: &[u8; 4] = b"PK\x06\x06";
const LOCATOR64: &[u8; 4] = b"PK\x06\x07";

const HEADER_LEN: usize = 46;
const END_LEN: usize = 22;
const END64_LEN: usize = 56;
const LOCATOR64_LEN: usize = 20;
/// Length of a local header without name and extra field.
const LOCAL_LEN: u64 = 30;
/// Number of the extra field with 64-bit sizes.
const EXTRA64: u16 = 1;

/// Flags of an entry that say that it is encrypted.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;

/// How an entry is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflated,
}

/// One entry as the directory tells it.
#[derive(Debug)]
pub(super) struct Entry {
    pub method: Method,
    crc: u32,
    pub packed: u64,
    pub size: u64,
    pub header_at: u64,
    /// Where the next entry or the directory begins.
    pub end: u64,
}

/// The checked directory of an archive.
#[derive(Debug)]
pub(super) struct Directory {
    /// In the order of the directory.
    pub entries: Vec<Entry>,
    /// Files by name. Folders, and names that are no UTF-8, cannot be asked for.
    pub by_name: HashMap<Box<str>, usize>,
    /// Where the directory begins, which is where the data of entries ends.
    pub start: u64,
}

struct End {
    entries: u64,
    size: u64,
    start: u64,
}

impl Directory {
    pub(super) fn read(file: &mut (impl Read + Seek)) -> Result<Self, ArchiveError> {
        let file_len = file.seek(SeekFrom::End(0))?;
        within("bytes", file_len, MAX_ARCHIVE)?;
        let end = find_end(file, file_len)?;
        within("entries", end.entries, MAX_ENTRIES)?;
        within("bytes of directory", end.size, MAX_DIRECTORY)?;
        let bytes = read_at(file, end.start, end.size)?;
        let mut directory = Self { entries: Vec::new(), by_name: HashMap::new(), start: end.start };
        let mut seen = HashSet::new();
        let mut rest = bytes.as_slice();
        for _ in 0..end.entries {
            let (entry, name, after) = header(rest)?;
            rest = after;
            if !seen.insert(name) {
                return Err(ArchiveError::Duplicate(shown(name)));
            }
            if let (Ok(text), false) = (std::str::from_utf8(name), name.ends_with(b"/")) {
                directory.by_name.insert(text.into(), directory.entries.len());
            }
            directory.entries.push(entry);
        }
        if !rest.is_empty() {
            return Err(ArchiveError::Damaged("its directory has more entries than it tells"));
        }
        directory.check_places()?;
        directory.check_sizes(file_len)?;
        Ok(directory)
    }

    /// Entries lie one behind the other, the first at the start of the file. How long local headers are is known only
    /// when they are read; then [`Entry::end`] is compared again.
    fn check_places(&mut self) -> Result<(), ArchiveError> {
        let mut order: Vec<usize> = (0..self.entries.len()).collect();
        order.sort_by_key(|&at| self.entries[at].header_at);
        match order.first() {
            Some(&first) if self.entries[first].header_at != 0 => {
                return Err(ArchiveError::Damaged("it does not begin with an entry"));
            }
            None if self.start != 0 => return Err(ArchiveError::Damaged("data without entries")),
            _ => {}
        }
        let mut next = self.start;
        for &at in order.iter().rev() {
            let entry = &mut self.entries[at];
            entry.end = next;
            next = entry.header_at;
            self.check_data(at, next.saturating_add(LOCAL_LEN))?;
        }
        Ok(())
    }

    /// Compares where the data of an entry ends with where the next one begins.
    pub(super) fn check_data(&self, at: usize, data_at: u64) -> Result<(), ArchiveError> {
        let Entry { packed, end, .. } = self.entries[at];
        if data_at.saturating_add(packed) > end {
            return Err(ArchiveError::Overlap(self.label(at)));
        }
        Ok(())
    }

    /// The name of an entry for an error.
    fn label(&self, at: usize) -> String {
        let name = self.by_name.iter().find(|(_, found)| **found == at);
        name.map_or_else(|| format!("entry {at}"), |(name, _)| shown(name.as_bytes()))
    }

    fn check_sizes(&self, file_len: u64) -> Result<(), ArchiveError> {
        let mut total: u64 = 0;
        for (at, entry) in self.entries.iter().enumerate() {
            within("inflated bytes of one entry", entry.size, MAX_ENTRY)?;
            if entry.method == Method::Stored && entry.packed != entry.size {
                return Err(ArchiveError::Damaged("a stored entry has two sizes"));
            }
            if is_bomb(entry.packed, entry.size) {
                return Err(ArchiveError::Bomb(self.label(at)));
            }
            total = total.saturating_add(entry.size);
        }
        within("inflated bytes", total, MAX_TOTAL)?;
        if is_bomb(file_len, total) {
            return Err(ArchiveError::Bomb("all entries".to_owned()));
        }
        Ok(())
    }

    /// The directory and its end record, with nothing in it that the library could stumble over. Names are numbers.
    pub(super) fn rewritten(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.entries.len() * (HEADER_LEN + 5) + END_LEN);
        for (at, entry) in self.entries.iter().enumerate() {
            let name = at.to_string();
            out.extend_from_slice(HEADER);
            let method = match entry.method {
                Method::Stored => 0,
                Method::Deflated => 8,
            };
            put16(&mut out, &[20, 20, 0, method, 0, 0x21]);
            put32(&mut out, &[u64::from(entry.crc), entry.packed, entry.size]);
            put16(&mut out, &[name.len() as u16, 0, 0, 0, 0, 0, 0]);
            put32(&mut out, &[entry.header_at]);
            out.extend_from_slice(name.as_bytes());
        }
        let (count, size) = (self.entries.len() as u16, out.len() as u64);
        out.extend_from_slice(END);
        put16(&mut out, &[0, 0, count, count]);
        put32(&mut out, &[size, self.start]);
        put16(&mut out, &[0]);
        out
    }
}

fn is_bomb(packed: u64, size: u64) -> bool {
    size > RATIO_FREE && size / MAX_RATIO > packed
}

fn within(what: &'static str, found: u64, limit: u64) -> Result<(), ArchiveError> {
    if found > limit { Err(ArchiveError::TooLarge { what, found, limit }) } else { Ok(()) }
}

/// The last end record. An earlier one is part of an entry or of a comment, and never looked at.
fn find_end(file: &mut (impl Read + Seek), file_len: u64) -> Result<End, ArchiveError> {
    let tail_at = file_len.saturating_sub(MAX_TRAILER + END_LEN as u64);
    let tail = read_at(file, tail_at, file_len - tail_at)?;
    let at = tail.windows(4).rposition(|bytes| bytes == END).ok_or(ArchiveError::NoEnd)?;
    let record = tail.get(at..at + END_LEN).ok_or(ArchiveError::NoEnd)?;
    let end_at = tail_at + at as u64;
    let counts = (u16_at(record, 8), u16_at(record, 10));
    let mut end = End {
        entries: u64::from(counts.1),
        size: u64::from(u32_at(record, 12)),
        start: u64::from(u32_at(record, 16)),
    };
    let mut directory_end = end_at;
    let is_saturated = counts.1 == u16::MAX || end.size == 0xffff_ffff || end.start == 0xffff_ffff;
    if is_saturated && let Some((end64, at)) = end64(file, end_at)? {
        (end, directory_end) = (end64, at);
    } else if u16_at(record, 4) != u16_at(record, 6) || counts.0 != counts.1 {
        return Err(ArchiveError::Damaged("it is one of several parts"));
    }
    if end.start.checked_add(end.size).is_none_or(|end| end > directory_end) {
        return Err(ArchiveError::Damaged("its directory runs behind its end"));
    }
    Ok(end)
}

/// The end record with 64-bit fields, which some programs always write, and where it begins.
fn end64(file: &mut (impl Read + Seek), end_at: u64) -> Result<Option<(End, u64)>, ArchiveError> {
    let Some(locator_at) = end_at.checked_sub(LOCATOR64_LEN as u64) else { return Ok(None) };
    let locator = read_at(file, locator_at, LOCATOR64_LEN as u64)?;
    let at = u64_at(&locator, 8);
    if !locator.starts_with(LOCATOR64) || at.checked_add(END64_LEN as u64).is_none_or(|end| end > locator_at)
    {
        return Ok(None);
    }
    let record = read_at(file, at, END64_LEN as u64)?;
    if !record.starts_with(END64) {
        return Err(ArchiveError::Damaged("its 64-bit end record is missing"));
    }
    Ok(Some((
        End { entries: u64_at(&record, 32), size: u64_at(&record, 40), start: u64_at(&record, 48) },
        at,
    )))
}

/// Reads one header of the directory: the entry, its name, and what follows.
fn header(bytes: &[u8]) -> Result<(Entry, &[u8], &[u8]), ArchiveError> {
    const CUT: ArchiveError = ArchiveError::Damaged("its directory is cut off");
    let (fixed, rest) = bytes.split_at_checked(HEADER_LEN).ok_or(CUT)?;
    if !fixed.starts_with(HEADER) {
        return Err(ArchiveError::Damaged("its directory is not where it should be"));
    }
    let (name, rest) = rest.split_at_checked(usize::from(u16_at(fixed, 28))).ok_or(CUT)?;
    let (extra, rest) = rest.split_at_checked(usize::from(u16_at(fixed, 30))).ok_or(CUT)?;
    let (_comment, rest) = rest.split_at_checked(usize::from(u16_at(fixed, 32))).ok_or(CUT)?;
    name::check(name).map_err(|fault| ArchiveError::Name { fault, name: shown(name) })?;
    if u16_at(fixed, 8) & ENCRYPTED != 0 {
        return Err(ArchiveError::Encrypted(shown(name)));
    }
    let method = match u16_at(fixed, 10) {
        0 => Method::Stored,
        8 => Method::Deflated,
        other => return Err(ArchiveError::Compression(other)),
    };
    let mut wide = extra64(extra);
    let mut value = |at: usize| match u32_at(fixed, at) {
        u32::MAX => wide.next().ok_or(ArchiveError::Damaged("a 64-bit size is missing")),
        value => Ok(u64::from(value)),
    };
    // In this order they stand in the extra field.
    let (size, packed, header_at) = (value(24)?, value(20)?, value(42)?);
    let entry = Entry { method, crc: u32_at(fixed, 16), packed, size, header_at, end: 0 };
    Ok((entry, name, rest))
}

/// The values of the extra field with 64-bit sizes.
fn extra64(mut extra: &[u8]) -> impl Iterator<Item = u64> {
    let mut values: &[u8] = &[];
    while let Some((head, rest)) = extra.split_at_checked(4) {
        let Some((field, rest)) = rest.split_at_checked(usize::from(u16_at(head, 2))) else { break };
        if u16_at(head, 0) == EXTRA64 {
            values = field;
            break;
        }
        extra = rest;
    }
    values.chunks_exact(8).map(|value| u64_at(value, 0))
}

fn read_at(file: &mut (impl Read + Seek), at: u64, len: u64) -> Result<Vec<u8>, io::Error> {
    file.seek(SeekFrom::Start(at))?;
    // Callers have compared `len` with a bound.
    let mut bytes = vec![0; len as usize];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    if let Some(from) = bytes.get(at..at + N) {
        out.copy_from_slice(from);
    }
    out
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}

fn put16(out: &mut Vec<u8>, values: &[u16]) {
    values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
}

/// Values have been checked against bounds far below 32 bits.
fn put32(out: &mut Vec<u8>, values: &[u64]) {
    values.iter().for_each(|value| out.extend_from_slice(&(*value as u32).to_le_bytes()));
}
