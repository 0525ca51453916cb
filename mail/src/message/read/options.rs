//! What the caller says before a mail is read.

/// What the caller knows before parsing.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadOptions {
    /// The profile is a bot: texts are neither cut nor prefixed with subjects.
    pub for_bot: bool,
}

/// A decrypted payload.
#[derive(Debug, Clone, Copy)]
pub struct Payload<'a> {
    /// The plaintext: a MIME entity.
    pub bytes: &'a [u8],
    /// Whether a valid signature covers it.
    pub signed: bool,
}
