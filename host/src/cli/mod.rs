//! The `volary` command line.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the commands and their options; exit codes |
//! | [`demo`] | `volary demo`: relay and engine in one process, a story played and checked |
//! | `serve` | `volary serve`: keeps all profiles of a folder connected |
//! | `relay` | `volary relay`: the embedded relay alone |
//! | `contacts` | `volary contacts`: who is verified, and who introduced whom |
//! | `process`, [`text`] | log, signals; colours |
//!
//! Exit codes: 0 = done, 1 = failed (the reason is the last line on standard error), 2 = the command line makes no sense.

mod contacts;
pub mod demo;
mod process;
mod relay;
mod serve;
pub mod text;

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};

use self::demo::{DemoOptions, MAX_PROFILES};

/// What commands fail with: whatever it is, it is shown.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Hosts any number of Delta Chat / chatmail profiles in one process.
#[derive(Debug, Parser)]
#[command(name = "volary", version, arg_required_else_help = true, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "The log goes to standard error; RUST_LOG says how much of it (like \"info\" or \"volary_actors=debug\").\n\
                          NO_COLOR switches colours off.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows profiles that meet, chat, read and forget, on a relay inside this process, and checks all of it
    Demo(DemoArgs),
    /// Keeps all profiles of a folder connected until interrupted
    Serve(ServeArgs),
    /// Runs the embedded relay until interrupted
    Relay(RelayArgs),
    /// Lists contacts: who is verified, and who introduced whom
    Contacts(ContactsArgs),
}

#[derive(Debug, Args)]
struct DemoArgs {
    /// Folder for the profiles, new or empty; without it a temporary one is used and removed
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How many profiles take part
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..=MAX_PROFILES))]
    profiles: u32,
    /// Leaves relay and profiles running at the end and tells how to connect with another client
    #[arg(long)]
    keep_running: bool,
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// Folder of the profiles
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Speaks JSON-RPC on standard input and output; ends with the input
    #[arg(long)]
    rpc: bool,
}

#[derive(Debug, Args)]
struct RelayArgs {
    /// Domain whose addresses live here; may be given several times
    #[arg(long = "domain", value_name = "DOMAIN", default_value = "_relay.test")]
    domains: Vec<String>,
    /// Address to listen on
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,
    /// Ports for IMAP over TLS, IMAP with STARTTLS, SMTP over TLS, SMTP with STARTTLS; 0 = a free one, as without this
    #[arg(long, value_name = "A,B,C,D", conflicts_with = "standard_ports")]
    ports: Option<Ports>,
    /// Listens on 993, 143, 465 and 587
    #[arg(long)]
    standard_ports: bool,
    /// Keeps mail in this folder, as Maildir; otherwise it is gone at the end
    #[arg(long, value_name = "DIR")]
    maildir: Option<PathBuf>,
    /// Accepts mail that is not end-to-end encrypted
    #[arg(long)]
    allow_unencrypted: bool,
    /// Writes the relay's certificate to this file
    #[arg(long, value_name = "FILE")]
    cert_out: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ContactsArgs {
    /// Folder of the profiles; no other process may be using it
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Only this profile
    #[arg(long, value_name = "N")]
    profile: Option<u32>,
}

/// Four ports of a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ports([u16; 4]);

impl FromStr for Ports {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected four port numbers, like 993,143,465,587";
        let ports: Result<Vec<u16>, _> = text.split(',').map(|port| port.trim().parse()).collect();
        ports.ok().and_then(|ports| ports.try_into().ok()).map(Self).ok_or(EXPECTED)
    }
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody is left to tell when standard error is closed.
            writeln!(std::io::stderr(), "volary: {failure}").ok();
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    let default_log = if matches!(command, Command::Serve(_) | Command::Relay(_)) { "info" } else { "error" };
    process::start_log(default_log);
    crate::descriptors::raise_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        match command {
            Command::Demo(args) => {
                let options = DemoOptions { data: args.data, ..DemoOptions::with_profiles(args.profiles) };
                demo::command(options, args.keep_running).await
            }
            Command::Serve(args) => serve::run(args).await,
            Command::Relay(args) => relay::run(args).await,
            Command::Contacts(args) => contacts::run(args).await,
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
        assert_eq!("993, 143,465,587".parse(), Ok(Ports([993, 143, 465, 587])));
        assert!("993,143,465".parse::<Ports>().is_err());
        assert!("993,143,465,65536".parse::<Ports>().is_err());
        let both = ["volary", "relay", "--ports", "1,2,3,4", "--standard-ports"];
        assert!(Cli::try_parse_from(both).is_err());
    }
}
