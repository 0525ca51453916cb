//! What becomes of a mail, depending on how it was protected.

/// How an incoming mail was protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protection {
    /// Decrypted, with a valid signature of a known key.
    EncryptedAndSigned,
    /// Decrypted, without a valid signature.
    EncryptedOnly,
    /// Encrypted, and no key or secret fits.
    Undecryptable,
    /// Not encrypted, whether signed or not.
    None,
    /// Decrypted, but sent by somebody who may not, meant for somebody else, or with a forged From.
    Rejected,
}

/// What to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Treatment {
    /// An encrypted message of a key-contact; shows the padlock.
    Secure,
    /// A message of an address-contact, without padlock and never in an encrypted chat.
    Insecure,
    /// A hint that a message could not be read, in an existing chat with the address.
    ShowUndecryptable,
    /// Only a handshake step that is allowed to be unprotected; nothing is shown.
    HandshakeOnly,
    /// A tombstone, after its `Autocrypt` key was stored; nothing is shown.
    Trash,
    /// A tombstone; nothing of it is used.
    Tombstone,
}

/// Decides what becomes of a mail. `handshake` tells whether it is the step that may come with this little protection:
/// `vc-request-pubkey` encrypted without signature, or `vc-request`/`vg-request` in the clear.
pub fn treatment(protection: Protection, force_encryption: bool, handshake: bool) -> Treatment {
    match protection {
        Protection::EncryptedAndSigned => Treatment::Secure,
        Protection::Rejected => Treatment::Tombstone,
        Protection::EncryptedOnly | Protection::None if handshake => Treatment::HandshakeOnly,
        _ if force_encryption => Treatment::Trash,
        Protection::EncryptedOnly | Protection::None => Treatment::Insecure,
        Protection::Undecryptable => Treatment::ShowUndecryptable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forced_encryption_shows_signed_encrypted_mail_only() {
        for protection in [Protection::EncryptedOnly, Protection::Undecryptable, Protection::None] {
            assert_eq!(treatment(protection, true, false), Treatment::Trash);
        }
        assert_eq!(treatment(Protection::EncryptedAndSigned, true, false), Treatment::Secure);
    }

    #[test]
    fn without_forced_encryption_nothing_but_signed_encrypted_mail_is_secure() {
        assert_eq!(treatment(Protection::EncryptedOnly, false, false), Treatment::Insecure);
        assert_eq!(treatment(Protection::None, false, false), Treatment::Insecure);
        assert_eq!(treatment(Protection::Undecryptable, false, false), Treatment::ShowUndecryptable);
    }

    #[test]
    fn handshake_steps_pass_and_rejected_mail_never_does() {
        for forced in [true, false] {
            assert_eq!(treatment(Protection::EncryptedOnly, forced, true), Treatment::HandshakeOnly);
            assert_eq!(treatment(Protection::None, forced, true), Treatment::HandshakeOnly);
            assert_eq!(treatment(Protection::Rejected, forced, true), Treatment::Tombstone);
        }
    }
}
