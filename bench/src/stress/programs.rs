//! The relay and the idle server as processes.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::failure::{Failure, PATIENCE};

/// Domain of the addresses. The underscore tells clients that its certificate is not signed by anybody.
pub(super) const DOMAIN: &str = "_stress.test";
/// How long a process may take to end.
const END: Duration = Duration::from_secs(30);

/// The `volary` program: the given one, or the one beside this program.
pub(super) fn beside(given: Option<&Path>) -> Result<PathBuf, Failure> {
    let path = match given {
        Some(path) => path.to_owned(),
        None => std::env::current_exe()?.with_file_name("volary"),
    };
    if path.is_file() {
        Ok(path)
    } else {
        let hint = "build it with `cargo build --profile dist -p volary-cli`, or name it with --volary";
        Err(Failure::Program(format!("there is no {}: {hint}", path.display())))
    }
}

/// Where to connect to.
#[derive(Clone, Copy)]
pub(super) struct Ports {
    pub(super) imap: u32,
    pub(super) smtp: u32,
}

/// `volary relay`.
pub(super) struct RelayProcess {
    child: Child,
    /// Open as long as the relay may write to it.
    _output: Lines<BufReader<ChildStdout>>,
    pub(super) ports: Ports,
}

impl RelayProcess {
    pub(super) async fn start(volary: &Path) -> Result<Self, Failure> {
        let mut child = Command::new(volary)
            .args(["relay", "--domain", DOMAIN])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .env("RUST_LOG", "error")
            .kill_on_drop(true)
            .spawn()?;
        let output =
            child.stdout.take().ok_or_else(|| Failure::Program("the relay has no output".to_owned()))?;
        let mut lines = BufReader::new(output).lines();
        let (mut imap, mut smtp) = (None, None);
        while imap.is_none() || smtp.is_none() {
            let line =
                timeout(PATIENCE, lines.next_line()).await.map_err(|_| late("the relay's start"))??;
            let Some(line) = line else { return Err(Failure::Program("the relay did not start".to_owned())) };
            let port = |name| line.strip_prefix(name).and_then(|port| port.trim().parse().ok());
            imap = imap.or_else(|| port("imap tls "));
            smtp = smtp.or_else(|| port("smtp tls "));
        }
        let (Some(imap), Some(smtp)) = (imap, smtp) else { unreachable!() };
        Ok(Self { child, _output: lines, ports: Ports { imap, smtp } })
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    pub(super) async fn stop(mut self) {
        end(&mut self.child).await;
    }
}

/// Asks a process to end, and makes it end.
pub(super) async fn end(child: &mut Child) {
    if let Some(pid) = child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed())) {
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
    }
    if timeout(END, child.wait()).await.is_err() {
        child.kill().await.ok();
    }
}

fn late(what: &str) -> Failure {
    Failure::Late { what: what.to_owned(), within: PATIENCE }
}

/// `volary serve --rpc`, seen through JSON-RPC.
pub(super) struct Server {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    last_id: u64,
    /// When the process was started.
    pub(super) begin: Instant,
}

impl Server {
    pub(super) fn start(volary: &Path, folder: &Path) -> Result<Self, Failure> {
        let begin = Instant::now();
        let mut child = Command::new(volary)
            .args(["serve", "--rpc", "--data"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .env("RUST_LOG", "error")
            .kill_on_drop(true)
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::Program("the server has no input and output".to_owned()));
        };
        Ok(Self { child, input, output: BufReader::new(output).lines(), last_id: 0, begin })
    }

    pub(super) fn pid(&self) -> Result<u32, Failure> {
        self.child.id().ok_or_else(|| Failure::Program("the server has ended".to_owned()))
    }

    pub(super) async fn call(&mut self, method: &str, params: Value) -> Result<Value, Failure> {
        self.last_id += 1;
        let request = json!({"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params});
        self.input.write_all(format!("{request}\n").as_bytes()).await?;
        loop {
            let line = timeout(PATIENCE, self.output.next_line()).await.map_err(|_| late(method))??;
            let line = line.ok_or_else(|| Failure::Program("the server has ended".to_owned()))?;
            let mut answer: Value = serde_json::from_str(&line)?;
            if answer["id"] != self.last_id {
                continue;
            }
            return match answer.get("error") {
                Some(error) => Err(Failure::Program(format!("{method}: {error}"))),
                None => Ok(answer["result"].take()),
            };
        }
    }

    pub(super) async fn stop(mut self) {
        end(&mut self.child).await;
    }
}
