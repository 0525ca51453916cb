//! What was measured.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// Handshakes in one second that a relay may get from one process, whatever the number of its profiles: half as many
/// again as the engine aims at, because they come at random.
pub(super) const MOST_HANDSHAKES: usize = 150;
/// Everybody is back within this time, in seconds.
pub(super) const MOST_SECONDS: f64 = 60.0;
/// CPU while the relay is away, in percent of one core: 500 profiles that spin would take all of it, and each attempt
/// costs its connection and hello.
pub(super) const MOST_CPU_PERCENT: f64 = 3.0;

/// A run.
#[derive(Debug, Serialize)]
pub(in crate::stress) struct Outage {
    /// Version of Volary.
    pub(super) version: &'static str,
    /// When it ended, in Unix seconds.
    pub(super) ended: u64,
    pub(super) cores: usize,
    pub(super) profiles: u32,
    /// All connections were cut, the relay stayed reachable.
    pub(super) cut: Return,
    /// The relay was away.
    pub(super) down: Down,
}

/// How profiles came back.
#[derive(Debug, Default, Serialize)]
pub(super) struct Return {
    /// Until all had nothing to do again.
    pub(super) seconds: f64,
    /// Connections that the relay got.
    pub(super) handshakes: usize,
    /// The most of them within any second.
    pub(super) peak_per_second: usize,
    /// How many came in each second.
    pub(super) per_second: Vec<usize>,
}

/// What happened while the relay was away.
#[derive(Debug, Default, Serialize)]
pub(super) struct Down {
    pub(super) seconds: f64,
    /// Of the engine's process, in percent of one core.
    pub(super) cpu_percent: f64,
    pub(super) attempts: usize,
    pub(super) attempts_per_second: f64,
    /// The most within any second.
    pub(super) attempts_peak_per_second: usize,
    /// How many came in each second.
    pub(super) per_second: Vec<usize>,
    /// Profiles that still claimed to have a session at the end.
    pub(super) shown_connected: usize,
    /// How they came back.
    pub(super) back: Return,
}

impl Outage {
    pub(super) fn new(profiles: u32, cut: Return, down: Down) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            ended: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            profiles,
            cut,
            down,
        }
    }

    /// Whether everybody came back in time and in good order, and nobody claimed to be connected meanwhile. CPU depends
    /// on the machine and does not count.
    pub(in crate::stress) fn is_flawless(&self) -> bool {
        let orderly = |back: &Return| back.seconds <= MOST_SECONDS && back.peak_per_second <= MOST_HANDSHAKES;
        orderly(&self.cut) && orderly(&self.down.back) && self.down.shown_connected == 0
    }
}

impl Return {
    pub(super) fn new(time: Duration, arrivals: &[Duration]) -> Self {
        Self {
            seconds: time.as_secs_f64(),
            handshakes: arrivals.len(),
            peak_per_second: peak(arrivals),
            per_second: per_second(arrivals),
        }
    }
}

impl Down {
    pub(super) fn new(
        time: Duration,
        cpu_s: f64,
        attempts: &[Duration],
        shown_connected: usize,
        back: Return,
    ) -> Self {
        let seconds = time.as_secs_f64();
        Self {
            seconds,
            cpu_percent: cpu_s / seconds * 100.0,
            attempts: attempts.len(),
            attempts_per_second: attempts.len() as f64 / seconds,
            attempts_peak_per_second: peak(attempts),
            per_second: per_second(attempts),
            shown_connected,
            back,
        }
    }
}

/// The most arrivals within any second. They are in order.
fn peak(arrivals: &[Duration]) -> usize {
    let mut first = 0;
    let mut most = 0;
    for (last, arrival) in arrivals.iter().enumerate() {
        while arrivals[first] + Duration::from_secs(1) <= *arrival {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    most
}

fn per_second(arrivals: &[Duration]) -> Vec<usize> {
    let mut counts = Vec::new();
    for arrival in arrivals {
        let second = usize::try_from(arrival.as_secs()).unwrap_or(usize::MAX);
        if counts.len() <= second {
            counts.resize(second + 1, 0);
        }
        counts[second] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_does_not_depend_on_where_seconds_begin() {
        let arrivals: Vec<Duration> = [100, 900, 1050, 1099, 1100, 3000].map(Duration::from_millis).to_vec();
        assert_eq!(peak(&arrivals), 4);
        assert_eq!(per_second(&arrivals), [2, 3, 0, 1]);
        assert_eq!(peak(&[]), 0);
    }

    #[test]
    fn a_stampede_a_late_return_and_a_false_claim_are_flaws() {
        let back =
            || Return { seconds: 5.0, handshakes: 500, peak_per_second: 120, per_second: vec![100; 5] };
        let down = || Down { back: back(), ..Down::default() };
        assert!(Outage::new(500, back(), down()).is_flawless());
        let stampede = Return { peak_per_second: 500, ..back() };
        assert!(!Outage::new(500, stampede, down()).is_flawless());
        let late = Down { back: Return { seconds: 61.0, ..back() }, ..down() };
        assert!(!Outage::new(500, back(), late).is_flawless());
        let liar = Down { shown_connected: 1, ..down() };
        assert!(!Outage::new(500, back(), liar).is_flawless());
    }
}
