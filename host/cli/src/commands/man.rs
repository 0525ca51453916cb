//! `volary man`: pages for `man`, made from the commands and their options.

use std::fs;
use std::path::PathBuf;

use clap::{Args, CommandFactory};

use crate::process::failure::Failure;

#[derive(Debug, Args)]
#[command(after_help = "For example: volary man ~/.local/share/man/man1; man volary-profile-add")]
pub(super) struct ManArgs {
    /// Folder for the pages; made if it does not exist
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn run<C: CommandFactory>(args: &ManArgs) -> Result<(), Failure> {
    let at = |error: std::io::Error| format!("{}: {error}", args.folder.display());
    fs::create_dir_all(&args.folder).map_err(at)?;
    Ok(clap_mangen::generate_to(C::command().disable_help_subcommand(true), &args.folder).map_err(at)?)
}
