//! The text that a demo shows while it goes on.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;

use super::code;
use super::options::FEW;
use super::person::Person;
use crate::text::{Colours, plain};

/// Where the text goes. What cannot be written is not missed: the exit code says what counts.
pub struct Transcript {
    out: Option<Mutex<Box<dyn Write + Send>>>,
    colours: Colours,
    begin: Instant,
}

impl Transcript {
    /// On standard output, in colour on terminals.
    pub fn on_stdout() -> Self {
        Self::on(Box::new(io::stdout()), Colours::wanted_on(&io::stdout()))
    }

    /// On anything, without colours.
    pub fn on_writer(out: impl Write + Send + 'static) -> Self {
        Self::on(Box::new(out), Colours::OFF)
    }

    /// Nowhere.
    pub fn silent() -> Self {
        Self { out: None, colours: Colours::OFF, begin: Instant::now() }
    }

    fn on(out: Box<dyn Write + Send>, colours: Colours) -> Self {
        Self { out: Some(Mutex::new(out)), colours, begin: Instant::now() }
    }

    fn write(&self, text: &str) {
        if let Some(out) = &self.out {
            let mut out = out.lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
        }
    }

    /// A line with the time since the begin.
    fn line(&self, text: &str) {
        if self.out.is_some() {
            let time = format!("{:7.2} s", self.begin.elapsed().as_secs_f64());
            self.write(&format!("{}  {text}\n", self.colours.dim(time)));
        }
    }

    fn who(&self, person: &Person) -> String {
        self.colours.person(person.number, &person.name)
    }

    /// Begins a part.
    pub(super) fn heading(&self, text: &str) {
        self.write(&format!("\n{}\n", self.colours.bold(text)));
    }

    /// Something that was checked.
    pub(super) fn claim(&self, text: &str) {
        self.line(&format!("{} {text}", self.colours.green("✓")));
    }

    /// A message.
    pub(super) fn says(&self, person: &Person, text: &str) {
        self.line(&format!("  {}: {}", self.who(person), plain(text)));
    }

    /// Something that is no message.
    pub(super) fn does(&self, person: &Person, what: &str) {
        self.line(&format!("  {} {}", self.who(person), self.colours.dim(what)));
    }

    /// A message from outside.
    pub(super) fn hears(&self, person: &Person, from: &str, text: &str) {
        self.line(&format!("  {} to {}: {}", plain(from), self.who(person), plain(text)));
    }

    /// An invite as code to be scanned and as link.
    pub(super) fn invite(&self, person: &Person, purpose: &str, link: &str) {
        self.does(person, &format!("shows a code: {purpose}"));
        self.code(link);
    }

    /// A code to be scanned, and what it says.
    pub(super) fn code(&self, text: &str) {
        match code::render(text) {
            Ok(code) => self.write(&format!("\n{code}")),
            Err(error) => self.write(&format!("({error})\n")),
        }
        self.write(&format!("{text}\n\n"));
    }

    /// An invite as link.
    pub(super) fn link(&self, person: &Person, purpose: &str, link: &str) {
        self.does(person, &format!("shows a code: {purpose}"));
        self.write(&format!("{link}\n"));
    }

    /// An address to open in a browser.
    pub(super) fn place(&self, person: &Person, what: &str, address: &str) {
        self.does(person, what);
        self.write(&format!("{address}\n"));
    }

    /// Who stands behind a green checkmark.
    pub(super) fn introduced(&self, person: &Person, other: &Person, by: &Person) {
        let chain = format!("{} {other}, introduced by {by}", self.colours.green("✓"));
        self.line(&format!("  {}'s list of contacts: {chain}", self.who(person)));
    }

    /// Plain text.
    pub(super) fn note(&self, text: &str) {
        self.write(&format!("{text}\n"));
    }

    /// The figures at the end.
    pub(crate) fn summary(&self, figures: &impl Display) {
        self.heading("Summary");
        self.write(&figures.to_string());
    }

    /// A bar for long work, on standard error; only terminals show it.
    pub(super) fn progress(&self, what: &'static str, steps: usize) -> ProgressBar {
        if self.out.is_none() || steps <= FEW {
            return ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::hidden());
        }
        let bar = ProgressBar::new(steps as u64).with_message(what);
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}, {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }
}
