//! The figures as a table and as a page.

use super::figures::{MOST_CPU_PERCENT, MOST_HANDSHAKES, MOST_SECONDS, Outage, Return};
use crate::stress::html::document;
use crate::stress::plot::{Curve, curves};
use crate::stress::table::Display;

/// A line: what, value, and whether it is as it should be.
type Row = (&'static str, String, Option<bool>);

pub(super) fn table(display: &Display, outage: &Outage) {
    for (title, rows) in parts(outage) {
        display.title(&title);
        for (name, value, fine) in rows {
            display.row(name, &value, fine);
        }
    }
}

pub(super) fn page(outage: &Outage) -> String {
    let mut body = match outage.is_flawless() {
        true => r#"<p class="good">Everybody came back in time and in good order.</p>"#.to_owned(),
        false => r#"<p class="bad">Not everything was as it should be.</p>"#.to_owned(),
    };
    for (title, rows) in parts(outage) {
        let rows: String = rows
            .into_iter()
            .map(|(name, value, fine)| {
                let class = if fine == Some(false) { " class=\"bad\"" } else { "" };
                format!("<tr><td>{name}<td{class}>{value}\n")
            })
            .collect();
        body += &format!("<h2>{title}</h2>\n<table>\n{rows}</table>\n");
    }
    let plot = |title: &str, counts: &[usize]| {
        let points = counts.iter().enumerate().map(|(second, count)| (second as f64, *count as f64));
        let curve = Curve { name: "", points: points.collect() };
        format!("<h2>{title}</h2>\n{}\n", curves("seconds", "connections a second", &[curve]))
    };
    body += &plot("Coming back after a cut", &outage.cut.per_second);
    body += &plot("Attempts while the relay is away", &outage.down.per_second);
    body += &plot("Coming back after the outage", &outage.down.back.per_second);
    let title = format!("Volary {}: {} profiles lose their relay", outage.version, outage.profiles);
    document(&title, &body)
}

fn parts(outage: &Outage) -> [(String, Vec<Row>); 3] {
    let down = &outage.down;
    let cpu = down.cpu_percent;
    let away = vec![
        (
            "CPU of one core",
            format!("{cpu:.2} % (at most {MOST_CPU_PERCENT} %)"),
            Some(cpu <= MOST_CPU_PERCENT),
        ),
        ("attempts to connect", format!("{}, {:.1} a second", down.attempts, down.attempts_per_second), None),
        ("most attempts in a second", down.attempts_peak_per_second.to_string(), None),
        (
            "profiles that claim a connection",
            down.shown_connected.to_string(),
            Some(down.shown_connected == 0),
        ),
    ];
    [
        (format!("{} connections cut, the relay stays", outage.profiles), back(&outage.cut)),
        (format!("The relay is away for {:.0} s", down.seconds), away),
        ("The relay is back".to_owned(), back(&down.back)),
    ]
}

fn back(back: &Return) -> Vec<Row> {
    vec![
        ("connections made", back.handshakes.to_string(), None),
        (
            "most connections in a second",
            format!("{} (at most {MOST_HANDSHAKES})", back.peak_per_second),
            Some(back.peak_per_second <= MOST_HANDSHAKES),
        ),
        (
            "until all are connected",
            format!("{:.2} s (at most {MOST_SECONDS} s)", back.seconds),
            Some(back.seconds <= MOST_SECONDS),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::figures::Down;
    use super::*;

    #[test]
    fn the_page_needs_nothing_else_and_tells_what_went_wrong() {
        let fine = page(&Outage::new(5, Return::default(), Down::default()));
        assert!(fine.contains("in good order"));
        let down = Down { shown_connected: 3, ..Down::default() };
        let page = page(&Outage::new(5, Return::default(), down));
        assert!(page.contains("Not everything") && page.contains("class=\"bad\">3"));
        assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("<script"));
        assert_eq!(page.matches("<svg").count(), 3);
    }
}
