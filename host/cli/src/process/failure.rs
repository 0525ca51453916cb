//! What a command fails with, and the exit code that follows.

use std::io::{self, Write as _};
use std::process::ExitCode;

use thiserror::Error;

use super::journal;

/// What a command fails with: whatever it is, it is shown.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Standard output cannot be written.
#[derive(Debug, Error)]
#[error("standard output cannot be written: {0}")]
pub(crate) struct OutputError(#[from] io::Error);

/// Ends a program: the reason of a failure, in the form of `line`, is the last line on standard error.
///
/// That nobody reads the output any more (`volary contacts | head -1`) is no failure: the reader has what it wanted.
pub(crate) fn exit_code(outcome: Result<(), Failure>, line: impl FnOnce(&Failure) -> String) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if nobody_reads(&failure) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody is left to tell when standard error is closed.
            let line = line(&failure);
            let line = if journal::reads(&io::stderr()) { journal::failure(&line) } else { line };
            writeln!(io::stderr(), "{line}").ok();
            ExitCode::FAILURE
        }
    }
}

fn nobody_reads(failure: &Failure) -> bool {
    let output = failure.downcast_ref::<OutputError>();
    output.is_some_and(|OutputError(error)| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_has_gone_is_no_failure() {
        let output = |kind: io::ErrorKind| Failure::from(OutputError(kind.into()));
        assert!(nobody_reads(&output(io::ErrorKind::BrokenPipe)));
        assert!(!nobody_reads(&output(io::ErrorKind::StorageFull)));
        assert!(!nobody_reads(&Failure::from(io::Error::from(io::ErrorKind::BrokenPipe))));
    }
}
