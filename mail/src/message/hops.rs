//! The way of a mail: its `Received` fields (RFC 5321, section 4.4) for people.

use mail_parser::DateTime;

use super::read::value::parse_date;

/// Longer names of relays are cut, in characters.
const MAX_NAME: usize = 100;

/// One line for each hop, the first one first; `received` has the newest field first, as mails have.
pub fn describe(received: &[String]) -> String {
    let lines: Vec<String> = received.iter().rev().map(|field| hop(field)).collect();
    lines.join("\n")
}

fn hop(field: &str) -> String {
    let (words, date) = field.rsplit_once(';').unwrap_or((field, ""));
    let mut parts = Vec::new();
    let after = |name: &str| {
        let mut words = words.split_whitespace().skip_while(|word| !word.eq_ignore_ascii_case(name));
        words.nth(1).map(|word| word.chars().take(MAX_NAME).collect::<String>())
    };
    if let Some(from) = after("from") {
        parts.push(format!("From: {from}"));
    }
    if let Some(by) = after("by") {
        parts.push(format!("By: {by}"));
    }
    if let Some(date) = parse_date(date.trim()) {
        parts.push(format!("Date: {}", DateTime::from_timestamp(date).to_rfc822()));
    }
    format!("Hop: {}", parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_are_listed_in_the_order_in_which_they_were_made() {
        let received = [
            "from mx.example.org (mx.example.org [192.0.2.1])\r\n\tby imap.example.net with LMTP id abc\r\n\tfor <b@example.net>; Sat, 28 Nov 2026 23:37:37 +0100",
            "from [127.0.0.1] (localhost [127.0.0.1]) by mx.example.org (Postfix); Sat, 28 Nov 2026 22:37:36 +0000 (UTC)",
        ]
        .map(str::to_owned);
        assert_eq!(
            describe(&received),
            "Hop: From: [127.0.0.1]; By: mx.example.org; Date: Sat, 28 Nov 2026 22:37:36 +0000\n\
             Hop: From: mx.example.org; By: imap.example.net; Date: Sat, 28 Nov 2026 22:37:37 +0000"
        );
        assert_eq!(describe(&[]), "");
    }

    #[test]
    fn what_a_field_does_not_say_is_left_out() {
        for (field, expected) in [
            ("by relay.example", "Hop: By: relay.example"),
            ("from", "Hop: "),
            ("FROM a BY b; yesterday", "Hop: From: a; By: b"),
            (";;;", "Hop: "),
        ] {
            assert_eq!(describe(&[field.to_owned()]), expected);
        }
        let long = format!("from {}", "x".repeat(5_000));
        assert!(describe(&[long]).len() < 200);
    }
}
