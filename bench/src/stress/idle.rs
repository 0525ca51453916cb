//! What profiles cost that do nothing, measured on `volary serve` in a fresh process.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep;

use super::failure::Failure;
use super::figures::Idle;
use super::options::Options;
use super::people::People;
use super::process::Reading;
use super::programs::Server;
use super::table::Display;

/// Connectivity of a profile that is connected and has nothing to do.
pub(super) const CONNECTED: u64 = 4000;
/// Between "all idle" and the reading: buffers that were used for the start are given back.
const SETTLE: Duration = Duration::from_secs(5);

pub(super) async fn measure(
    volary: &Path,
    folder: &Path,
    people: &People,
    options: &Options,
    display: &Display,
) -> Result<Idle, Failure> {
    let count = people.profiles.len() as f64;
    let disk = disk_kib(folder)?;
    let empty = empty(volary).await?;
    let mut server = Server::start(volary, folder)?;
    let (begin, patience) = (server.begin, Duration::from_secs(options.patience));
    until_idle(&mut server, &people.profiles, begin, patience, display).await?;
    let start_seconds = server.begin.elapsed().as_secs_f64();
    let quiet = display.spinner("all are idle, measuring");
    sleep(SETTLE).await;
    let before = Reading::of(server.pid()?)?;
    let window = Duration::from_secs(options.idle.into());
    sleep(window).await;
    let all = Reading::of(server.pid()?)?;
    quiet.finish_and_clear();
    server.stop().await;
    let more = |pick: fn(&Reading) -> u64| (pick(&all) as f64 - pick(&empty) as f64) / count;
    Ok(Idle {
        empty,
        all,
        start_seconds,
        kib_per_profile: more(|reading| reading.anonymous_kib),
        descriptors_per_profile: more(|reading| reading.descriptors),
        cpu_percent: (all.cpu_s - before.cpu_s) / window.as_secs_f64() * 100.0,
        disk_kib_per_profile: disk as f64 / count,
    })
}

/// The process without profiles.
async fn empty(volary: &Path) -> Result<Reading, Failure> {
    let folder = tempfile::tempdir()?;
    let mut server = Server::start(volary, &folder.path().join("profiles"))?;
    server.call("get_system_info", json!([])).await?;
    sleep(SETTLE).await;
    let reading = Reading::of(server.pid()?)?;
    server.stop().await;
    Ok(reading)
}

/// Waits until all are connected and have nothing to do; not for ever since `begin`.
pub(super) async fn until_idle(
    server: &mut Server,
    profiles: &[u32],
    begin: Instant,
    patience: Duration,
    display: &Display,
) -> Result<(), Failure> {
    let bar = display.progress("connected", profiles.len() as u64);
    let mut waiting = profiles.to_vec();
    while !waiting.is_empty() {
        if begin.elapsed() > patience {
            return Err(Failure::Late {
                what: format!("{} profiles becoming idle", waiting.len()),
                within: patience,
            });
        }
        let mut still = Vec::new();
        for profile in waiting {
            let connectivity = server.call("get_connectivity", json!([profile])).await?;
            if connectivity.as_u64().unwrap_or(0) < CONNECTED {
                still.push(profile);
            }
        }
        bar.set_position((profiles.len() - still.len()) as u64);
        waiting = still;
        sleep(Duration::from_millis(20)).await;
    }
    bar.finish_and_clear();
    Ok(())
}

fn disk_kib(folder: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { disk_kib(&entry.path())? * 1024 } else { metadata.len() };
    }
    Ok(bytes / 1024)
}
