//! What may go wrong on a line, and when. No I/O: pieces of a dialogue come in, what happens comes out.

use std::time::Duration;

/// Who hears what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The engine speaks.
    ToRelay,
    /// The relay speaks.
    ToEngine,
}

/// The step at which a fault happens. Words are those that stand between blanks in a line of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// That many bytes have passed since the connection began, and more are to come.
    Bytes(Direction, usize),
    /// The engine says a line with this word; nothing of it passes.
    Before(&'static str),
    /// The engine says a line with this word; half of it passes.
    Within(&'static str),
    /// The relay has got the line with this word; of what it says then that many bytes pass.
    Answer(&'static str, usize),
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// The connection is closed.
    Cut,
    /// The connection stands, but nothing passes any more in either direction, and nobody is told.
    Silence,
    /// The engine hears this instead of the relay, and the connection is closed.
    Say(String),
}

/// Something that goes wrong once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// At which step.
    pub when: When,
    /// And how.
    pub then: Then,
}

/// How fast everything passes.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Bytes that pass together.
    pub bytes: usize,
    /// Pause behind them.
    pub pause: Duration,
}

/// What has passed on one connection.
#[derive(Debug, Default)]
pub(crate) struct Dialogue {
    to_relay: usize,
    to_engine: usize,
    /// The line that the engine is in the middle of.
    line: Vec<u8>,
    /// The relay has got the line that a fault waits for, and may say that many bytes more.
    answer: Option<(When, usize)>,
}

impl Fault {
    /// The connection is closed at this step.
    pub fn cut(when: When) -> Self {
        Self { when, then: Then::Cut }
    }

    /// Nothing passes from this step on.
    pub fn silence(when: When) -> Self {
        Self { when, then: Then::Silence }
    }

    /// The engine hears this at this step, and the connection is closed.
    pub fn say(when: When, text: &str) -> Self {
        Self { when, then: Then::Say(text.to_owned()) }
    }
}

impl Dialogue {
    /// Takes the next piece. Returns how much of it passes when the fault happens in it, `None` when all of it does.
    pub(crate) fn hears(&mut self, from: Direction, piece: &[u8], fault: Option<&Fault>) -> Option<usize> {
        let when = fault.map(|fault| fault.when);
        match from {
            Direction::ToRelay => self.hears_engine(piece, when),
            Direction::ToEngine => self.hears_relay(piece, when),
        }
    }

    fn hears_engine(&mut self, piece: &[u8], when: Option<When>) -> Option<usize> {
        if let Some(When::Bytes(Direction::ToRelay, most)) = when
            && self.to_relay + piece.len() > most
        {
            return Some(most.saturating_sub(self.to_relay));
        }
        let mut begin = 0;
        for line in piece.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(line);
            if self.line.ends_with(b"\n") {
                let said = std::mem::take(&mut self.line);
                match when {
                    Some(When::Before(word)) if has(&said, word) => return Some(begin),
                    Some(When::Within(word)) if has(&said, word) => return Some(begin + line.len() / 2),
                    Some(answer @ When::Answer(word, most)) if has(&said, word) => {
                        self.answer = Some((answer, most));
                    }
                    _ => {}
                }
            }
            begin += line.len();
        }
        self.to_relay += piece.len();
        None
    }

    fn hears_relay(&mut self, piece: &[u8], when: Option<When>) -> Option<usize> {
        match (when, &mut self.answer) {
            (Some(When::Bytes(Direction::ToEngine, most)), _) if self.to_engine + piece.len() > most => {
                return Some(most.saturating_sub(self.to_engine));
            }
            (Some(when), Some((awaited, left))) if when == *awaited => {
                if piece.len() > *left {
                    return Some(*left);
                }
                *left -= piece.len();
            }
            _ => {}
        }
        self.to_engine += piece.len();
        None
    }
}

fn has(line: &[u8], word: &str) -> bool {
    line.trim_ascii().split(|byte| *byte == b' ').any(|part| part == word.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{ToEngine, ToRelay};

    #[test]
    fn bytes_are_counted_over_pieces() {
        let fault = Fault::cut(When::Bytes(ToEngine, 5));
        let mut dialogue = Dialogue::default();
        assert_eq!(dialogue.hears(ToEngine, b"abc", Some(&fault)), None);
        assert_eq!(dialogue.hears(ToRelay, b"much more", Some(&fault)), None);
        assert_eq!(dialogue.hears(ToEngine, b"de", Some(&fault)), None);
        assert_eq!(dialogue.hears(ToEngine, b"f", Some(&fault)), Some(0));
        let fault = Fault::cut(When::Bytes(ToRelay, 12));
        assert_eq!(dialogue.hears(ToRelay, b"1234", Some(&fault)), Some(3));
    }

    #[test]
    fn a_line_is_found_among_others_and_over_pieces() {
        let pipelined = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n";
        let mut dialogue = Dialogue::default();
        assert_eq!(dialogue.hears(ToRelay, pipelined, Some(&Fault::cut(When::Before("RCPT")))), Some(17));
        let mut dialogue = Dialogue::default();
        assert_eq!(dialogue.hears(ToRelay, pipelined, Some(&Fault::cut(When::Within("DATA")))), Some(35));
        let mut dialogue = Dialogue::default();
        let before = Fault::cut(When::Before("DONE"));
        assert_eq!(dialogue.hears(ToRelay, b"DO", Some(&before)), None);
        assert_eq!(dialogue.hears(ToRelay, b"NE\r\n", Some(&before)), Some(0));
        assert_eq!(dialogue.hears(ToRelay, b"UNDONE\r\n", Some(&before)), None);
    }

    #[test]
    fn an_answer_is_what_comes_behind_the_line() {
        let fault = Fault::cut(When::Answer("NOOP", 4));
        let mut dialogue = Dialogue::default();
        assert_eq!(dialogue.hears(ToEngine, b"* OK welcome\r\n", Some(&fault)), None);
        assert_eq!(dialogue.hears(ToRelay, b"A1 NOOP\r\n", Some(&fault)), None);
        assert_eq!(dialogue.hears(ToEngine, b"A1", Some(&fault)), None);
        assert_eq!(dialogue.hears(ToEngine, b" OK\r\n", Some(&fault)), Some(2));
    }
}
