//! Who does the work: the process that holds the folder, by way of its control socket, or an engine of our own.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use volary::Engine;
use volary::control::Client;
use volary_proto::{Error, GetHostBackupProgress, HostBackupProgress};

use super::Asked;
use crate::commands::folder;
use crate::process::failure::Failure;
use crate::process::signals::Signals;

/// Pause between two looks at how far the work has come.
const LOOK: Duration = Duration::from_millis(200);

/// Who does the work.
pub(super) enum Host {
    /// A running process, with a connection for the work and one for looking at it.
    Running(Box<Client>, Box<Client>),
    /// Nobody holds the folder.
    Own(Engine),
}

impl Host {
    /// The host of a folder that has profiles.
    pub(super) async fn of_profiles(dir: &Path) -> Result<Self, Failure> {
        match Self::running(dir).await? {
            Some(host) => Ok(host),
            None => Ok(Self::Own(folder::open(dir).await?)),
        }
    }

    /// The host of a folder, which is made if it is not there.
    pub(super) async fn of_folder(dir: &Path) -> Result<Self, Failure> {
        match Self::running(dir).await? {
            Some(host) => Ok(host),
            None => {
                folder::check_owner(dir)?;
                Ok(Self::Own(Engine::start(dir).await?))
            }
        }
    }

    async fn running(dir: &Path) -> Result<Option<Self>, Failure> {
        let Some(work) = Client::connect(dir).await? else { return Ok(None) };
        let Some(look) = Client::connect(dir).await? else { return Ok(None) };
        Ok(Some(Self::Running(Box::new(work), Box::new(look))))
    }

    /// Has the work done, with a bar on terminals. Interrupting cancels it.
    pub(super) async fn carry_out<C: Asked>(self, call: C) -> Result<C::Answer, Failure> {
        match self {
            Self::Running(mut work, look) => {
                watched(C::WORK, work.call(0, call), async move |bar: &ProgressBar| {
                    let mut look = look;
                    loop {
                        tokio::time::sleep(LOOK).await;
                        if let Ok(progress) = look.call(0, GetHostBackupProgress {}).await {
                            show(bar, &progress);
                        }
                    }
                })
                .await
            }
            Self::Own(engine) => {
                let asked = engine.clone();
                let outcome = watched(C::WORK, engine.call(0, call), async move |bar: &ProgressBar| {
                    loop {
                        tokio::time::sleep(LOOK).await;
                        if let Ok(progress) = asked.call(0, GetHostBackupProgress {}).await {
                            show(bar, &progress);
                        }
                    }
                })
                .await;
                engine.stop().await;
                outcome
            }
        }
    }
}

/// Does what needs no profiles, with an engine on a folder that goes at the end.
pub(super) async fn without<C: Asked>(call: C) -> Result<C::Answer, Failure> {
    let folder = tempfile::tempdir()?;
    Host::Own(Engine::start(folder.path()).await?).carry_out(call).await
}

/// Waits for the work and shows how far it has come.
async fn watched<T>(
    what: &'static str,
    work: impl Future<Output = Result<T, Error>>,
    look: impl AsyncFnOnce(&ProgressBar),
) -> Result<T, Failure> {
    let mut signals = Signals::new()?;
    // Hidden unless standard error is a terminal.
    let bar = ProgressBar::new(0).with_message(what);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} profiles, {msg}, {elapsed}") {
        bar.set_style(style);
    }
    let outcome = tokio::select! {
        outcome = work => outcome.map_err(Failure::from),
        () = look(&bar) => Err(Failure::from("the work cannot be watched")),
        () = signals.end() => Err(Failure::from(format!("interrupted: the {what} was cancelled"))),
    };
    bar.finish_and_clear();
    outcome
}

fn show(bar: &ProgressBar, progress: &HostBackupProgress) {
    if progress.running {
        bar.set_length(progress.total.into());
        bar.set_position(progress.done.into());
        bar.set_message(format!("{}: {}", progress.step, indicatif::BinaryBytes(progress.bytes)));
    }
}
