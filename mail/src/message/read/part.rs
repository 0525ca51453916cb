//! From one MIME leaf to what it is: text, file, or data for the program.

use std::io::Cursor;

use super::facts::FileContent;
use super::mime::Entity;
use super::value::decode_charset;
use crate::message::bounds::{MAX_KML_BYTES, MAX_TEXT_BYTES};
use crate::message::build::body::{STATUS_UPDATE_FILE, SYNC_FILE};
use crate::message::content::{dimensions, is_one_contact, is_webxdc};
use crate::message::filename::sanitise;
use crate::message::view_type::{OCTET_STREAM, ViewType, by_file_name};

/// How the name of an app ends, in lower case.
const APP_EXTENSION: &str = ".xdc";

/// What a named part is.
pub(super) enum NamedPart {
    /// A public key to import.
    Key(Vec<u8>),
    /// Track or point of interest; `None` if too large.
    Kml { is_track: bool, kml: String },
    /// Sync items.
    Sync(String),
    /// Updates of a mini app.
    StatusUpdate(String),
    /// A file to show.
    File(ViewType, FileContent),
}

/// The text of a part in its charset, without CR, cut to a bound.
pub(super) fn decoded_text(entity: &Entity<'_>) -> Option<String> {
    let bytes = entity.decoded()?;
    let bytes = &bytes[..bytes.len().min(MAX_TEXT_BYTES)];
    let charset = entity.headers.has("content-type").then(|| entity.content_type.get("charset")).flatten();
    Some(decode_charset(charset, bytes).replace(['\r', '\0'], ""))
}

/// Reads a part that has a file name. `None` if its encoding is broken.
pub(super) fn named_part(entity: &Entity<'_>, raw_name: String, is_chat: bool) -> Option<NamedPart> {
    let bytes = entity.decoded()?.into_owned();
    if entity.mime() == "application/pgp-keys" && is_one_public_key(&bytes) {
        return Some(NamedPart::Key(bytes));
    }
    let is_app = raw_name.ends_with(APP_EXTENSION) && is_webxdc(Cursor::new(&bytes));
    if !is_app {
        if raw_name.ends_with(".kml") && (raw_name.starts_with("location") || raw_name.starts_with("message"))
        {
            // One that is too large says nothing, as one that is broken, and is no attachment either.
            let usable = if bytes.len() <= MAX_KML_BYTES { bytes.as_slice() } else { &[] };
            let kml = String::from_utf8_lossy(usable).into_owned();
            return Some(NamedPart::Kml { is_track: raw_name.starts_with("location"), kml });
        }
        if raw_name == SYNC_FILE {
            return Some(NamedPart::Sync(String::from_utf8_lossy(&bytes).into_owned()));
        }
        if raw_name == STATUS_UPDATE_FILE {
            return Some(NamedPart::StatusUpdate(String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    let announced = view_type(entity.mime(), &raw_name, is_chat);
    let mut file = FileContent {
        name: sanitise(&raw_name),
        raw_name,
        mime: entity.mime().to_owned(),
        bytes,
        dimensions: None,
    };
    let view_type = if is_app { ViewType::Webxdc } else { check_content(announced, &mut file) };
    Some(NamedPart::File(view_type, file))
}

/// The view type that the MIME type announces.
fn view_type(mime: &str, name: &str, is_chat: bool) -> ViewType {
    let (kind, subtype) = mime.split_once('/').unwrap_or((mime, ""));
    match kind {
        "image" if subtype == "gif" => ViewType::Gif,
        "image" if subtype.starts_with("svg") => ViewType::File,
        "image" => ViewType::Image,
        "audio" => ViewType::Audio,
        "video" => ViewType::Video,
        "text" if subtype == "vcard" => ViewType::Vcard,
        // Mail programs send any file as octet stream; chat programs mean it.
        _ if mime == OCTET_STREAM && !is_chat => by_file_name(name).map_or(ViewType::File, |(kind, _)| kind),
        _ => ViewType::File,
    }
}

/// What the content does not confirm is a plain file.
fn check_content(view_type: ViewType, file: &mut FileContent) -> ViewType {
    match view_type {
        ViewType::Image | ViewType::Gif => {
            file.dimensions = dimensions(&file.bytes);
            if file.dimensions.is_some() { view_type } else { ViewType::File }
        }
        ViewType::Vcard if !is_one_contact(&file.bytes) => ViewType::File,
        // An app is known by its exact name and its content, never by its type.
        ViewType::Webxdc => ViewType::File,
        other => other,
    }
}

fn is_one_public_key(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.matches("-----BEGIN PGP ").count() == 1 && text.contains("-----BEGIN PGP PUBLIC KEY BLOCK-----")
}
