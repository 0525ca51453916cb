//! Reactions (RFC 9078): one emoji for a message.

use super::wire::ELLIPSIS;
use crate::message::bounds::MAX_REACTION_BYTES;

/// The reaction that a text stands for: its first word. Empty, which retracts, if that is too long for one emoji.
pub fn reaction_token(text: &str) -> &str {
    let token = text.split_whitespace().next().unwrap_or_default();
    if token.len() < MAX_REACTION_BYTES && token != ELLIPSIS { token } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_counts_if_it_is_short() {
        for (text, token) in [("👍", "👍"), (" 👍 👎", "👍"), ("", ""), ("[...]", ""), (&"x".repeat(30), "")]
        {
            assert_eq!(reaction_token(text), token, "{text}");
        }
    }
}
