//! Follows the host on threads in the background, so that the thread that shows things never waits.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | [`Follower`]: starting, ending, the ways in and out |
//! | `host` | a running host or an own engine, and coming back to a host that was away |
//! | `profile` | what is followed of a profile, and commands for it |
//! | `line` | the ends of the channels that the threads in the background have |

mod host;
mod line;
mod profile;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use self::host::Line;
use self::line::{Orders, Teller};
use crate::exchange::{Command, Opening, Update};
use crate::options::Options;

/// Updates that wait for the thread that shows them. While there are so many nothing more is asked of the host; then lists
/// give one difference to the newest state.
const MAX_UPDATES: usize = 16;
/// Commands that wait for the host.
const MAX_COMMANDS: usize = 32;
/// Threads that follow. An engine in this process has threads of its own.
const THREADS: usize = 2;
/// How long an engine in this process may take to end. What it has answered is durable anyway.
const LONGEST_END: Duration = Duration::from_secs(10);

/// The threads in the background, as the thread that shows things has them.
pub struct Follower {
    runtime: Runtime,
    following: JoinHandle<()>,
    updates: mpsc::Receiver<Update>,
    commands: mpsc::Sender<Command>,
    opening: watch::Sender<Option<Opening>>,
}

impl Follower {
    /// Begins to follow. `wake` is called whenever there is an update; it must not wait.
    pub fn start(options: Options, wake: impl Fn() + Send + Sync + 'static) -> io::Result<Self> {
        let runtime =
            Builder::new_multi_thread().worker_threads(THREADS).thread_name("follow").enable_all().build()?;
        let (updates_in, updates) = mpsc::channel(MAX_UPDATES);
        let (commands, commands_out) = mpsc::channel(MAX_COMMANDS);
        let (opening, opening_out) = watch::channel(None);
        let teller = Teller::new(updates_in, Arc::new(wake));
        let line = Line { teller: teller.clone(), opening: opening_out, orders: Orders::new(commands_out) };
        let following = runtime.spawn(async move {
            // A fault of a thread must not look like a host that has nothing to say.
            if tokio::spawn(host::follow(options, line)).await.is_err() {
                teller.tell(Update::Failed("a fault of this program".to_owned())).await;
            }
        });
        Ok(Self { runtime, following, updates, commands, opening })
    }

    /// The next update, if there is one.
    pub fn update(&mut self) -> Option<Update> {
        self.updates.try_recv().ok()
    }

    /// Gives a command to the host. It comes back if too many wait.
    pub fn order(&self, command: Command) -> Result<(), Command> {
        self.commands.try_send(command).map_err(|error| error.into_inner())
    }

    /// Says what the user looks at.
    pub fn show(&self, opening: Option<Opening>) {
        self.opening.send_if_modified(|old| std::mem::replace(old, opening) != opening);
    }

    /// Ends the threads, and the engine if it is in this process.
    pub fn stop(self) {
        let Self { runtime, following, updates, commands, opening } = self;
        drop((updates, commands, opening));
        // Nobody is left who could be told of a failure.
        runtime.block_on(async { tokio::time::timeout(LONGEST_END, following).await }).ok();
        runtime.shutdown_background();
    }
}
