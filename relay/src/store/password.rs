//! Passwords at rest.

use rand::RngCore;
use sha2::{Digest, Sha256};

const SALT: usize = 16;
const HASH: usize = 32;

/// A salted hash of a password.
///
/// A fast hash does: passwords of chatmail accounts are drawn at random with 130 bits, so guessing them is hopeless at
/// any speed, and a relay in a stress run sees thousands of logins a second.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash {
    salt: [u8; SALT],
    hash: [u8; HASH],
}

impl PasswordHash {
    pub(crate) fn of(password: &[u8]) -> Self {
        let mut salt = [0; SALT];
        rand::thread_rng().fill_bytes(&mut salt);
        Self { salt, hash: digest(&salt, password) }
    }

    /// Compares in constant time.
    pub(crate) fn matches(&self, password: &[u8]) -> bool {
        let other = digest(&self.salt, password);
        self.hash.iter().zip(other).fold(0, |differences, (left, right)| differences | (left ^ right)) == 0
    }

    /// Salt and hash in hexadecimal, for the disk.
    pub(crate) fn to_hex(&self) -> String {
        self.salt.iter().chain(&self.hash).map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let text = text.trim().as_bytes();
        if text.len() != 2 * (SALT + HASH) {
            return None;
        }
        let mut bytes = [0; SALT + HASH];
        for (byte, digits) in bytes.iter_mut().zip(text.chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        let (salt, hash) = bytes.split_at(SALT);
        Some(Self { salt: salt.try_into().ok()?, hash: hash.try_into().ok()? })
    }
}

fn digest(salt: &[u8], password: &[u8]) -> [u8; HASH] {
    Sha256::new().chain_update(salt).chain_update(password).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_survives_the_disk() {
        let hash = PasswordHash::of(b"correct horse");
        let restored = PasswordHash::from_hex(&hash.to_hex()).unwrap();
        assert!(restored.matches(b"correct horse"));
        assert!(!restored.matches(b"correct horsf"));
    }

    #[test]
    fn damaged_hashes_are_refused() {
        for text in ["", "00", "zz", &"g".repeat(96), &"0".repeat(95), &"é".repeat(48)] {
            assert!(PasswordHash::from_hex(text).is_none(), "{text:?}");
        }
    }
}
