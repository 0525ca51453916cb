//! Pages of an encrypted database: the form of SQLCipher 4 with its defaults.
//!
//! The file begins with a random salt in place of the first 16 bytes of the header. Of each page of 4096 bytes the last 80
//! are a random vector and an authentication code over what stands before it and the number of the page; the rest is
//! encrypted with AES-256 in CBC mode.

use std::io::{Read, Write};

use aes::Aes256;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockDecryptMut as _, BlockEncryptMut as _, KeyIvInit as _};
use hmac::{Hmac, Mac as _};
use rand::RngCore as _;
use sha2::Sha512;

use crate::BackupError;

/// Bytes of a page.
pub const PAGE: usize = 4096;
/// Bytes at the end of a page that hold no content.
pub const RESERVED: usize = VECTOR + CODE;
/// What a plain database begins with.
pub const PLAIN_START: &[u8; SALT] = b"SQLite format 3\0";

const SALT: usize = 16;
const VECTOR: usize = 16;
const CODE: usize = 64;
const CONTENT: usize = PAGE - RESERVED;
const ROUNDS: u32 = 256_000;
const CODE_ROUNDS: u32 = 2;
const CODE_SALT_MASK: u8 = 0x3a;
/// SQLite keeps no content in the page that begins at 1 GiB: locks are there.
const LOCK_PAGE: u32 = (1 << 30) / PAGE as u32 + 1;

type Encryptor = cbc::Encryptor<Aes256>;
type Decryptor = cbc::Decryptor<Aes256>;

/// The keys of one encrypted file.
struct Keys {
    content: [u8; 32],
    code: [u8; 32],
}

impl Keys {
    fn new(passphrase: &str, salt: &[u8; SALT]) -> Self {
        let mut content = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha512>(passphrase.as_bytes(), salt, ROUNDS, &mut content);
        let code_salt = salt.map(|byte| byte ^ CODE_SALT_MASK);
        let mut code = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha512>(&content, &code_salt, CODE_ROUNDS, &mut code);
        Self { content, code }
    }

    fn mac(&self, number: u32, covered: &[u8]) -> Result<Hmac<Sha512>, BackupError> {
        let mut mac =
            <Hmac<Sha512> as hmac::Mac>::new_from_slice(&self.code).map_err(|_| BackupError::NotADatabase)?;
        mac.update(covered);
        mac.update(&number.to_le_bytes());
        Ok(mac)
    }

    fn encrypt(&self, number: u32, page: &mut [u8; PAGE]) -> Result<(), BackupError> {
        let start = start_of(number);
        let mut vector = [0; VECTOR];
        rand::thread_rng().fill_bytes(&mut vector);
        let cipher = Encryptor::new(&self.content.into(), &vector.into());
        cipher
            .encrypt_padded_mut::<NoPadding>(&mut page[start..CONTENT], CONTENT - start)
            .map_err(|_| BackupError::NotADatabase)?;
        page[CONTENT..CONTENT + VECTOR].copy_from_slice(&vector);
        let code = self.mac(number, &page[start..CONTENT + VECTOR])?.finalize().into_bytes();
        page[CONTENT + VECTOR..].copy_from_slice(&code);
        Ok(())
    }

    fn decrypt(&self, number: u32, page: &mut [u8; PAGE]) -> Result<(), BackupError> {
        let start = start_of(number);
        self.mac(number, &page[start..CONTENT + VECTOR])?
            .verify_slice(&page[CONTENT + VECTOR..])
            .map_err(|_| BackupError::NotADatabase)?;
        let mut vector = [0; VECTOR];
        vector.copy_from_slice(&page[CONTENT..CONTENT + VECTOR]);
        let cipher = Decryptor::new(&self.content.into(), &vector.into());
        cipher
            .decrypt_padded_mut::<NoPadding>(&mut page[start..CONTENT])
            .map_err(|_| BackupError::NotADatabase)?;
        page[CONTENT..].fill(0);
        Ok(())
    }
}

/// Where the encrypted part of a page begins.
fn start_of(number: u32) -> usize {
    if number == 1 { SALT } else { 0 }
}

/// Encrypts a plain database whose pages have [`RESERVED`] bytes at their end.
pub fn encrypt(plain: &mut impl Read, passphrase: &str, out: &mut impl Write) -> Result<(), BackupError> {
    let mut salt = [0; SALT];
    rand::thread_rng().fill_bytes(&mut salt);
    let keys = Keys::new(passphrase, &salt);
    let mut number = 0u32;
    while let Some(mut page) = read_page(plain)? {
        number = number.checked_add(1).ok_or(BackupError::NotADatabase)?;
        if number == 1 {
            if page[..SALT] != PLAIN_START[..] || usize::from(page[20]) != RESERVED {
                return Err(BackupError::NotADatabase);
            }
            page[..SALT].copy_from_slice(&salt);
        }
        if number != LOCK_PAGE {
            keys.encrypt(number, &mut page)?;
        }
        out.write_all(&page)?;
    }
    Ok(())
}

