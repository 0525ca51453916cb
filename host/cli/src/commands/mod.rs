//! The `volary` command line: one file a command, with its options.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | which commands there are; exit codes |
//! | `demo` | `volary demo`: relay and engine in one process, a story played and checked |
//! | `serve` | `volary serve`: keeps all profiles of a folder connected |
//! | `status`, `check` | how the host on a folder is; whether a folder is fit for one |
//! | `init`, `unit` | what a host is set up with: folder, configuration, units of systemd |
//! | `queue`, `log_level` | what waits to be sent; how much a running host logs |
//! | `profile`, `relays` | `volary profile`, `volary relay add`: profiles and their relays |
//! | `invites` | `volary invite`, `volary join` |
//! | `chats` | `volary chats`, `volary messages` |
//! | `send`, `receive` | `volary send`, `volary receive` |
//! | `events` | `volary events`: what happens, as lines of JSON |
//! | `call`, `rpc` | `volary call`, `volary rpc`: any method of the JSON-RPC interface, once or for a client |
//! | `apps` | `volary apps`: in-chat apps: what they tell, their updates and files, opening and closing |
//! | `contacts` | `volary contacts`: who is verified, and who introduced whom |
//! | `mails` | `volary mails --not-shown`, `volary dropped`: received mails of which nothing is shown, and why |
//! | `adopt` | `volary adopt`: the profiles of a folder of chatmail core become ours |
//! | `statistics` | `volary statistics`: what statistics would say |
//! | `backup` | `volary backup`: backups of the host, made while it runs |
//! | `token` | `volary token`: who may connect to `volary serve` over a network |
//! | `relay` | `volary relay`: the embedded relay alone |
//! | `completions`, `man` | what a shell offers; pages for `man` |
//! | `page` | `docs/cli.md`, made from all of this |
//! | `host`, `folder` | what a command works on: a running host, or the folder |
//! | `output` | lines and JSON |
//!
//! Exit codes: 0 = done, 1 = failed (the reason is the last line on standard error) or unwell (`status`), 2 = the command line makes no sense.

#[cfg(feature = "backup")]
mod adopt;
mod apps;
mod backup;
mod call;
mod chats;
mod check;
mod completions;
mod contacts;
mod demo;
mod events;
mod folder;
mod host;
mod init;
mod invites;
mod log_level;
mod mails;
mod man;
mod output;
// The page has the commands of all features.
#[cfg(feature = "backup")]
#[cfg(test)]
mod page;
mod profile;
mod queue;
mod receive;
mod relay;
mod relays;
mod rpc;
mod send;
mod serve;
mod statistics;
mod status;
mod token;
mod unit;

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
While `volary serve` runs on a folder, the other commands reach it through `bus.sock` in there; else they open the folder.

