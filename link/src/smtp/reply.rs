//! SMTP replies, what they mean, and the form of a mail on the wire (RFC 5321). Pure.

/// Most lines of a reply.
pub const MAX_REPLY_LINES: usize = 128;

/// A complete reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Three-digit code.
    pub code: u16,
    /// Text of each line, without the code.
    pub lines: Vec<String>,
}

impl Reply {
    /// Text as shown in errors.
    pub fn text(&self) -> String {
        if self.lines.iter().all(String::is_empty) {
            return "undetailed error during SMTP transaction".to_string();
        }
        self.lines.join("; ")
    }

    /// What the reply means for a command.
    pub fn outcome(&self) -> Outcome {
        match self.code {
            200..=399 => Outcome::Accepted,
            400..=499 => Outcome::Temporary(self.text()),
            // `550 5.5.0` is used by some servers for conditions that pass.
            550 if self.first_word() == Some("5.5.0") => Outcome::Temporary(self.text()),
            500..=599 => Outcome::Permanent(self.text()),
            _ => Outcome::Temporary(self.text()),
        }
    }

    fn first_word(&self) -> Option<&str> {
        self.lines.first()?.split_whitespace().next()
    }
}

/// Meaning of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Go on.
    Accepted,
    /// Not now.
    Temporary(String),
    /// Never.
    Permanent(String),
}

/// One line of a reply: code, whether it is the last one, text. `None` if it is no reply.
pub fn parse_line(line: &[u8]) -> Option<(u16, bool, String)> {
    let (code, rest) = line.split_at_checked(3)?;
    if !code.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code: u16 = std::str::from_utf8(code).ok()?.parse().ok()?;
    let (last, text) = match rest.split_first() {
        None => (true, rest),
        Some((b' ', text)) => (true, text),
        Some((b'-', text)) => (false, text),
        Some(_) => return None,
    };
    (200..600).contains(&code).then(|| (code, last, String::from_utf8_lossy(text).into_owned()))
}

/// Extensions that make a difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// `PIPELINING`.
    pub pipelining: bool,
    /// `8BITMIME`.
    pub eight_bit: bool,
    /// `SMTPUTF8`.
    pub utf8: bool,
    /// `STARTTLS`.
    pub starttls: bool,
    /// `AUTH` with `PLAIN`.
    pub auth_plain: bool,
    /// `AUTH` with `LOGIN`.
    pub auth_login: bool,
}

impl Extensions {
    /// Reads the lines of an EHLO reply after the first one.
    pub fn from_reply(reply: &Reply) -> Self {
        let mut out = Self::default();
        for line in reply.lines.iter().skip(1) {
            let mut words =
                line.split([' ', '=']).filter(|word| !word.is_empty()).map(str::to_ascii_uppercase);
            match words.next().as_deref() {
                Some("PIPELINING") => out.pipelining = true,
                Some("8BITMIME") => out.eight_bit = true,
                Some("SMTPUTF8") => out.utf8 = true,
                Some("STARTTLS") => out.starttls = true,
                Some("AUTH") => {
                    for mechanism in words {
                        out.auth_plain |= mechanism == "PLAIN";
                        out.auth_login |= mechanism == "LOGIN";
                    }
                }
                _ => {}
            }
        }
        out
    }
}

/// True if an address can stand in an envelope without changing the meaning of the command.
pub fn is_envelope_address(address: &str) -> bool {
    !address.is_empty()
        && address.len() <= 512
        && !address.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>'))
}

/// Writes a mail for DATA piece by piece: every line ends with CRLF, lines that begin with a dot get a second one.
///
/// Bare CR and LF become CRLF, so that no server can see another end of the mail than we do.
#[derive(Debug)]
pub struct DataWriter {
    line_start: bool,
    after_cr: bool,
}

impl Default for DataWriter {
    fn default() -> Self {
        Self { line_start: true, after_cr: false }
    }
}

