//! Complete commands out of lines and literals (RFC 3501, section 2.2, and RFC 7888).

use std::time::Duration;

use imap_codec::CommandCodec;
use imap_codec::decode::{CommandDecodeError, Decoder};
use imap_codec::imap_types::command::Command;
use imap_codec::imap_types::core::{LiteralMode, Tag};

use crate::config::Limits;
use crate::net::{Protocol, Wire, WireError};
use crate::shared::CommandLog;

/// What a client sent.
pub(crate) enum Incoming {
    Command(Command<'static>),
    /// Something that is no command. The tag is there if one could be read.
    Faulty {
        tag: Option<Tag<'static>>,
        problem: &'static str,
    },
    /// A literal that the client has not been asked to send yet is larger than permitted.
    TooBig {
        tag: Tag<'static>,
    },
}

/// Bytes of literals a command may have in all.
fn literal_room(limits: &Limits, logged_in: bool) -> usize {
    if logged_in { limits.message } else { limits.literal_before_login }
}

/// Where commands are read from, and how patiently.
pub(crate) struct Reader<'a> {
    pub(crate) wire: &'a mut Wire,
    pub(crate) limits: &'a Limits,
    /// The address that is logged in.
    pub(crate) address: Option<&'a str>,
    pub(crate) patience: Duration,
}

impl Reader<'_> {
    /// Reads the next command, inviting the client to send its literals.
    pub(crate) async fn command(&mut self, log: &CommandLog) -> Result<Incoming, WireError> {
        let mut text = match self.wire.line(self.limits.imap_line, self.patience).await {
            Ok(line) => line,
            Err(WireError::LineTooLong) => return Ok(faulty(&[], "Command line too long")),
            Err(other) => return Err(other),
        };
        log.record(Protocol::Imap, self.address, &text);
        let mut line_room = self.limits.imap_line.saturating_sub(text.len());
        let mut literal_room = literal_room(self.limits, self.address.is_some());
        let mut literals = 0;
        while let Some((length, mode)) = announced_literal(&text) {
            let fits = length <= literal_room;
            if mode == LiteralMode::Sync
                && let Some(answer) = judge_before_literal(&text, fits)
            {
                return Ok(answer);
            }
            literals += 1;
            if !fits || literals > self.limits.literals_per_command {
                // The literal is on its way already; without reading it nothing behind it makes sense.
                return Err(WireError::Endless);
            }
            literal_room -= length;
            if mode == LiteralMode::Sync {
                self.wire.reply.line(format_args!("+ OK"));
                self.wire.flush().await?;
            }
            self.wire.exact(length, &mut text, self.patience).await?;
            let line = match self.wire.line(line_room, self.patience).await {
                Err(WireError::LineTooLong) => return Ok(faulty(&text, "Command line too long")),
                other => other?,
            };
            line_room = line_room.saturating_sub(line.len());
            text.extend_from_slice(&line);
        }
        Ok(decode(&text))
    }
}

/// A client that offers a synchronizing literal waits, so the command up to there is judged first. Returns the verdict
/// unless the client shall go on.
fn judge_before_literal(text: &[u8], fits: bool) -> Option<Incoming> {
    match CommandCodec::default().decode_static(text) {
        Err(CommandDecodeError::LiteralFound { .. }) if fits => None,
        Err(CommandDecodeError::LiteralFound { tag, .. }) => Some(Incoming::TooBig { tag }),
        Ok(([], command)) => Some(Incoming::Command(command)),
        _ => Some(faulty(text, "Syntax error")),
    }
}

/// The literal announced by `{n}` or `{n+}` at the end of the last line.
fn announced_literal(text: &[u8]) -> Option<(usize, LiteralMode)> {
    let line = text.strip_suffix(b"\n")?;
    let line = line.strip_suffix(b"\r").unwrap_or(line).strip_suffix(b"}")?;
    let (line, mode) = match line.strip_suffix(b"+") {
        Some(line) => (line, LiteralMode::NonSync),
        None => (line, LiteralMode::Sync),
    };
    let digits = line.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (front, number) = line.split_at(line.len() - digits);
    if digits == 0 || front.last() != Some(&b'{') {
        return None;
    }
    // A number beyond all bounds is a literal nevertheless, and a too large one.
    let length = std::str::from_utf8(number).ok()?.parse().unwrap_or(usize::MAX / 2);
    Some((length, mode))
}

fn decode(text: &[u8]) -> Incoming {
    match CommandCodec::default().decode_static(text) {
        Ok(([], command)) => Incoming::Command(command),
        _ => faulty(text, "Syntax error"),
    }
}

fn faulty(text: &[u8], problem: &'static str) -> Incoming {
    let word = text.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
    let tag = std::str::from_utf8(word).ok().and_then(|word| Tag::try_from(word.to_owned()).ok());
    Incoming::Faulty { tag, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_announced_at_the_end_of_a_line() {
        for (line, expected) in [
            ("a LOGIN {5}\r\n", Some((5, LiteralMode::Sync))),
            ("a LOGIN {5+}\r\n", Some((5, LiteralMode::NonSync))),
            ("a LOGIN {5}\n", Some((5, LiteralMode::Sync))),
            ("a LOGIN {99999999999999999999999}\r\n", Some((usize::MAX / 2, LiteralMode::Sync))),
            ("a NOOP\r\n", None),
            ("a LOGIN {}\r\n", None),
            ("a LOGIN {-1}\r\n", None),
            ("a LOGIN 5}\r\n", None),
            ("{5} x\r\n", None),
            ("", None),
        ] {
            assert_eq!(announced_literal(line.as_bytes()), expected, "{line:?}");
        }
    }

    #[test]
    fn the_commands_of_clients_are_understood() {
        for line in [
            "A1 LOGIN \"a@_x.test\" \"se\\\"cret\"\r\n",
            "A2 ID (\"name\" \"x\")\r\n",
            "A3 GETQUOTAROOT \"INBOX\"\r\n",
            "A4 GETMETADATA \"\" (/shared/comment /shared/vendor/deltachat/turn)\r\n",
            "A5 UID FETCH 1:500 (UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID CHAT-IS-POST-MESSAGE)])\r\n",
            "A6 UID STORE 1 +FLAGS (\\Deleted)\r\n",
            "A7 SETMETADATA \"INBOX\" (/private/devicetoken \"x\")\r\n",
            "A8 UID FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])\r\n",
            "A9 CLOSE\r\n",
            "A10 IDLE\r\n",
            "A11 STARTTLS\r\n",
            "A12 NAMESPACE\r\n",
        ] {
            assert!(matches!(decode(line.as_bytes()), Incoming::Command(_)), "{line:?}");
        }
    }

    #[test]
    fn nonsense_is_faulty_with_its_tag() {
        for (line, tag) in [
            ("x1 NONSENSE\r\n", Some("x1")),
            ("x2 UID FETCH 0 (FLAGS)\r\n", Some("x2")),
            ("x3 SELECT\r\n", Some("x3")),
            ("\r\n", None),
            ("(\r\n", None),
            ("\u{0}\u{1}\r\n", None),
            ("x4 LOGIN \"a\r\n", Some("x4")),
        ] {
            match decode(line.as_bytes()) {
                Incoming::Faulty { tag: own, .. } => {
                    assert_eq!(own.as_ref().map(|own| own.as_ref()), tag, "{line:?}");
                }
                _ => panic!("{line:?} was accepted"),
            }
        }
    }
}
