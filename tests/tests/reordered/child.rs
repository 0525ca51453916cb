//! The process that is killed: this test binary, started again with [`engine_that_is_killed`] as its only test.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::{Child, Command};
use volary::Engine;
use volary_proto::StartIoForAllAccounts;

/// Where the child finds its folder.
const DIR: &str = "VOLARY_REORDERED_DIR";

/// The other process. It goes on until it is killed.
#[tokio::test]
#[ignore = "started by the test that kills it"]
async fn engine_that_is_killed() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let engine = Engine::start(PathBuf::from(dir)).await.expect("the database opens");
    engine.call(0, StartIoForAllAccounts {}).await.expect("the profiles connect");
    std::future::pending::<()>().await;
}

/// Starts an engine on a folder.
pub fn start(dir: &Path) -> Child {
    Command::new(std::env::current_exe().expect("the path of this program"))
        .args(["--exact", "child::engine_that_is_killed", "--ignored", "--nocapture"])
        .env(DIR, dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the engine starts in a process of its own")
}
