//! Progress and figures while it runs: bars on a terminal, lines everywhere else.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use volary_cli::text::Colours;

use super::figures::{Figures, Sample};
use super::ledger::Faults;

/// Targets for a thousand idle profiles.
const KIB_PER_PROFILE: f64 = 0.15 * 1024.0;
const DESCRIPTORS_PER_PROFILE: f64 = 2.0;
const IDLE_CPU_PERCENT: f64 = 1.0;
const START_SECONDS: f64 = 30.0;
/// Without a terminal, every so many samples make a line.
const LINE_EVERY: usize = 5;

/// Where it is shown. What cannot be written is not missed: the exit code tells what counts.
pub(super) struct Display {
    colours: Colours,
    terminal: bool,
}

impl Display {
    pub(super) fn new() -> Self {
        let out = std::io::stdout();
        Self { colours: Colours::wanted_on(&out), terminal: out.is_terminal() }
    }

    pub(super) fn line(&self, text: &str) {
        writeln!(std::io::stdout(), "{text}").ok();
    }

    pub(super) fn progress(&self, what: &'static str, length: u64) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(length), self.target());
        let style = ProgressStyle::with_template("{msg:16} {wide_bar} {pos}/{len} {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(what);
        bar
    }

    pub(super) fn spinner(&self, what: &'static str) -> ProgressBar {
        let spinner = ProgressBar::with_draw_target(None, self.target());
        spinner.set_message(what);
        spinner.enable_steady_tick(Duration::from_millis(100));
        spinner
    }

    fn target(&self) -> ProgressDrawTarget {
        if self.terminal { ProgressDrawTarget::stdout() } else { ProgressDrawTarget::hidden() }
    }

    /// The live table.
    pub(super) fn live(&self) -> Live<'_> {
        self.line(&self.colours.bold(ROW));
        let bar = self.terminal.then(|| {
            let bar = ProgressBar::with_draw_target(None, self.target());
            bar.set_style(
                ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar
        });
        Live { display: self, bar, shown: 0, last: String::new() }
    }

    pub(super) fn made(&self, figures: &Figures) {
        let making = &figures.making;
        self.line(&self.colours.bold("Profiles"));
        self.row("made and logged in", &format!("{} in {:.2} s", figures.profiles, making.seconds), None);
        let chats =
            format!("{} pairs, {} groups in {:.1} s", making.pairs, making.groups, making.acquaint_seconds);
        self.row("acquainted", &chats, None);
    }

    pub(super) fn idle(&self, figures: &Figures) {
        let Some(idle) = &figures.idle else { return };
        self.line(&self.colours.bold("Idle, in a fresh process"));
        let row = |name: &str, value: f64, unit: &str, most: f64| {
            self.row(name, &format!("{value:.2}{unit} (at most {most}{unit})"), Some(value <= most));
        };
        row("memory per profile", idle.kib_per_profile, " KiB", KIB_PER_PROFILE);
        row("descriptors per profile", idle.descriptors_per_profile, "", DESCRIPTORS_PER_PROFILE);
        row("CPU of one core", idle.cpu_percent, " %", IDLE_CPU_PERCENT);
        row("start until all idle", idle.start_seconds, " s", START_SECONDS);
        let all = idle.all.anonymous_kib as f64 / 1024.0;
        self.row("memory of the process", &format!("{all:.1} MiB, {} threads", idle.all.threads), None);
        self.row("disk per profile", &format!("{:.1} KiB", idle.disk_kib_per_profile), None);
    }

    pub(super) fn talk(&self, figures: &Figures) {
        let Some(talk) = &figures.talk else { return };
        self.line(&self.colours.bold("Talk"));
        let complete = talk.received == talk.expected && talk.refused == 0;
        let all = format!(
            "{} said, {} of {} received, {} refused",
            talk.said, talk.received, talk.expected, talk.refused
        );
        self.row("messages", &all, Some(complete));
        self.faults("exactly once, in order, by events", &talk.heard);
        self.faults(&format!("the same in chats ({})", talk.stored_compared), &talk.stored);
        let rate = format!("{:.0} received a second", talk.received as f64 / talk.seconds.max(f64::EPSILON));
        self.row("throughput", &rate, None);
        let latency = &talk.latency;
        let times = format!(
            "half within {:.0} ms, 90 % within {:.0} ms, 99 % within {:.0} ms, all within {:.0} ms",
            latency.p50, latency.p90, latency.p99, latency.max
        );
        self.row("latency", &times, None);
        let cpu =
            format!("{:.2} ms, relay {:.2} ms", talk.cpu_ms_per_received, talk.relay_cpu_ms_per_received);
        self.row("CPU per message received", &cpu, None);
    }

    fn faults(&self, name: &str, faults: &Faults) {
        let Faults { missing, doubled, disordered, strange } = faults;
        let text =
            format!("{missing} missing, {doubled} doubled, {disordered} out of order, {strange} strange");
        self.row(name, &text, Some(faults.is_none()));
    }

    pub(super) fn title(&self, text: &str) {
        self.line(&self.colours.bold(text));
    }

    pub(super) fn row(&self, name: &str, value: &str, fine: Option<bool>) {
        let mark = match fine {
            Some(true) => self.colours.green("✓"),
            Some(false) => "✗".to_owned(),
            None => " ".to_owned(),
        };
        self.line(&format!("  {mark} {name:34} {value}"));
    }
}

/// Head of the live table.
const ROW: &str = "    time     said   /s  received   /s  on their way   memory  descriptors  threads";

/// The table that is shown while they talk.
pub(super) struct Live<'a> {
    display: &'a Display,
    bar: Option<ProgressBar>,
    shown: usize,
    last: String,
}

impl Live<'_> {
    pub(super) fn show(&mut self, sample: &Sample, said: u64, received: u64) {
        self.last = format!(
            "{:6.0} s {said:8} {:4} {received:9} {:4} {:13} {:4.0} MiB {:12} {:8}",
            sample.seconds,
            sample.said,
            sample.received,
            sample.waiting,
            sample.process.anonymous_kib as f64 / 1024.0,
            sample.process.descriptors,
            sample.process.threads,
        );
        self.shown += 1;
        match &self.bar {
            Some(bar) => bar.set_message(self.last.clone()),
            None if self.shown.is_multiple_of(LINE_EVERY) => self.display.line(&self.last),
            None => {}
        }
    }

    pub(super) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        self.display.line(&self.last);
    }
}
