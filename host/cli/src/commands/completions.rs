//! `volary completions`: what a shell offers while somebody types.

use std::io::{Write as _, stdout};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::process::failure::{Failure, OutputError};

#[derive(Debug, Args)]
#[command(
    after_help = "For bash: volary completions bash > ~/.local/share/bash-completion/completions/volary"
)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(super) fn run<C: CommandFactory>(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut C::command(), "volary", &mut script);
    Ok(stdout().lock().write_all(&script).map_err(OutputError::from)?)
}
