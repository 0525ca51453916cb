//! `volary adopt`: the profiles of a folder of chatmail core (Delta Chat) become ours.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _, stdout};
use std::path::{Path, PathBuf};
use std::{env, fs};

use clap::Args;
use volary::Engine;
use volary::adopt::{ForeignAccount, ForeignFolder, adopt};
use volary_proto::{Adopted, Error, GetConfig, Tally};

use super::folder;
use crate::process::failure::{Failure, OutputError};
use crate::text::plain;

/// The environment variable that may hold the passphrase.
const VARIABLE: &str = "VOLARY_ADOPT_PASSPHRASE";

#[derive(Debug, Args)]
pub(super) struct AdoptArgs {
    /// Folder of chatmail core that has the profiles; no program may be using it. It is only read
    #[arg(value_name = "PEER_FOLDER")]
    from: PathBuf,
    /// Folder that the profiles come into; made if it does not exist
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// File whose first line opens encrypted databases; without it VOLARY_ADOPT_PASSPHRASE, or the terminal is asked
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

pub(super) async fn run(args: AdoptArgs) -> Result<(), Failure> {
    let from = ForeignFolder::open(&args.from)?;
    if from.accounts().is_empty() {
        return Err(format!("{} has no profiles", args.from.display()).into());
    }
    let passphrase =
        if from.is_encrypted() { Some(passphrase(args.passphrase_file.as_deref())?) } else { None };
    folder::check_owner(&args.data)?;
    let engine = Engine::start(&args.data).await?;
    let outcome = copy(&engine, &from, passphrase.as_deref()).await;
    engine.stop().await;
    outcome
}

async fn copy(engine: &Engine, from: &ForeignFolder, passphrase: Option<&str>) -> Result<(), Failure> {
    let mut results = Vec::new();
    adopt(engine, from, passphrase, |account, outcome| {
        match outcome {
            Ok(adopted) => tracing::info!(profile = adopted.profile_id, "copied"),
            Err(error) => tracing::error!(profile = account.id, %error, "not copied"),
        }
        results.push((account.clone(), outcome.clone()));
    })
    .await?;
    let mut wrong = Vec::new();
    for (account, outcome) in &results {
        let address = match outcome {
            Ok(adopted) => address(engine, adopted.profile_id).await?,
            Err(_) => String::new(),
        };
        let (text, is_whole) = report(account, outcome, &address);
        write!(stdout().lock(), "{text}").map_err(OutputError::from)?;
        if !is_whole {
            wrong.push(account.id.to_string());
        }
    }
    if wrong.is_empty() {
        writeln!(stdout().lock(), "All of it is here. The folder that it came from is as it was.")
            .map_err(OutputError::from)?;
        return Ok(());
    }
    Err(format!(
        "not everything came of profile {} (numbers of the folder that it came from); the rest is here, and the folder is \
         as it was",
        wrong.join(", ")
    )
    .into())
}

async fn address(engine: &Engine, profile: u32) -> Result<String, Failure> {
    let found = engine.call(profile, GetConfig { key: "configured_addr".to_owned() }).await?.text;
    Ok(found.map_or_else(|| "no relay".to_owned(), |address| plain(&address)))
}

/// What came of a profile, and whether all of it came.
fn report(account: &ForeignAccount, outcome: &Result<Adopted, Error>, address: &str) -> (String, bool) {
    match outcome {
        Err(error) => (format!("Profile {}: not copied: {}\n", account.id, plain(&error.message)), false),
        Ok(adopted) => {
            let head = format!("Profile {} is now profile {} <{address}>", account.id, adopted.profile_id);
            match (&adopted.found, &adopted.taken) {
                (Some(found), Some(taken)) => (format!("{head}\n{}", table(found, taken)), found == taken),
                _ => (format!("{head}; it was copied before\n"), true),
            }
        }
    }
}

/// What there was beside what there is.
fn table(found: &Tally, taken: &Tally) -> String {
    let rows = [
        ("contacts", u64::from(found.contacts), u64::from(taken.contacts)),
        ("keys", found.keys.into(), taken.keys.into()),
        ("chats", found.chats.into(), taken.chats.into()),
        ("messages", found.messages.into(), taken.messages.into()),
        ("files", found.files.into(), taken.files.into()),
        ("bytes of files", found.file_bytes, taken.file_bytes),
        ("updates of apps", found.updates.into(), taken.updates.into()),
    ];
    let line = |(what, there, here): &(&str, u64, u64)| {
        let mark = if there == here { "" } else { "  <- differs" };
        format!("  {what:<16}{there:>14} there{here:>14} here{mark}\n")
    };
    rows.iter().map(line).collect()
}

/// The passphrase, from a file, the environment or the terminal.
fn passphrase(file: Option<&Path>) -> Result<String, Failure> {
    let text = match (file, env::var(VARIABLE)) {
        (Some(file), _) => {
            fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?
        }
        (None, Ok(text)) => text,
        (None, Err(_)) if io::stdin().is_terminal() => ask()?,
        (None, Err(_)) => {
            return Err(format!(
                "a database of the folder is encrypted: name a --passphrase-file, or set {VARIABLE}"
            )
            .into());
        }
    };
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn ask() -> Result<String, Failure> {
    write!(io::stderr(), "A database of the folder is encrypted. Its passphrase (it is shown): ")?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> ForeignAccount {
        ForeignAccount { id: 2, database: PathBuf::new(), uuid: String::new() }
    }

    #[test]
    fn a_difference_is_marked_and_counts_as_failure() {
        let found = Tally { messages: 10, contacts: 3, ..Tally::default() };
        let taken = Tally { messages: 9, ..found };
        let adopted = |taken| Ok(Adopted { profile_id: 7, found: Some(found), taken: Some(taken) });
        let (text, is_whole) = report(&account(), &adopted(taken), "a@x");
        assert!(text.starts_with("Profile 2 is now profile 7 <a@x>\n") && !is_whole, "{text}");
        assert_eq!(text.lines().filter(|line| line.contains("differs")).count(), 1);
        let (text, is_whole) = report(&account(), &adopted(found), "a@x");
        assert!(is_whole && !text.contains("differs"));
    }

    #[test]
    fn what_was_copied_before_is_no_failure_and_what_fails_is() {
        let before = Ok(Adopted { profile_id: 7, found: None, taken: None });
        assert!(report(&account(), &before, "a@x").1);
        let failed = Err(Error::failed("no database found: x"));
        assert_eq!(
            report(&account(), &failed, ""),
            ("Profile 2: not copied: no database found: x\n".to_owned(), false)
        );
    }
}
