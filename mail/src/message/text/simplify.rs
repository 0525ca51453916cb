//! From the text of a mail to the text of a message: forward mark, quotes and footers are taken out.

use super::footer;
use super::wire::{ELLIPSIS, FORWARD_MARK};

/// Longest line in bytes that counts as the headline of a quote ("On Monday Alice wrote:").
const MAX_HEADLINE: usize = 120;

/// What is left of a text, and what was taken out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Simplified {
    /// The text itself.
    pub text: String,
    /// Whether it was marked as forwarded.
    pub forwarded: bool,
    /// The quote at the top (or, outside chats, at the bottom).
    pub quote: Option<String>,
    /// Whether something was removed that a full view would show.
    pub cut: bool,
    /// The standard footer, which chat programs use for the sender's status.
    pub footer: Option<String>,
}

/// Takes `input` apart. In a chat message less is removed, because its sender knows these rules.
pub fn simplify(input: &str, is_chat: bool) -> Simplified {
    let input = input.replace('\r', "");
    let lines: Vec<&str> = input.split('\n').collect();
    let (forwarded, lines) = without_forward_mark(&lines);
    let (top_quote, lines) = without_top_quote(lines, is_chat);
    let (body, footer) = without_footer(lines);
    let mut result = Simplified { forwarded, footer, quote: top_quote, ..Default::default() };
    if is_chat {
        result.text = render(body);
    } else {
        simplify_foreign(lines, body, &mut result);
    }
    result.text = footer::unescape(&result.text);
    result
}

/// The further removals for mail of other programs: anything that looks like a footer, the quote at the bottom.
fn simplify_foreign(before_footer: &[&str], body: &[&str], result: &mut Simplified) {
    let had_top_quote = result.quote.is_some();
    let without = &body[..body.iter().position(|line| is_foreign_footer(line)).unwrap_or(body.len())];
    let (kept, bottom_quote) = without_bottom_quote(without);
    if kept.iter().all(|line| line.trim().is_empty()) {
        result.text = render(before_footer);
    } else {
        result.text = render(kept);
        if kept.len() < body.len() {
            result.cut = true;
            result.text.push(' ');
            result.text.push_str(ELLIPSIS);
        }
        if !had_top_quote {
            result.quote = bottom_quote;
        }
    }
    if let Some(quote) = result.quote.take() {
        let lines: Vec<&str> = quote.split('\n').collect();
        let (kept, footer) = without_footer(&lines);
        result.cut |= footer.is_some();
        result.quote = Some(render(kept));
    }
    result.cut |= had_top_quote || result.forwarded;
}

fn without_forward_mark<'a, 'b>(lines: &'b [&'a str]) -> (bool, &'b [&'a str]) {
    match lines {
        [mark, from, empty, rest @ ..]
            if *mark == FORWARD_MARK && from.starts_with("From: ") && empty.is_empty() =>
        {
            (true, rest)
        }
        _ => (false, lines),
    }
}

fn without_top_quote<'a, 'b>(lines: &'b [&'a str], is_chat: bool) -> (Option<String>, &'b [&'a str]) {
    let start = usize::from(!is_chat && lines.first().is_some_and(|line| is_headline(line)));
    let quoted = lines[start..].iter().take_while(|line| line.starts_with('>')).count();
    if quoted == 0 {
        return (None, lines);
    }
    let (quote, rest) = lines[start..].split_at(quoted);
    (Some(unquote(quote.iter().copied())), rest)
}

/// Splits at the standard footer mark, or at a bare `--` that stands like one.
fn without_footer<'a, 'b>(lines: &'b [&'a str]) -> (&'b [&'a str], Option<String>) {
    let standard = lines.iter().position(|line| footer::is_mark(line));
    let bare = || {
        (0..lines.len()).rev().find(|at| {
            lines[*at] == "--"
                && (*at == 0 || lines[*at - 1].is_empty())
                && lines.get(*at + 1).is_some_and(|next| !next.is_empty())
        })
    };
    match standard.or_else(bare) {
        Some(at) => (&lines[..at], Some(lines[at + 1..].join("\n"))),
        None => (lines, None),
    }
}

fn is_foreign_footer(line: &str) -> bool {
    line == "--" || ["---", "_____", "=====", "*****", "~~~~~"].iter().any(|mark| line.starts_with(mark))
}

