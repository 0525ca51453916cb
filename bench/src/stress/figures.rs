//! Everything that was measured, as it goes into the JSON file.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::ledger::Faults;
use super::options::Options;
use super::process::Reading;

/// A run.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    /// Version of Volary.
    pub(super) version: &'static str,
    /// When it began, in Unix seconds.
    pub(super) began: u64,
    pub(super) cores: usize,
    pub(super) profiles: u32,
    pub(super) rate: u32,
    pub(super) group: u32,
    pub(super) seed: u64,
    pub(super) making: Making,
    pub(super) idle: Option<Idle>,
    pub(super) talk: Option<Talk>,
}

/// How the profiles were made.
#[derive(Debug, Default, Serialize)]
pub(super) struct Making {
    /// Until all had logged in.
    pub(super) seconds: f64,
    /// Until all knew each other.
    pub(super) acquaint_seconds: f64,
    pub(super) pairs: usize,
    pub(super) groups: usize,
    /// Profiles that had logged in, anonymous memory of this process in KiB.
    pub(super) memory: Vec<(u32, u64)>,
}

/// What idle profiles cost, in a process that was just started.
#[derive(Debug, Serialize)]
pub(super) struct Idle {
    /// The process without profiles.
    pub(super) empty: Reading,
    /// The process with all of them.
    pub(super) all: Reading,
    /// From the start of the process until all are connected and have nothing to do.
    pub(super) start_seconds: f64,
    /// Anonymous memory.
    pub(super) kib_per_profile: f64,
    pub(super) descriptors_per_profile: f64,
    /// Percent of one core.
    pub(super) cpu_percent: f64,
    /// The database and all attachments.
    pub(super) disk_kib_per_profile: f64,
}

/// What talking was like.
#[derive(Debug, Default, Serialize)]
pub(super) struct Talk {
    /// Messages that the engine took on.
    pub(super) said: u64,
    /// Messages that it did not take on, or gave up.
    pub(super) refused: u64,
    /// How often these should be received, all members together.
    pub(super) expected: u64,
    /// How often they were.
    pub(super) received: u64,
    /// From the first message to the last one received.
    pub(super) seconds: f64,
    /// Against the events.
    pub(super) heard: Faults,
    /// Against what the chats hold at the end, own messages as well.
    pub(super) stored: Faults,
    /// Messages that were compared for that.
    pub(super) stored_compared: u64,
    pub(super) latency: Latency,
    /// CPU of this process for each message that was received.
    pub(super) cpu_ms_per_received: f64,
    /// Of the relay.
    pub(super) relay_cpu_ms_per_received: f64,
    pub(super) samples: Vec<Sample>,
}

/// Times from sending to reception, in milliseconds.
#[derive(Debug, Default, Serialize)]
pub(super) struct Latency {
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
    /// Upper end, how many.
    pub(super) histogram: Vec<(f64, u64)>,
}

/// One second of talking.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Sample {
    /// Since the first message.
    pub(super) seconds: f64,
    /// In this second.
    pub(super) said: u64,
    /// In this second.
    pub(super) received: u64,
    /// On their way.
    pub(super) waiting: u64,
    pub(super) process: Reading,
}

impl Figures {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            began: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            profiles: options.profiles,
            rate: options.rate,
            group: options.group,
            seed: options.seed,
            making: Making::default(),
            idle: None,
            talk: None,
        }
    }

    /// Whether every message arrived exactly once and in order.
    pub(super) fn is_flawless(&self) -> bool {
        self.talk.as_ref().is_none_or(|talk| {
            talk.refused == 0
                && talk.received == talk.expected
                && talk.heard.is_none()
                && talk.stored.is_none()
        })
    }
}

/// Steps of the histogram for each doubling of time.
const STEPS: f64 = 2.0;

impl Latency {
    pub(super) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let Some(last) = times.last() else { return Self::default() };
        let ms = |time: &Duration| time.as_secs_f64() * 1000.0;
        let part =
            |percent: usize| times.get((times.len() * percent / 100).min(times.len() - 1)).map_or(0.0, ms);
        let mut histogram: Vec<(f64, u64)> = Vec::new();
        let mut upper = 1.0;
        let mut counted = 0;
        while counted < times.len() {
            let below = times.partition_point(|time| ms(time) < upper);
            if below > 0 {
                histogram.push((upper, (below - counted) as u64));
            }
            counted = below;
            upper *= 2f64.powf(1.0 / STEPS);
        }
        Self { p50: part(50), p90: part(90), p99: part(99), max: ms(last), histogram }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_every_message_once() {
        let latency = Latency::of((1..=1000).map(Duration::from_millis).collect());
        assert_eq!(latency.histogram.iter().map(|(_, count)| count).sum::<u64>(), 1000);
        assert!(latency.histogram.is_sorted_by(|one, next| one.0 < next.0));
        assert_eq!((latency.p50, latency.p99, latency.max), (501.0, 991.0, 1000.0));
        assert!(Latency::of(Vec::new()).histogram.is_empty());
    }
}
