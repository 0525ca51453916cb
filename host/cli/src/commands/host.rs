//! What a command works on: a running host through its socket, or else the folder itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use volary::bus::{Bus, EventSource as _};
use volary::event_log::EventLog;
use volary::grpc::{BringError, Brought, ConnectError, Remote, RemoteEvents};
use volary::{Engine, EventStream, jsonrpc};
use volary_proto::{Answer, Call, Error, Event, GetAllAccountIds, IsConfigured, Request, StartIo};

use super::folder;
use crate::process::failure::Failure;

/// Where the profiles are.
#[derive(Clone, Debug, Args)]
pub(super) struct Place {
    /// Folder of the profiles; a host that runs on it does the work
    #[arg(long, value_name = "DIR", env = "VOLARY_DATA", hide_env_values = true, default_value = "profiles")]
    pub(super) data: PathBuf,
    /// Writes JSON, one value on a line
    #[arg(long)]
    pub(super) json: bool,
}

/// Where the profiles are, and which of them is meant.
#[derive(Clone, Debug, Args)]
pub(super) struct One {
    #[command(flatten)]
    pub(super) place: Place,
    /// The profile; can be left out if there is only one
    #[arg(long, value_name = "N")]
    pub(super) profile: Option<u32>,
}

/// What answers.
pub(super) enum Host {
    /// The folder was opened in this process.
    Here(Engine, EventLog),
    /// A host runs on this folder.
    There(Remote, PathBuf),
}

impl Host {
    /// Opens a folder that has been used before: a mistyped path makes no new one.
    pub(super) async fn open(dir: &Path) -> Result<Self, Failure> {
        folder::check(dir)?;
        Self::open_or_make(dir).await
    }

    /// The same for a folder that need not be there.
    pub(super) async fn open_or_make(dir: &Path) -> Result<Self, Failure> {
        match Remote::connect(dir).await {
            Ok(remote) => Ok(Self::There(remote, dir.to_owned())),
            Err(ConnectError::NoHost(_)) => {
                let engine = folder::make(dir).await?;
                // A frontend that comes back to the next host learns of what is done here.
                let log = EventLog::of(&engine)?;
                Ok(Self::Here(engine, log))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn dir(&self) -> &Path {
        match self {
            Self::Here(engine, _) => engine.dir(),
            Self::There(_, dir) => dir,
        }
    }

    /// Carries out a command or query of a profile (0 = the process as a whole).
    pub(super) async fn call<C: Call>(&self, profile: u32, call: C) -> Result<C::Answer, Error> {
        Ok(self.request(Request::new(profile, call)).await?.take::<C>()?)
    }

    async fn request(&self, request: Request) -> Result<Answer, Error> {
        match self {
            Self::Here(engine, _) => engine.request(request).await,
            Self::There(remote, _) => Bus::call(remote, request).await,
        }
    }

    /// A file of this process as requests name it. A running host is brought it: as a service it has another `/tmp`, sees
    /// no home folders, and may be another user than the one who calls.
    pub(super) async fn file(&self, path: &Path) -> Result<File, Failure> {
        match self {
            Self::Here(..) => {
                let failed = |error| BringError::File { path: path.to_owned(), error };
                let path = path.canonicalize().map_err(failed)?;
                let text = path.to_str().ok_or_else(|| format!("{} is not UTF-8", path.display()))?;
                Ok(File::Here(text.to_owned()))
            }
            Self::There(remote, _) => Ok(File::There(remote.bring(path).await?)),
        }
    }

    /// What happens from now on.
    pub(super) async fn events(&self) -> Result<Events, Error> {
        match self {
            Self::Here(engine, _) => Ok(Events::Here(engine.events())),
            Self::There(remote, _) => Ok(Events::There(remote.events(Vec::new()).await?)),
        }
    }

    /// Sees to it that a profile sends and receives. A running host decides itself what is connected.
    pub(super) async fn connect(&self, profile: u32) -> Result<(), Error> {
        match self {
            Self::Here(engine, _) if engine.call(profile, IsConfigured {}).await?.value => {
                engine.call(profile, StartIo {}).await.map(|_| ())
            }
            _ => Ok(()),
        }
    }

    /// Sends one line of JSON-RPC and returns the line that answers it.
    pub(super) async fn json_rpc(&self, line: Vec<u8>) -> Result<Vec<u8>, Failure> {
        Ok(match self {
            Self::Here(engine, _) => jsonrpc::call(engine.clone(), line).await,
            Self::There(remote, _) => jsonrpc::call(remote.clone(), line).await,
        })
    }

    /// The profiles that a command is about: all, or the one that was named.
    pub(super) async fn profiles(&self, only: Option<u32>) -> Result<Vec<u32>, Failure> {
        let all = self.call(0, GetAllAccountIds {}).await?.ids;
        let folder = self.dir().display();
        match only {
            _ if all.is_empty() => {
                Err(format!("{folder} has no profiles: volary profile add makes some").into())
            }
            Some(profile) if all.contains(&profile) => Ok(vec![profile]),
            Some(profile) => {
                Err(format!("{folder} has no profile {profile}; its profiles are {}", listed(&all)).into())
            }
            None => Ok(all),
        }
    }

    /// The profile that was named, or the only one.
    pub(super) async fn profile(&self, named: Option<u32>) -> Result<u32, Failure> {
        match self.profiles(named).await?[..] {
            [profile] => Ok(profile),
            ref all => Err(format!("which profile? --profile takes one of {}", listed(all)).into()),
        }
    }

    /// Ends what was begun here.
    pub(super) async fn close(self) {
        if let Self::Here(engine, mut log) = self {
            engine.stop().await;
            log.closed().await;
        }
    }
}

fn listed(profiles: &[u32]) -> String {
    profiles.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

/// A file for a request, to be kept until the request is answered.
pub(super) enum File {
    Here(String),
    There(Brought),
}

impl File {
    /// What stands for it in requests.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Here(path) => path.clone(),
            Self::There(brought) => brought.reference().to_owned(),
        }
    }
}

/// What happens at a host.
pub(super) enum Events {
    Here(EventStream),
    There(RemoteEvents),
}

impl Events {
    /// The next event; fails when there are no more.
    pub(super) async fn next(&mut self) -> Result<Arc<Event>, Failure> {
        let event = match self {
            Self::Here(events) => events.next().await,
            Self::There(events) => events.next().await,
        };
        event.ok_or_else(|| "the host has stopped".into())
    }
}
