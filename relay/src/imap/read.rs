//! Complete commands out of lines and literals (RFC 3501, section 2.2, and RFC 7888).

use std::time::Duration;

use imap_codec::CommandCodec;
use imap_codec::decode::{CommandDecodeError, Decoder};
use imap_codec::imap_types::command::Command;
use imap_codec::imap_types::core::{LiteralMode, Tag};

use crate::config::Limits;
use crate::net::{Wire, WireError};

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
fn literal_budget(limits: &Limits, logged_in: bool) -> usize {
    if logged_in { limits.message } else { limits.literal_before_login }
}

/// Reads the next command, inviting the client to send its literals.
pub(crate) async fn next_command(
    wire: &mut Wire,
    limits: &Limits,
    logged_in: bool,
    silence: Duration,
) -> Result<Incoming, WireError> {
    let mut text = match wire.line(limits.imap_line, silence).await {
        Ok(line) => line,
        Err(WireError::LineTooLong) => return Ok(faulty(&[], "Command line too long")),
        Err(other) => return Err(other),
    };
    let mut line_bytes = text.len();
    let mut literal_bytes = 0;
    let mut literals = 0;
    loop {
        let (length, mode) = match announced_literal(&text) {
            Some(announced) => announced,
            None => return Ok(decode(&text)),
        };
        // A synchronizing literal waits for us, so the command up to here is judged first.
        if mode == LiteralMode::Sync {
            match CommandCodec::default().decode_static(&text) {
                Err(CommandDecodeError::LiteralFound { tag, .. })
                    if length > literal_budget(limits, logged_in).saturating_sub(literal_bytes) =>
                {
                    return Ok(Incoming::TooBig { tag });
                }
                Err(CommandDecodeError::LiteralFound { .. }) => {}
                Ok((_, command)) => return Ok(Incoming::Command(command)),
                Err(_) => return Ok(faulty(&text, "Syntax error")),
            }
        }
        literals += 1;
        literal_bytes += length;
        if literals > limits.literals_per_command || literal_bytes > literal_budget(limits, logged_in) {
            // The literal is on its way already; without reading it nothing behind it makes sense.
            return Err(WireError::Endless);
        }
        if mode == LiteralMode::Sync {
            wire.reply.line(format_args!("+ OK"));
            wire.flush().await?;
        }
        wire.exact(length, &mut text, silence).await?;
        match wire.line(limits.imap_line, silence).await {
            Ok(line) => {
                line_bytes += line.len();
                text.extend_from_slice(&line);
            }
            Err(WireError::LineTooLong) => line_bytes = usize::MAX,
            Err(other) => return Err(other),
        }
        if line_bytes > limits.imap_line {
            return Ok(faulty(&text, "Command line too long"));
        }
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
        Ok((rest, command)) if rest.is_empty() => Incoming::Command(command),
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
