//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::failure::PATIENCE;

/// Many profiles on the embedded relay: made, measured while idle, and checked while they talk.
#[derive(Debug, Parser)]
#[command(name = "volary-stress", version, args_conflicts_with_subcommands = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) options: Options,
}

/// Other runs.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Outage(OutageOptions),
    /// The host is backed up while everybody talks: figures, and a comparison of what is restored
    Backup(BackupOptions),
    Frontends(FrontendsOptions),
}

#[derive(Debug, Args)]
pub(super) struct Options {
    /// How many profiles
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub(super) profiles: u32,
    /// Messages per second, all chats together
    #[arg(long, value_name = "R", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) rate: u32,
    /// How long they talk; 0 = not at all
    #[arg(long, value_name = "S", default_value_t = 30)]
    pub(super) seconds: u32,
    /// Members of each group; every profile is in one pair and one group
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..=50))]
    pub(super) group: u32,
    /// How long idle CPU is measured; 0 = idle profiles are not measured
    #[arg(long, value_name = "S", default_value_t = 20)]
    pub(super) idle: u32,
    /// Who writes when and where is drawn from this number
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
    /// Patience in seconds with the slowest message
    #[arg(long, value_name = "S", default_value_t = PATIENCE.as_secs())]
    pub(super) patience: u64,
    /// Folder for the profiles, new; without it a temporary one is used and removed
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// The `volary` program that is relay and idle server; without it the one beside this program
    #[arg(long, value_name = "FILE")]
    pub(super) volary: Option<PathBuf>,
    /// Where the report goes, as .json and .html
    #[arg(long, value_name = "FILE", default_value = "volary-stress")]
    pub(super) report: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct BackupOptions {
    #[command(flatten)]
    pub(super) options: Options,
    /// Messages that each profile has in a chat with itself before they talk; every tenth has a file of 64 KiB
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(super) fill: u32,
    /// Profiles that change something between the last two backups
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(super) changed: u32,
}

/// Many profiles lose their relay at once: what the outage costs, and how they come back
#[derive(Debug, Args)]
pub(super) struct OutageOptions {
    /// How many profiles
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub(super) profiles: u32,
    /// How long the relay is away, in seconds
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(super) down: u32,
    /// Patience in seconds with the last profile to come back
    #[arg(long, value_name = "S", default_value_t = PATIENCE.as_secs())]
    pub(super) patience: u64,
    /// The `volary` program that is relay and server; without it the one beside this program
    #[arg(long, value_name = "FILE")]
    pub(super) volary: Option<PathBuf>,
    /// Where the report goes, as .json and .html
    #[arg(long, value_name = "FILE", default_value = "volary-outage")]
    pub(super) report: PathBuf,
}

/// Many frontends listen to one host: what each costs, how fast they hear of changes, how fast a query is answered
#[derive(Debug, Args)]
pub(super) struct FrontendsOptions {
    /// How many, each on a profile of its own
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1900))]
    pub(super) frontends: u32,
    /// The `volary` program that is the host; without it the one beside this program
    #[arg(long, value_name = "FILE")]
    pub(super) volary: Option<PathBuf>,
    /// Where the figures go, as .json
    #[arg(long, value_name = "FILE", default_value = "volary-frontends")]
    pub(super) report: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
        assert!(Cli::try_parse_from(["volary-stress", "--profiles", "7"]).is_ok());
        assert!(Cli::try_parse_from(["volary-stress", "outage", "--profiles", "7", "--down", "3"]).is_ok());
        assert!(Cli::try_parse_from(["volary-stress", "backup", "--profiles", "7", "--fill", "3"]).is_ok());
        assert!(Cli::try_parse_from(["volary-stress", "frontends", "--frontends", "7"]).is_ok());
        assert!(Cli::try_parse_from(["volary-stress", "--profiles", "7", "outage"]).is_err());
    }
}
