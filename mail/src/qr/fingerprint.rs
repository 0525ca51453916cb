//! Reading the fingerprint of a code, with the error texts that clients show.

use crate::openpgp::Fingerprint;

/// Why a text is no fingerprint.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum FingerprintError {
    /// The digits do not make whole bytes.
    #[error("Odd number of digits")]
    OddDigits,
    /// Neither 20 nor 32 bytes.
    #[error("wrong fingerprint length: {0}")]
    Length(String),
}

/// How much of a wrong fingerprint an error repeats.
const SHOWN_DIGITS: usize = 100;

/// Reads a fingerprint; everything but hex digits is skipped.
pub fn parse(text: &str) -> Result<Fingerprint, FingerprintError> {
    text.parse().map_err(|_| {
        let digits: String =
            text.chars().filter(char::is_ascii_hexdigit).map(|c| c.to_ascii_uppercase()).collect();
        match digits.len() % 2 {
            1 => FingerprintError::OddDigits,
            _ => FingerprintError::Length(digits.chars().take(SHOWN_DIGITS).collect()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_lengths_are_named() {
        assert_eq!(parse(&"a".repeat(39)), Err(FingerprintError::OddDigits));
        assert_eq!(parse("xyab").unwrap_err().to_string(), "wrong fingerprint length: AB");
        assert!(parse(&"ab ".repeat(20)).is_ok());
    }
}
