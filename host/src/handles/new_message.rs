//! What is to be sent.

use std::path::{Path, PathBuf};

use volary_engine::ground::ids::MessageId;
use volary_proto::{GeoPoint, MessageData, ViewType};

use super::error::CallError;

/// A message that is to be sent, or a draft.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewMessage {
    data: MessageData,
    file: Option<PathBuf>,
}

impl NewMessage {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::default().with_text(text)
    }

    /// A file, which is copied when the message is sent. How it is shown follows from what it is.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { file: Some(path.into()), ..Self::default() }
    }

    /// Adds a text.
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.data.text = Some(text.into());
        self
    }

    /// Adds an HTML version of the text.
    pub fn with_html(mut self, html: impl Into<String>) -> Self {
        self.data.html = Some(html.into());
        self
    }

    /// Says how the file is shown.
    pub fn shown_as(mut self, kind: ViewType) -> Self {
        self.data.set_viewtype(kind);
        self
    }

    /// Names the file for those who receive it.
    pub fn file_name(mut self, name: impl Into<String>) -> Self {
        self.data.filename = Some(name.into());
        self
    }

    /// Quotes a message.
    pub fn quoting(mut self, message: MessageId) -> Self {
        self.data.quoted_message_id = Some(message.get());
        self
    }

    /// Is shown under another name than that of the profile.
    pub fn under_the_name(mut self, name: impl Into<String>) -> Self {
        self.data.override_sender_name = Some(name.into());
        self
    }

    /// Has its place on the map, in degrees north and east.
    pub fn at(mut self, latitude: f64, longitude: f64) -> Self {
        self.data.location = Some(GeoPoint { latitude, longitude });
        self
    }

    pub(super) fn into_data(self) -> Result<MessageData, CallError> {
        let file = self.file.as_deref().map(path_text).transpose()?;
        Ok(MessageData { file, ..self.data })
    }
}

impl From<&str> for NewMessage {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for NewMessage {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

/// A path as requests carry it: absolute, because a host may run in another folder.
pub(super) fn path_text(path: &Path) -> Result<String, CallError> {
    let whole = std::path::absolute(path);
    let whole = whole.map_err(|error| CallError::Invalid(format!("{}: {error}", path.display())))?;
    let text = whole.into_os_string().into_string();
    text.map_err(|path| CallError::Invalid(format!("{}: not UTF-8", Path::new(&path).display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_carries_what_was_added() {
        let message = NewMessage::file("/tmp/a.jpg")
            .with_text("look")
            .file_name("fox.jpg")
            .shown_as(ViewType::Sticker)
            .quoting(MessageId::new(12));
        let data = message.into_data().unwrap();
        assert_eq!((data.text.as_deref(), data.file.as_deref()), (Some("look"), Some("/tmp/a.jpg")));
        assert_eq!((data.filename.as_deref(), data.viewtype()), (Some("fox.jpg"), ViewType::Sticker));
        assert_eq!(data.quoted_message_id, Some(12));
    }

    #[test]
    fn a_path_means_the_same_in_another_folder() {
        let data = NewMessage::file("a.jpg").into_data().unwrap();
        assert!(Path::new(data.file.as_deref().unwrap()).is_absolute());
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_cannot_be_sent_is_refused() {
        use std::os::unix::ffi::OsStrExt as _;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/tmp/\xff")).to_owned();
        assert!(matches!(NewMessage::file(path).into_data(), Err(CallError::Invalid(_))));
    }
}
