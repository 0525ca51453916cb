//! Everything that was measured.

use std::time::Duration;

use serde::Serialize;

use crate::stress::table::Display;

/// Longest median of a query that reads one row, in µs.
const QUERY_IN_PROCESS: f64 = 5.0;
const QUERY_ON_SOCKET: f64 = 60.0;

#[derive(Debug, Serialize)]
pub(in crate::stress) struct Figures {
    pub(super) frontends: u32,
    pub(super) in_process: InProcess,
    pub(super) on_socket: OnSocket,
}

/// In the process of the engine.
#[derive(Debug, Serialize)]
pub(super) struct InProcess {
    /// Memory of a subscription.
    pub(super) kib: f64,
    /// From a request to who listens.
    pub(super) hears: Times,
    pub(super) query: Times,
}

/// On the Unix socket of a host.
#[derive(Debug, Serialize)]
pub(super) struct OnSocket {
    /// Many frontends on a connection.
    pub(super) shared: Cost,
    /// A connection for each.
    pub(super) alone: Cost,
    /// From a request to who listens, one after the other.
    pub(super) one_by_one: Times,
    /// The same, a change of each profile at the same time.
    pub(super) at_once: Times,
    pub(super) query: Times,
}

/// What a frontend costs.
#[derive(Debug, Serialize)]
pub(super) struct Cost {
    /// Anonymous memory of the host.
    pub(super) host_kib: f64,
    /// The same of the program that listens.
    pub(super) frontend_kib: f64,
    pub(super) host_descriptors: f64,
}

/// Times in µs.
#[derive(Debug, Serialize, PartialEq)]
pub(super) struct Times {
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
}

impl Times {
    pub(super) fn of(mut took: Vec<Duration>) -> Self {
        took.sort_unstable();
        let at = |percent: usize| {
            let place = (took.len().saturating_sub(1)) * percent / 100;
            took.get(place).map_or(0.0, |time| time.as_secs_f64() * 1e6)
        };
        Self { p50: at(50), p99: at(99), max: at(100) }
    }

    fn text(&self) -> String {
        let Self { p50, p99, max } = self;
        if *p50 < 100.0 {
            format!("half within {p50:.1} µs, 99 % within {p99:.1} µs")
        } else {
            format!(
                "half within {:.2} ms, 99 % within {:.2} ms, all within {:.2} ms",
                p50 / 1e3,
                p99 / 1e3,
                max / 1e3
            )
        }
    }
}

impl Display {
    pub(super) fn frontends(&self, figures: &Figures) {
        let Figures { frontends, in_process, on_socket } = figures;
        self.title(&format!("{frontends} frontends on {frontends} profiles, in process"));
        self.row("memory of a subscription", &format!("{:.2} KiB", in_process.kib), None);
        self.row("from a request to who listens", &in_process.hears.text(), None);
        let fast = in_process.query.p50 < QUERY_IN_PROCESS;
        self.row("query of one row", &in_process.query.text(), Some(fast));
        self.title("The same on the Unix socket of a host");
        let cost = |name: &str, cost: &Cost| {
            let Cost { host_kib, frontend_kib, host_descriptors } = cost;
            let text = format!(
                "{host_kib:.1} KiB and {host_descriptors:.2} descriptors, {frontend_kib:.1} KiB there"
            );
            self.row(name, &text, None);
        };
        cost("a frontend, 500 on a connection", &on_socket.shared);
        cost("a frontend, a connection for each", &on_socket.alone);
        self.row("from a request to who listens", &on_socket.one_by_one.text(), None);
        self.row("the same, all at once", &on_socket.at_once.text(), None);
        let fast = on_socket.query.p50 < QUERY_ON_SOCKET;
        self.row("query of one row", &on_socket.query.text(), Some(fast));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_times_are_below_the_median() {
        let times = (1..=101).map(Duration::from_micros).rev().collect();
        let expected = Times { p50: 51.0, p99: 100.0, max: 101.0 };
        let found = Times::of(times);
        for (found, expected) in
            [(found.p50, expected.p50), (found.p99, expected.p99), (found.max, expected.max)]
        {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        assert_eq!(Times::of(Vec::new()), Times { p50: 0.0, p99: 0.0, max: 0.0 });
    }
}
