//! `volary backup`: backups of all or chosen profiles in a folder of our own form, also while another process serves them.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the command line; what is shown |
//! | `host` | the process that holds the folder, or an engine of our own |
//! | `passphrase` | where the passphrase comes from |

mod host;
mod passphrase;

use std::io::{Write as _, stdout};
use std::path::{Path, PathBuf, absolute};

use chrono::{DateTime, Local};
use clap::{Args, Subcommand};
use indicatif::BinaryBytes;
use volary_proto::{
    BackedUpProfile, Call, CreateHostBackup, HostBackup, ListHostBackups, PruneHostBackups,
    PrunedHostBackups, RestoreHostBackup, VerifyHostBackups,
};

use self::host::Host;
use self::passphrase::PassphraseArgs;
#[cfg(feature = "backup")]
pub(super) use self::passphrase::first_line;
use crate::process::failure::{Failure, OutputError};
use crate::text::plain;

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Backs up profiles while they run; what earlier backups in BACKUP hold is not written again
    Create(CreateArgs),
    /// Lists the backups in BACKUP with date, profiles and sizes
    List(ListArgs),
    /// Reads everything in BACKUP and compares all checksums
    Verify(VerifyArgs),
    /// Removes old backups from BACKUP, and what only they needed
    Prune(PruneArgs),
    /// Brings profiles from BACKUP into a new or existing folder, all that were asked for or none
    Restore(RestoreArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// Folder of the backups: new, empty, or with earlier ones; not inside DIR
    backup: PathBuf,
    /// Folder of the profiles; a process that uses it makes the backup
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Only this profile; can be given several times
    #[arg(long, value_name = "N")]
    profile: Vec<u32>,
    /// Removes all older backups afterwards but the newest N of all profiles, and the newest N of chosen ones
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Debug, Args)]
struct PruneArgs {
    /// Folder of the backups
    backup: PathBuf,
    /// The newest N backups of all profiles stay, and the newest N of chosen ones
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: u32,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Folder of the backups
    backup: PathBuf,
    /// Lists the profiles of each backup, too
    #[arg(long)]
    profiles: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Debug, Args)]
struct VerifyArgs {
    /// Folder of the backups
    backup: PathBuf,
    /// Only the backup of this name
    #[arg(long, value_name = "NAME")]
    snapshot: Option<String>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Debug, Args)]
