//! `volary-stress frontends`: what a frontend costs that listens, and how fast it hears and is answered.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the run: in this process first, then on the socket of a host |
//! | `host` | `volary serve` as a process of its own, and its profiles |
//! | `listening` | subscriptions: what they cost, how long a change takes to them |
//! | `asking` | a query that reads one row |
//! | `figures` | everything that was measured |
//!
//! The profiles have no relay, so that nothing else happens. On the socket the host is what is shipped, in a process of
//! its own, and the frontends are in this one.

mod asking;
mod figures;
mod host;
mod listening;

use std::time::Duration;

use volary::Engine;

use self::figures::{Figures, InProcess, OnSocket};
use self::host::Host;
use super::failure::Failure;
use super::options::FrontendsOptions;
use super::people::call;
use super::table::Display;
use volary::proto::AddAccount;

/// Frontends of one connection, as a program has them that serves many users.
const SHARED: usize = 500;
/// Changes whose way is measured one after the other.
const CHANGES: usize = 2000;
/// Pause before something is measured, until what came before is done.
const SETTLE: Duration = Duration::from_secs(2);

/// Everybody has heard what was for him.
pub(super) async fn run(options: &FrontendsOptions) -> Result<Figures, Failure> {
    let display = Display::new();
    let in_process = in_process(options.frontends, &display).await?;
    let on_socket = on_socket(options, &display).await?;
    let figures = Figures { frontends: options.frontends, in_process, on_socket };
    display.frontends(&figures);
    let json = options.report.with_extension("json");
    std::fs::write(&json, serde_json::to_string_pretty(&figures)?)?;
    display.line(&format!("Report: {}", json.display()));
    Ok(figures)
}

async fn in_process(frontends: u32, display: &Display) -> Result<InProcess, Failure> {
    let folder = tempfile::tempdir()?;
    let engine = Engine::start(folder.path()).await?;
    let bar = display.progress("in process", frontends.into());
    let mut profiles = Vec::new();
    for _ in 0..frontends {
        profiles.push(call(&engine, 0, AddAccount {}).await?.id);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let (kib, mut streams) = listening::subscribe_in_process(&engine, &profiles)?;
    let hears = listening::changes_in_process(&engine, &profiles, &mut streams).await?;
    let query = asking::in_process(&engine, profiles[0]).await?;
    drop(streams);
    engine.stop().await;
    Ok(InProcess { kib, hears, query })
}

async fn on_socket(options: &FrontendsOptions, display: &Display) -> Result<OnSocket, Failure> {
    let host = Host::start(options, display).await?;
    let query = asking::on_socket(host.folder(), host.profiles[0]).await?;
    let mut together = listening::subscribe(&host, SHARED).await?;
    let one_by_one = listening::changes(&host, &mut together.streams).await?;
    let at_once = listening::changes_at_once(&host, &mut together.streams).await?;
    let shared = together.cost;
    drop(together.streams);
    let alone = listening::subscribe(&host, 1).await?.cost;
    host.stop().await;
    Ok(OnSocket { shared, alone, one_by_one, at_once, query })
}
