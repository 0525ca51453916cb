//! How the programs start the engine.

use std::env;
use std::path::PathBuf;

use volary::EngineOptions;

/// Set by tests: realtime channels of apps stay on the loopback interface and use no relay.
const REALTIME_ON_LOOPBACK: &str = "VOLARY_REALTIME_ON_LOOPBACK";

/// The usual options for a folder.
pub(crate) fn for_folder(dir: impl Into<PathBuf>) -> EngineOptions {
    let realtime_on_loopback = env::var_os(REALTIME_ON_LOOPBACK).is_some_and(|value| value == "1");
    EngineOptions { realtime_on_loopback, ..EngineOptions::new(dir) }
}
