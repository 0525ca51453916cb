//! `volary token`: who may connect to `volary serve --websocket` and `--listen`, and what he may do.

use std::collections::BTreeSet;
use std::io::{Write as _, stdout};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use volary::access::{Access, TokenInfo, Tokens};

use super::folder;
use crate::process::failure::{Failure, OutputError};

#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// Folder of the profiles; another process may be using it
    #[arg(
        long,
        value_name = "DIR",
        global = true,
        env = "VOLARY_DATA",
        hide_env_values = true,
        default_value = "profiles"
    )]
    data: PathBuf,
    /// Writes JSON, one value on a line
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes a token and prints it, once
    Add {
        /// What you call it
        name: String,
        /// Only these profiles, and nothing about the process as a whole or files of this machine
        #[arg(long, value_name = "N,...", value_delimiter = ',')]
        profiles: Vec<u32>,
        /// Only reading
        #[arg(long)]
        read_only: bool,
    },
    /// Lists the tokens, without their texts
    List,
    /// Takes a token back; whoever is connected with it is sent away within half a minute
    Remove {
        /// Its name
        name: String,
    },
}

pub(super) fn run(args: &TokenArgs) -> Result<(), Failure> {
    folder::check(&args.data)?;
    folder::check_owner(&args.data)?;
    let lines = lines(&args.data, &args.command, args.json)?;
    Ok(stdout().lock().write_all(lines.as_bytes()).map_err(OutputError::from)?)
}

fn lines(folder: &Path, command: &Command, json: bool) -> Result<String, Failure> {
    let tokens = Tokens::of(folder);
    Ok(match command {
        Command::Add { name, profiles, read_only } => {
            let profiles: BTreeSet<u32> = profiles.iter().copied().collect();
            let profiles = (!profiles.is_empty()).then_some(profiles);
            let token = tokens.add(name, Access { profiles, read_only: *read_only })?;
            if json { format!("{}\n", json!({"name": name, "token": token})) } else { format!("{token}\n") }
        }
        Command::List => tokens.list()?.iter().map(if json { as_json } else { line }).collect(),
        Command::Remove { name } => {
            tokens.remove(name)?;
            String::new()
        }
    })
}

fn as_json(token: &TokenInfo) -> String {
    let TokenInfo { name, profiles, read_only, .. } = token;
    format!("{}\n", json!({"name": name, "profiles": profiles, "readOnly": read_only}))
}

fn line(token: &TokenInfo) -> String {
    let profiles = match &token.profiles {
        None => "all profiles".to_owned(),
        Some(ids) => {
            let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
            format!("profiles {}", ids.join(", "))
        }
    };
    format!("{}: {profiles}{}\n", token.name, if token.read_only { ", reads only" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_made_listed_and_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let run = |command| lines(folder.path(), &command, false);
        let add = |name: &str, profiles: &[u32], read_only| Command::Add {
            name: name.into(),
            profiles: profiles.into(),
            read_only,
        };
        assert!(run(add("desktop", &[], false)).unwrap().starts_with("volary_"));
        run(add("viewer", &[3, 1], true)).unwrap();
        assert_eq!(run(Command::List).unwrap(), "desktop: all profiles\nviewer: profiles 1, 3, reads only\n");
        run(Command::Remove { name: "desktop".into() }).unwrap();
        assert_eq!(run(Command::List).unwrap(), "viewer: profiles 1, 3, reads only\n");
        let as_json = |command| lines(folder.path(), &command, true).unwrap();
        let made: serde_json::Value = serde_json::from_str(&as_json(add("bot", &[], false))).unwrap();
        assert!(made["name"] == "bot" && made["token"].as_str().unwrap().starts_with("volary_"), "{made}");
        run(Command::Remove { name: "bot".into() }).unwrap();
        let listed = "{\"name\":\"viewer\",\"profiles\":[1,3],\"readOnly\":true}\n";
        assert_eq!(as_json(Command::List), listed);
        assert_eq!(
            run(Command::Remove { name: "desktop".into() }).unwrap_err().to_string(),
            "there is no token named \"desktop\""
        );
    }
}
