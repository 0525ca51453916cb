//! The report: one HTML file that needs nothing else.

use super::figures::Figures;
use super::ledger::Faults;
use super::plot::{Curve, bars, curves, short};

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:16px/1.5 system-ui,sans-serif;max-width:760px;margin:2em auto;padding:0 1em}\
table{border-collapse:collapse;width:100%}td{padding:.25em .5em;border-bottom:1px solid #8884}\
td:last-child{text-align:right;font-variant-numeric:tabular-nums}\
svg{width:100%;height:auto;font-size:12px}svg text{fill:currentColor}svg line{stroke:#8884}\
polyline{fill:none;stroke-width:2}.c0{stroke:#2a78d6}.c1{stroke:#e07b1a}.c2{stroke:#8a8a8a}\
svg .t0{fill:#2a78d6}svg .t1{fill:#e07b1a}svg .t2{fill:#8a8a8a}rect{fill:#2a78d6}\
.good{color:#198038}.bad{color:#da1e28}";

pub(super) fn page(figures: &Figures) -> String {
    let verdict = match (&figures.talk, figures.is_flawless()) {
        (None, _) => String::new(),
        (_, true) => r#"<p class="good">Every message arrived exactly once and in order.</p>"#.to_owned(),
        (_, false) => r#"<p class="bad">Not every message arrived exactly once and in order.</p>"#.to_owned(),
    };
    let title = format!("Volary {}: {} profiles", figures.version, figures.profiles);
    let body = format!(
        "{verdict}\n{}\n{}\n{}",
        table(figures),
        plots(figures),
        "<p>Figures of processes are those of /proc; memory is anonymous memory.</p>"
    );
    document(&title, &body)
}

/// A page around a body.
pub(super) fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style>\n\
         <h1>{title}</h1>\n{body}\n</html>\n"
    )
}

fn table(figures: &Figures) -> String {
    let mut rows = vec![
        ("Cores of the machine".to_owned(), figures.cores.to_string()),
        ("Profiles made and logged in".to_owned(), format!("{:.1} s", figures.making.seconds)),
        ("Pairs, groups".to_owned(), format!("{}, {}", figures.making.pairs, figures.making.groups)),
    ];
    if let Some(idle) = &figures.idle {
        rows.extend([
            ("Memory per idle profile".to_owned(), format!("{:.1} KiB", idle.kib_per_profile)),
            ("Memory of the process, all idle".to_owned(), mib(idle.all.anonymous_kib)),
            ("Descriptors per idle profile".to_owned(), format!("{:.2}", idle.descriptors_per_profile)),
            ("Threads".to_owned(), idle.all.threads.to_string()),
            ("CPU while all are idle".to_owned(), format!("{:.2} % of a core", idle.cpu_percent)),
            ("Start until all are idle".to_owned(), format!("{:.2} s", idle.start_seconds)),
            ("Disk per profile".to_owned(), format!("{:.1} KiB", idle.disk_kib_per_profile)),
        ]);
    }
    if let Some(talk) = &figures.talk {
        let rate = talk.received as f64 / talk.seconds.max(f64::EPSILON);
        rows.extend([
            ("Messages said".to_owned(), format!("{} ({} refused)", talk.said, talk.refused)),
            ("Messages received".to_owned(), format!("{} of {}", talk.received, talk.expected)),
            ("Wrong by events".to_owned(), faults(&talk.heard)),
            (format!("Wrong in the chats ({} compared)", talk.stored_compared), faults(&talk.stored)),
            ("Received a second".to_owned(), format!("{rate:.0}")),
            ("Latency, half / 99 % within".to_owned(), {
                format!("{:.0} / {:.0} ms", talk.latency.p50, talk.latency.p99)
            }),
            ("CPU per message received".to_owned(), format!("{:.2} ms", talk.cpu_ms_per_received)),
            ("The same of the relay".to_owned(), format!("{:.2} ms", talk.relay_cpu_ms_per_received)),
        ]);
    }
    let rows: String = rows.iter().map(|(name, value)| format!("<tr><td>{name}<td>{value}\n")).collect();
    format!("<table>\n{rows}</table>")
}

fn mib(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}

fn faults(faults: &Faults) -> String {
    let Faults { missing, doubled, disordered, strange } = faults;
    match faults.is_none() {
        true => "nothing".to_owned(),
        false => {
            format!("{missing} missing, {doubled} doubled, {disordered} out of order, {strange} strange")
        }
    }
}

fn plots(figures: &Figures) -> String {
    let memory =
        figures.making.memory.iter().map(|(profiles, kib)| (f64::from(*profiles), *kib as f64 / 1024.0));
    let memory = Curve { name: "", points: memory.collect() };
    let mut parts = format!(
        "<h2>Memory over profiles</h2>\n<p>While they are made and log in.</p>{}",
        curves("profiles", "MiB", &[memory])
    );
    let Some(talk) = &figures.talk else { return parts };
    let histogram: Vec<(String, f64)> =
        talk.latency.histogram.iter().map(|(upper, count)| (short(*upper), *count as f64)).collect();
    parts += "\n<h2>Latency</h2>\n<p>From sending to reception.</p>";
    parts += &bars("less than … ms", "messages", &histogram);
    let points = |pick: fn(&super::figures::Sample) -> u64| {
        talk.samples.iter().map(|sample| (sample.seconds, pick(sample) as f64)).collect()
    };
    let throughput = [
        Curve { name: "received", points: points(|sample| sample.received) },
        Curve { name: "said", points: points(|sample| sample.said) },
        Curve { name: "on their way", points: points(|sample| sample.waiting) },
    ];
    parts += "\n<h2>Throughput over time</h2>\n";
    parts += &curves("seconds", "messages a second", &throughput);
    let memory = Curve { name: "", points: points(|sample| sample.process.anonymous_kib / 1024) };
    parts += "\n<h2>Memory over time</h2>\n";
    parts + &curves("seconds", "MiB", &[memory])
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::stress::figures::Talk;
    use crate::stress::options::Cli;

    #[test]
    fn the_report_needs_nothing_else_and_tells_what_went_wrong() {
        let mut figures = Figures::new(&Cli::parse_from(["volary-stress"]).options);
        figures.talk = Some(Talk::default());
        assert!(page(&figures).contains("exactly once and in order"));
        let heard = Faults { missing: 2, ..Faults::default() };
        figures.talk = Some(Talk { heard, ..Talk::default() });
        let page = page(&figures);
        assert!(page.contains("2 missing") && page.contains("Not every message"));
        assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("<script"));
        assert_eq!(page.matches("<svg").count(), 4);
    }
}
