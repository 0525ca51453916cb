//! Whole-module tests: keys, certificates, header fields and messages of a few people.

mod autocrypt;
mod certificates;
mod failures;
mod foreign;
mod hostile;
mod keys;
mod messages;
mod secrets;

use super::*;
use crate::address::Address;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

/// The time at which most of these stories happen.
const NOW: i64 = 1_795_000_000;

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn addr(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// Somebody with a key and a certificate that lists one relay.
struct Person {
    key: SecretKey,
    certificate: Certificate,
}

impl Person {
    fn new(address: &str) -> Self {
        let seed = address.bytes().fold(1, |sum, octet| sum * 31 % 1_000_003 + u64::from(octet));
        let address = addr(address);
        let key = SecretKey::generate(&address, NOW - 1000, &mut rng(seed)).unwrap();
        let certificate =
            key.certificate(&address, std::slice::from_ref(&address), NOW - 500, &mut rng(seed)).unwrap();
        Self { key, certificate }
    }

    fn fingerprint(&self) -> Fingerprint {
        self.key.fingerprint()
    }

    fn sends(&self, text: &str, to: &[&Person]) -> String {
        let recipients: Vec<_> = to.iter().map(|person| person.certificate.clone()).collect();
        encrypt(text.into(), &self.key, &recipients, Layers::MESSAGE, NOW, &mut rng(7)).unwrap()
    }

    fn opens(&self, message: &str) -> Result<Decrypted, DecryptError> {
        decrypt(message.as_bytes(), std::slice::from_ref(&self.key), [])
    }
}

fn alice() -> Person {
    Person::new("alice@example.org")
}

fn bob() -> Person {
    Person::new("bob@example.net")
}

fn carol() -> Person {
    Person::new("carol@example.com")
}

/// Tag and body of each new-format packet.
fn packets(mut data: &[u8]) -> Vec<(u8, &[u8])> {
    let mut found = Vec::new();
    while let [tag, rest @ ..] = data {
        let (len, skip) = match *rest {
            [n, ..] if n < 192 => (usize::from(n), 1),
            [n, m, ..] if n < 224 => ((usize::from(n) - 192) * 256 + usize::from(m) + 192, 2),
            [255, a, b, c, d, ..] => (u32::from_be_bytes([a, b, c, d]) as usize, 5),
            _ => panic!("partial or cut length"),
        };
        found.push((tag & 0x3f, &rest[skip..skip + len]));
        data = &rest[skip + len..];
    }
    found
}

/// The binary form of an armored message.
fn dearmored(message: &str) -> Vec<u8> {
    armor::decode(message.as_bytes(), armor::Block::Message).unwrap()
}
