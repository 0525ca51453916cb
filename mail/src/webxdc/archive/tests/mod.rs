mod hostile;
mod pack;

use std::io::{Cursor, Read as _};

use super::*;
use crate::webxdc::blob::{self, TOO_OLD_PAGE};
use crate::webxdc::icon::{self, DEFAULT_ICON, DEFAULT_ICON_PATH};
use crate::webxdc::manifest::Manifest;
use pack::{End, Packed, pack, zip};

const PAGE: &[u8] = b"<html>hello";

fn app(bytes: &[u8]) -> Archive<Cursor<&[u8]>> {
    Archive::app(Cursor::new(bytes)).unwrap()
}

fn read(bytes: &[u8], path: &str) -> Result<Vec<u8>, String> {
    blob::read(&mut app(bytes), path).map(|found| found.into_owned()).map_err(|error| error.to_string())
}

#[test]
fn files_are_read_by_their_exact_name() {
    let long = b"abcdefgh".repeat(10_000);
    let bytes = zip(&[("index.html", PAGE), ("sub/a b.txt", &long), ("sub/", b""), ("webxdc.js", b"own")]);
    assert_eq!(read(&bytes, "index.html").unwrap(), PAGE);
    assert_eq!(read(&bytes, "/index.html").unwrap(), PAGE);
    assert_eq!(read(&bytes, "sub/a b.txt").unwrap(), long);
    assert_eq!(read(&bytes, "webxdc.js").unwrap(), b"own");
    for path in [
        "",
        "/",
        "//index.html",
        "./index.html",
        "index.html?x=1",
        "index.html#a",
        "sub/a%20b.txt",
        "sub/",
        "../x",
        "INDEX.HTML",
    ] {
        let name = path.strip_prefix('/').unwrap_or(path);
        assert_eq!(read(&bytes, path), Err(format!("no entry found for {name}")));
    }
    let archive = app(&bytes);
    let mut names: Vec<_> = archive.names().collect();
    names.sort_unstable();
    assert_eq!(names, ["index.html", "sub/a b.txt", "webxdc.js"]);
}

#[test]
fn a_file_is_streamed_and_bounded() {
    let long = b"abcdefgh".repeat(10_000);
    let bytes = zip(&[("index.html", PAGE), ("long", &long)]);
    let mut archive = app(&bytes);
    let mut entry = archive.entry("long").unwrap();
    assert_eq!(entry.size(), 80_000);
    let mut first = [0; 8];
    entry.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"abcdefgh");
    drop(entry);
    let refused = archive.read("long", 79_999).unwrap_err();
    assert!(matches!(refused, ArchiveError::TooLarge { found: 80_000, limit: 79_999, .. }));
    assert_eq!(archive.read("long", 80_000).unwrap(), long);
}

#[test]
fn an_app_has_a_start_page_at_its_top() {
    for (name, is_an_app) in
        [("index.html", true), ("Index.html", false), ("a/index.html", false), ("index.htm", false)]
    {
        assert_eq!(is_app(Cursor::new(zip(&[(name, PAGE)]))), is_an_app, "{name}");
    }
    let folder = Packed::new("index.html/", "");
    assert!(!is_app(Cursor::new(pack(&[folder], &End::default()))));
    assert!(matches!(Archive::app(Cursor::new(zip(&[]))), Err(ArchiveError::NoStartPage)));
    assert!(Archive::open(Cursor::new(zip(&[("a", b"b")]))).is_ok());
}

#[test]
fn an_app_that_needs_a_newer_interface_shows_a_page_that_says_so() {
    let manifest = b"min_api = 2\nname = 'new'".as_slice();
    let bytes = zip(&[("index.html", PAGE), ("manifest.toml", manifest), ("other.html", b"o")]);
    for path in ["index.html", "/index.html"] {
        assert_eq!(read(&bytes, path).unwrap(), TOO_OLD_PAGE.as_bytes());
    }
    assert_eq!(TOO_OLD_PAGE.len(), 63);
    assert_eq!(read(&bytes, "other.html").unwrap(), b"o");
    assert_eq!(read(&bytes, "manifest.toml").unwrap(), manifest);
    assert_eq!(Manifest::of(&mut app(&bytes)).unwrap().name(), Some("new"));
}

