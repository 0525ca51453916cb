//! Icons of apps.

use std::io::{Cursor, Read, Seek};

use image::ImageReader;

use super::archive::{Archive, ArchiveError};

/// The path of the icon of apps that bring none.
pub const DEFAULT_ICON_PATH: &str = "__webxdc__/default-icon.png";

/// The icon of apps that bring none, as PNG.
pub const DEFAULT_ICON: &[u8] = include_bytes!("default-icon.png");

/// Largest width and height of an icon.
pub const MAX_ICON_SIDE: u32 = 4_096;

/// Names of icons in an archive, best first.
const NAMES: [&str; 2] = ["icon.png", "icon.jpg"];

/// The path of an app's icon.
pub fn path<R: Read + Seek>(archive: &Archive<R>) -> &'static str {
    NAMES.into_iter().find(|name| archive.contains(name)).unwrap_or(DEFAULT_ICON_PATH)
}

/// Whether a file of this name is shown as icon.
pub fn is_icon(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Refuses pictures that would cost too much to show. Looks at the header of the picture only, whose format the bytes
/// tell, not the name.
pub fn check(bytes: &[u8]) -> Result<(), ArchiveError> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let (width, height) = reader.into_dimensions().map_err(|_| ArchiveError::IconFormat)?;
    if width > MAX_ICON_SIDE || height > MAX_ICON_SIDE { Err(ArchiveError::IconSize) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image::GrayImage::new(width, height).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn icons_are_pictures_of_a_bounded_size() {
        assert!(check(DEFAULT_ICON).is_ok());
        assert!(check(&picture(4096, 4096)).is_ok());
        for (width, height) in [(4097, 1), (100, 20_000)] {
            assert_eq!(check(&picture(width, height)).unwrap_err().to_string(), "Icon is too large");
        }
        for none in [b"".as_slice(), b"no picture", b"<svg xmlns='http://www.w3.org/2000/svg'/>"] {
            assert_eq!(check(none).unwrap_err().to_string(), "Unable to determine image format");
        }
    }
}
