//! Where an IMAP response ends (RFC 3501 section 2.2.2, literals included). Pure.

use crate::wire::WireError;

/// Longest line of a response outside of literals.
pub const MAX_LINE: usize = 64 * 1024;
/// Most literals in one response.
const MAX_LITERALS: usize = 64;

/// Bytes of a literal beyond the limit that are read and dropped; a larger one ends the session.
pub const MAX_EXCESS: usize = 512 * 1024 * 1024;

/// Finds the end of a response that arrives in pieces. Each byte is looked at once.
#[derive(Debug, Default)]
pub struct Frame {
    line_start: usize,
    scanned: usize,
    literals: usize,
}

/// What has arrived of a response.
#[derive(Debug, PartialEq, Eq)]
pub enum Scan {
    /// The response has this many bytes.
    Complete(usize),
    /// At least this many more bytes are needed (0: unknown).
    Needs(usize),
    /// A literal is larger than the limit allows. Scanning goes on as if it were empty: whoever wants that cuts its
    /// content out and overwrites the announced length with zeros.
    Excess {
        /// Where the content begins.
        at: usize,
        /// Length of the content.
        len: usize,
        /// From where to where the announced length stands.
        digits: (usize, usize),
    },
}

impl Frame {
    /// Goes on with what has arrived so far. `limit` bounds the whole response.
    pub fn scan(&mut self, buffer: &[u8], limit: usize) -> Result<Scan, WireError> {
        loop {
            if buffer.len() < self.scanned {
                return Ok(Scan::Needs(self.scanned - buffer.len()));
            }
            let Some(pos) = buffer[self.scanned..].iter().position(|&b| b == b'\n') else {
                self.scanned = buffer.len();
                return if buffer.len() - self.line_start > MAX_LINE {
                    Err(WireError::TooLong(MAX_LINE))
                } else {
                    Ok(Scan::Needs(0))
                };
            };
            let newline = self.scanned + pos;
            let end = newline + 1;
            let line = &buffer[self.line_start..newline];
            let Some(literal) = literal_len(line).filter(|_| may_hold_literals(buffer)) else {
                return Ok(Scan::Complete(end));
            };
            self.literals += 1;
            let next = end.saturating_add(literal);
            if self.literals > MAX_LITERALS || end > limit || literal > MAX_EXCESS {
                return Err(WireError::TooLong(limit));
            }
            if next > limit {
                let close = self.line_start + line.iter().rposition(|&b| b == b'}').unwrap_or_default();
                let open = self.line_start + line.iter().rposition(|&b| b == b'{').unwrap_or_default();
                (self.line_start, self.scanned) = (end, end);
                return Ok(Scan::Excess { at: end, len: literal, digits: (open + 1, close) });
            }
            self.line_start = next;
            self.scanned = next;
        }
    }
}

/// Free text of a status response may end like a literal but never announces one.
fn may_hold_literals(response: &[u8]) -> bool {
    let Some(rest) = response.strip_prefix(b"* ") else { return false };
    let word = rest.split(|b| matches!(b, b' ' | b'\r' | b'\n')).next().unwrap_or_default();
    ![&b"OK"[..], b"NO", b"BAD", b"BYE", b"PREAUTH"].iter().any(|status| word.eq_ignore_ascii_case(status))
}

/// Length announced at the end of a line by `{n}`.
fn literal_len(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"\r").unwrap_or(line).strip_suffix(b"}")?;
    let open = line.iter().rposition(|&b| b == b'{')?;
    let digits = &line[open + 1..];
    if digits.is_empty() || digits.len() > 10 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAIL: &[u8] = b"* 1 FETCH (UID 1 BODY[] {7}\r\na\r\nb\r\n\n FLAGS ())\r\n* 2 EXISTS\r\n";

    #[test]
    fn a_response_ends_after_its_literals() {
        let mut frame = Frame::default();
        assert_eq!(frame.scan(MAIL, 1000).unwrap(), Scan::Complete(MAIL.len() - "* 2 EXISTS\r\n".len()));
    }

    #[test]
    fn a_huge_literal_is_refused_before_it_arrives() {
        let mut frame = Frame::default();
        assert!(frame.scan(b"* 1 FETCH (BODY[] {4294967295}\r\n", 1000).is_err());
    }

    #[test]
    fn a_response_goes_on_behind_a_literal_that_is_too_large() {
        let mut frame = Frame::default();
        let mut buffer = b"* 1 FETCH (UID 1 BODY[] {9000}\r\n".to_vec();
        let Ok(Scan::Excess { at, len, digits }) = frame.scan(&buffer, 1000) else { panic!("too large") };
        assert_eq!((at, len), (buffer.len(), 9000));
        assert_eq!(&buffer[digits.0..digits.1], b"9000");
        buffer.extend_from_slice(b" FLAGS ())\r\n");
        assert_eq!(frame.scan(&buffer, 1000).unwrap(), Scan::Complete(buffer.len()));
    }

    #[test]
    fn text_of_a_status_may_look_like_a_literal() {
        let line = b"* OK you are number {42}\r\n";
        assert_eq!(Frame::default().scan(line, 1000).unwrap(), Scan::Complete(line.len()));
    }

    proptest! {
        #[test]
        fn pieces_give_the_same_end_as_the_whole(cuts in prop::collection::vec(0..MAIL.len(), 0..10)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            cuts.push(MAIL.len());
            let mut frame = Frame::default();
            let found = cuts.into_iter().find_map(|cut| match frame.scan(&MAIL[..cut], 1000).unwrap() {
                Scan::Complete(len) => Some(len),
                _ => None,
            });
            prop_assert_eq!(found, Some(MAIL.len() - "* 2 EXISTS\r\n".len()));
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Frame::default().scan(&bytes, 200);
        }
    }
}
