//! The `volary` command line: one file a command, with its options.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | which commands there are; exit codes |
//! | `demo` | `volary demo`: relay and engine in one process, a story played and checked |
//! | `serve` | `volary serve`: keeps all profiles of a folder connected |
//! | `relay` | `volary relay`: the embedded relay alone |
//! | `apps` | `volary apps`: in-chat apps: what they tell, their updates and files, opening and closing |
//! | `contacts` | `volary contacts`: who is verified, and who introduced whom |
//! | `mails` | `volary mails --not-shown`: received mails of which nothing is shown, and why |
//! | `token` | `volary token`: who may connect to `volary serve --websocket` |
//! | `statistics` | `volary statistics`: what statistics would say |
//! | `backup` | `volary backup`: backups of the host, made while it runs |
//! | `folder` | the folder that a command works on |
//!
//! Exit codes: 0 = done, 1 = failed (the reason is the last line on standard error), 2 = the command line makes no sense.

mod apps;
mod backup;
mod contacts;
mod demo;
mod folder;
mod mails;
mod relay;
mod serve;
mod statistics;
mod token;

pub(crate) use self::serve::serve_control;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::process::failure::{Failure, exit_code};
use crate::process::log;

/// Hosts any number of Delta Chat / chatmail profiles in one process.
#[derive(Debug, Parser)]
#[command(name = "volary", version, arg_required_else_help = true, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Begin with `volary demo`: it needs nothing and leaves nothing behind.
Clients and bots made for deltachat-rpc-server use `volary-rpc-server` (or `volary serve --rpc`).

The log goes to standard error; RUST_LOG says how much of it (like \"info\" or \"volary_actors=debug\").
NO_COLOR switches colours off.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows profiles that meet, chat, read and forget, on a relay inside this process, and checks all of it
    Demo(demo::DemoArgs),
    /// Keeps all profiles of a folder connected until interrupted
    Serve(serve::ServeArgs),
    /// Runs the embedded relay until interrupted
    Relay(relay::RelayArgs),
    /// Lists in-chat apps, reads and sends their updates, opens and closes them
    Apps(apps::AppsArgs),
    /// Lists contacts: who is verified, and who introduced whom
    Contacts(contacts::ContactsArgs),
    /// Lists received mails of which nothing is shown, and why
    Mails(mails::MailsArgs),
    /// Makes, lists and takes back tokens, with which clients connect to `volary serve --websocket`
    Token(token::TokenArgs),
    /// Shows the statistics of profiles as they would be sent; nothing is sent
    Statistics(statistics::StatisticsArgs),
    /// Backs up profiles while they run, verifies and lists backups, restores from them
    Backup(backup::BackupArgs),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    exit_code(run(cli.command), |failure| format!("volary: {failure}"))
}

fn run(command: Command) -> Result<(), Failure> {
    let default_log = if matches!(command, Command::Serve(_) | Command::Relay(_)) { "info" } else { "error" };
    let _log = log::start(default_log);
    volary::descriptors::raise_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        match command {
            Command::Demo(args) => demo::run(args).await,
            Command::Serve(args) => serve::run(args).await,
            Command::Relay(args) => relay::run(args).await,
            Command::Apps(args) => apps::run(args).await,
            Command::Contacts(args) => contacts::run(args).await,
            Command::Mails(args) => mails::run(args).await,
            Command::Token(args) => token::run(&args),
            Command::Statistics(args) => statistics::run(args).await,
            Command::Backup(args) => backup::run(args).await,
        }
    });
    // Standard input may be in the middle of a read that never ends.
    runtime.shutdown_background();
    outcome
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_demo_needs_two_profiles() {
        assert!(Cli::try_parse_from(["volary", "demo", "--profiles", "2"]).is_ok());
        assert!(Cli::try_parse_from(["volary", "demo", "--profiles", "1"]).is_err());
    }

    #[test]
    fn a_relay_takes_four_ports_or_the_standard_ones() {
        assert!(Cli::try_parse_from(["volary", "relay", "--ports", "1,2,3,4"]).is_ok());
        let both = ["volary", "relay", "--ports", "1,2,3,4", "--standard-ports"];
        assert!(Cli::try_parse_from(both).is_err());
    }
}
