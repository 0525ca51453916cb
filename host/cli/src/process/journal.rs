//! Lines of the log as the journal of systemd takes them: their priority in front, and no time, which it notes itself.

use std::env;
use std::fmt;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{Format, Full, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The reason why a program fails. It may have several lines, and each is an entry.
pub(super) fn failure(reason: &str) -> String {
    let error = format!("<{}>", priority(Level::ERROR));
    format!("{error}{}", reason.replace('\n', &format!("\n{error}")))
}

/// Whether the journal reads what is written there.
pub(crate) fn reads(output: &impl AsFd) -> bool {
    env::var("JOURNAL_STREAM").is_ok_and(|stream| is_named(output, &stream))
}

/// Whether a stream, as `DEVICE:INODE`, is this one: the variable may come from a parent whose output went elsewhere.
fn is_named(output: &impl AsFd, stream: &str) -> bool {
    let about = output.as_fd().try_clone_to_owned().and_then(|copy| File::from(copy).metadata());
    about.is_ok_and(|about| stream == format!("{}:{}", about.dev(), about.ino()))
}

/// The form of a line.
pub(super) struct Entries(Format<Full, ()>);

impl Default for Entries {
    fn default() -> Self {
        Self(Format::default().without_time())
    }
}

impl<S, N> FormatEvent<S, N> for Entries
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "<{}>", priority(*event.metadata().level()))?;
        self.0.format_event(context, writer, event)
    }
}

/// What syslog calls a severity.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Text(Arc<Mutex<Vec<u8>>>);

    impl Write for Text {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_begin_with_their_priority_and_have_no_time() {
        let text = Text::default();
        let writer = text.clone();
        let log = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .event_format(Entries::default())
            .finish();
        tracing::subscriber::with_default(log, || {
            tracing::warn!(target: "volary", profile = 3, "the relay is full");
            tracing::info!(target: "volary", msg = 12, "sent");
        });
        let written = String::from_utf8(text.0.lock().clone()).unwrap();
        assert_eq!(written, "<4> WARN volary: the relay is full profile=3\n<6> INFO volary: sent msg=12\n");
    }

    #[test]
    fn all_lines_of_a_reason_are_errors() {
        assert_eq!(failure("line 3\nunknown key"), "<3>line 3\n<3>unknown key");
    }

    #[test]
    fn only_the_stream_that_the_journal_reads_counts() {
        let file = tempfile::tempfile().unwrap();
        let about = file.metadata().unwrap();
        assert!(is_named(&file, &format!("{}:{}", about.dev(), about.ino())));
        assert!(!is_named(&file, &format!("{}:{}", about.dev(), about.ino() + 1)) && !is_named(&file, ""));
    }
}
