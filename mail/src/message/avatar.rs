//! Pictures in headers: `Chat-User-Avatar` and `Chat-Group-Avatar`.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::bounds::MAX_AVATAR_BYTES;

/// A change of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Avatar {
    /// The picture was removed, or none is set.
    Removed,
    /// The bytes of the new image file.
    Image(Vec<u8>),
    /// The picture is the attachment of this name in the same message (form of old senders; never built).
    InAttachment(String),
}

const PREFIX: &str = "base64:";

/// Standard alphabet; padding may be missing.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

impl Avatar {
    /// Reads a header value; blanks in it are only folds. `None` if the Base64 is bad, empty or too long.
    pub fn parse(value: &str) -> Option<Self> {
        let value = value.trim();
        if value == "0" {
            return Some(Self::Removed);
        }
        let Some(data) = value.strip_prefix(PREFIX) else {
            return (!value.is_empty()).then(|| Self::InAttachment(value.to_owned()));
        };
        let compact: String = data.chars().filter(|c| !c.is_whitespace()).collect();
        let bytes = LENIENT.decode(compact).ok()?;
        (!bytes.is_empty() && bytes.len() <= MAX_AVATAR_BYTES).then_some(Self::Image(bytes))
    }

    /// The header value, with a blank every 78 characters where the line may be folded.
    pub(crate) fn header_value(&self) -> String {
        match self {
            Self::Removed => "0".to_owned(),
            Self::InAttachment(name) => name.clone(),
            Self::Image(bytes) => {
                let mut value = PREFIX.to_owned();
                base64::engine::general_purpose::STANDARD.encode_string(bytes, &mut value);
                foldable(&value, FOLD_EVERY)
            }
        }
    }
}

/// Characters of Base64 between two possible folds.
const FOLD_EVERY: usize = 78;

/// Inserts a blank after each `every` characters of an ASCII text.
pub(crate) fn foldable(ascii: &str, every: usize) -> String {
    let mut out = String::with_capacity(ascii.len() + ascii.len() / every + 1);
    for (index, c) in ascii.chars().enumerate() {
        if index > 0 && index % every == 0 {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_removal_image_and_old_form() {
        assert_eq!(Avatar::parse(" 0 "), Some(Avatar::Removed));
        assert_eq!(Avatar::parse("base64:AQ ID\r\n BA=="), Some(Avatar::Image(vec![1, 2, 3, 4])));
        assert_eq!(Avatar::parse("avatar.png"), Some(Avatar::InAttachment("avatar.png".into())));
    }

    #[test]
    fn bad_base64_is_no_avatar() {
        for bad in ["base64:", "base64:***", "", "base64:A"] {
            assert_eq!(Avatar::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_image_survives_the_header() {
        let image = Avatar::Image((0..=255).cycle().take(5_000).collect());
        assert_eq!(Avatar::parse(&image.header_value()), Some(image));
    }
}
