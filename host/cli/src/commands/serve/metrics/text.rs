//! The text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::table::{self, Kind};

/// The series of one name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) series: Vec<Series>,
}

/// One series.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    /// Name and value.
    pub(super) labels: Vec<(String, String)>,
    pub(super) value: Value,
}

/// What a series says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Number(f64),
    /// How many were at most as large as each bound, how many there were, and their sum.
    Histogram {
        buckets: Vec<(f64, u64)>,
        count: u64,
        sum: f64,
    },
}

impl Family {
    /// A name with one series that has no labels.
    pub(super) fn plain(name: &str, kind: Kind, value: f64) -> Self {
        let series = vec![Series { labels: Vec::new(), value: Value::Number(value) }];
        Self { name: name.to_owned(), kind, series }
    }
}

/// Everything as text, in the order of the names.
pub(super) fn render(families: Vec<Family>) -> String {
    let mut sorted = BTreeMap::<String, Family>::new();
    for family in families {
        match sorted.get_mut(&family.name) {
            Some(there) => there.series.extend(family.series),
            None => drop(sorted.insert(family.name.clone(), family)),
        }
    }
    let mut out = String::new();
    for family in sorted.values() {
        // Writing to a string does not fail.
        let _ = write_family(&mut out, family);
    }
    out
}

fn write_family(out: &mut String, family: &Family) -> std::fmt::Result {
    let name = &family.name;
    if let Some(metric) = table::find(name) {
        writeln!(out, "# HELP {name} {}", metric.help)?;
    }
    writeln!(out, "# TYPE {name} {}", family.kind.word())?;
    for Series { labels, value } in &family.series {
        match value {
            Value::Number(number) => writeln!(out, "{name}{} {number}", braces(labels, None))?,
            Value::Histogram { buckets, count, sum } => {
                for (bound, below) in buckets {
                    writeln!(out, "{name}_bucket{} {below}", braces(labels, Some(&bound.to_string())))?;
                }
                writeln!(out, "{name}_bucket{} {count}", braces(labels, Some("+Inf")))?;
                writeln!(out, "{name}_sum{} {sum}", braces(labels, None))?;
                writeln!(out, "{name}_count{} {count}", braces(labels, None))?;
            }
        }
    }
    Ok(())
}

fn braces(labels: &[(String, String)], bound: Option<&str>) -> String {
    let labels = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let all: Vec<String> = labels
        .chain(bound.map(|bound| ("le", bound)))
        .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
        .collect();
    if all.is_empty() { String::new() } else { format!("{{{}}}", all.join(",")) }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let labels = vec![("why".to_owned(), "a \"b\"\n".to_owned())];
        let counter = Family {
            name: "volary_storage_jobs_undone_total".to_owned(),
            kind: Kind::Counter,
            series: vec![Series { labels, value: Value::Number(3.0) }],
        };
        let buckets = vec![(0.001, 1), (0.01, 2)];
        let histogram = Family {
            name: "x_seconds".to_owned(),
            kind: Kind::Histogram,
            series: vec![Series {
                labels: Vec::new(),
                value: Value::Histogram { buckets, count: 3, sum: 1.5 },
            }],
        };
        let text = render(vec![histogram, counter]);
        let (first, second) = text.split_at(text.find("# TYPE x_seconds").unwrap());
        assert!(first.starts_with("# HELP volary_storage_jobs_undone_total "), "{first}");
        assert!(first.ends_with(
            "# TYPE volary_storage_jobs_undone_total counter\n\
             volary_storage_jobs_undone_total{why=\"a \\\"b\\\"\\n\"} 3\n"
        ));
        assert_eq!(
            second,
            "# TYPE x_seconds histogram\nx_seconds_bucket{le=\"0.001\"} 1\nx_seconds_bucket{le=\"0.01\"} 2\n\
             x_seconds_bucket{le=\"+Inf\"} 3\nx_seconds_sum 1.5\nx_seconds_count 3\n"
        );
    }
}
