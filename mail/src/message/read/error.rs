//! Why a mail is refused.

/// Why a mail cannot be shown. It should be remembered by its id, so that it is not looked at again.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseError {
    /// Larger than [`MAX_MAIL_BYTES`](crate::message::bounds::MAX_MAIL_BYTES).
    #[error("The mail is too large: {0} bytes")]
    TooLarge(usize),
    /// `From` must hold exactly one address.
    #[error("The From header does not name exactly one sender")]
    NotOneSender,
    /// An unsigned payload names another sender than the outer header.
    #[error("From header is forged")]
    ForgedSender,
    /// A `Content-Type` is not of the form type/subtype.
    #[error("Bad content type: {0:?}")]
    BadContentType(String),
    /// A pre-message must name its post-message.
    #[error("The pre-message names no post-message")]
    PreMessageWithoutTarget,
}
