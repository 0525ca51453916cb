//! What rendering reads besides the snapshot.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use volary_storage::View;

use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::ProfileId;
use crate::ground::key_cache::KeyCache;
use crate::ground::sizes;
use crate::ground::texts::Texts;
use crate::state::keys;

/// Largest file that is sent, in bytes. In a mail it becomes 16/9 of that: base64 twice, the inner one of the part and
/// the outer one of the armor. What is larger than 160 MiB there would not be fetched by anybody.
pub const MAX_ATTACHMENT: u64 = 80 << 20;

/// What rendering reads besides the snapshot.
pub struct Context<'a> {
    /// Parsed keys.
    pub keys: &'a KeyCache,
    /// The texts in force.
    pub texts: &'a Texts,
    /// The profile.
    pub profile: ProfileId,
    /// Folder of the blobs.
    pub blob_dir: &'a Path,
    /// Address of the relay that will send.
    pub from: &'a str,
    /// Now.
    pub now: i64,
}

impl Context<'_> {
    /// Reads a file that goes into a mail, if it is not larger than [`MAX_ATTACHMENT`].
    pub(super) fn file(&self, blob: &str) -> Outcome<Vec<u8>> {
        read(self.blob_dir, blob)
    }
}

fn read(dir: &Path, blob: &str) -> Outcome<Vec<u8>> {
    let unreadable = || Failure::file(format!("attachment {blob} cannot be read"));
    let file = File::open(dir.join(blob)).map_err(unreadable())?;
    let mut bytes = Vec::new();
    // One octet more than allowed tells that there is more: a file may grow while it is read.
    let length = file.take(MAX_ATTACHMENT + 1).read_to_end(&mut bytes).map_err(unreadable())?;
    if length as u64 > MAX_ATTACHMENT {
        let limit = sizes::size(MAX_ATTACHMENT);
        return Err(Failure::refused(format!("attachment {blob} is larger than {limit} and cannot be sent")));
    }
    Ok(bytes)
}

/// The value of the own `Autocrypt` header.
pub fn own_autocrypt(view: &impl View, context: &Context<'_>) -> Outcome<Option<String>> {
    let certificate = keys::own_certificate(view, context.keys, context.profile)?;
    Ok(certificate.map(|certificate| {
        format!("addr={}; prefer-encrypt=mutual; keydata={}", context.from, certificate.to_base64())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_the_limit_and_refused_beyond_it() {
        let dir = tempfile::tempdir().unwrap();
        let grow =
            |name: &str, size: u64| File::create(dir.path().join(name)).unwrap().set_len(size).unwrap();
        grow("fits.bin", 1 << 20);
        assert_eq!(read(dir.path(), "fits.bin").unwrap().len(), 1 << 20);
        grow("large.bin", MAX_ATTACHMENT + 1);
        let refused = read(dir.path(), "large.bin").unwrap_err().to_string();
        assert_eq!(refused, "attachment large.bin is larger than 80 MiB and cannot be sent");
        let missing = read(dir.path(), "none.bin").unwrap_err().to_string();
        assert!(missing.starts_with("attachment none.bin cannot be read"), "{missing}");
    }

    #[test]
    fn the_largest_attachment_fits_into_a_mail_that_others_fetch() {
        const LARGEST_MAIL: u64 = 160 << 20;
        // Lines of 76 octets with two for their end, in both encodings.
        let encoded = |size: u64| size.div_ceil(3) * 4 * 78 / 76;
        assert!(encoded(encoded(MAX_ATTACHMENT)) < LARGEST_MAIL);
    }
}
