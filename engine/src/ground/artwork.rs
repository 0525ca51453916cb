//! Pictures that come with the engine. Their sources are the SVG files beside them in `engine/assets`.

use std::io;
use std::path::{Path, PathBuf};

use volary_storage::{BlobName, Blobs};

/// A picture that all profiles share. It is a file in a folder of its own beside those of the profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared {
    /// Of the chat with oneself.
    SavedMessages,
    /// Of the device chat.
    Device,
}

/// What welcomes the user of a new profile. Every profile has a copy of its own, since it is a message of it.
pub const WELCOME: &[u8] = include_bytes!("../../assets/welcome.png");
/// Width and height of [`WELCOME`] in pixels.
pub const WELCOME_SIZE: (u32, u32) = (800, 480);

const PNG: &str = "png";

impl Shared {
    const ALL: [Self; 2] = [Self::SavedMessages, Self::Device];

    fn content(self) -> &'static [u8] {
        match self {
            Self::SavedMessages => include_bytes!("../../assets/saved-messages.png"),
            Self::Device => include_bytes!("../../assets/device.png"),
        }
    }

    /// Where it is; `dir` is the folder of the engine.
    pub fn path(self, dir: &Path) -> PathBuf {
        folder(dir).path(&BlobName::of(self.content(), PNG))
    }
}

fn folder(dir: &Path) -> Blobs {
    Blobs::new(dir.join("artwork"))
}

/// Writes the shared pictures that are not there yet.
pub fn lay_out(dir: &Path) -> io::Result<()> {
    for picture in Shared::ALL {
        folder(dir).put(picture.content(), PNG)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use volary_mail::message::content::dimensions;

    use super::*;

    #[test]
    fn shared_pictures_are_where_they_are_said_to_be() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            lay_out(dir.path()).unwrap();
        }
        for picture in Shared::ALL {
            assert_eq!(std::fs::read(picture.path(dir.path())).unwrap(), picture.content());
            assert_eq!(dimensions(picture.content()), Some((256, 256)));
        }
        assert_eq!(dimensions(WELCOME), Some(WELCOME_SIZE));
    }
}
