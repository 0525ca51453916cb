//! A running host, or an engine in this process where none runs.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::sleep;
use volary::bus::Bus;
use volary::grpc::{ConnectError, Remote, SOCKET};
use volary::handles::CallError;
use volary::{DirectoryError, Engine, Profile, StartError};

use super::line::{Orders, Teller};
use super::profile;
use crate::exchange::{Command, Opening, Update};
use crate::options::Options;

/// Pause before a host that was away is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How long a host that has the folder already may take until it can be reached.
const STARTING: Duration = Duration::from_secs(5);

/// Why it makes no sense to go on.
#[derive(Debug, Error)]
enum FollowError {
    /// A mistyped path must not make a folder.
    #[error("{0} is no folder of profiles")]
    NoFolder(PathBuf),
    /// The folder is new.
    #[error("there are no profiles yet; `volary profile add` makes one")]
    Empty,
    /// Another one was asked for than there is.
    #[error("there is no profile {wanted}, but {there}")]
    NoProfile {
        /// What was asked for.
        wanted: u32,
        /// What there is.
        there: String,
    },
    /// The socket of the host cannot be used.
    #[error("{0}")]
    Connect(#[from] ConnectError),
    /// There is no host, and the engine does not start.
    #[error("{0}")]
    Start(#[from] StartError),
    /// The host answers with a failure to the first questions.
    #[error("{0}")]
    Call(#[from] CallError),
    /// The engine in this process has ended.
    #[error("the engine has stopped")]
    Stopped,
}

/// What goes between the thread that shows and the one that follows.
pub(super) struct Line {
    /// Tells what is new.
    pub(super) teller: Teller,
    /// What the user looks at.
    pub(super) opening: watch::Receiver<Option<Opening>>,
    /// What is to be done.
    pub(super) orders: Orders,
}

/// Where the profiles are.
enum Host {
    /// In another process.
    There(Remote),
    /// In this one.
    Here(Engine),
}

/// Follows a profile until nobody shows anything any more, the process is asked to end, or it makes no sense to go on.
pub(super) async fn follow(options: Options, mut line: Line) {
    let teller = line.teller.clone();
    let mut own = None;
    tokio::select! {
        Err(error) = run(&options, &mut line, &mut own) => {
            teller.tell(Update::Failed(error.to_string())).await;
        }
        () = teller.gone() => {}
        Ok(()) = asked_to_end() => teller.tell(Update::End).await,
    }
    if let Some(engine) = own {
        engine.stop().await;
    }
}

/// Waits until a signal asks the process to end. A terminal that goes away asks for it, too.
async fn asked_to_end() -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

/// Follows the host that runs on the folder, or an own engine, which is left in `own`.
async fn run(
    options: &Options,
    line: &mut Line,
    own: &mut Option<Engine>,
) -> Result<Infallible, FollowError> {
    match find(&options.folder).await? {
        Host::Here(engine) => {
            *own = Some(engine.clone());
            let profile = choose(engine.profiles().await?, options.profile)?;
            engine.connect_all().await?;
            show(&profile, line).await;
            Err(FollowError::Stopped)
        }
        Host::There(remote) => follow_remote(remote, options, line).await,
    }
}

/// Follows a running host, and waits for it whenever it is away.
async fn follow_remote(
    mut remote: Remote,
    options: &Options,
    line: &mut Line,
) -> Result<Infallible, FollowError> {
    loop {
        match remote.profiles().await {
            Ok(profiles) => show(&choose(profiles, options.profile)?, line).await,
            // It has ended between two calls.
            Err(CallError::Cancelled(_)) => {}
            Err(error) => return Err(error.into()),
        }
        line.teller.tell(Update::Away("the host has ended".to_owned())).await;
        remote = come_back(&options.folder, &line.teller).await;
    }
}

/// Reaches the host of a folder, or starts an engine there.
async fn find(folder: &Path) -> Result<Host, FollowError> {
    // Where a service manager listens for a host, the folder may be unused until somebody asks.
    if !folder.join("accounts.toml").exists() && !folder.join(SOCKET).exists() {
        return Err(FollowError::NoFolder(folder.to_owned()));
    }
    match Remote::connect(folder).await {
        Ok(remote) => return Ok(Host::There(remote)),
        Err(ConnectError::NoHost(_)) => {}
        Err(error) => return Err(error.into()),
    }
    match Engine::start(folder).await {
        Ok(engine) => Ok(Host::Here(engine)),
        // It may be a host that has just started.
        Err(error @ StartError::Directory(DirectoryError::Locked { .. })) => {
            let end = tokio::time::Instant::now() + STARTING;
            loop {
                match Remote::connect(folder).await {
                    Ok(remote) => return Ok(Host::There(remote)),
                    Err(_) if tokio::time::Instant::now() < end => sleep(RETRY).await,
                    Err(_) => return Err(error.into()),
                }
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// Waits until the host of a folder is back. The folder is left to it: an engine of ours would keep it out.
async fn come_back(folder: &Path, teller: &Teller) -> Remote {
    let mut last = String::new();
    loop {
        sleep(RETRY).await;
        match Remote::connect(folder).await {
            Ok(remote) => return remote,
            Err(ConnectError::NoHost(_)) => {}
            Err(error) => {
                let why = error.to_string();
                if why != last {
                    teller.tell(Update::Away(why.clone())).await;
                    last = why;
                }
            }
        }
    }
}

/// The profile that was asked for, or the first one.
fn choose<B: Bus>(profiles: Vec<Profile<B>>, wanted: Option<u32>) -> Result<Profile<B>, FollowError> {
    let Some(wanted) = wanted else { return profiles.into_iter().next().ok_or(FollowError::Empty) };
    let there = profiles.iter().map(|profile| profile.id().get().to_string()).collect::<Vec<_>>().join(", ");
    match profiles.into_iter().find(|profile| profile.id().get() == wanted) {
        Some(profile) => Ok(profile),
        None if there.is_empty() => Err(FollowError::Empty),
        None => Err(FollowError::NoProfile { wanted, there }),
    }
}

/// Follows a profile until its host has ended. What was not carried out then is given back.
async fn show<B: Bus>(profile: &Profile<B>, line: &mut Line) {
    profile::follow(profile, &line.teller, &line.opening, &mut line.orders).await;
    for command in line.orders.left() {
        let why = "the host has ended".to_owned();
        let update = match command {
            Command::Send { chat, text } => Update::NotSent { chat, text, why },
            Command::Accept { .. } => Update::Problem(format!("not accepted: {why}")),
        };
        line.teller.tell(update).await;
    }
}
