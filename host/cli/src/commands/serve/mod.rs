//! `volary serve`: keeps all profiles of a folder connected.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | from the start to the end |
//! | `settings` | what it is set up with: command line, environment, file |
//! | `interfaces` | what it offers to other programs, and what is read again while it runs |
//! | `metrics` | /metrics and /healthz |
//! | `last` | the end: what still goes out, and what is left |

mod interfaces;
mod last;
mod metrics;
pub(super) mod settings;

use std::os::unix::net::UnixListener;

use volary::control::Control;
use volary::event_log::EventLog;
use volary::jsonrpc::{self, End};
use volary::{Engine, memory};
use volary_proto::{GetAllAccountIds, StartIoForAllAccounts};

use self::interfaces::Interfaces;
use self::metrics::Recorder;
pub(super) use self::settings::ServeArgs;
use self::settings::Settings;
use crate::process::failure::Failure;
use crate::process::log::Level;
use crate::process::signals::{Asked, Signals};
use crate::process::{alive, event_log, options, systemd};

pub(super) async fn run(args: ServeArgs, level: Level) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let socket = systemd::listener()?;
    let settings = args.settings()?;
    // What RUST_LOG says, or nothing does, holds already.
    let usual = level.filter();
    level.set(settings.log.as_deref().unwrap_or(&usual))?;
    let recorder = Recorder::default();
    if settings.metrics.is_some() {
        recorder.install();
    }
    let engine = Engine::start(options::for_folder(&settings.data)).await?;
    engine.set_limits(settings.limits);
    let mut log = EventLog::of(&engine)?;
    let events = tokio::spawn(event_log::write(engine.events()));
    // Before the connections: a frontend that comes early gets what they bring.
    let interfaces = match Interfaces::start(&engine, &log, &settings, socket, level.clone(), recorder).await
    {
        Ok(interfaces) => interfaces,
        Err(error) => {
            // An address that is taken is no reason for a gap in the log of events.
            engine.stop().await;
            log.closed().await;
            return Err(error);
        }
    };
    let profiles = engine.call(0, GetAllAccountIds {}).await?.ids.len();
    engine.call(0, StartIoForAllAccounts {}).await?;
    tracing::info!(profiles, folder = %engine.dir().display(), pid = std::process::id(), "serving");
    if profiles == 0 && !settings.rpc {
        tracing::warn!(
            "the folder has no profiles: make some with `volary profile add` or volary-rpc-server"
        );
    }
    systemd::notify("READY=1");
    let watchdog = tokio::spawn(alive::feed_the_watchdog(engine.clone()));
    let reload = || reload(&args, &settings, &usual, &engine, &level, &interfaces);
    let served = until_the_end(&engine, &settings, &mut signals, reload).await;
    systemd::notify("STOPPING=1");
    watchdog.abort();
    served?;
    if last::end(engine, log, interfaces).await? {
        // The stream ends with the engine.
        events.await?;
    }
    Ok(())
}

/// Waits until the process is asked to end, or the client on standard input has gone.
async fn until_the_end(
    engine: &Engine,
    settings: &Settings,
    signals: &mut Signals,
    reload: impl Fn(),
) -> Result<(), Failure> {
    let rpc = jsonrpc::serve_stdio(engine.clone());
    let at_rest = memory::return_when_at_rest();
    tokio::pin!(rpc, at_rest);
    loop {
        tokio::select! {
            end = &mut rpc, if settings.rpc => {
                match end? {
                    End::InputClosed => tracing::info!("the client has closed its side: stopping"),
                    End::OutputClosed => tracing::info!("the client reads no more answers: stopping"),
                }
                return Ok(());
            }
            asked = signals.next() => match asked {
                Asked::End => {
                    tracing::info!("asked to end: stopping");
                    return Ok(());
                }
                Asked::Reload => reload(),
            },
            () = &mut at_rest => {}
        }
    }
}

/// Reads the configuration again. What makes no sense changes nothing.
fn reload(
    args: &ServeArgs,
    running: &Settings,
    usual: &str,
    engine: &Engine,
    level: &Level,
    interfaces: &Interfaces,
) {
    systemd::notify_of_reloading();
    // The log comes first: all of the configuration holds, or nothing.
    let read = args.settings().and_then(|settings| {
        level.set(settings.log.as_deref().unwrap_or(usual))?;
        Ok(settings)
    });
    match read {
        Ok(settings) => {
            for key in running.need_a_restart(&settings) {
                tracing::warn!(key, "it has changed, which takes effect at the next start");
            }
            engine.set_limits(settings.limits);
            interfaces.reload();
            tracing::info!("the configuration was read again");
        }
        Err(error) => tracing::error!(%error, "the configuration cannot be read: everything stays as it is"),
    }
    systemd::notify("READY=1");
}

/// Serves the control socket. Profiles run without it, too.
pub(crate) fn serve_control(engine: &Engine) -> Option<Control> {
    match Control::serve(engine.clone()) {
        Ok(control) => Some(control),
        Err(error) => {
            tracing::warn!(%error, "the control socket cannot be served: `volary backup` has to wait until this process ends");
            None
        }
    }
}

/// A socket that a service manager has opened.
type Opened = Option<UnixListener>;
