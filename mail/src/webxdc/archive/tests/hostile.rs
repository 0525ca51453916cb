//! Archives that want to do harm, each with the error that refuses it.

use super::*;

fn page() -> Packed {
    Packed::new("index.html", PAGE)
}

fn with(entry: Packed) -> Vec<u8> {
    pack(&[page(), entry], &End::default())
}

fn end(end: End) -> Vec<u8> {
    pack(&[page()], &end)
}

/// Deflated constant data: `size` bytes of zeros.
fn zeros(size: usize) -> Packed {
    let archive = zip(&[("zeros", &vec![0; size])]);
    let data_at = 30 + "zeros".len();
    let field = |at: usize| u32::from_le_bytes(archive[at..at + 4].try_into().unwrap());
    let data = archive[data_at..data_at + field(18) as usize].to_vec();
    Packed { method: 8, size: Some(size as u32), crc: Some(field(14)), ..Packed::new("zeros", data) }
}

fn claims(size: u32, data_len: usize) -> Packed {
    Packed { method: 8, size: Some(size), ..Packed::new("big", vec![1; data_len]) }
}

fn refusal(bytes: &[u8]) -> Option<String> {
    Archive::app(Cursor::new(bytes)).err().map(|error| {
        assert!(!error.is_ours(), "{error}");
        error.to_string()
    })
}

