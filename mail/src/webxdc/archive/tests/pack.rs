//! Archives packed by hand, with every lie that their fields can tell.

use std::io::Write as _;

use zip::write::{SimpleFileOptions, ZipWriter};

/// One entry; fields that are `None` are told as they are.
#[derive(Clone, Default)]
pub(super) struct Packed {
    pub name: Vec<u8>,
    pub data: Vec<u8>,
    pub method: u16,
    pub flags: u16,
    pub size: Option<u32>,
    pub packed: Option<u32>,
    pub crc: Option<u32>,
    pub header_at: Option<u32>,
    /// Extra field of the local header, which the directory does not tell.
    pub local_extra: Vec<u8>,
    pub extra: Vec<u8>,
    /// Name in the local header, if it is another one.
    pub local_name: Option<Vec<u8>>,
}

impl Packed {
    pub fn new(name: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> Self {
        Self { name: name.as_ref().to_vec(), data: data.as_ref().to_vec(), ..Self::default() }
    }

    fn sizes(&self) -> [u32; 3] {
        let len = self.data.len() as u32;
        [self.crc.unwrap_or_else(|| crc32(&self.data)), self.packed.unwrap_or(len), self.size.unwrap_or(len)]
    }
}

/// The end record; fields that are `None` are told as they are.
#[derive(Clone, Default)]
pub(super) struct End {
    pub disk: u16,
    pub entries: Option<u16>,
    pub size: Option<u32>,
    pub start: Option<u32>,
    pub comment: Vec<u8>,
    /// Whether the true values stand in a 64-bit record.
    pub wide: bool,
}

pub(super) fn pack(entries: &[Packed], end: &End) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let header_at = entry.header_at.unwrap_or(out.len() as u32);
        let local_name = entry.local_name.as_ref().unwrap_or(&entry.name);
        out.extend_from_slice(b"PK\x03\x04");
        put16(&mut out, &[20, entry.flags, entry.method, 0, 0x21]);
        put32(&mut out, &entry.sizes());
        put16(&mut out, &[local_name.len() as u16, entry.local_extra.len() as u16]);
        out.extend_from_slice(local_name);
        out.extend_from_slice(&entry.local_extra);
        out.extend_from_slice(&entry.data);
        directory.extend_from_slice(b"PK\x01\x02");
        put16(&mut directory, &[20, 20, entry.flags, entry.method, 0, 0x21]);
        put32(&mut directory, &entry.sizes());
        put16(&mut directory, &[entry.name.len() as u16, entry.extra.len() as u16, 0, 0, 0, 0, 0]);
        put32(&mut directory, &[header_at]);
        directory.extend_from_slice(&entry.name);
        directory.extend_from_slice(&entry.extra);
    }
    let (start, size, count) = (out.len(), directory.len(), entries.len() as u16);
    out.extend_from_slice(&directory);
    if end.wide {
        let at = out.len() as u64;
        out.extend_from_slice(b"PK\x06\x06");
        put64(&mut out, &[44]);
        put16(&mut out, &[45, 45]);
        put32(&mut out, &[0, 0]);
        put64(&mut out, &[u64::from(count), u64::from(count), size as u64, start as u64]);
        out.extend_from_slice(b"PK\x06\x07");
        put32(&mut out, &[0]);
        put64(&mut out, &[at]);
        put32(&mut out, &[1]);
    }
    let told =
        |value: Option<u32>, truth: usize| value.unwrap_or(if end.wide { u32::MAX } else { truth as u32 });
    let entries = end.entries.unwrap_or(if end.wide { u16::MAX } else { count });
    out.extend_from_slice(b"PK\x05\x06");
    put16(&mut out, &[end.disk, 0, entries, entries]);
    put32(&mut out, &[told(end.size, size), told(end.start, start)]);
    put16(&mut out, &[end.comment.len() as u16]);
    out.extend_from_slice(&end.comment);
    out
}

/// An archive as a well-behaved program packs it.
pub(super) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn put16(out: &mut Vec<u8>, values: &[u16]) {
    values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
}

fn put32(out: &mut Vec<u8>, values: &[u32]) {
    values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
}

fn put64(out: &mut Vec<u8>, values: &[u64]) {
    values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}
