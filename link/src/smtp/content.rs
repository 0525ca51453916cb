//! The form of a mail on the wire (RFC 5321 section 4.5.2). Pure.

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
