//! `volary serve` as a process of its own, and its profiles.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::sleep;
use volary::grpc::{ConnectError, Remote};
use volary::proto::{AddAccount, Call};

use crate::stress::failure::{Failure, PATIENCE};
use crate::stress::options::FrontendsOptions;
use crate::stress::process::Reading;
use crate::stress::programs::{beside, end};
use crate::stress::table::Display;

/// Profiles that are made at the same time.
const AT_ONCE: usize = 16;
/// Pause between attempts to reach a host that is starting.
const PAUSE: Duration = Duration::from_millis(20);

/// A running host.
pub(super) struct Host {
    child: Child,
    folder: TempDir,
    pub(super) profiles: Vec<u32>,
}

impl Host {
    /// Starts it and makes as many profiles as there are frontends.
    pub(super) async fn start(options: &FrontendsOptions, display: &Display) -> Result<Self, Failure> {
        let volary = beside(options.volary.as_deref())?;
        let folder = tempfile::tempdir()?;
        let child = Command::new(volary)
            .args(["serve", "--data"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .env("RUST_LOG", "error")
            .kill_on_drop(true)
            .spawn()?;
        let mut host = Self { child, folder, profiles: Vec::new() };
        let remote = host.reached().await?;
        let bar = display.progress("on the socket", options.frontends.into());
        host.profiles = stream::iter(0..options.frontends)
            .map(async |_| {
                let made = call(&remote, 0, AddAccount {}).await?.id;
                bar.inc(1);
                Ok::<_, Failure>(made)
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        bar.finish_and_clear();
        Ok(host)
    }

    /// A connection, as soon as the host listens.
    async fn reached(&self) -> Result<Remote, Failure> {
        let begin = Instant::now();
        loop {
            match Remote::connect(self.folder()).await {
                Ok(remote) => return Ok(remote),
                Err(ConnectError::NoHost(_)) if begin.elapsed() < PATIENCE => sleep(PAUSE).await,
                Err(error) => return Err(Failure::Program(error.to_string())),
            }
        }
    }

    pub(super) async fn connect(&self) -> Result<Remote, Failure> {
        Remote::connect(self.folder()).await.map_err(|error| Failure::Program(error.to_string()))
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn reading(&self) -> Result<Reading, Failure> {
        let pid = self.child.id().ok_or_else(|| Failure::Program("the host has ended".to_owned()))?;
        Ok(Reading::of(pid)?)
    }

    pub(super) async fn stop(mut self) {
        end(&mut self.child).await;
    }
}

/// Carries out a call of a profile of the host.
pub(super) async fn call<C: Call>(remote: &Remote, profile: u32, call: C) -> Result<C::Answer, Failure> {
    remote.call(profile, call).await.map_err(|error| Failure::Call { profile, call: C::NAME, error })
}
