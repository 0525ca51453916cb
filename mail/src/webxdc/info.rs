//! What an app instance tells about itself.

use super::manifest::Manifest;

/// Pause in milliseconds that an app should leave between two updates: the window of the sending pace by its quota.
pub const SEND_UPDATE_INTERVAL_MS: u32 = 1_000;

/// Largest update in bytes that an app should send: what fits into a mail.
pub const SEND_UPDATE_MAX_SIZE: u32 = 29 * 1024 * 1024 / 4 * 3;

const MAP_IN_USE: &str = "🌍 Used as map. Delete to use default. Do not enter sensitive data";
const MAP_OFFERED: &str =
    "🌏 To use as map, forward to \"Saved Messages\" again. Do not enter sensitive data";

/// What is known of an instance beside its archive.
#[derive(Debug, Clone, Copy, Default)]
pub struct Instance<'a> {
    /// Name of the file that the message shows.
    pub file_name: &'a str,
    /// Document name that the last update set; empty for none.
    pub document: &'a str,
    /// Summary that the last update set; empty for none.
    pub summary: &'a str,
    /// Whether it is the map of this profile.
    pub is_map: bool,
}

/// The texts of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info<'a> {
    /// Name of the app, or of its file.
    pub name: &'a str,
    /// Name of the document that is open in it.
    pub document: Option<&'a str>,
    /// Short status, or a note about its use as map.
    pub summary: Option<&'a str>,
    /// Where the source code is, as the app claims.
    pub source_code_url: Option<&'a str>,
    /// Whether it may use the network.
    pub internet_access: bool,
}

/// The texts of an instance, from its manifest and its state.
pub fn info<'a>(manifest: &'a Manifest, instance: Instance<'a>) -> Info<'a> {
    let summary = match (instance.is_map, manifest.wants_map()) {
        (true, _) => MAP_IN_USE,
        (false, true) => MAP_OFFERED,
        (false, false) => instance.summary,
    };
    Info {
        name: manifest.name().unwrap_or(instance.file_name),
        document: Some(instance.document).filter(|text| !text.is_empty()),
        summary: Some(summary).filter(|text| !text.is_empty()),
        source_code_url: manifest.source_code_url(),
        internet_access: instance.is_map,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_from_the_manifest_then_from_the_instance() {
        let instance = Instance { file_name: "renamed.xdc", document: "doc", summary: "sum", is_map: false };
        let manifest = Manifest::parse(b"name = 'Chess'\nsource_code_url = 'https://example.org'");
        let found = info(&manifest, instance);
        assert_eq!(
            (found.name, found.document, found.summary, found.source_code_url, found.internet_access),
            ("Chess", Some("doc"), Some("sum"), Some("https://example.org"), false)
        );
        let none = Manifest::default();
        let found = info(&none, Instance { document: "", summary: "", ..instance });
        assert_eq!(
            (found.name, found.document, found.summary, found.source_code_url),
            ("renamed.xdc", None, None, None)
        );
    }

    #[test]
    fn only_the_map_in_use_has_the_network() {
        let manifest = Manifest::parse(b"request_integration = 'map'\nrequest_internet_access = true");
        let offered = info(&manifest, Instance { summary: "sum", ..Instance::default() });
        assert_eq!((offered.summary, offered.internet_access), (Some(MAP_OFFERED), false));
        let used = info(&manifest, Instance { is_map: true, ..Instance::default() });
        assert_eq!((used.summary, used.internet_access), (Some(MAP_IN_USE), true));
    }

    #[test]
    fn the_largest_update_is_the_largest_attachment() {
        assert_eq!(SEND_UPDATE_MAX_SIZE, 22_806_528);
    }
}
