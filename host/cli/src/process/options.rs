//! How the programs start the engine.

use std::env;
use std::path::PathBuf;

use volary::EngineOptions;

/// Set by tests: what devices tell each other directly stays on the loopback interface and uses no relay.
const ON_LOOPBACK: &str = "VOLARY_ON_LOOPBACK";

/// The usual options for a folder.
pub(crate) fn for_folder(dir: impl Into<PathBuf>) -> EngineOptions {
    let on_loopback = env::var_os(ON_LOOPBACK).is_some_and(|value| value == "1");
    EngineOptions { on_loopback, ..EngineOptions::new(dir) }
}