The log goes to standard error; RUST_LOG says how much of it (like \"info\" or \"volary_actors=debug\").
NO_COLOR switches colours off.";

const SERVE_HELP: &str = "\
What the command line does not say comes from the environment (VOLARY_…), then from the configuration file, whose keys are
the names of the options (`volary init` writes one). SIGTERM and SIGINT end it: mail that is due still goes out for up to
3 s, what is left is counted in the log, and after 5 s it ends in any case. SIGHUP makes it read the configuration again:
log, limits, certificate and key change; addresses do not.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows profiles that meet, chat, read and forget, on a relay inside this process, and checks all of it
    Demo(demo::DemoArgs),
    /// Makes a folder for profiles, with a commented configuration
    Init(init::InitArgs),
    /// Keeps all profiles of a folder connected until interrupted
    #[command(after_help = SERVE_HELP)]
    Serve(serve::ServeArgs),
    /// Shows how the host on a folder is; exits with 1 if it is unwell
    Status(status::StatusArgs),
    /// Checks whether a folder is fit for a host
    Check(check::CheckArgs),
    /// Makes, lists, sets up and removes profiles
    Profile(profile::ProfileArgs),
    /// Adds, lists and removes relays of a profile; without a command behind it, runs the embedded relay
    Relay(relay::RelayArgs),
    /// Prints an invite to a chat, group or channel
    Invite(invites::InviteArgs),
    /// Follows an invite and prints the chat
    Join(invites::JoinArgs),
    /// Lists chats
    Chats(chats::ChatsArgs),
    /// Lists messages of a chat
    Messages(chats::MessagesArgs),
    /// Writes a message and prints its number
    Send(send::SendArgs),
    /// Shows messages that have come since the last time
    Receive(receive::ReceiveArgs),
    /// Shows what happens, as lines of JSON
    Events(events::EventsArgs),
    /// Lists in-chat apps, reads and sends their updates, opens and closes them
    Apps(apps::AppsArgs),
    /// Lists contacts: who is verified, and who introduced whom
    Contacts(contacts::ContactsArgs),
    /// Lists received mails of which nothing is shown, and why
    Mails(mails::MailsArgs),
    /// The same as `mails --not-shown`
    Dropped(mails::DroppedArgs),
    /// Copies all profiles of a folder of chatmail core (Delta Chat), with keys, contacts, chats, messages and files
    #[cfg(feature = "backup")]
    Adopt(adopt::AdoptArgs),
    /// Lists what waits to be sent
    Queue(queue::QueueArgs),
    /// Shows or changes how much a running host logs
    LogLevel(log_level::LogLevelArgs),
    /// Prints units for systemd: a service and the socket of its bus
    Unit(unit::UnitArgs),
    /// Shows the statistics of profiles as they would be sent; nothing is sent
    Statistics(statistics::StatisticsArgs),
    /// Backs up profiles while they run, verifies and lists backups, restores from them
    Backup(backup::BackupArgs),
    /// Calls any method of the JSON-RPC interface
    Call(call::CallArgs),
    /// Speaks JSON-RPC on standard input and output, for a client of the running host
    Rpc(rpc::RpcArgs),
    /// Makes, lists and takes back tokens, with which programs connect to `volary serve` over a network
    Token(token::TokenArgs),
    /// Prints what a shell needs to complete commands
    Completions(completions::CompletionsArgs),
    /// Writes pages for `man`, one for each command
    Man(man::ManArgs),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(code) => code,
        Err(failure) => exit_code(Err(failure), |failure| format!("volary: {failure}")),
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    let long_lived = match &command {
        Command::Serve(_) => true,
        Command::Relay(relay) => relay.runs_a_relay(),
        _ => false,
    };
    let default_log = if long_lived { "info" } else { "error" };
    let log = log::start(default_log);
    volary::descriptors::raise_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(carry_out(command, log.level()));
    // Standard input may be in the middle of a read that never ends.
    runtime.shutdown_background();
    outcome
}

async fn carry_out(command: Command, level: log::Level) -> Result<ExitCode, Failure> {
    match command {
        Command::Demo(args) => demo::run(args).await?,
        Command::Init(args) => init::run(args).await?,
        Command::Serve(args) => serve::run(args, level).await?,
        Command::Status(args) => return status::run(args).await,
        Command::Check(args) => return check::run(args).await,
        Command::Profile(args) => profile::run(args).await?,
        Command::Relay(args) => relay::run(args).await?,
        Command::Invite(args) => invites::invite(args).await?,
        Command::Join(args) => invites::join(args).await?,
        Command::Chats(args) => chats::chats(args).await?,
        Command::Messages(args) => chats::messages(args).await?,
        Command::Send(args) => send::run(args).await?,
        Command::Receive(args) => receive::run(args).await?,
        Command::Events(args) => events::run(args).await?,
        Command::Contacts(args) => contacts::run(args).await?,
        Command::Mails(args) => mails::run(args).await?,
        Command::Dropped(args) => mails::dropped(args).await?,
        Command::Queue(args) => queue::run(args).await?,
        Command::LogLevel(args) => log_level::run(args).await?,
        Command::Unit(args) => unit::run(&args)?,
        Command::Statistics(args) => statistics::run(args).await?,
        Command::Call(args) => call::run(args).await?,
        Command::Rpc(args) => rpc::run(args).await?,
        Command::Token(args) => token::run(&args)?,
        Command::Backup(args) => backup::run(args).await?,
        #[cfg(feature = "backup")]
        Command::Adopt(args) => adopt::run(args).await?,
        Command::Apps(args) => apps::run(args).await?,
        Command::Completions(args) => completions::run::<Cli>(&args)?,
        Command::Man(args) => man::run::<Cli>(&args)?,
    }
    Ok(ExitCode::SUCCESS)
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
