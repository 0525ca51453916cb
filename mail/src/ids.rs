//! Tokens of invites, ids of groups and secrets of channels: random, URL-safe, compared as exact strings.
//! [`crate::message::MessageId`] is of another kind.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{CryptoRng, Rng};

/// Shortest token or id that is accepted.
pub const MIN_TOKEN_LEN: usize = 11;
/// Longest token or id that is accepted.
pub const MAX_TOKEN_LEN: usize = 32;
/// Shortest channel secret that is accepted, and the length of generated ones.
pub const MIN_SECRET_LEN: usize = 43;
/// Longest channel secret that is accepted.
pub const MAX_SECRET_LEN: usize = 100;

fn is_url_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// 18 random bytes are 144 bits and exactly 24 characters.
fn random_id(rng: &mut (impl Rng + CryptoRng)) -> String {
    URL_SAFE_NO_PAD.encode(rng.r#gen::<[u8; 18]>())
}

/// A text of the URL-safe base64 alphabet, with the lengths that are accepted.
macro_rules! url_safe_text {
    ($(#[$doc:meta])* $name:ident, $lengths:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Takes a text of the right length and alphabet; anything else is none.
            pub fn parse(text: &str) -> Option<Self> {
                let fits = $lengths.contains(&text.len()) && text.bytes().all(is_url_safe);
                fits.then(|| Self(text.to_owned()))
            }

            /// The text as it is written in codes and headers.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

url_safe_text! {
    /// An invite number or an auth token: what an invite code proves knowledge of. 11 to 32 characters.
    Token, (MIN_TOKEN_LEN..=MAX_TOKEN_LEN)
}

url_safe_text! {
    /// The id of a group or channel, as in `Chat-Group-ID` and the `x` parameter of invites. 11 to 32 characters.
    GroupId, (MIN_TOKEN_LEN..=MAX_TOKEN_LEN)
}

url_safe_text! {
    /// The password that the messages of a channel are encrypted with, as in `Chat-Broadcast-Secret`. 43 to 100
    /// characters.
    ChannelSecret, (MIN_SECRET_LEN..=MAX_SECRET_LEN)
}

impl Token {
    /// Draws a fresh token of 24 characters.
    pub fn generate(rng: &mut (impl Rng + CryptoRng)) -> Self {
        Self(random_id(rng))
    }
}

impl GroupId {
    /// Draws a fresh id of 24 characters.
    pub fn generate(rng: &mut (impl Rng + CryptoRng)) -> Self {
        Self(random_id(rng))
    }
}

impl ChannelSecret {
    /// Draws a fresh secret of 43 characters.
    pub fn generate(rng: &mut (impl Rng + CryptoRng)) -> Self {
        let mut text =
            URL_SAFE_NO_PAD.encode([rng.r#gen::<[u8; 32]>().as_slice(), &[rng.r#gen::<u8>()]].concat());
        text.truncate(MIN_SECRET_LEN);
        Self(text)
    }
}

/// Tokens are secrets, so logs show only that there is one.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl fmt::Debug for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupId({})", self.0)
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ChannelSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    #[test]
    fn generated_values_have_the_lengths_of_the_protocol() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let token = Token::generate(&mut rng);
        assert_eq!(token.as_str().len(), 24);
        assert_eq!(Token::parse(token.as_str()), Some(token.clone()));
        assert_ne!(Token::generate(&mut rng), token);
        assert_eq!(GroupId::generate(&mut rng).as_str().len(), 24);
        let secret = ChannelSecret::generate(&mut rng);
        assert_eq!(secret.as_str().len(), 43);
        assert_eq!(ChannelSecret::parse(secret.as_str()), Some(secret));
    }

    #[test]
    fn lengths_and_alphabet_decide() {
        for (len, good) in [(10, false), (11, true), (32, true), (33, false)] {
            assert_eq!(Token::parse(&"a".repeat(len)).is_some(), good, "{len}");
            assert_eq!(GroupId::parse(&"a".repeat(len)).is_some(), good, "{len}");
        }
        for (len, good) in [(42, false), (43, true), (100, true), (101, false)] {
            assert_eq!(ChannelSecret::parse(&"a".repeat(len)).is_some(), good, "{len}");
        }
        assert!(Token::parse("abcdefghijk/").is_none());
        assert!(Token::parse("abcdefghijkü").is_none());
    }

    #[test]
    fn secrets_stay_out_of_logs() {
        let token = Token::parse("abcdefghijklmnop").unwrap();
        assert!(!format!("{token:?}").contains("abc"));
    }
}