/// Decrypts a database; what comes out is a plain one. A wrong passphrase, a plain database and a damaged one are not told
/// apart.
pub fn decrypt(encrypted: &mut impl Read, passphrase: &str, out: &mut impl Write) -> Result<(), BackupError> {
    let mut decryption = Decryption::new(passphrase);
    let mut number = 0u32;
    while let Some(mut page) = read_page(encrypted)? {
        number = number.checked_add(1).ok_or(BackupError::NotADatabase)?;
        decryption.page(number, &mut page)?;
        out.write_all(&page)?;
    }
    Ok(())
}

/// Decrypts the pages of one file, of which the first comes first.
pub(crate) struct Decryption<'p> {
    passphrase: &'p str,
    keys: Option<Keys>,
}

impl<'p> Decryption<'p> {
    /// With a passphrase.
    pub(crate) fn new(passphrase: &'p str) -> Self {
        Self { passphrase, keys: None }
    }

    /// Makes a page a plain one.
    pub(crate) fn page(&mut self, number: u32, page: &mut [u8; PAGE]) -> Result<(), BackupError> {
        if number == LOCK_PAGE {
            page.fill(0);
            return Ok(());
        }
        let mut salt = [0; SALT];
        salt.copy_from_slice(&page[..SALT]);
        let keys = self.keys.get_or_insert_with(|| Keys::new(self.passphrase, &salt));
        keys.decrypt(number, page)?;
        if number == 1 {
            page[..SALT].copy_from_slice(PLAIN_START);
        }
        Ok(())
    }
}

/// The next page; `None` at the end, where no part of a page may be left over.
fn read_page(from: &mut impl Read) -> Result<Option<[u8; PAGE]>, BackupError> {
    let mut page = [0; PAGE];
    let mut filled = 0;
    while filled < PAGE {
        match from.read(&mut page[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(BackupError::NotADatabase),
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(page))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(pages: usize) -> Vec<u8> {
        let mut plain = vec![0; pages * PAGE];
        for (number, page) in plain.chunks_mut(PAGE).enumerate() {
            for (at, byte) in page[..CONTENT].iter_mut().enumerate() {
                *byte = (at * 7 + number * 13) as u8;
            }
        }
        if let Some(first) = plain.get_mut(..SALT) {
            first.copy_from_slice(PLAIN_START);
            plain[20] = RESERVED as u8;
        }
        plain
    }

    fn encrypted(plain: &[u8], passphrase: &str) -> Vec<u8> {
        let mut out = Vec::new();
        encrypt(&mut &plain[..], passphrase, &mut out).unwrap();
        out
    }

    #[test]
    fn an_encrypted_database_comes_back_with_its_passphrase_alone() {
        let plain = plain(3);
        let file = encrypted(&plain, "correct horse");
        assert_eq!(file.len(), plain.len());
        assert_ne!(file[..SALT], PLAIN_START[..]);
        let mut back = Vec::new();
        decrypt(&mut &file[..], "correct horse", &mut back).unwrap();
        assert_eq!(back, plain);
        for wrong in ["", "correct horsf"] {
            let refused = decrypt(&mut &file[..], wrong, &mut Vec::new()).unwrap_err();
            assert!(matches!(refused, BackupError::NotADatabase), "{refused}");
        }
    }

    #[test]
    fn a_page_that_was_changed_or_moved_is_noticed() {
        let file = encrypted(&plain(3), "x");
        let reads = |file: &[u8]| decrypt(&mut &*file, "x", &mut Vec::new()).is_ok();
        assert!(reads(&file));
        for at in [0, 17, PAGE - 1, PAGE, 2 * PAGE - 81, 2 * PAGE - 70, 2 * PAGE - 1] {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(!reads(&changed), "{at}");
        }
        let swapped = [&file[..PAGE], &file[2 * PAGE..], &file[PAGE..2 * PAGE]].concat();
        assert!(!reads(&swapped));
        assert!(!reads(&file[..file.len() - 1]));
    }

    #[test]
    fn a_database_without_room_for_the_codes_is_refused() {
        let mut plain = plain(1);
        plain[20] = 0;
        assert!(encrypt(&mut &plain[..], "x", &mut Vec::new()).is_err());
    }
}
