//! A query that reads one row: a setting of a profile.

use std::path::Path;
use std::time::Instant;

use tokio::time::sleep;
use volary::Engine;
use volary::grpc::Remote;
use volary::proto::GetConfig;

use super::figures::Times;
use super::{SETTLE, host};
use crate::stress::failure::Failure;
use crate::stress::people;

/// Queries before it is measured.
const WARM_UP: usize = 1000;
/// Queries that are measured.
const QUERIES: usize = 20_000;

fn query() -> GetConfig {
    GetConfig { key: "displayname".to_owned() }
}

/// Through the handle of the engine.
pub(super) async fn in_process(engine: &Engine, profile: u32) -> Result<Times, Failure> {
    let mut took = Vec::with_capacity(QUERIES);
    for number in 0..WARM_UP + QUERIES {
        let begin = Instant::now();
        people::call(engine, profile, query()).await?;
        if number >= WARM_UP {
            took.push(begin.elapsed());
        }
    }
    Ok(Times::of(took))
}

/// Through the socket, by a program of one thread that waits for each answer.
pub(super) async fn on_socket(folder: &Path, profile: u32) -> Result<Times, Failure> {
    let folder = folder.to_owned();
    let asking = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(ask(&folder, profile))
    });
    asking.await.map_err(|error| Failure::Program(error.to_string()))?
}

async fn ask(folder: &Path, profile: u32) -> Result<Times, Failure> {
    // The host still has to do with the profiles that were just made.
    sleep(SETTLE).await;
    let remote = Remote::connect(folder).await.map_err(|error| Failure::Program(error.to_string()))?;
    let mut took = Vec::with_capacity(QUERIES);
    for number in 0..WARM_UP + QUERIES {
        let begin = Instant::now();
        host::call(&remote, profile, query()).await?;
        if number >= WARM_UP {
            took.push(begin.elapsed());
        }
    }
    Ok(Times::of(took))
}