fn without_bottom_quote<'a, 'b>(lines: &'b [&'a str]) -> (&'b [&'a str], Option<String>) {
    let mut first = None;
    let mut last = 0;
    for (at, line) in lines.iter().enumerate().rev() {
        if line.starts_with('>') {
            first = Some(at);
            last = last.max(at);
        } else if !line.trim().is_empty() {
            break;
        }
    }
    let Some(first) = first else {
        return (lines, None);
    };
    let quote = unquote(lines[first..=last].iter().copied());
    let mut end = first;
    if end > 0 && lines[end - 1].trim().is_empty() {
        end -= 1;
    }
    if end > 1 && is_headline(lines[end - 1]) {
        end -= 1;
    }
    (&lines[..end], Some(quote))
}

fn is_headline(line: &str) -> bool {
    line.len() <= MAX_HEADLINE && line.ends_with(':')
}

fn unquote<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let unquoted = lines.map(|line| {
        let line = line.strip_prefix('>').unwrap_or(line);
        line.strip_prefix(' ').unwrap_or(line)
    });
    unquoted.collect::<Vec<_>>().join("\n")
}

/// Joins the lines without blank ones at both ends and with at most one blank line between others.
fn render(lines: &[&str]) -> String {
    let mut out = String::new();
    let mut pending_blank = false;
    for line in lines {
        if line.trim().is_empty() {
            pending_blank = true;
            continue;
        }
        if !out.is_empty() {
            out.push_str(if pending_blank { "\n\n" } else { "\n" });
        }
        pending_blank = false;
        out.push_str(line);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chat(input: &str) -> Simplified {
        simplify(input, true)
    }

    fn foreign(input: &str) -> Simplified {
        simplify(input, false)
    }

    #[test]
    fn a_chat_quote_ends_at_the_first_other_line() {
        let s = chat("> a\n>b\n\n> c\nd");
        assert_eq!((s.quote.as_deref(), s.text.as_str()), (Some("a\nb"), "> c\nd"));
    }

    #[test]
    fn a_leading_empty_line_keeps_text_from_being_a_quote() {
        let s = chat("\n> q\n");
        assert_eq!((s.quote, s.text.as_str()), (None, "> q"));
    }

    #[test]
    fn a_forwarded_message_is_recognised() {
        let s = chat("---------- Forwarded message ----------\nFrom: x\n\nhello");
        assert!(s.forwarded && s.text == "hello");
    }

    #[test]
    fn the_footer_is_the_status() {
        let s = chat("hello\n\n-- \nmy status\nline 2");
        assert_eq!((s.text.as_str(), s.footer.as_deref()), ("hello", Some("my status\nline 2")));
        assert_eq!(chat("-- \n").footer.as_deref(), Some(""));
        assert_eq!(chat("a\n\n--\nb").footer.as_deref(), Some("b"));
    }

    #[test]
    fn a_chat_text_keeps_what_other_mail_loses() {
        for text in ["a\n---\nb", "a\n--\nb", "a\n> b\nc", "hello\n--\nx\n______\ny"] {
            assert_eq!(chat(text).text, text);
        }
        let s = foreign("hello\n--\nx\n______\ny");
        assert!(s.cut && s.text == "hello [...]", "{s:?}");
    }

    #[test]
    fn blank_lines_collapse_and_escapes_vanish() {
        assert_eq!(chat("\n \na\n\n\n\nb \n\n").text, "a\n\nb ");
        assert_eq!(chat("-\u{200B}- x\ny -\u{200B}- z\n-\u{200B}-").text, "-- x\ny -\u{200B}- z\n--");
    }

    #[test]
    fn foreign_mail_may_head_its_quote_and_put_it_below() {
        let s = foreign("On Monday Bob wrote:\n> hi\n\nanswer");
        assert!(s.cut && s.quote.as_deref() == Some("hi") && s.text == "answer", "{s:?}");
        let s = foreign("answer\n\nBob wrote:\n\n> hi\n\n> there\n");
        assert_eq!((s.text.as_str(), s.quote.as_deref()), ("answer [...]", Some("hi\n\nthere")));
    }

    #[test]
    fn nothing_left_means_everything_is_shown() {
        let s = foreign("_____\nonly this");
        assert_eq!((s.text.as_str(), s.cut), ("_____\nonly this", false));
    }

    proptest! {
        #[test]
        fn never_panics_and_never_grows(input in "(> |-- |--|\n|\r|a|:|_____|\u{200B}|é){0,60}", is_chat: bool) {
            let s = simplify(&input, is_chat);
            prop_assert!(s.text.len() <= input.len() + ELLIPSIS.len() + 1);
        }
    }
}
