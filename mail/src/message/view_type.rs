//! What a file is: view types and the table of file extensions.

/// How a message shows its content. Numbers are those stored in backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum ViewType {
    /// Not known.
    #[default]
    Unknown = 0,
    /// Text only.
    Text = 10,
    /// Picture.
    Image = 20,
    /// Animated picture.
    Gif = 21,
    /// Picture shown without bubble.
    Sticker = 23,
    /// Sound file.
    Audio = 40,
    /// Sound recorded in the chat.
    Voice = 41,
    /// Film.
    Video = 50,
    /// Any other file.
    File = 60,
    /// Call.
    Call = 71,
    /// Mini app.
    Webxdc = 80,
    /// A contact.
    Vcard = 90,
}

impl ViewType {
    const NAMES: [(Self, &'static str); 12] = [
        (Self::Unknown, "Unknown"),
        (Self::Text, "Text"),
        (Self::Image, "Image"),
        (Self::Gif, "Gif"),
        (Self::Sticker, "Sticker"),
        (Self::Audio, "Audio"),
        (Self::Voice, "Voice"),
        (Self::Video, "Video"),
        (Self::File, "File"),
        (Self::Call, "Call"),
        (Self::Webxdc, "Webxdc"),
        (Self::Vcard, "Vcard"),
    ];

    /// The name that stands in pre-messages.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(kind, _)| *kind == self).map_or("Unknown", |(_, name)| name)
    }

    /// The type of a name in a pre-message.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    /// Whether messages of this type carry a file.
    pub fn has_file(self) -> bool {
        !matches!(self, Self::Unknown | Self::Text | Self::Call)
    }
}

/// Type of files that are in no table.
pub const OCTET_STREAM: &str = "application/octet-stream";

/// View type and MIME type for the extension of `file_name`, letter case aside.
pub fn by_file_name(file_name: &str) -> Option<(ViewType, &'static str)> {
    let (_, extension) = file_name.rsplit_once('.')?;
    by_extension(extension)
}

/// View type and MIME type for a file extension, letter case aside.
pub fn by_extension(extension: &str) -> Option<(ViewType, &'static str)> {
    if extension.len() > 8 {
        return None;
    }
    let extension = extension.to_ascii_lowercase();
    EXTENSIONS.iter().find(|(known, ..)| *known == extension).map(|(_, kind, mime)| (*kind, *mime))
}

const EXTENSIONS: &[(&str, ViewType, &str)] = &[
    ("3gp", ViewType::Video, "video/3gpp"),
    ("aac", ViewType::Audio, "audio/aac"),
    ("avi", ViewType::Video, "video/x-msvideo"),
    ("avif", ViewType::File, "image/avif"),
    ("doc", ViewType::File, "application/msword"),
    ("docx", ViewType::File, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("epub", ViewType::File, "application/epub+zip"),
    ("flac", ViewType::Audio, "audio/flac"),
    ("gif", ViewType::Gif, "image/gif"),
    ("heic", ViewType::File, "image/heic"),
    ("heif", ViewType::File, "image/heif"),
    ("htm", ViewType::File, "text/html"),
    ("html", ViewType::File, "text/html"),
    ("ico", ViewType::File, "image/vnd.microsoft.icon"),
    ("jar", ViewType::File, "application/java-archive"),
    ("jpe", ViewType::Image, "image/jpeg"),
    ("jpeg", ViewType::Image, "image/jpeg"),
    ("jpg", ViewType::Image, "image/jpeg"),
    ("json", ViewType::File, "application/json"),
    ("m4a", ViewType::Audio, "audio/m4a"),
    ("mov", ViewType::Video, "video/quicktime"),
    ("mp3", ViewType::Audio, "audio/mpeg"),
    ("mp4", ViewType::Video, "video/mp4"),
    ("odp", ViewType::File, "application/vnd.oasis.opendocument.presentation"),
    ("ods", ViewType::File, "application/vnd.oasis.opendocument.spreadsheet"),
    ("odt", ViewType::File, "application/vnd.oasis.opendocument.text"),
    ("oga", ViewType::Audio, "audio/ogg"),
    ("ogg", ViewType::Audio, "audio/ogg"),
    ("ogv", ViewType::File, "video/ogg"),
    ("opus", ViewType::File, "audio/ogg"),
    ("otf", ViewType::File, "font/otf"),
    ("pdf", ViewType::File, "application/pdf"),
    ("png", ViewType::Image, "image/png"),
    ("ppt", ViewType::File, "application/vnd.ms-powerpoint"),
    ("pptx", ViewType::File, "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("rar", ViewType::File, "application/vnd.rar"),
    ("rtf", ViewType::File, "application/rtf"),
    ("spx", ViewType::File, "audio/ogg"),
    ("svg", ViewType::File, "image/svg+xml"),
    ("tgs", ViewType::File, "application/x-tgsticker"),
    ("tif", ViewType::File, "image/tiff"),
    ("tiff", ViewType::File, "image/tiff"),
    ("ttf", ViewType::File, "font/ttf"),
    ("txt", ViewType::File, "text/plain"),
    ("vcard", ViewType::Vcard, "text/vcard"),
    ("vcf", ViewType::Vcard, "text/vcard"),
    ("wav", ViewType::Audio, "audio/wav"),
    ("weba", ViewType::File, "audio/webm"),
    ("webm", ViewType::File, "video/webm"),
    ("webp", ViewType::Image, "image/webp"),
    ("wmv", ViewType::Video, "video/x-ms-wmv"),
    ("xdc", ViewType::Webxdc, "application/webxdc+zip"),
    ("xhtml", ViewType::File, "application/xhtml+xml"),
    ("xls", ViewType::File, "application/vnd.ms-excel"),
    ("xlsx", ViewType::File, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("xml", ViewType::File, "application/xml"),
    ("zip", ViewType::File, "application/zip"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_decides_letter_case_aside() {
        assert_eq!(by_file_name("a.b.JPG"), Some((ViewType::Image, "image/jpeg")));
        assert_eq!(by_file_name("game.xdc"), Some((ViewType::Webxdc, "application/webxdc+zip")));
        assert_eq!(by_file_name("song.opus"), Some((ViewType::File, "audio/ogg")));
        assert_eq!(by_file_name("png"), None);
        assert_eq!(by_file_name("a.unknown"), None);
    }

    #[test]
    fn names_in_pre_messages_go_both_ways() {
        for (kind, name) in ViewType::NAMES {
            assert_eq!((kind.name(), ViewType::from_name(name)), (name, Some(kind)));
        }
    }
}
