//! What a command fails with, and the exit code that follows.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// What a command fails with: whatever it is, it is shown.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Ends a program: the reason of a failure, in the form of `line`, is the last line on standard error.
///
/// That nobody reads the output any more (`volary contacts | head -1`) is no failure: the reader has what it wanted.
pub(crate) fn exit_code(outcome: Result<(), Failure>, line: impl FnOnce(&Failure) -> String) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if is_broken_pipe(&*failure) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody is left to tell when standard error is closed.
            writeln!(io::stderr(), "{}", line(&failure)).ok();
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(failure: &(dyn Error + Send + Sync + 'static)) -> bool {
    failure.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_has_gone_is_no_failure() {
        let gone = io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_broken_pipe(&*Failure::from(gone)));
        assert!(!is_broken_pipe(&*Failure::from(io::Error::from(io::ErrorKind::NotFound))));
        assert!(!is_broken_pipe(&*Failure::from("Broken pipe")));
    }
}
