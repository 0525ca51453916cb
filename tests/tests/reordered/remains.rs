//! What a killed engine left on the disk, looked at in a copy.

use std::path::Path;

use volary_storage::records::KnownMail;
use volary_storage::tables::{KNOWN_MAIL, NOT_SHOWN_BY_MID, QUARANTINE};
use volary_storage::{FILE_NAME, Options, ProfileId, ReadTx, Store, StoreError, View as _};

/// A mail that is gone from the relay is known: it was taken in, it waits, or there is a reason why it is not shown.
pub fn knows(dir: &Path, profile: u32, raw: &[u8]) {
    let profile = ProfileId::new(profile);
    let header = String::from_utf8_lossy(raw);
    let (_, rest) = header.split_once("Message-ID: <").expect("a Message-ID");
    let (mid, _) = rest.split_once('>').expect("its end");
    let copy = tempfile::tempdir().expect("a folder for the copy");
    std::fs::copy(dir.join(FILE_NAME), copy.path().join(FILE_NAME)).expect("the database is copied");
    let store = Store::open(copy.path(), Options::default()).expect("the database opens");
    let look = |tx: &ReadTx| {
        let known = tx
            .get(&KNOWN_MAIL, &(profile, mid.to_owned()))?
            .is_some_and(|known| known.kind != KnownMail::Nothing);
        let judged = tx.first(&NOT_SHOWN_BY_MID, &(profile, mid.to_owned()))?.is_some();
        let mut waits = false;
        for row in tx.scan_prefix(&QUARANTINE, &profile)? {
            waits |= row?.1.mid == mid;
        }
        Ok::<_, StoreError>(known || judged || waits)
    };
    assert!(store.read(look).expect("the rows can be read"), "{mid} was deleted before it was stored");
    store.close().expect("the copy closes");
}
