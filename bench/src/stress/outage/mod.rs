//! `volary-stress outage`: many profiles lose their relay in the same instant.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the run |
//! | `gate` | the way to the relay, which counts and can be closed |
//! | `figures` | what was measured, as JSON |
//! | `show` | the same as a table and as a page |
//!
//! Twice a fresh `volary serve` has all profiles connected through the gate. First all connections are cut while the
//! relay stays reachable; then they are cut and the relay is away for a while. While it is away the gate accepts every
//! connection and closes it at once, so that attempts can be counted; that costs the engine more than a refused one.

mod figures;
mod gate;
mod show;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep;
use volary::Engine;

use self::figures::{Down, Outage, Return};
use self::gate::Gate;
use super::failure::Failure;
use super::figures::Making;
use super::idle::{CONNECTED, until_idle};
use super::options::OutageOptions;
use super::people::log_in;
use super::process::Reading;
use super::programs::{Ports, RelayProcess, Server, beside};
use super::table::Display;

/// Between "all are connected" and what follows: the work of the start is done.
const SETTLE: Duration = Duration::from_secs(2);
/// A profile that shows this or more has a session.
const WORKING: u64 = 3000;

/// Everything that an act needs.
struct Scene<'a> {
    volary: PathBuf,
    folder: PathBuf,
    gate: Gate,
    profiles: Vec<u32>,
    patience: Duration,
    display: &'a Display,
}

pub(super) async fn run(options: &OutageOptions) -> Result<Outage, Failure> {
    let volary = beside(options.volary.as_deref())?;
    let temporary = tempfile::tempdir()?;
    let folder = temporary.path().join("profiles");
    let display = Display::new();
    let relay = RelayProcess::start(&volary).await?;
    let gate = Gate::open(relay.ports.imap).await?;
    let ports = Ports { imap: gate.port(), ..relay.ports };

    let engine = Engine::start(&folder).await?;
    let profiles = log_in(&engine, ports, options.profiles, &display, &mut Making::default()).await?;
    engine.stop().await;
    drop(engine);
    let patience = Duration::from_secs(options.patience);
    let scene = Scene { volary, folder, gate, profiles, patience, display: &display };
    let cut = scene.cut().await?;
    let down = scene.down(Duration::from_secs(options.down.into())).await?;
    relay.stop().await;

    let outage = Outage::new(options.profiles, cut, down);
    show::table(&display, &outage);
    let (json, html) = (options.report.with_extension("json"), options.report.with_extension("html"));
    std::fs::write(&json, serde_json::to_string_pretty(&outage)?)?;
    std::fs::write(&html, show::page(&outage))?;
    display.line(&format!("Report: {}, {}", html.display(), json.display()));
    Ok(outage)
}

impl Scene<'_> {
    /// All connections are cut; the relay can be reached all the time.
    async fn cut(&self) -> Result<Return, Failure> {
        let mut server = self.connected().await?;
        let begin = self.gate.cuts();
        let back = self.back(&mut server, begin).await?;
        server.stop().await;
        Ok(back)
    }

    /// The relay goes away and comes back.
    async fn down(&self, time: Duration) -> Result<Down, Failure> {
        let mut server = self.connected().await?;
        let before = Reading::of(server.pid()?)?;
        let begin = self.gate.closes();
        let waiting = self.display.spinner("the relay is away");
        sleep(time).await;
        waiting.finish_and_clear();
        let after = Reading::of(server.pid()?)?;
        let attempts = self.gate.arrivals_since(begin);
        let shown_connected = self.count_connected(&mut server).await?;
        let opened = self.gate.opens();
        let back = self.back(&mut server, opened).await?;
        server.stop().await;
        Ok(Down::new(time, after.cpu_s - before.cpu_s, &attempts, shown_connected, back))
    }

    /// A fresh process with all profiles connected.
    async fn connected(&self) -> Result<Server, Failure> {
        let mut server = Server::start(&self.volary, &self.folder)?;
        let begin = server.begin;
        until_idle(&mut server, &self.profiles, begin, self.patience, self.display).await?;
        sleep(SETTLE).await;
        Ok(server)
    }

    async fn count_connected(&self, server: &mut Server) -> Result<usize, Failure> {
        let mut connected = 0;
        for profile in &self.profiles {
            let connectivity = server.call("get_connectivity", json!([profile])).await?;
            connected += usize::from(connectivity.as_u64().unwrap_or(CONNECTED) >= WORKING);
        }
        Ok(connected)
    }

    /// Waits until everybody has come back since `begin`.
    async fn back(&self, server: &mut Server, begin: Instant) -> Result<Return, Failure> {
        // Until its new connection comes, a profile may not have noticed the loss of the old one.
        let bar = self.display.progress("coming back", self.profiles.len() as u64);
        loop {
            let arrived = self.gate.arrivals_since(begin).len();
            bar.set_position(arrived as u64);
            if arrived >= self.profiles.len() {
                break;
            }
            if begin.elapsed() > self.patience {
                let what = format!("{} profiles coming back", self.profiles.len() - arrived);
                return Err(Failure::Late { what, within: self.patience });
            }
            sleep(Duration::from_millis(20)).await;
        }
        bar.finish_and_clear();
        until_idle(server, &self.profiles, begin, self.patience, self.display).await?;
        Ok(Return::new(begin.elapsed(), &self.gate.arrivals_since(begin)))
    }
}