#[test]
fn a_manifest_that_cannot_be_read_counts_as_none() {
    let damaged = Packed { crc: Some(1), ..Packed::new("manifest.toml", "name = 'x'\nmin_api = 9") };
    let bytes = pack(&[Packed::new("index.html", PAGE), damaged], &End::default());
    assert_eq!(Manifest::of(&mut app(&bytes)).unwrap(), Manifest::default());
    assert_eq!(read(&bytes, "index.html").unwrap(), PAGE);
    let long = format!("name = 'x'\n#{}", "x".repeat(bounds::MAX_MANIFEST as usize));
    let bytes = zip(&[("index.html", PAGE), ("manifest.toml", long.as_bytes())]);
    assert_eq!(Manifest::of(&mut app(&bytes)).unwrap(), Manifest::default());
}

#[test]
fn the_icon_is_a_png_then_a_jpeg_then_the_default() {
    let (png, jpg) = (("icon.png", DEFAULT_ICON), ("icon.jpg", DEFAULT_ICON));
    let page = ("index.html", PAGE);
    for (entries, path) in [
        (vec![page, png, jpg], "icon.png"),
        (vec![page, jpg], "icon.jpg"),
        (vec![page, ("sub/icon.png", DEFAULT_ICON)], DEFAULT_ICON_PATH),
    ] {
        let bytes = zip(&entries);
        assert_eq!(icon::path(&app(&bytes)), path);
        assert_eq!(read(&bytes, path).unwrap(), DEFAULT_ICON);
    }
    let bytes = zip(&[page, ("icon.png", b"no picture"), ("other.png", b"no picture")]);
    assert_eq!(read(&bytes, "/icon.png"), Err("Unable to determine image format".to_owned()));
    assert_eq!(read(&bytes, "other.png").unwrap(), b"no picture");
    assert!(read(&bytes, "/__webxdc__/default-icon.png").is_err());
}

#[test]
fn what_writers_of_archives_do_is_read() {
    let page = || Packed::new("index.html", PAGE);
    let wide_sizes = [1u16.to_le_bytes(), 16u16.to_le_bytes()].concat();
    let wide_sizes = [wide_sizes, (PAGE.len() as u64).to_le_bytes().repeat(2)].concat();
    let wide = Packed { size: Some(u32::MAX), packed: Some(u32::MAX), extra: wide_sizes, ..page() };
    let trailing = [pack(&[page()], &End::default()), vec![b'x'; 65_000]].concat();
    for (what, bytes) in [
        ("a comment", pack(&[page()], &End { comment: vec![b'c'; 1000], ..End::default() })),
        ("a 64-bit end record", pack(&[page()], &End { wide: true, ..End::default() })),
        ("64-bit sizes", pack(&[wide], &End::default())),
        ("bytes behind the end", trailing),
        ("a name in no known charset", pack(&[page(), Packed::new(b"m\xfcll", "x")], &End::default())),
        ("backslashes", pack(&[page(), Packed::new("sub\\x", "x")], &End::default())),
        ("an extra field", pack(&[Packed { local_extra: vec![0; 40], ..page() }], &End::default())),
        ("an archive inside", zip(&[("index.html", PAGE), ("inner.zip", &zip(&[("x", b"y")]))])),
        ("dots", pack(&[page(), Packed::new("a..b/...", "x")], &End::default())),
    ] {
        assert_eq!(read(&bytes, "index.html").as_deref(), Ok(PAGE), "{what}");
    }
}

#[test]
fn a_disk_that_fails_says_nothing_about_the_archive() {
    struct Broken<R>(R, bool);
    impl<R: io::Read> io::Read for Broken<R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.1 { Err(io::Error::other("the disk is gone")) } else { self.0.read(buffer) }
        }
    }
    impl<R: io::Seek> io::Seek for Broken<R> {
        fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }
    let bytes = zip(&[("index.html", PAGE)]);
    let refused = Archive::app(Broken(Cursor::new(&bytes), true)).err().unwrap();
    assert!(refused.is_ours() && refused.to_string().ends_with("the disk is gone"));
}
