//! `volary-terminal FOLDER [PROFILE]`: the chats of a profile on a terminal.
//!
//! ↑ and ↓ choose a chat, Enter sends what is typed, Page Up shows older messages, F2 accepts a contact request, Esc ends.

use std::process::ExitCode;

use volary_frontends::options::{Options, OptionsError};
use volary_frontends::terminal;

fn main() -> ExitCode {
    volary::memory::tune();
    let options = match Options::read(std::env::args_os().skip(1)) {
        Ok(options) => options,
        Err(OptionsError::Help) => {
            println!("volary-terminal FOLDER [PROFILE]: the chats of a profile on a terminal");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("volary-terminal: {error}; volary-terminal FOLDER [PROFILE]");
            return ExitCode::from(2);
        }
    };
    match terminal::run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("volary-terminal: {error}");
            ExitCode::FAILURE
        }
    }
}
