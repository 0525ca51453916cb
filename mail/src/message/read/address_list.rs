//! Address headers (RFC 5322 §3.4), read leniently: groups are flattened, encoded words count inside quotes too.

use super::value::decode_words;
use crate::address::normalise;
use crate::message::bounds::MAX_ADDRESSES;
use crate::message::mailbox::Mailbox;

/// The mailboxes of an address header, in order. What has no address is left out.
pub fn parse_addresses(value: &str) -> Vec<Mailbox> {
    let mut reader = Reader::default();
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => reader.quoted(&mut chars),
            '(' => reader.comment(&mut chars),
            '<' => reader.angle(&mut chars),
            ',' | ';' => reader.end(),
            // A group name ends here; its members follow. Inside an address (IPv6 literal) a colon is kept.
            ':' if !reader.in_address => reader.clear(),
            '\\' => chars.next().into_iter().for_each(|c| reader.push(c)),
            c => reader.push(c),
        }
        if reader.found.len() >= MAX_ADDRESSES {
            break;
        }
    }
    reader.end();
    reader.found
}

#[derive(Default)]
struct Reader {
    text: String,
    comment: String,
    address: Option<String>,
    /// The text holds what only addresses do.
    in_address: bool,
    found: Vec<Mailbox>,
}

impl Reader {
    fn push(&mut self, c: char) {
        self.in_address |= matches!(c, '@' | '[');
        self.text.push(c);
    }

    fn quoted(&mut self, chars: &mut std::str::Chars<'_>) {
        while let Some(c) = chars.next() {
            match c {
                '"' => return,
                '\\' => chars.next().into_iter().for_each(|c| self.push(c)),
                c => self.push(c),
            }
        }
    }

    fn comment(&mut self, chars: &mut std::str::Chars<'_>) {
        let mut depth = 1;
        while let Some(c) = chars.next() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                '\\' => self.comment.extend(chars.next()),
                c => self.comment.push(c),
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn angle(&mut self, chars: &mut std::str::Chars<'_>) {
        let mut address: String = chars.by_ref().take_while(|c| *c != '>').collect();
        // Obsolete source routes: <@relay:user@host>.
        if address.starts_with('@')
            && let Some((_, target)) = address.rsplit_once(':')
        {
            address = target.to_owned();
        }
        self.address = Some(address);
    }

    fn clear(&mut self) {
        self.text.clear();
        self.comment.clear();
        self.address = None;
        self.in_address = false;
    }

    fn end(&mut self) {
        let mailbox = match self.address.take() {
            Some(address) => Mailbox { name: display_name(&self.text), address: normalise(&address) },
            None => Mailbox { name: display_name(&self.comment), address: normalise(&self.text) },
        };
        let has_text = !mailbox.address.is_empty();
        self.clear();
        if has_text {
            self.found.push(mailbox);
        }
    }
}

fn display_name(text: &str) -> String {
    decode_words(text).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(value: &str) -> Vec<(String, String)> {
        parse_addresses(value).into_iter().map(|m| (m.name, m.address)).collect()
    }

    fn one(name: &str, address: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), address.to_owned())]
    }

    #[test]
    fn names_come_in_many_forms() {
        for (value, name) in [
            ("\"Bob\" <b@x.org>", "Bob"),
            ("Bob <B@X.org>", "Bob"),
            ("=?utf-8?B?w4Q=?= <b@x.org>", "Ä"),
            ("\"=?utf-8?B?w4Q=?=\" <b@x.org>", "Ä"),
            ("=?utf-8?B?w4Q=?=<b@x.org>", "Ä"),
            ("\"a \\\"q\\\", (b)\" <mailto:b@x.org>", "a \"q\", (b)"),
            ("b@x.org (Bob)", "Bob"),
            ("<b@x.org>", ""),
            ("b@x.org", ""),
        ] {
            assert_eq!(parsed(value), one(name, "b@x.org"), "{value}");
        }
    }

    #[test]
    fn groups_are_flattened() {
        assert_eq!(parsed("\"hidden-recipients\": ;"), []);
        assert_eq!(parsed("friends: a@x.org, B <b@x.org>;, c@x.org").len(), 3);
        assert_eq!(parsed("a@x.org, b@x.org").len(), 2);
    }

    #[test]
    fn address_bombs_are_read_in_linear_time() {
        let start = std::time::Instant::now();
        let long = "a".repeat(1_000_000);
        for bomb in [":", "a:", "(", "()", "<", "<>", ",", "\"", "\\", "<@:>"] {
            parse_addresses(&format!("{long}@{}", bomb.repeat(1_000_000)));
            parse_addresses(&bomb.repeat(1_000_000));
        }
        assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    }

    proptest! {
        #[test]
        fn never_panics(value in "(<|>|\"|\\\\|,|;|:|\\(|\\)|@|a|é| |=\\?utf-8\\?q\\?){0,40}") {
            parse_addresses(&value);
        }
    }
}
