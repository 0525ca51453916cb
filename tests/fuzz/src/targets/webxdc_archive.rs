//! Archives of in-chat apps.

use std::io::{Cursor, Read as _, Write as _};

use volary_mail::webxdc::archive::bounds::{MAX_ENTRIES, MAX_ENTRY, MAX_NAME};
use volary_mail::webxdc::archive::{Archive, ArchiveError, START_PAGE};
use volary_mail::webxdc::manifest::{MANIFEST, Manifest};
use volary_mail::webxdc::{blob, icon};
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

/// Most inflated bytes that are read of one input: enough for its small entries.
const READ: u64 = 4 << 20;

/// Opens the archive as an app and as a draft, and reads all of it.
pub fn run(data: &[u8]) {
    if let Ok(mut archive) = read(Archive::app(Cursor::new(data))) {
        assert!(archive.contains(START_PAGE));
        entries(&mut archive);
    }
    if let Ok(mut archive) = read(Archive::open(Cursor::new(data))) {
        assert!(Manifest::of(&mut archive).is_ok());
        let icon = icon::path(&archive);
        let _ = read(blob::read(&mut archive, icon));
        let _ = read(blob::read(&mut archive, "/index.html"));
        let _ = read(blob::read(&mut archive, &String::from_utf8_lossy(data)));
    }
    Manifest::parse(data);
    let _ = icon::check(data);
}

fn entries(archive: &mut Archive<Cursor<&[u8]>>) {
    let names: Vec<String> = archive.names().map(str::to_owned).collect();
    assert!(names.len() as u64 <= MAX_ENTRIES);
    let mut left = READ;
    for name in names {
        assert!(name.len() <= MAX_NAME && !name.starts_with(['/', '\\']) && !name.contains('\0'));
        assert!(name.split(['/', '\\']).all(|part| part != ".."));
        let Ok(entry) = read(archive.entry(&name)) else { continue };
        let size = entry.size();
        assert!(size <= MAX_ENTRY);
        let mut content = Vec::new();
        let ended = entry.take(left).read_to_end(&mut content).is_ok();
        assert!(content.len() as u64 <= size);
        if ended && size < left {
            assert_eq!(content.len() as u64, size);
        }
        left -= content.len() as u64;
    }
}

/// No fault of an archive in memory is ours, and errors are short.
fn read<T>(result: Result<T, ArchiveError>) -> Result<T, ArchiveError> {
    if let Err(error) = &result {
        assert!(!error.is_ours(), "{error}");
        assert!(matches!(error, ArchiveError::NotFound(_)) || error.to_string().len() < 1000, "{error}");
    }
    result
}

/// Apps, packed by a well-behaved program.
pub fn seeds() -> Vec<Vec<u8>> {
    let page = b"<!DOCTYPE html><title>Hello</title>".as_slice();
    let manifest = b"name = \"Hello\"\nmin_api = 1\nsource_code_url = \"https://example.org\"\n".as_slice();
    let repeated = b"body {}\n".repeat(400);
    let small = [(START_PAGE, page)];
    let full = [
        (START_PAGE, page),
        (MANIFEST, manifest),
        ("icon.png", icon::DEFAULT_ICON),
        ("css/a b.css", &repeated),
        ("webxdc.js", b""),
    ];
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let wide = SimpleFileOptions::default().large_file(true);
    vec![
        pack(&small, stored),
        pack(&full, stored),
        pack(&full, SimpleFileOptions::default()),
        pack(&full, wide),
    ]
}

fn pack(entries: &[(&str, &[u8])], options: SimpleFileOptions) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        writer.start_file(*name, options).expect("a new name");
        writer.write_all(content).expect("memory");
    }
    writer.finish().expect("memory").into_inner()
}
