//! Where the passphrase comes from: a file, the environment, or the terminal.

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use console::Term;
use volary_proto::Passphrase;

use crate::process::failure::Failure;

/// The environment variable that may hold the passphrase.
const VARIABLE: &str = "VOLARY_BACKUP_PASSPHRASE";
/// Longest passphrase.
const MAX_BYTES: u64 = 4096;

#[derive(Debug, Args)]
pub(super) struct PassphraseArgs {
    /// File whose first line is the passphrase; without it VOLARY_BACKUP_PASSPHRASE, or the terminal is asked
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseArgs {
    /// The passphrase. One that is made up at the terminal is asked for twice.
    pub(super) fn get(&self, new: bool) -> Result<Passphrase, Failure> {
        let text = match (&self.passphrase_file, env::var(VARIABLE)) {
            (Some(file), _) => first_line(file)?,
            (None, Ok(text)) => text,
            (None, Err(_)) if io::stdin().is_terminal() => asked(new)?,
            (None, Err(_)) => {
                return Err(
                    format!("there is no passphrase: name a --passphrase-file or set {VARIABLE}").into()
                );
            }
        };
        match text.is_empty() {
            true => Err("the passphrase is empty".into()),
            false => Ok(Passphrase { text }),
        }
    }
}

/// The first line of a file.
pub(in crate::commands) fn first_line(path: &Path) -> Result<String, Failure> {
    let at = |error: io::Error| format!("{}: {error}", path.display());
    let mut text = String::new();
    File::open(path).map_err(at)?.take(MAX_BYTES).read_to_string(&mut text).map_err(at)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn asked(new: bool) -> Result<String, Failure> {
    let terminal = Term::stderr();
    let ask = |question: &str| {
        terminal.write_str(question)?;
        terminal.read_secure_line()
    };
    let text = ask("Passphrase of the backup: ")?;
    if new && ask("Once more, since nothing can be restored without it: ")? != text {
        return Err("the two are not the same".into());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_file_is_the_passphrase() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("passphrase");
        let args = PassphraseArgs { passphrase_file: Some(file.clone()) };
        assert!(args.get(false).unwrap_err().to_string().contains("passphrase: No such file"));
        std::fs::write(&file, " correct horse \nsecond line\n").unwrap();
        assert_eq!(args.get(true).unwrap().text, " correct horse ");
        std::fs::write(&file, "\n").unwrap();
        assert_eq!(args.get(true).unwrap_err().to_string(), "the passphrase is empty");
    }
}
