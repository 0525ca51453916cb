//! What goes over the stream of a transfer, without I/O.
//!
//! 1. The taker writes the token of the code.
//! 2. The giver compares it, answers with the size of what follows as 8 bytes, big endian, then with the archive, and
//!    ends its half of the stream.
//! 3. The taker writes one byte when it has the profile, and ends its half.

use std::hint::black_box;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// The protocol on the connection.
pub const ALPN: &[u8] = b"/deltachat/backup";
/// Random bytes of a token.
pub const SECRET_LEN: usize = 18;
/// Length of a token as text.
pub const TOKEN_LEN: usize = 24;
/// Length of the size before the archive.
pub const SIZE_LEN: usize = 8;
/// What the taker writes when it has the profile.
pub const CONFIRMATION: u8 = b'.';

/// What proves that a device scanned the code.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// The token of a secret.
    pub fn new(secret: [u8; SECRET_LEN]) -> Self {
        Self(BASE64_URL_SAFE_NO_PAD.encode(secret))
    }

    /// As it stands in the code.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether somebody shows this token. Takes as long for a wrong one as for the right one.
    pub fn matches(&self, shown: &[u8]) -> bool {
        let own = self.0.as_bytes();
        if own.len() != shown.len() {
            return false;
        }
        let difference = own.iter().zip(shown).fold(0, |sum, (a, b)| black_box(sum | (a ^ b)));
        difference == 0
    }
}

/// The size as it goes over the stream. It is used for progress only.
pub fn size_frame(size: u64) -> [u8; SIZE_LEN] {
    size.to_be_bytes()
}

/// Reads the size.
pub fn size_of_frame(frame: [u8; SIZE_LEN]) -> u64 {
    u64::from_be_bytes(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_token_matches() {
        let token = Token::new([7; SECRET_LEN]);
        assert_eq!(token.text().len(), TOKEN_LEN);
        assert!(token.matches(token.text().as_bytes()));
        for place in 0..TOKEN_LEN {
            let mut other = token.text().as_bytes().to_vec();
            other[place] ^= 1;
            assert!(!token.matches(&other), "{place}");
        }
        assert!(!token.matches(&token.text().as_bytes()[..TOKEN_LEN - 1]));
        assert!(!token.matches(b""));
    }

    #[test]
    fn sizes_are_big_endian() {
        assert_eq!(size_frame(0x0102), [0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(size_of_frame(size_frame(u64::MAX)), u64::MAX);
    }
}
