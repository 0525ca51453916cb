//! Every metric that a host serves. `docs/metrics.md` says more about each.

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only grows while the process lives.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Values, sorted into buckets.
    Histogram,
}

impl Kind {
    /// As Prometheus calls it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric.
pub(super) struct Metric {
    pub(super) name: &'static str,
    #[cfg_attr(not(test), allow(dead_code))]
    pub(super) kind: Kind,
    /// What it says, in one line.
    pub(super) help: &'static str,
}

const fn metric(name: &'static str, kind: Kind, help: &'static str) -> Metric {
    Metric { name, kind, help }
}

/// All of them, by name.
pub(super) const METRICS: &[Metric] = &[
    metric("process_cpu_seconds_total", Kind::Counter, "CPU time of the process."),
    metric("process_max_fds", Kind::Gauge, "Files and connections that the process may have open."),
    metric("process_open_fds", Kind::Gauge, "Files and connections that the process has open."),
    metric("process_resident_memory_bytes", Kind::Gauge, "Memory of the process."),
    metric("process_start_time_seconds", Kind::Gauge, "When the process was started, Unix seconds."),
    metric("volary_build_info", Kind::Gauge, "1, with the version of the program."),
    metric(
        "volary_events_dropped_total",
        Kind::Counter,
        "Events that subscribers lost because they did not read them.",
    ),
    metric("volary_log_lines_dropped_total", Kind::Counter, "Lines of the log that nobody read in time."),
    metric("volary_mailbox_full_total", Kind::Counter, "Messages that had to wait for an actor."),
    metric("volary_mails_received_total", Kind::Counter, "Mails that were downloaded and opened."),
    metric("volary_messages_sent_total", Kind::Counter, "Messages that a relay has accepted."),
    metric("volary_outbox_pass_rows", Kind::Histogram, "Rows of the send queue that one pass takes up."),
    metric(
        "volary_profile_connected",
        Kind::Gauge,
        "1 if the profile is connected; only for profiles that are asked for.",
    ),
    metric(
        "volary_profile_send_queue_messages",
        Kind::Gauge,
        "Messages that the profile has to send; only for profiles that are asked for.",
    ),
    metric("volary_profiles", Kind::Gauge, "Profiles, by state of their connections."),
    metric("volary_profiles_running", Kind::Gauge, "Profiles whose actor runs."),
    metric("volary_send_queue_messages", Kind::Gauge, "Messages that wait to be sent."),
    metric(
        "volary_send_queue_oldest_seconds",
        Kind::Gauge,
        "Age of the oldest message that waits to be sent.",
    ),
    metric("volary_storage_blob_seconds", Kind::Histogram, "Time that syncing an attachment takes."),
    metric(
        "volary_storage_commit_seconds",
        Kind::Histogram,
        "Time of commits that do not wait for the disk.",
    ),
    metric("volary_storage_disk_free_bytes", Kind::Gauge, "Free space of the disk."),
    metric("volary_storage_disk_short", Kind::Gauge, "1 while changes are refused for want of space."),
    metric("volary_storage_file_bytes", Kind::Gauge, "Size of the database file."),
    metric("volary_storage_group_jobs", Kind::Histogram, "Jobs that one commit takes up."),
    metric("volary_storage_jobs_undone_total", Kind::Counter, "Jobs that changed nothing."),
    metric("volary_storage_queue_jobs", Kind::Gauge, "Jobs that wait for the writer."),
    metric("volary_storage_sync_seconds", Kind::Histogram, "Time of commits that wait for the disk."),
];

/// The metric of this name.
pub(super) fn find(name: &str) -> Option<&'static Metric> {
    METRICS.binary_search_by(|metric| metric.name.cmp(name)).ok().and_then(|place| METRICS.get(place))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    fn repository() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    /// Words of a text that look like names of metrics of ours.
    fn names(text: &str) -> BTreeSet<String> {
        let ours = |word: &&str| word.starts_with("volary_") || word.starts_with("process_");
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        words.filter(ours).map(str::to_owned).collect()
    }

    #[test]
    fn names_are_in_order_and_follow_the_habits_of_prometheus() {
        assert!(METRICS.is_sorted_by(|one, next| one.name < next.name));
        for metric in METRICS {
            assert_eq!(metric.name.ends_with("_total"), metric.kind == Kind::Counter, "{}", metric.name);
            assert!(metric.help.ends_with('.') && !metric.help.contains('\n'), "{}", metric.name);
            assert!(find(metric.name).is_some_and(|found| found.help == metric.help));
        }
        assert!(find("volary_nothing").is_none());
    }

    #[test]
    fn the_page_describes_every_metric_and_no_other() {
        let page = fs::read_to_string(repository().join("docs/metrics.md")).unwrap();
        let rows = page.lines().filter(|line| line.starts_with("| `"));
        let described: BTreeSet<String> =
            rows.flat_map(|row| names(row.split('|').nth(1).unwrap())).collect();
        let served: BTreeSet<String> = METRICS.iter().map(|metric| metric.name.to_owned()).collect();
        assert_eq!(described, served);
    }

    #[test]
    fn every_metric_in_the_sources_is_in_the_table() {
        let mut found = BTreeSet::new();
        for folder in ["actors/src", "engine/src", "storage/src", "link/src", "host/src"] {
            collect(&repository().join(folder), &mut found);
        }
        assert!(found.len() > 10, "{found:?}");
        for name in found {
            assert!(find(&name).is_some(), "{name} is not in the table");
        }
    }

    fn collect(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else {
                let text = fs::read_to_string(&path).unwrap_or_default();
                for kind in ["counter!(\"", "gauge!(\"", "histogram!(\""] {
                    let after = text.split(kind).skip(1);
                    found.extend(after.map(|rest| rest.split('"').next().unwrap().to_owned()));
                }
            }
        }
    }

    #[test]
    fn every_metric_of_the_dashboard_is_served() {
        let path = repository().join("packaging/grafana/volary.json");
        let board: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let panels = board["panels"].as_array().unwrap();
        let mut asked = BTreeSet::new();
        for target in panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap()) {
            let named = names(target["expr"].as_str().unwrap());
            assert!(!named.is_empty(), "{target}");
            asked.extend(named);
        }
        assert!(asked.len() > 12, "{asked:?}");
        for name in asked {
            let ends = ["_bucket", "_sum", "_count"];
            let histogram = ends.iter().find_map(|end| name.strip_suffix(end)).and_then(find);
            let served = find(&name).is_some_and(|metric| metric.kind != Kind::Histogram)
                || histogram.is_some_and(|metric| metric.kind == Kind::Histogram);
            assert!(served, "{name} is not served");
        }
    }
}