impl DataWriter {
    /// Appends the wire form of the next piece of the mail.
    pub fn piece(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        out.reserve(piece.len() + piece.len() / 32 + 8);
        for &byte in piece {
            let after_cr = std::mem::take(&mut self.after_cr);
            match byte {
                b'\n' if after_cr => {}
                b'\r' | b'\n' => {
                    out.extend_from_slice(b"\r\n");
                    self.line_start = true;
                    self.after_cr = byte == b'\r';
                }
                other => {
                    if self.line_start && other == b'.' {
                        out.push(b'.');
                    }
                    out.push(other);
                    self.line_start = false;
                }
            }
        }
    }

    /// Appends the end of the mail.
    pub fn end(self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.line_start { b".\r\n" } else { b"\r\n.\r\n" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reply(code: u16, text: &str) -> Reply {
        Reply { code, lines: vec![text.to_string()] }
    }

    // Spec 05 §6.5.
    #[test]
    fn replies_are_classified() {
        assert_eq!(reply(250, "2.0.0 Ok").outcome(), Outcome::Accepted);
        assert_eq!(reply(354, "go").outcome(), Outcome::Accepted);
        assert!(matches!(reply(450, "later").outcome(), Outcome::Temporary(_)));
        assert!(matches!(reply(550, "5.5.0 hm").outcome(), Outcome::Temporary(_)));
        assert!(matches!(reply(554, "5.5.0 hm").outcome(), Outcome::Permanent(_)));
        assert_eq!(
            reply(550, "5.1.1 no such user").outcome(),
            Outcome::Permanent("5.1.1 no such user".into())
        );
    }

    #[test]
    fn reply_lines_are_read() {
        assert_eq!(parse_line(b"250-SIZE 5"), Some((250, false, "SIZE 5".into())));
        assert_eq!(parse_line(b"250"), Some((250, true, String::new())));
        for bad in [&b"25"[..], b"25x ok", b"999 ok", b"250_ok", b"HTTP/1.1 400"] {
            assert_eq!(parse_line(bad), None);
        }
    }

    #[test]
    fn extensions_are_found() {
        let lines = ["mail.example.org", "PIPELINING", "AUTH=PLAIN", "auth login xoauth2", "8BITMIME"];
        let extensions =
            Extensions::from_reply(&Reply { code: 250, lines: lines.map(String::from).to_vec() });
        assert!(
            extensions.pipelining && extensions.eight_bit && extensions.auth_plain && extensions.auth_login
        );
        assert!(!extensions.utf8 && !extensions.starttls);
    }

    #[test]
    fn addresses_cannot_carry_commands() {
        assert!(is_envelope_address("a+b@example.org"));
        for bad in ["", "a@b>\r\nDATA", "a b@c", "<a@b"] {
            assert!(!is_envelope_address(bad), "{bad}");
        }
    }

    fn written(mail: &[u8], cut: usize) -> Vec<u8> {
        let (mut writer, mut out) = (DataWriter::default(), Vec::new());
        let (a, b) = mail.split_at(cut.min(mail.len()));
        writer.piece(a, &mut out);
        writer.piece(b, &mut out);
        writer.end(&mut out);
        out
    }

    #[test]
    fn dots_and_line_ends() {
        assert_eq!(written(b".a\r\n..b\n.\r\nc", 1), b"..a\r\n...b\r\n..\r\nc\r\n.\r\n");
        assert_eq!(written(b"a\r\n", 2), b"a\r\n.\r\n");
    }

    proptest! {
        #[test]
        fn no_mail_can_end_early(mail in prop::collection::vec(prop::sample::select(b".\r\nab".to_vec()), 0..60), cut in 0usize..60) {
            let out = written(&mail, cut);
            let end = out.windows(5).position(|w| w == b"\r\n.\r\n").map(|pos| pos + 5);
            let whole = out == b".\r\n";
            prop_assert!(whole || end == Some(out.len()) || (end.is_none() && out.starts_with(b".\r\n")));
            prop_assert_eq!(out, written(&mail, 0));
        }
    }
}
