//! How many files and connections the processes of this workspace may have open. Embedding programs decide for
//! themselves.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit of open files to the hard one and logs it: every connection takes one, and the soft limit is
/// usually made for programs that have few. Processes that are started from here inherit it.
pub fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let (now, most) = (shown(limit.current), shown(limit.maximum));
    if limit.current == limit.maximum {
        tracing::info!(limit = now, "open files");
        return;
    }
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => tracing::info!(limit = most, before = now, "open files: limit raised"),
        Err(error) => tracing::warn!(%error, limit = now, "open files: the limit stays where it is"),
    }
}

fn shown(limit: Option<u64>) -> String {
    limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string())
}
