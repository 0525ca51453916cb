//! The archive of an app, and the name that it gives.

use std::fs::File;

use volary_mail::webxdc::archive::{Archive, ArchiveError};
use volary_mail::webxdc::manifest::Manifest;
use volary_storage::BlobName;
use volary_storage::records::MessageRecord;

use crate::ground::error::{Failure, Outcome};
use crate::query::look::Look;

/// Opens the archive of a message that is an app.
pub(super) fn open(look: &Look<'_>, record: &MessageRecord) -> Outcome<Archive<File>> {
    let name: BlobName = record.blob.parse().map_err(|_| Failure::refused("No webxdc instance."))?;
    let file =
        File::open(look.blob_dir.join(name.as_str())).map_err(Failure::file("the app cannot be read"))?;
    Archive::open(file).map_err(failure)
}

/// Why an app cannot be read, as a failure of ours or of its file.
pub(super) fn failure(error: ArchiveError) -> Failure {
    match error {
        ArchiveError::Io(error) => Failure::file("the app cannot be read")(error),
        other => Failure::refused(other.to_string()),
    }
}

/// What clients show in place of the name of an app that cannot be read.
const UNREADABLE: &str = "ErrWebxdcName";

/// The name of an app: that of its manifest, else that of its file.
pub fn name(look: &Look<'_>, record: &MessageRecord) -> String {
    let manifest = open(look, record).and_then(|mut archive| Manifest::of(&mut archive).map_err(failure));
    match manifest {
        Ok(manifest) => manifest.name().unwrap_or(&record.file_name).to_owned(),
        Err(failure) => {
            tracing::debug!(profile = %look.profile, %failure, "the name of an app cannot be read");
            UNREADABLE.to_owned()
        }
    }
}
