//! `manifest.toml`: what an app says about itself.

use std::io::{Read, Seek};

use serde::Deserialize;

use super::API_VERSION;
use super::archive::{Archive, ArchiveError, bounds::MAX_MANIFEST};

/// Name of the manifest in an archive.
pub const MANIFEST: &str = "manifest.toml";

/// The manifest. Other keys, and everything in sections, are of no meaning; among them is the obsolete
/// `request_internet_access`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Manifest {
    name: Option<String>,
    min_api: Option<u32>,
    source_code_url: Option<String>,
    request_integration: Option<String>,
}

impl Manifest {
    /// Reads a manifest. One that is wrong in any place counts as none.
    pub fn parse(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        toml::from_str(text.trim_start_matches('\u{feff}')).unwrap_or_default()
    }

    /// The manifest of an app. Fails only if the archive cannot be read for reasons of ours: what is missing, damaged
    /// or too large counts as no manifest.
    pub fn of<R: Read + Seek>(archive: &mut Archive<R>) -> Result<Self, ArchiveError> {
        match archive.read(MANIFEST, MAX_MANIFEST) {
            Ok(bytes) => Ok(Self::parse(&bytes)),
            Err(error) if error.is_ours() => Err(error),
            Err(_) => Ok(Self::default()),
        }
    }

    /// The name of the app, unless it is blank. Not trimmed, of any length.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref().filter(|name| !name.trim().is_empty())
    }

    /// Where the source code is, as the app claims. Any text: a frontend opens it only if it is a web address.
    pub fn source_code_url(&self) -> Option<&str> {
        self.source_code_url.as_deref().filter(|url| !url.is_empty())
    }

    /// Whether the app needs a newer interface than there is.
    pub fn needs_newer(&self) -> bool {
        self.min_api.is_some_and(|version| version > API_VERSION)
    }

    /// Whether the app offers itself as the map of locations.
    pub fn wants_map(&self) -> bool {
        self.request_integration.as_deref() == Some("map")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_keys_are_read_and_others_are_not() {
        let manifest = Manifest::parse(
            "\u{feff}name = \" Müsli \"\nmin_api = 2\nsource_code_url = 'x:y'\nrequest_integration = \"map\"\n\
             request_internet_access = true\n[section]\nname = \"other\"\n"
                .as_bytes(),
        );
        assert_eq!((manifest.name(), manifest.source_code_url()), (Some(" Müsli "), Some("x:y")));
        assert!(manifest.needs_newer() && manifest.wants_map());
        let manifest =
            Manifest::parse(b"name = ' \t'\nsource_code_url = ''\nmin_api = 1\nrequest_integration = 'Map'");
        assert_eq!((manifest.name(), manifest.source_code_url()), (None, None));
        assert!(!manifest.needs_newer() && !manifest.wants_map());
    }

    #[test]
    fn a_manifest_with_any_fault_counts_as_none() {
        for bad in [
            b"name = 5\nmin_api = 9".as_slice(),
            b"name = 'x'\nmin_api = '9'",
            b"name = 'x'\nmin_api = -1",
            b"name = 'x'\nmin_api = 1.2",
            b"name = 'x'\nmin_api = 4294967296",
            b"name = 'x'\nsource_code_url = 3",
            b"name = 'x'\nname = 'y'",
            b"name = 'x'\nnot toml",
            b"name = '\xff'",
            &[b'['; 100_000],
        ] {
            assert_eq!(Manifest::parse(bad), Manifest::default(), "{:?}", String::from_utf8_lossy(bad));
        }
    }
}
