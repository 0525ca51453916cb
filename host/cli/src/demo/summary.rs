//! The figures at the end of a demo.

use std::fmt;
use std::fs;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use volary_relay::RelayStats;

use super::record::Record;
use super::stage::Stage;

/// What a demo has shown.
#[derive(Clone, Debug)]
pub struct Report {
    /// Profiles that took part.
    pub profiles: usize,
    /// Claims that were checked.
    pub claims: usize,
    /// Messages that people wrote.
    pub messages: usize,
    /// Time from sending to the event at each receiver, sorted.
    pub latencies: Vec<Duration>,
    /// Time of the whole story.
    pub duration: Duration,
    /// Memory of the process; `None` where the system does not tell.
    pub memory: Option<Memory>,
    /// What the relay counted.
    pub relay: RelayStats,
}

/// Memory of this process, relay and demo included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// In use now, KiB.
    pub now_kib: u64,
    /// In use at most, KiB.
    pub peak_kib: u64,
}

impl Memory {
    /// Of this process, from the Linux process folder.
    fn of_this_process() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/self/status").ok()?)
    }

    fn parse(status: &str) -> Option<Self> {
        let value = |name: &str| {
            let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
            rest.split_whitespace().next()?.parse().ok()
        };
        Some(Self { now_kib: value("VmRSS:")?, peak_kib: value("VmHWM:")? })
    }
}

impl Report {
    pub(super) fn new(stage: &Stage, record: &Record, duration: Duration) -> Self {
        let mut latencies = record.latencies.lock().clone();
        latencies.sort_unstable();
        Self {
            profiles: stage.people.len(),
            claims: record.claims.load(Relaxed),
            messages: record.messages.load(Relaxed),
            latencies,
            duration,
            memory: Memory::of_this_process(),
            relay: stage.relay.stats(),
        }
    }

    /// The latency that this share of deliveries did not exceed (nearest rank).
    pub fn latency(&self, percent: usize) -> Option<Duration> {
        let rank = (self.latencies.len() * percent).div_ceil(100).max(1);
        self.latencies.get(rank - 1).copied()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { profiles, claims, messages, relay, .. } = self;
        let milliseconds = |percent| self.latency(percent).unwrap_or_default().as_secs_f64() * 1000.0;
        writeln!(f, "  profiles   {profiles}")?;
        writeln!(f, "  claims     {claims}, all of them checked, in {:.1} s", self.duration.as_secs_f64())?;
        writeln!(f, "  messages   {messages}, received {} times", self.latencies.len())?;
        writeln!(
            f,
            "  latency    {:.0} ms median, {:.0} ms for 95 %, {:.0} ms at most (from sending to the receiver's event)",
            milliseconds(50),
            milliseconds(95),
            milliseconds(100)
        )?;
        if let Some(memory) = self.memory {
            let mib = |kib: u64| kib as f64 / 1024.0;
            let (now, peak) = (mib(memory.now_kib), mib(memory.peak_kib));
            writeln!(f, "  memory     {now:.1} MiB, {peak:.1} MiB at most (relay included)")?;
        }
        writeln!(
            f,
            "  relay      {} mails accepted, {} refused, {} deliveries, {} KiB, {} connections",
            relay.messages_accepted,
            relay.messages_refused,
            relay.messages_delivered,
            relay.bytes_delivered / 1024,
            relay.connections
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(latencies: &[u64]) -> Report {
        Report {
            profiles: 2,
            claims: 1,
            messages: 1,
            latencies: latencies.iter().copied().map(Duration::from_millis).collect(),
            duration: Duration::from_secs(1),
            memory: None,
            relay: RelayStats::default(),
        }
    }

    #[test]
    fn percentiles_are_latencies_that_were_measured() {
        let report = report(&[1, 2, 3, 4, 100]);
        assert_eq!(report.latency(50), Some(Duration::from_millis(3)));
        assert_eq!(report.latency(95), Some(Duration::from_millis(100)));
        assert_eq!(report.latency(0), Some(Duration::from_millis(1)));
        assert_eq!(self::report(&[]).latency(50), None);
    }

    #[test]
    fn memory_is_read_from_the_process_status() {
        let status = "Name:\tvolary\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\nThreads:\t9\n";
        assert_eq!(Memory::parse(status), Some(Memory { now_kib: 10_240, peak_kib: 20_480 }));
        assert_eq!(Memory::parse("Name:\tvolary\n"), None);
    }
}
