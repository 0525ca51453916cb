//! `volary-window FOLDER [PROFILE]`: the chats of a profile in a window.
//!
//! ↑ and ↓ choose a chat, Enter sends what is typed, Page Up shows older messages, F2 accepts a contact request.

use std::process::ExitCode;

use volary_frontends::options::{Options, OptionsError};
use volary_frontends::window;

fn main() -> ExitCode {
    volary::memory::tune();
    let options = match Options::read(std::env::args_os().skip(1)) {
        Ok(options) => options,
        Err(OptionsError::Help) => {
            println!("volary-window FOLDER [PROFILE]: the chats of a profile in a window");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("volary-window: {error}; volary-window FOLDER [PROFILE]");
            return ExitCode::from(2);
        }
    };
    match window::run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("volary-window: {error}");
            ExitCode::FAILURE
        }
    }
}
