//! The process that is killed: this test binary, started again with [`engine_of_alice`] as its only test.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use volary::{Engine, jsonrpc};
use volary_proto::StartIoForAllAccounts;

/// Where the child finds its folder and its client.
const DIR: &str = "VOLARY_CRASH_DIR";
const SOCKET: &str = "VOLARY_CRASH_SOCKET";
/// A process that writes more than it may gets an error, not a signal.
const WITHOUT_SIGNAL: &str = "trap '' XFSZ; exec \"$0\" \"$@\"";

/// The other process. It ends when the client goes, or when it is killed.
#[tokio::test]
#[ignore = "started by the test that kills it"]
async fn engine_of_alice() {
    let (Some(dir), Some(socket)) = (std::env::var_os(DIR), std::env::var_os(SOCKET)) else { return };
    let engine = Engine::start(PathBuf::from(dir)).await.expect("the database opens after a crash");
    engine.call(0, StartIoForAllAccounts {}).await.expect("the profile connects");
    let client = UnixStream::connect(socket).await.expect("the client listens");
    let (input, output) = client.into_split();
    jsonrpc::serve(engine.clone(), BufReader::new(input), output).await;
    engine.stop().await;
}

/// Starts the engine on a folder; it connects to a socket.
pub fn start(dir: &Path, socket: &Path) -> Child {
    Command::new("sh")
        .args(["-c", WITHOUT_SIGNAL])
        .arg(std::env::current_exe().expect("the path of this program"))
        .args(["--exact", "child::engine_of_alice", "--ignored", "--nocapture"])
        .env(DIR, dir)
        .env(SOCKET, socket)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the engine starts in a process of its own")
}

/// From now on the process cannot write a byte into any file: the storage writer fails for good, everything else goes
/// on. False if this cannot be done here.
pub async fn writer_dies(child: &Child) -> bool {
    let Some(pid) = child.id() else { return false };
    let mut limit = Command::new("prlimit");
    limit.args(["--pid", &pid.to_string(), "--fsize=0:0"]).stderr(Stdio::null());
    limit.status().await.is_ok_and(|status| status.success())
}