#[test]
fn every_hostile_archive_is_refused_with_its_reason() {
    let good = zip(&[("index.html", PAGE)]);
    let many: Vec<_> = (0..10_001).map(|n| Packed::new(format!("{n}"), "")).collect();
    let totals: Vec<_> =
        (0..6).map(|n| Packed { name: vec![b'a' + n], ..claims(99 << 20, 600_000) }).collect();
    let padded: Vec<_> =
        (0..80).map(|n| Packed { extra: vec![0; 60_000], ..Packed::new(format!("{n}"), "") }).collect();
    let quine = [zip(&[("inner", b"x")]), b"garbage".to_vec()].concat();
    let mut wrong = Vec::new();
    for (what, bytes, reason) in [
        ("nothing", vec![], "unable to locate the end of central directory record"),
        ("text", b"hello".repeat(100), "unable to locate the end of central directory record"),
        ("cut off", good[..good.len() - 5].to_vec(), "unable to locate the end"),
        ("end only", good[good.len() - 22..].to_vec(), "its directory runs behind its end"),
        ("long trailer", [good.clone(), vec![b'x'; 70_000]].concat(), "unable to locate the end"),
        ("junk before", [b"junk".to_vec(), good.clone()].concat(), "its directory is not where it should be"),
        (
            "junk before, offsets mended",
            with(Packed { header_at: Some(51), ..page() })[51..].to_vec(),
            "damaged",
        ),
        // Bombs.
        ("ratio", with(zeros(17 << 20)), "decompression bomb: zeros"),
        ("one large entry", with(claims(101 << 20, 1 << 20)), "inflated bytes of one entry"),
        (
            "all entries",
            pack(&[&[page()], &totals[..]].concat(), &End::default()),
            "inflated bytes (622854155",
        ),
        ("count", pack(&many, &End::default()), "entries (10001, at most 10000)"),
        ("claimed count", end(End { entries: Some(60_000), ..End::default() }), "entries (60000"),
        ("large directory", pack(&padded, &End::default()), "bytes of directory"),
        (
            "claimed directory",
            end(End { size: Some(5 << 20), ..End::default() }),
            "its directory runs behind its end",
        ),
        // Names.
        ("parent", with(Packed::new("../evil", "x")), "leads out of the archive: ../evil"),
        ("parent inside", with(Packed::new("a/../../evil", "x")), "leads out of the archive"),
        ("parent of Windows", with(Packed::new("a\\..\\evil", "x")), "leads out of the archive"),
        ("absolute", with(Packed::new("/etc/passwd", "x")), "is an absolute path"),
        ("share", with(Packed::new("\\\\host\\share", "x")), "is an absolute path"),
        ("drive", with(Packed::new("C:evil", "x")), "is an absolute path"),
        ("nul", with(Packed::new("index.html\0.png", "x")), "has control characters: index.html\\0.png"),
        ("line break", with(Packed::new("a\nb", "x")), "has control characters"),
        ("empty", with(Packed::new("", "x")), "is empty"),
        ("long", with(Packed::new("n".repeat(1025), "x")), "is too long: nnnn"),
        ("same name", with(Packed::new("index.html", "other page")), "the same name: index.html"),
        // Encryption and methods.
        ("encrypted", with(Packed { flags: 1, ..Packed::new("e", "x") }), "is encrypted: e"),
        ("strongly encrypted", with(Packed { flags: 1 | 1 << 6, ..Packed::new("e", "x") }), "is encrypted"),
        ("encrypted directory", with(Packed { flags: 1 << 13, ..Packed::new("e", "x") }), "is encrypted"),
        ("bzip2", with(Packed { method: 12, ..Packed::new("b", "x") }), "compression not supported: 12"),
        ("AES", with(Packed { method: 99, ..Packed::new("b", "x") }), "compression not supported: 99"),
        // Overlaps.
        ("shared entry", with(Packed { header_at: Some(0), ..Packed::new("x", PAGE) }), "overlap"),
        (
            "into the next",
            pack(
                &[Packed { packed: Some(40), size: Some(40), ..page() }, Packed::new("x", "")],
                &End::default(),
            ),
            "overlap: index.html",
        ),
        (
            "into the directory",
            end_of(Packed { packed: Some(60), size: Some(60), ..page() }),
            "overlap: index.html",
        ),
        ("hidden by an extra field", hidden_overlap(), "overlap: index.html"),
        ("behind the end", with(Packed { header_at: Some(u32::MAX - 1), ..Packed::new("x", "") }), "overlap"),
        // Lies.
        ("several parts", end(End { disk: 1, ..End::default() }), "one of several parts"),
        ("fewer than told", end(End { entries: Some(2), ..End::default() }), "its directory is cut off"),
        (
            "more than told",
            {
                let two = with(Packed::new("b", "x"));
                told(two, 1)
            },
            "more entries than it tells",
        ),
        (
            "two sizes",
            with(Packed { size: Some(5), ..Packed::new("s", "x") }),
            "a stored entry has two sizes",
        ),
        (
            "no 64-bit size",
            with(Packed { size: Some(u32::MAX), ..Packed::new("s", "x") }),
            "64-bit size is missing",
        ),
        ("no 64-bit end", end(End { entries: Some(u16::MAX), ..End::default() }), "entries (65535"),
        (
            "end in a comment",
            end(End { comment: [b"PK\x05\x06".as_slice(), &[0; 18]].concat(), ..End::default() }),
            "data without entries|no index.html",
        ),
        ("inner archive for the outer", quine, "no index.html|not where it should be"),
        (
            "no local header",
            with(Packed { header_at: Some(3), ..Packed::new("x", "") }),
            "overlap|not where the directory tells",
        ),
    ] {
        let refusal = refusal(&bytes).unwrap_or_else(|| "accepted".to_owned());
        if refusal.len() > 300 || !reason.split('|').any(|reason| refusal.contains(reason)) {
            wrong.push(format!("{what}: {refusal}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn end_of(entry: Packed) -> Vec<u8> {
    pack(&[entry], &End::default())
}

/// Changes how many entries the end record tells.
fn told(mut bytes: Vec<u8>, count: u8) -> Vec<u8> {
    let at = bytes.len() - 22;
    (bytes[at + 8], bytes[at + 10]) = (count, count);
    bytes
}

/// The local header tells an extra field that moves the data into the next entry; the directory does not show it.
fn hidden_overlap() -> Vec<u8> {
    let mut bytes = with(Packed::new("x", ""));
    bytes[28] = 20;
    bytes
}

#[test]
fn content_that_is_not_what_was_packed_is_an_error_and_no_content() {
    let read_it = |bytes: &[u8]| app(bytes).read("e", u64::MAX).unwrap_err().to_string();
    assert_eq!(
        read_it(&with(Packed { crc: Some(7), ..Packed::new("e", "x") })),
        "a computed CRC32 value did not match the expected value"
    );
    let garbage = Packed { method: 8, size: Some(100), ..Packed::new("e", [0xff; 50]) };
    assert_eq!(read_it(&with(garbage)), "the archive is damaged: an entry cannot be inflated");
    let honest = zeros(5000);
    for size in [4999, 5001, 10_000] {
        let lying = Packed { name: b"e".to_vec(), size: Some(size), ..honest.clone() };
        assert_eq!(read_it(&with(lying)), "the archive is damaged: an entry cannot be inflated", "{size}");
    }
    let cut = Packed { name: b"e".to_vec(), data: honest.data[..5].to_vec(), ..honest };
    assert!(read_it(&with(cut)).starts_with("the archive is damaged: "));
}

#[test]
fn searching_the_end_of_many_ends_is_quick() {
    // Each of these is an end record that leads to a directory, which the library would try one after the other.
    let mut bytes = with(Packed::new("x", ""));
    let end = bytes[bytes.len() - 22..].to_vec();
    bytes.extend(end.repeat(50_000));
    let started = std::time::Instant::now();
    assert!(Archive::open(Cursor::new(&bytes)).is_ok() || refusal(&bytes).is_some());
    assert!(started.elapsed().as_secs() < 5);
}

#[test]
fn ten_thousand_entries_are_an_app() {
    let mut entries: Vec<_> = (0..9_999).map(|n| Packed::new(format!("{n}"), "")).collect();
    entries.push(page());
    let bytes = pack(&entries, &End::default());
    assert_eq!(app(&bytes).read("index.html", 100).unwrap(), PAGE);
}
