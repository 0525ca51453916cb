//! The guard for SMTP: whole replies (RFC 5321 section 4.2) in the one form that async-smtp understands. Pure.
//!
//! The library reads a reply line by line without a bound, refuses what is not UTF-8, a last line without a space and
//! second digits above 5, and reads a reply anew with each of its lines. So lines and their number are bounded here, and
//! every reply is written anew.

use bytes::BytesMut;

use super::{Framing, Step, take_line};
use crate::wire::WireError;

/// Longest line of a reply, generous against RFC 5321 section 4.5.3.1.5.
const MAX_LINE: usize = 4096;
/// Most lines of a reply.
const MAX_LINES: usize = 128;

/// Cuts what an SMTP server sends into replies.
#[derive(Debug)]
pub struct SmtpFraming {
    scanned: usize,
    code: Option<u16>,
    lines: usize,
    reply: BytesMut,
    last: String,
    keeps_last: bool,
}

impl SmtpFraming {
    /// The last reply, as the library got it. To be asked once, at the beginning; afterwards no reply is kept.
    pub fn take_last(&mut self) -> String {
        self.keeps_last = false;
        std::mem::take(&mut self.last)
    }
}

impl Default for SmtpFraming {
    fn default() -> Self {
        Self {
            scanned: 0,
            code: None,
            lines: 0,
            reply: BytesMut::new(),
            last: String::new(),
            keeps_last: true,
        }
    }
}

impl Framing for SmtpFraming {
    fn next(&mut self, input: &mut BytesMut) -> Result<Step, WireError> {
        while let Some(line) = take_line(input, &mut self.scanned, MAX_LINE)? {
            let (code, is_last, text) = parse_line(&line).ok_or(WireError::Unreadable)?;
            if *self.code.get_or_insert(code) != code {
                return Err(WireError::Unreadable);
            }
            self.lines += 1;
            if self.lines > MAX_LINES {
                return Err(WireError::TooMany);
            }
            let mark = if is_last { ' ' } else { '-' };
            // The library wants a name in the reply to EHLO.
            let text =
                if self.lines == 1 && code / 100 == 2 && text.trim().is_empty() { "ok".into() } else { text };
            self.reply.extend_from_slice(format!("{}{mark}{text}\r\n", known(code)).as_bytes());
            if is_last {
                (self.code, self.lines) = (None, 0);
                let reply = std::mem::take(&mut self.reply);
                if self.keeps_last {
                    self.last = String::from_utf8_lossy(&reply).into_owned();
                }
                return Ok(Step::Response(reply));
            }
        }
        Ok(Step::Needs(0))
    }

    fn has_begun(&self) -> bool {
        self.code.is_some()
    }
}

/// A code that the library knows, with the same first digit.
fn known(code: u16) -> u16 {
    if code / 10 % 10 > 5 { code / 100 * 100 + 50 + code % 10 } else { code }
}

/// One line of a reply: code, whether it is the last one, text. `None` if it is no reply.
fn parse_line(line: &[u8]) -> Option<(u16, bool, String)> {
    let (code, rest) = line.split_at_checked(3)?;
    if !code.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code: u16 = std::str::from_utf8(code).ok()?.parse().ok()?;
    let (is_last, text) = match rest.split_first() {
        None => (true, rest),
        Some((b' ', text)) => (true, text),
        Some((b'-', text)) => (false, text),
        Some(_) => return None,
    };
    // A carriage return inside would end the line for the library.
    let text = String::from_utf8_lossy(text).replace('\r', " ");
    (200..600).contains(&code).then_some((code, is_last, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replies(bytes: &[u8]) -> Result<Vec<String>, WireError> {
        let (mut framing, mut input, mut out) = (SmtpFraming::default(), BytesMut::from(bytes), Vec::new());
        while let Step::Response(reply) = framing.next(&mut input)? {
            out.push(String::from_utf8(reply.to_vec()).unwrap());
        }
        Ok(out)
    }

    #[test]
    fn replies_come_out_whole_and_in_one_form() {
        assert_eq!(
            replies(b"250-a\r\n250 b\r\n250\n354 go\r\n25").unwrap(),
            ["250-a\r\n250 b\r\n", "250 ok\r\n", "354 go\r\n"]
        );
    }

    #[test]
    fn text_that_is_not_utf8_is_shown_as_far_as_it_can_be() {
        assert_eq!(replies(b"550 f\xfcr\r\r\n").unwrap(), ["550 f\u{fffd}r \r\n"]);
    }

    #[test]
    fn codes_that_the_library_does_not_know_count_by_their_first_digit() {
        assert_eq!(replies(b"299 x\r\n481-y\r\n481 z\r\n").unwrap(), ["259 x\r\n", "451-y\r\n451 z\r\n"]);
    }

    #[test]
    fn what_is_no_reply_or_without_end_is_refused() {
        for bad in [
            &b"25\r\n"[..],
            b"25x ok\r\n",
            b"999 ok\r\n",
            b"250_ok\r\n",
            b"250-a\r\n550 b\r\n",
            b"HTTP/1.1 4\r\n",
        ] {
            assert!(matches!(replies(bad), Err(WireError::Unreadable)), "{bad:?}");
        }
        assert!(matches!(replies(&b"250-a\r\n".repeat(200)), Err(WireError::TooMany)));
        assert!(matches!(replies(&[b'2'; 5000]), Err(WireError::TooLong(_))));
    }
}
