//! The chats of a profile on a terminal.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | [`run`]: the terminal and the loop |
//! | `keys` | what a key does |
//! | `draw` | the picture |
//! | `wrap` | text in lines as wide as there is room. A rule |
//!
//! The thread that draws waits for one channel: keys come from a thread that reads them, and the threads that follow the host
//! say in it that there is news.

mod draw;
mod keys;
#[cfg(test)]
mod tests;
mod wrap;

use std::io::{self, Stdout, stdout};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use ratatui::crossterm::event::{
    self, DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange, Event,
};
use ratatui::crossterm::execute;
use ratatui::{Terminal, backend::CrosstermBackend};
use thiserror::Error;

use self::draw::Screen;
use self::keys::Outcome;
use crate::follow::Follower;
use crate::model::Model;
use crate::options::Options;

/// Keys, and signs that there is news, that wait for the thread that draws.
const MAX_HAPPENINGS: usize = 64;

/// Why the program ends before the user has ended it.
#[derive(Debug, Error)]
pub enum TerminalError {
    /// The terminal cannot be used, or is gone.
    #[error("the terminal: {0}")]
    Terminal(#[from] io::Error),
    /// There is nothing to show.
    #[error("{0}")]
    Failed(String),
}

/// What the thread that draws waits for.
enum Happening {
    /// The host has something new.
    News,
    /// Somebody has pressed a key, or the terminal has changed.
    Event(Event),
    /// No more keys come.
    Lost(io::Error),
}

/// Shows the chats of a profile until the user ends it.
pub fn run(options: Options) -> Result<(), TerminalError> {
    let (sender, happenings) = sync_channel(MAX_HAPPENINGS);
    let news = sender.clone();
    // When so much waits already, the thread that draws looks for news anyway.
    let mut follower = Follower::start(options, move || drop(news.try_send(Happening::News)))?;
    let outcome = Lent::new().map_err(TerminalError::from).and_then(|mut lent| {
        thread::spawn(move || read(&sender));
        show(&mut lent.terminal, &mut follower, &happenings)
    });
    follower.stop();
    outcome
}

/// Waits for keys for ever; ends with the process, or when nobody wants keys any more.
fn read(happenings: &SyncSender<Happening>) {
    loop {
        let happening = event::read().map_or_else(Happening::Lost, Happening::Event);
        let is_last = matches!(happening, Happening::Lost(_));
        if happenings.send(happening).is_err() || is_last {
            return;
        }
    }
}

/// Shows what is there, and waits for more.
fn show(
    terminal: &mut Terminal<CrosstermBackend<Stdout>>,
    follower: &mut Follower,
    happenings: &Receiver<Happening>,
) -> Result<(), TerminalError> {
    let (mut model, mut screen) = (Model::default(), Screen::default());
    loop {
        terminal.draw(|frame| draw::draw(frame, &model, &mut screen))?;
        // The thread that reads keys holds the other end.
        let Ok(first) = happenings.recv() else { return Ok(()) };
        for happening in std::iter::once(first).chain(happenings.try_iter()) {
            let event = match happening {
                Happening::News => continue,
                Happening::Event(event) => event,
                Happening::Lost(error) => return Err(error.into()),
            };
            match keys::press(&event, &mut model, &mut screen) {
                Outcome::Nothing => {}
                Outcome::Order(command) => {
                    if let Err(command) = follower.order(command) {
                        model.refused(command);
                    }
                }
                Outcome::End => return Ok(()),
            }
        }
        while let Some(update) = follower.update() {
            model.apply(update);
        }
        if let Some(why) = model.failure() {
            return Err(TerminalError::Failed(why.to_owned()));
        }
        if model.is_over() {
            return Ok(());
        }
        follower.show(model.opening());
    }
}

/// The terminal, which is given back as it was, also after a fault.
struct Lent {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Lent {
    fn new() -> io::Result<Self> {
        let lent = Self { terminal: ratatui::try_init()? };
        execute!(stdout(), EnableBracketedPaste, EnableFocusChange)?;
        Ok(lent)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        execute!(stdout(), DisableFocusChange, DisableBracketedPaste).ok();
        self.terminal.show_cursor().ok();
        ratatui::try_restore().ok();
    }
}
