//! Key fingerprints as text: upper-case hex, 40 digits (v4 keys) or 64 (v6 keys).

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

/// Reads a fingerprint: everything but hex digits is dropped, the rest is put into upper case.
pub fn parse(text: &str) -> Result<String, FingerprintError> {
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).map(|c| c.to_ascii_uppercase()).collect();
    match digits.len() {
        40 | 64 => Ok(digits),
        odd if odd % 2 == 1 => Err(FingerprintError::OddDigits),
        _ => Err(FingerprintError::Length(digits.chars().take(SHOWN_DIGITS).collect())),
    }
}

/// Groups of four digits, five groups a line, for people to compare.
pub fn readable(fingerprint: &str) -> String {
    let mut out = String::with_capacity(fingerprint.len() * 5 / 4);
    for (index, digit) in fingerprint.chars().enumerate() {
        match index {
            0 => {}
            i if i % 20 == 0 => out.push('\n'),
            i if i % 4 == 0 => out.push(' '),
            _ => {}
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_lower_case_and_blanks() {
        let spaced = "1234 5678 9abc def0 1234\n5678 9ABC DEF0 1234 5678";
        let clean = "123456789ABCDEF0123456789ABCDEF012345678";
        assert_eq!(parse(spaced).unwrap(), clean);
        assert_eq!(readable(clean), "1234 5678 9ABC DEF0 1234\n5678 9ABC DEF0 1234 5678");
    }

    #[test]
    fn long_fingerprints_take_four_lines() {
        let readable = readable(&"A".repeat(64));
        assert_eq!(readable.lines().count(), 4);
        assert_eq!(readable.lines().last(), Some("AAAA"));
    }

    #[test]
    fn wrong_lengths_are_named() {
        assert_eq!(parse(&"a".repeat(39)), Err(FingerprintError::OddDigits));
        assert_eq!(parse("xyab").unwrap_err().to_string(), "wrong fingerprint length: AB");
    }
}
