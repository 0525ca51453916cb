//! What several test programs of this folder need.

use std::path::Path;
use std::time::Duration;

use volary_storage::{OpenError, Options, Store};

/// Opens a folder that was closed a moment ago. A process that another test is just starting has the files of this one
/// until it runs its own program, the lock among them.
pub fn opened(dir: &Path, options: Options) -> Store {
    for _ in 0..100 {
        match Store::open(dir, options.clone()) {
            Err(OpenError::Locked { .. }) => std::thread::sleep(Duration::from_millis(20)),
            other => return other.unwrap(),
        }
    }
    Store::open(dir, options).unwrap()
}
