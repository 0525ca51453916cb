//! What the store counts and times, for whoever installs a recorder of the `metrics` crate; without one it costs a
//! comparison. The names are listed in `docs/metrics.md`.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

/// A group of jobs was committed. `synced` if the commit waited for the disk.
pub(crate) fn group(jobs: usize, took: Duration, synced: bool) {
    histogram!("volary_storage_group_jobs").record(jobs as f64);
    commit(took, synced);
}

/// A commit without jobs made what was committed before durable.
pub(crate) fn commit(took: Duration, synced: bool) {
    if synced {
        histogram!("volary_storage_sync_seconds").record(took);
    } else {
        histogram!("volary_storage_commit_seconds").record(took);
    }
}

/// So many jobs wait for the writer.
pub(crate) fn queue(jobs: usize) {
    gauge!("volary_storage_queue_jobs").set(jobs as f64);
}

/// Jobs that changed nothing, by what became of them.
pub(crate) fn undone(why: Undone, jobs: usize) {
    let why = match why {
        Undone::Failed => "failed",
        Undone::Panicked => "panicked",
        Undone::Refused => "refused",
    };
    counter!("volary_storage_jobs_undone_total", "why" => why).increment(jobs as u64);
}

/// Why a job changed nothing.
#[derive(Clone, Copy)]
pub(crate) enum Undone {
    /// It returned an error.
    Failed,
    /// It panicked.
    Panicked,
    /// The disk is nearly full, or writing has ended.
    Refused,
}

/// Bytes that are free on the disk, and whether changes are refused for want of space.
pub(crate) fn space(free: u64, short: bool) {
    gauge!("volary_storage_disk_free_bytes").set(free as f64);
    gauge!("volary_storage_disk_short").set(f64::from(u8::from(short)));
}

/// Size of the database file.
pub(crate) fn file(bytes: u64) {
    gauge!("volary_storage_file_bytes").set(bytes as f64);
}

/// A blob was synced and got its name.
pub(crate) fn blob(took: Duration) {
    histogram!("volary_storage_blob_seconds").record(took);
}