struct RestoreArgs {
    /// Folder of the backups
    backup: PathBuf,
    /// Folder that the profiles come into: new, or one with other profiles, which may be in use
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The backup of this name instead of the newest
    #[arg(long, value_name = "NAME")]
    snapshot: Option<String>,
    /// Only this profile of the backup; can be given several times
    #[arg(long, value_name = "N")]
    profile: Vec<u32>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

pub(super) async fn run(args: BackupArgs) -> Result<(), Failure> {
    match args.command {
        Command::Create(args) => create(args).await,
        Command::List(args) => list(args).await,
        Command::Verify(args) => verify(args).await,
        Command::Prune(args) => prune(args).await,
        Command::Restore(args) => restore(args).await,
    }
}

async fn create(args: CreateArgs) -> Result<(), Failure> {
    let new = !args.backup.join("backup.key").exists();
    let passphrase = Some(args.passphrase.get(new)?);
    let target = path_text(&args.backup)?;
    let host = Host::of_profiles(&args.data).await?;
    let keep = args.keep.unwrap_or_default();
    let made = host.carry_out(CreateHostBackup { target, passphrase, profiles: args.profile, keep }).await?;
    is_there(&args.backup, &made.name)?;
    let mut out = stdout().lock();
    let (profiles, changed) = (count(made.profiles.len(), "profile"), made.changed);
    let line = format!(
        "{}: {profiles}, {changed} of them with changes, {} written",
        made.name,
        BinaryBytes(made.written)
    );
    writeln!(out, "{line}").map_err(OutputError::from)?;
    for profile in &made.profiles {
        warn_of_missing(profile);
    }
    match made.pruned {
        Some(pruned) if !pruned.failure.is_empty() => {
            Err(format!("the backup is made, but old ones could not be removed: {}", pruned.failure).into())
        }
        Some(pruned) => show_pruned(&mut out, &pruned),
        None => Ok(()),
    }
}

/// Makes sure that the host has written into the folder that was meant, and not into one that it alone sees at this path.
fn is_there(backup: &Path, name: &str) -> Result<(), Failure> {
    if backup.join("snapshots").join(format!("{name}.snapshot")).exists() {
        return Ok(());
    }
    let backup = backup.display();
    Err(format!(
        "the backup is not in {backup}: the running host wrote it into another folder that it sees there, as a service does \
         with a /tmp of its own (PrivateTmp=)"
    )
    .into())
}

fn show_pruned(out: &mut impl std::io::Write, pruned: &PrunedHostBackups) -> Result<(), Failure> {
    let line =
        format!("{} removed, {} freed", count(pruned.names.len(), "old backup"), BinaryBytes(pruned.freed));
    Ok(writeln!(out, "{line}").map_err(OutputError::from)?)
}

async fn prune(args: PruneArgs) -> Result<(), Failure> {
    let passphrase = Some(args.passphrase.get(false)?);
    let call = PruneHostBackups { target: path_text(&args.backup)?, passphrase, keep: args.keep };
    show_pruned(&mut stdout().lock(), &host::without(call).await?)
}

/// Attachments that were not there are no failure of the backup, but somebody has to know.
fn warn_of_missing(profile: &BackedUpProfile) {
    for name in &profile.missing {
        let text = format!(
            "profile {}: the attachment {} is not there, or not whole; the backup goes without",
            profile.id,
            plain(name)
        );
        writeln!(std::io::stderr(), "{text}").ok();
    }
}

async fn list(args: ListArgs) -> Result<(), Failure> {
    let call =
        ListHostBackups { target: path_text(&args.backup)?, passphrase: Some(args.passphrase.get(false)?) };
    let listed = host::without(call).await?;
    let mut out = stdout().lock();
    for backup in &listed.backups {
        writeln!(out, "{}", line_of(backup)).map_err(OutputError::from)?;
        for profile in backup.profiles.iter().filter(|_| args.profiles) {
            writeln!(out, "  {}", line_of_profile(profile)).map_err(OutputError::from)?;
        }
    }
    if listed.backups.is_empty() && listed.damaged.is_empty() {
        writeln!(out, "no backup has been finished here yet").map_err(OutputError::from)?;
    }
    match listed.damaged.as_slice() {
        [] => Ok(()),
        damaged => Err(damaged.join("; ").into()),
    }
}

fn line_of(backup: &HostBackup) -> String {
    let time = DateTime::from_timestamp(backup.created, 0).unwrap_or_default().with_timezone(&Local);
    let messages: u64 = backup.profiles.iter().map(|profile| profile.messages).sum();
    let bytes: u64 = backup.profiles.iter().map(|profile| profile.row_bytes + profile.file_bytes).sum();
    let chosen = if backup.chosen { " (chosen)" } else { "" };
    format!(
        "{}  {}  {}{chosen}, {messages} messages, {} in all, {} written",
        backup.name,
        time.format("%Y-%m-%d %H:%M:%S"),
        count(backup.profiles.len(), "profile"),
        BinaryBytes(bytes),
        BinaryBytes(backup.written),
    )
}

fn line_of_profile(profile: &BackedUpProfile) -> String {
    let missing = match profile.missing.len() {
        0 => String::new(),
        missing => format!(", {missing} missing"),
    };
    format!(
        "{:>5}  {} <{}>  {} messages ({}), {} files ({}{missing})",
        profile.id,
        plain(&profile.name),
        plain(&profile.address),
        profile.messages,
        BinaryBytes(profile.row_bytes),
        profile.files,
        BinaryBytes(profile.file_bytes),
    )
}

async fn verify(args: VerifyArgs) -> Result<(), Failure> {
    let passphrase = Some(args.passphrase.get(false)?);
    let call = VerifyHostBackups { target: path_text(&args.backup)?, passphrase, snapshot: args.snapshot };
    let found = host::without(call).await?;
    let mut out = stdout().lock();
    for damage in &found.damage {
        writeln!(out, "{}", plain(damage)).map_err(OutputError::from)?;
    }
    if !found.damage.is_empty() {
        return Err(
            format!("{} is damaged: {}", args.backup.display(), count(found.damage.len(), "fault")).into()
        );
    }
    let (backups, profiles) =
        (count(found.backups as usize, "backup"), count(found.profiles as usize, "profile"));
    let line =
        format!("{backups} with {profiles} read ({}): all as it was written", BinaryBytes(found.bytes));
    Ok(writeln!(out, "{line}").map_err(OutputError::from)?)
}

async fn restore(args: RestoreArgs) -> Result<(), Failure> {
    let passphrase = Some(args.passphrase.get(false)?);
    let (target, snapshot) = (path_text(&args.backup)?, args.snapshot);
    let is_new = !args.data.exists();
    let host = Host::of_folder(&args.data).await?;
    let call = RestoreHostBackup { target, passphrase, snapshot, profiles: args.profile };
    let restored = match host.carry_out(call).await {
        Ok(restored) => restored,
        Err(failure) => {
            if is_new {
                // It holds nothing but the empty database that was made a moment ago.
                std::fs::remove_dir_all(&args.data).ok();
            }
            return Err(failure);
        }
    };
    let mut out = stdout().lock();
    for profile in &restored.profiles {
        let (name, address) = (plain(&profile.name), plain(&profile.address));
        let was = if profile.id == profile.former_id {
            String::new()
        } else {
            format!(" (was {})", profile.former_id)
        };
        let line = format!("profile {}{was}: {name} <{address}>, {} messages", profile.id, profile.messages);
        writeln!(out, "{line}").map_err(OutputError::from)?;
    }
    Ok(())
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A path as the process that holds the folder understands it, wherever that runs.
fn path_text(path: &Path) -> Result<String, Failure> {
    let path = absolute(path)?;
    let text = path.to_str().ok_or_else(|| format!("{} is not UTF-8", path.display()))?;
    Ok(text.to_owned())
}

/// What is asked of a host: how it is called while it runs.
pub(super) trait Asked: Call {
    /// The name of the work.
    const WORK: &'static str;
}

impl Asked for CreateHostBackup {
    const WORK: &'static str = "backup";
}

impl Asked for RestoreHostBackup {
    const WORK: &'static str = "restore";
}

impl Asked for PruneHostBackups {
    const WORK: &'static str = "removal";
}

impl Asked for VerifyHostBackups {
    const WORK: &'static str = "check";
}

impl Asked for ListHostBackups {
    const WORK: &'static str = "list";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_that_is_somewhere_else_is_no_success() {
        let folder = tempfile::tempdir().unwrap();
        let error = is_there(folder.path(), "20261129T193711Z-bc7fa695").unwrap_err().to_string();
        assert!(error.contains("another folder"), "{error}");
        std::fs::create_dir(folder.path().join("snapshots")).unwrap();
        std::fs::write(folder.path().join("snapshots/20261129T193711Z-bc7fa695.snapshot"), "").unwrap();
        is_there(folder.path(), "20261129T193711Z-bc7fa695").unwrap();
    }
}
