//! Removing old backups.

use std::path::Path;

use volary_proto::{PruneHostBackups, PrunedHostBackups};
use volary_vault::Target;

use super::failure::{Done, VaultFailure};
use super::job::Job;
use super::save::passphrase;

/// Removes old backups from a folder.
pub fn prune(job: &Job, call: &PruneHostBackups) -> Done<PrunedHostBackups> {
    if call.keep == 0 {
        return Err(VaultFailure::Refused("at least one backup has to stay".to_owned()));
    }
    let target = Target::open(Path::new(&call.target), &passphrase(call.passphrase.as_ref())?)?;
    old(job, &target, call.keep)
}

/// Removes all backups but the newest ones.
pub(super) fn old(job: &Job, target: &Target, keep: u32) -> Done<PrunedHostBackups> {
    job.step("removing old backups", 0);
    let pruned = target.prune(keep as usize, &mut |bytes| job.read(bytes));
    let pruned = pruned.map_err(|error| job.why(error.into()))?;
    if !pruned.names.is_empty() {
        let (path, backups) = (target.dir().display(), pruned.names.len());
        tracing::info!(%path, backups, bytes = pruned.freed, "old backups are removed");
    }
    Ok(PrunedHostBackups { names: pruned.names, freed: pruned.freed, failure: String::new() })
}
