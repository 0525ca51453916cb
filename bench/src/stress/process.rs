//! What `/proc` tells of a process.

use std::fs;
use std::io;

use serde::Serialize;

/// A reading of one process.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Reading {
    /// Memory that no file stands behind, in KiB.
    pub(super) anonymous_kib: u64,
    /// Open files and sockets.
    pub(super) descriptors: u64,
    /// Threads.
    pub(super) threads: u64,
    /// CPU time since its start, in seconds.
    pub(super) cpu_s: f64,
}

/// Clock ticks a second in `/proc`, the same on every Linux of today.
const TICKS: f64 = 100.0;

impl Reading {
    /// Reads what is now.
    pub(super) fn of(pid: u32) -> io::Result<Self> {
        let folder = format!("/proc/{pid}");
        let count = |name: &str| Ok::<_, io::Error>(fs::read_dir(format!("{folder}/{name}"))?.count() as u64);
        Ok(Self {
            anonymous_kib: anonymous(&fs::read_to_string(format!("{folder}/smaps_rollup"))?),
            descriptors: count("fd")?,
            threads: count("task")?,
            cpu_s: cpu(&fs::read_to_string(format!("{folder}/stat"))?),
        })
    }

    /// Reads what is now of this process.
    pub(super) fn own() -> io::Result<Self> {
        Self::of(std::process::id())
    }
}

fn anonymous(smaps: &str) -> u64 {
    let line = smaps.lines().find_map(|line| line.strip_prefix("Anonymous:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// The 14th and 15th field; the second one is a name that may hold anything.
fn cpu(stat: &str) -> f64 {
    let Some((_, rest)) = stat.rsplit_once(')') else { return 0.0 };
    rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>()
        / TICKS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_has_memory_descriptors_and_threads() {
        let own = Reading::own().unwrap();
        assert!(own.anonymous_kib > 0 && own.descriptors >= 3 && own.threads >= 1, "{own:?}");
    }

    #[test]
    fn names_of_processes_do_not_shift_fields() {
        assert_eq!(cpu("7 (a) b 1 2) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20"), 3.0);
        assert_eq!(cpu("nonsense"), 0.0);
    }

    #[test]
    fn anonymous_memory_is_found_by_name() {
        assert_eq!(anonymous("Rss:  900 kB\nAnonymous:      123 kB\nSwap: 0 kB\n"), 123);
        assert_eq!(anonymous(""), 0);
    }
}
