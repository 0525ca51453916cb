//! Passphrase, key file, sealing.
//!
//! Argon2id turns the passphrase into a key that seals nothing but the main key, which is random. From the main key come
//! two keys by BLAKE3's key derivation: one seals (XChaCha20-Poly1305, a random nonce for each seal), one names chunks
//! (keyed BLAKE3), so that the name of a chunk tells nothing about its content to those who have no key.

use std::fmt;
use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use prost::Message as _;
use rand::RngCore as _;
use rand::rngs::OsRng;
use zeroize::Zeroizing;

use crate::error::VaultError;
use crate::files::{self, NewFile};
use crate::records::{FORM, KeyFile};

/// Name of the key file.
pub(crate) const KEY_FILE: &str = "backup.key";
/// What the key file begins with.
const MAGIC: &[u8] = b"volary backup 1\n";
/// Longest key file.
const MAX_KEY_FILE: u64 = 4096;
/// Argon2id: 64 MiB, three passes, one lane: the second choice of RFC 9106 with a lane instead of four, since the host
/// has other work for its cores. About a tenth of a second.
const MEMORY_KIB: u32 = 64 << 10;
const PASSES: u32 = 3;
const LANES: u32 = 1;
/// Most that a key file may ask for: it may come from anywhere.
const MAX_MEMORY_KIB: u32 = 1 << 20;
const MAX_PASSES: u32 = 64;
/// Length of keys.
const KEY: usize = 32;
/// Length of a nonce, and of the tag behind what is sealed.
const NONCE: usize = 24;
const TAG: usize = 16;
/// What sealing adds.
pub(crate) const OVERHEAD: usize = NONCE + TAG;

/// The passphrase of a backup. Not shown in logs, wiped when it is dropped.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// A passphrase, which may not be empty.
    pub fn new(text: impl Into<String>) -> Result<Self, VaultError> {
        let text = Zeroizing::new(text.into());
        if text.is_empty() {
            return Err(VaultError::EmptyPassphrase);
        }
        Ok(Self(text))
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// The keys of a target.
#[derive(Clone)]
pub(crate) struct Keys {
    seal: Zeroizing<[u8; KEY]>,
    name: Zeroizing<[u8; KEY]>,
}

/// The id of a chunk.
pub(crate) type ChunkId = [u8; 32];

impl Keys {
    /// Makes a main key and writes it, sealed, into the folder.
    pub(crate) fn create(dir: &Path, passphrase: &Passphrase) -> Result<Self, VaultError> {
        let mut main = Zeroizing::new([0; KEY]);
        random(main.as_mut_slice())?;
        let mut salt = vec![0; 16];
        random(&mut salt)?;
        let mut file = KeyFile {
            form: FORM,
            salt,
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            sealed: Vec::new(),
        };
        let path = dir.join(KEY_FILE);
        let outer = derived(&file, passphrase, &path)?;
        file.sealed = sealed(&outer, main.as_slice(), MAGIC)?;
        let mut new = NewFile::create(path)?;
        new.write(MAGIC)?;
        new.write(&file.encode_to_vec())?;
        new.settle()?;
        Ok(Self::of(&main))
    }

    /// Reads the key file of a folder.
    pub(crate) fn open(dir: &Path, passphrase: &Passphrase) -> Result<Self, VaultError> {
        let path = dir.join(KEY_FILE);
        let bytes = files::read_checked(&path, MAX_KEY_FILE)?;
        let damaged = |detail: &str| VaultError::damaged(&path, detail);
        let record = bytes.strip_prefix(MAGIC).ok_or_else(|| damaged("it is no key of a backup"))?;
        let file = KeyFile::decode(record).map_err(|_| damaged("it cannot be read"))?;
        if file.form > FORM {
            return Err(VaultError::Newer { path, found: file.form, known: FORM });
        }
        let outer = derived(&file, passphrase, &path)?;
        // The checksum was right, so the file is as it was written.
        let main =
            opened(&outer, &file.sealed, MAGIC).ok_or_else(|| VaultError::WrongPassphrase(dir.to_owned()))?;
        let main: [u8; KEY] =
            main.as_slice().try_into().map_err(|_| damaged("its key has the wrong length"))?;
        Ok(Self::of(&Zeroizing::new(main)))
    }

    fn of(main: &[u8; KEY]) -> Self {
        Self {
            seal: Zeroizing::new(blake3::derive_key("volary backup 1: sealing", main)),
            name: Zeroizing::new(blake3::derive_key("volary backup 1: names of chunks", main)),
        }
    }

    /// The id of a chunk with this content.
    pub(crate) fn id_of(&self, content: &[u8]) -> ChunkId {
        blake3::keyed_hash(&self.name, content).into()
    }

    /// The id of the chunk that tells of which chunks an attachment is made. It follows from name and length alone: the
    /// name is the hash of the content, so that an attachment that is in the target already need not be read.
    pub(crate) fn id_of_file(&self, name: &str, length: u64) -> ChunkId {
        blake3::keyed_hash(&self.name, format!("attachment {length} {name}").as_bytes()).into()
    }

    /// Encrypts `content` for the place that `place` names.
    pub(crate) fn seal(&self, content: &[u8], place: &[u8]) -> Result<Vec<u8>, VaultError> {
        sealed(&self.seal, content, place)
    }

    /// Decrypts what was sealed for the place. `None` if it is not as it was written, or belongs elsewhere.
    pub(crate) fn open_sealed(&self, sealed: &[u8], place: &[u8]) -> Option<Vec<u8>> {
        opened(&self.seal, sealed, place)
    }
}

/// What Argon2id makes of the passphrase.
fn derived(file: &KeyFile, passphrase: &Passphrase, path: &Path) -> Result<Zeroizing<[u8; KEY]>, VaultError> {
    let damaged = || VaultError::damaged(path, "its parameters make no sense");
    if file.memory_kib > MAX_MEMORY_KIB || file.passes > MAX_PASSES {
        return Err(damaged());
    }
    let params = Params::new(file.memory_kib, file.passes, file.lanes, Some(KEY)).map_err(|_| damaged())?;
    let mut key = Zeroizing::new([0; KEY]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.0.as_bytes(), &file.salt, key.as_mut_slice())
        .map_err(|_| damaged())?;
    Ok(key)
}

fn sealed(key: &[u8; KEY], content: &[u8], place: &[u8]) -> Result<Vec<u8>, VaultError> {
    let mut nonce = [0; NONCE];
    random(&mut nonce)?;
    let cipher = XChaCha20Poly1305::new(key.into());
    let payload = Payload { msg: content, aad: place };
    // Fails for contents of 256 GiB only.
    let text = cipher.encrypt(XNonce::from_slice(&nonce), payload).map_err(|_| VaultError::NoRandomness)?;
    let mut out = Vec::with_capacity(NONCE + text.len());
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&text);
    Ok(out)
}

fn opened(key: &[u8; KEY], sealed: &[u8], place: &[u8]) -> Option<Vec<u8>> {
    let (nonce, text) = sealed.split_at_checked(NONCE)?;
    let payload = Payload { msg: text, aad: place };
    XChaCha20Poly1305::new(key.into()).decrypt(XNonce::from_slice(nonce), payload).ok()
}

/// Random bytes from the system.
pub(crate) fn random(out: &mut [u8]) -> Result<(), VaultError> {
    OsRng.try_fill_bytes(out).map_err(|_| VaultError::NoRandomness)
}
