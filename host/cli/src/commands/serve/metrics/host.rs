//! What is looked up when somebody asks for metrics: profiles, queues, the process. Looked up at most every few seconds,
//! however often somebody asks.

use std::fs;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::Mutex;
use volary::Engine;
use volary_proto::{Connectivity, Error, GetAllAccountIds, GetConnectivity, GetSendQueue, IsConfigured};

use super::table::Kind;
use super::text::{Family, Series, Value};
use crate::process::log::Level;

/// What was looked up is good for this long.
const GOOD_FOR: Duration = Duration::from_secs(5);
/// States of the connections of a profile.
const STATES: [&str; 5] = ["no_relay", "not_connected", "connecting", "working", "connected"];

/// Looks up.
pub(in crate::commands::serve) struct Host {
    level: Level,
    started: f64,
    /// Numbers of all profiles, and when they were looked up.
    seen: Mutex<Option<(Instant, Totals)>>,
}

/// Numbers of all profiles.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    /// In the order of [`STATES`].
    states: [u32; STATES.len()],
    queued: usize,
    /// When the oldest message that waits was written; 0 = none waits.
    oldest: i64,
}

impl Host {
    pub(in crate::commands::serve) fn new(level: Level) -> Self {
        Self { level, started: now(), seen: Mutex::default() }
    }

    /// What there is to say now, and about which single profiles.
    pub(super) async fn families(&self, engine: &Engine, profiles: &[u32]) -> Vec<Family> {
        let mut families = self.process();
        match self.totals(engine).await {
            Ok(totals) => families.extend(of_all(&totals)),
            Err(error) => tracing::debug!(%error, "profiles cannot be counted"),
        }
        for profile in profiles {
            // Somebody may ask for one that is not there.
            if let Ok((state, queued, _)) = look(engine, *profile).await {
                families.extend(of_one(*profile, state, queued));
            }
        }
        families
    }

    async fn totals(&self, engine: &Engine) -> Result<Totals, Error> {
        let mut seen = self.seen.lock().await;
        if let Some((at, totals)) = *seen
            && at.elapsed() < GOOD_FOR
        {
            return Ok(totals);
        }
        let mut totals = Totals::default();
        for profile in engine.call(0, GetAllAccountIds {}).await?.ids {
            // One that was removed meanwhile is not counted.
            let Ok((state, queued, oldest)) = look(engine, profile).await else { continue };
            totals.states[state] += 1;
            totals.queued += queued;
            if oldest > 0 && (totals.oldest == 0 || oldest < totals.oldest) {
                totals.oldest = oldest;
            }
        }
        *seen = Some((Instant::now(), totals));
        Ok(totals)
    }

    fn process(&self) -> Vec<Family> {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let cpu = cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9;
        let version = vec![("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
        let dropped = self.level.dropped() as f64;
        let mut families = vec![
            Family {
                name: "volary_build_info".to_owned(),
                kind: Kind::Gauge,
                series: vec![Series { labels: version, value: Value::Number(1.0) }],
            },
            Family::plain("process_cpu_seconds_total", Kind::Counter, cpu),
            Family::plain("process_start_time_seconds", Kind::Gauge, self.started),
            Family::plain("volary_log_lines_dropped_total", Kind::Counter, dropped),
        ];
        let limit = getrlimit(Resource::Nofile).current;
        families.extend(limit.map(|most| Family::plain("process_max_fds", Kind::Gauge, most as f64)));
        let open = fs::read_dir("/proc/self/fd").map(Iterator::count).ok();
        families.extend(open.map(|open| Family::plain("process_open_fds", Kind::Gauge, open as f64)));
        let memory = resident().map(|bytes| bytes as f64);
        families
            .extend(memory.map(|bytes| Family::plain("process_resident_memory_bytes", Kind::Gauge, bytes)));
        families
    }
}

/// State, messages in the queue and when the oldest of them was written.
async fn look(engine: &Engine, profile: u32) -> Result<(usize, usize, i64), Error> {
    let mails = engine.call(profile, GetSendQueue { limit: 0 }).await?.mails;
    let oldest = mails.iter().map(|mail| mail.since).filter(|since| *since > 0).min().unwrap_or_default();
    if !engine.call(profile, IsConfigured {}).await?.value {
        return Ok((0, mails.len(), oldest));
    }
    let number = engine.call(profile, GetConnectivity {}).await?.value;
    let state = match i32::try_from(number).ok().and_then(|number| Connectivity::try_from(number).ok()) {
        Some(Connectivity::Connecting) => 2,
        Some(Connectivity::Working) => 3,
        Some(Connectivity::Connected) => 4,
        Some(Connectivity::NotConnected | Connectivity::Unknown) | None => 1,
    };
    Ok((state, mails.len(), oldest))
}

fn of_all(totals: &Totals) -> Vec<Family> {
    let series = STATES.iter().zip(totals.states).map(|(state, count)| Series {
        labels: vec![("state".to_owned(), (*state).to_owned())],
        value: Value::Number(f64::from(count)),
    });
    let age = if totals.oldest == 0 { 0.0 } else { (now() - totals.oldest as f64).max(0.0) };
    vec![
        Family { name: "volary_profiles".to_owned(), kind: Kind::Gauge, series: series.collect() },
        Family::plain("volary_send_queue_messages", Kind::Gauge, totals.queued as f64),
        Family::plain("volary_send_queue_oldest_seconds", Kind::Gauge, age.floor()),
    ]
}

fn of_one(profile: u32, state: usize, queued: usize) -> [Family; 2] {
    let one = |name: &str, value: f64| Family {
        name: name.to_owned(),
        kind: Kind::Gauge,
        series: vec![Series {
            labels: vec![("profile".to_owned(), profile.to_string())],
            value: Value::Number(value),
        }],
    };
    let connected = matches!(STATES.get(state), Some(&("working" | "connected")));
    [
        one("volary_profile_connected", f64::from(u8::from(connected))),
        one("volary_profile_send_queue_messages", queued as f64),
    ]
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// Memory of the process in bytes, as far as the system says.
fn resident() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}
