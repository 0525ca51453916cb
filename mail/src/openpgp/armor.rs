//! ASCII armor ([RFC 9580 §6](https://www.rfc-editor.org/rfc/rfc9580.html#section-6)), in memory and in linear time.

use super::KeyError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Digits of Base64 a line (48 octets).
const LINE_LEN: usize = 64;

/// What an armor block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    Message,
    PublicKey,
    PrivateKey,
    Signature,
}

impl Block {
    fn label(self) -> &'static str {
        match self {
            Self::Message => "PGP MESSAGE",
            Self::PublicKey => "PGP PUBLIC KEY BLOCK",
            Self::PrivateKey => "PGP PRIVATE KEY BLOCK",
            Self::Signature => "PGP SIGNATURE",
        }
    }
}

/// Armors `data` without header lines and always with checksum: relays refuse messages without one.
pub(super) fn encode(block: Block, data: &[u8], line_end: &str) -> String {
    let digits = STANDARD.encode(data);
    let lines = digits.len() / LINE_LEN + 8;
    let mut text = String::with_capacity(digits.len() + lines * line_end.len() + 128);
    let mut line = |parts: &[&str]| {
        parts.iter().for_each(|part| text.push_str(part));
        text.push_str(line_end);
    };
    line(&["-----BEGIN ", block.label(), "-----"]);
    line(&[]);
    let mut rest = digits.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII: every index is a character boundary.
        let (head, tail) = rest.split_at(rest.len().min(LINE_LEN));
        line(&[head]);
        rest = tail;
    }
    let [_, checksum @ ..] = crc24(data).to_be_bytes();
    line(&["=", &STANDARD.encode(checksum)]);
    line(&["-----END ", block.label(), "-----"]);
    text
}

/// Takes the first armored block out of `text`, whatever surrounds it. Header lines are skipped and the checksum is
/// not consulted (§6.1 forbids to reject because of it): signatures and authenticated encryption protect the content.
pub(super) fn decode(text: &[u8], block: Block) -> Result<Vec<u8>, KeyError> {
    let mut lines = text.split(|&octet| octet == b'\n').map(<[u8]>::trim_ascii);
    let label = lines
        .find_map(|line| line.strip_prefix(b"-----BEGIN ")?.strip_suffix(b"-----"))
        .ok_or(KeyError::Armor)?;
    if label != block.label().as_bytes() {
        return Err(KeyError::UnexpectedBlock(String::from_utf8_lossy(label).chars().take(40).collect()));
    }
    let mut digits = Vec::with_capacity(text.len());
    let mut in_headers = true;
    for line in lines {
        if line.starts_with(b"-----END ") {
            return STANDARD.decode(&digits).map_err(|_| KeyError::Armor);
        }
        if in_headers {
            if line.contains(&b':') {
                continue;
            }
            in_headers = false;
        }
        // The checksum line is the only one that begins with the padding character.
        if !line.starts_with(b"=") {
            digits.extend(line.iter().filter(|octet| !octet.is_ascii_whitespace()));
        }
    }
    Err(KeyError::Armor)
}

/// CRC-24 of §6.1.1: generator 0x864CFB, start value 0xB704CE.
fn crc24(data: &[u8]) -> u32 {
    const TABLE: [u32; 256] = crc24_table();
    data.iter().fold(0xB7_04CE, |crc: u32, &octet| {
        let index = ((crc >> 16) as u8) ^ octet;
        ((crc << 8) & 0xFF_FFFF) ^ TABLE[usize::from(index)]
    })
}

const fn crc24_table() -> [u32; 256] {
    let mut table = [0u32; 256];
    let mut index = 0usize;
    while index < table.len() {
        let mut crc = (index as u32) << 16;
        let mut bit = 0;
        while bit < 8 {
            crc <<= 1;
            if crc & 0x100_0000 != 0 {
                crc ^= 0x186_4CFB;
            }
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn checksum_of_the_usual_test_vector() {
        assert_eq!(crc24(b"123456789"), 0x21_CF02);
    }

    #[test]
    fn foreign_header_lines_and_missing_checksum_are_tolerated() {
        let text = "Hi,\r\n-----BEGIN PGP MESSAGE-----\r\nVersion: Other 1.0\r\n\r\nYWJj\r\n-----END PGP MESSAGE-----\r\nbye";
        assert_eq!(decode(text.as_bytes(), Block::Message).unwrap(), b"abc");
    }

    #[test]
    fn wrong_block_and_cut_armor_are_refused() {
        let key = encode(Block::PublicKey, b"key", "\n");
        assert_eq!(
            decode(key.as_bytes(), Block::PrivateKey),
            Err(KeyError::UnexpectedBlock("PGP PUBLIC KEY BLOCK".into()))
        );
        let cut = key.replace("-----END", "----");
        assert_eq!(decode(cut.as_bytes(), Block::PublicKey), Err(KeyError::Armor));
    }

    proptest! {
        #[test]
        fn armor_round_trips(data in proptest::collection::vec(any::<u8>(), 0..500), crlf: bool) {
            let text = encode(Block::Signature, &data, if crlf { "\r\n" } else { "\n" });
            prop_assert!(text.lines().all(|line| line.len() <= LINE_LEN));
            prop_assert_eq!(decode(text.as_bytes(), Block::Signature).unwrap(), data);
        }

        #[test]
        fn garbage_never_panics(text in "(-----BEGIN PGP MESSAGE-----\n)?[ -~\r\n]{0,200}(-----END PGP MESSAGE-----)?") {
            let _ = decode(text.as_bytes(), Block::Message);
        }
    }
}
