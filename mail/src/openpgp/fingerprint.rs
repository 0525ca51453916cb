//! The identity of a key ([RFC 9580 §5.5.4](https://www.rfc-editor.org/rfc/rfc9580.html#section-5.5.4)).

use std::fmt;
use std::str::FromStr;

/// The fingerprint of a primary key: 20 octets for version 4 keys, 32 for version 6.
///
/// Displays as upper-case hexadecimal digits without blanks, the form of QR codes, header fields and the key store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fingerprint {
    /// SHA-1 of a version 4 key.
    V4([u8; 20]),
    /// SHA-256 of a version 6 key.
    V6([u8; 32]),
}

/// Why a text or octet string is no fingerprint. Clients show these texts with the codes that people scan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFingerprint {
    /// The digits do not make whole octets.
    #[error("Odd number of digits")]
    OddDigits,
    /// Neither 20 nor 32 octets; what there is, cut.
    #[error("wrong fingerprint length: {0}")]
    Length(String),
}

/// How many digits of a wrong fingerprint an error repeats.
const SHOWN_DIGITS: usize = 100;

impl Fingerprint {
    /// The raw octets.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::V4(octets) => octets,
            Self::V6(octets) => octets,
        }
    }

    /// Takes 20 (version 4) or 32 (version 6) octets.
    pub fn from_bytes(octets: &[u8]) -> Result<Self, BadFingerprint> {
        if let Ok(octets) = octets.try_into() {
            return Ok(Self::V4(octets));
        }
        octets.try_into().map(Self::V6).map_err(|_| {
            let shown = octets.get(..SHOWN_DIGITS / 2).unwrap_or(octets);
            BadFingerprint::Length(hex::encode_upper(shown))
        })
    }

    /// The form for people: groups of four digits, five groups a line, lines separated by LF.
    pub fn grouped(&self) -> String {
        let digits = self.to_string();
        let mut text = String::with_capacity(digits.len() * 5 / 4);
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && index % 4 == 0 {
                text.push(if index % 20 == 0 { '\n' } else { ' ' });
            }
            text.push(digit);
        }
        text
    }

    /// The fingerprint of an rPGP key; `None` for key versions that are not in use here.
    pub(super) fn of(fingerprint: &pgp::types::Fingerprint) -> Option<Self> {
        match fingerprint {
            pgp::types::Fingerprint::V4(octets) => Some(Self::V4(*octets)),
            pgp::types::Fingerprint::V6(octets) => Some(Self::V6(*octets)),
            _ => None,
        }
    }

    /// The same in the type of rPGP.
    pub(super) fn to_pgp(self) -> pgp::types::Fingerprint {
        match self {
            Self::V4(octets) => pgp::types::Fingerprint::V4(octets),
            Self::V6(octets) => pgp::types::Fingerprint::V6(octets),
        }
    }
}

impl FromStr for Fingerprint {
    type Err = BadFingerprint;

    /// Reads hexadecimal digits of any case; everything else (blanks, line ends, colons) is skipped.
    fn from_str(text: &str) -> Result<Self, BadFingerprint> {
        let mut octets = [0u8; 32];
        let mut digits = 0usize;
        for value in text.chars().filter_map(|c| c.to_digit(16)) {
            // At most 15, so the narrowing cannot lose anything.
            let value = value as u8;
            if let Some(octet) = octets.get_mut(digits / 2) {
                *octet = (*octet << 4) | value;
            }
            digits += 1;
        }
        if digits % 2 == 1 {
            return Err(BadFingerprint::OddDigits);
        }
        octets.get(..digits / 2).ok_or_else(|| too_long(text)).and_then(Self::from_bytes)
    }
}

fn too_long(text: &str) -> BadFingerprint {
    let digits = text.chars().filter(char::is_ascii_hexdigit).take(SHOWN_DIGITS);
    BadFingerprint::Length(digits.map(|digit| digit.to_ascii_uppercase()).collect())
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode_upper(self.as_bytes()))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_people_paste() {
        let plain = "2E6FA2CB23B532D728634B5864B08F61A9ED9443";
        let pasted = "2e6f a2cb 23b5 32d7 2863\n4b58 64b0 8f61 a9ed 9443";
        assert_eq!(pasted.parse::<Fingerprint>().unwrap().to_string(), plain);
        assert_eq!(
            plain.parse::<Fingerprint>().unwrap().grouped(),
            "2E6F A2CB 23B5 32D7 2863\n4B58 64B0 8F61 A9ED 9443"
        );
    }

    #[test]
    fn refuses_other_lengths_and_says_what_it_saw() {
        for octets in [0, 1, 19, 21, 31, 33, 40, 90] {
            let seen = "AB".repeat(octets.min(50));
            assert_eq!(
                "ab ".repeat(octets).parse::<Fingerprint>(),
                Err(BadFingerprint::Length(seen.clone()))
            );
            assert_eq!(Fingerprint::from_bytes(&vec![0xAB; octets]), Err(BadFingerprint::Length(seen)));
        }
        assert_eq!("a".repeat(39).parse::<Fingerprint>(), Err(BadFingerprint::OddDigits));
        let error = "xyab".parse::<Fingerprint>().unwrap_err();
        assert_eq!(error.to_string(), "wrong fingerprint length: AB");
    }

    #[test]
    fn a_version_6_fingerprint_has_a_short_last_line() {
        let grouped = Fingerprint::V6([0xAB; 32]).grouped();
        assert_eq!(grouped.lines().count(), 4);
        assert_eq!(grouped.lines().last(), Some("ABAB"));
    }

    proptest! {
        #[test]
        fn text_form_round_trips(octets in proptest::collection::vec(any::<u8>(), 32), long: bool) {
            let fingerprint = Fingerprint::from_bytes(&octets[..if long { 32 } else { 20 }]).unwrap();
            prop_assert_eq!(fingerprint.to_string().parse::<Fingerprint>().unwrap(), fingerprint);
            prop_assert_eq!(fingerprint.grouped().parse::<Fingerprint>().unwrap(), fingerprint);
        }
    }
}
