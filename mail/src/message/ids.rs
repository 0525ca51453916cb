//! Message identifiers (RFC 5322 §3.6.4).

use std::fmt;

use rand::Rng;

use super::bounds::{MAX_MESSAGE_ID, MAX_MESSAGE_IDS};

/// What stands between the angle brackets of a `Message-ID`: never empty, no blanks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(String);

impl MessageId {
    /// A fresh `<UUIDv4>@localhost`. The domain is not the sender's, so that an id tells nothing about its relay.
    pub fn generate(rng: &mut impl Rng) -> Self {
        let uuid = uuid::Builder::from_random_bytes(rng.r#gen()).into_uuid();
        Self(format!("{uuid}@localhost"))
    }

    /// The first id in `text`, with or without angle brackets.
    pub fn parse(text: &str) -> Option<Self> {
        ids(text).next()
    }

    /// All ids in `text`: split at blanks, one pair of angle brackets taken off each, empty ones dropped.
    pub fn parse_list(text: &str) -> Vec<Self> {
        ids(text).take(MAX_MESSAGE_IDS).collect()
    }

    /// The id without angle brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as it stands in a header.
    pub fn bracketed(&self) -> String {
        format!("<{}>", self.0)
    }
}

fn ids(text: &str) -> impl Iterator<Item = MessageId> + '_ {
    text.split(|c: char| c.is_whitespace() || c.is_control()).filter_map(|word| {
        let word = word.strip_prefix('<').unwrap_or(word);
        let word = word.strip_suffix('>').unwrap_or(word);
        (!word.is_empty() && word.len() <= MAX_MESSAGE_ID).then(|| MessageId(word.to_owned()))
    })
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn a_fresh_id_is_a_hyphenated_uuid_at_localhost() {
        let id = MessageId::generate(&mut rand_chacha::ChaCha20Rng::seed_from_u64(1));
        let (uuid, domain) = id.as_str().split_once('@').unwrap();
        assert_eq!(domain, "localhost");
        assert_eq!(uuid.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!(uuid.as_bytes()[14], b'4');
    }

    #[test]
    fn the_first_id_counts_whatever_the_brackets() {
        for text in ["foo", "<foo> <bar>", "  < foo > <bar>", "<foo>", "<foo"] {
            assert_eq!(MessageId::parse(text).unwrap().as_str(), "foo", "{text:?}");
        }
        assert_eq!(MessageId::parse("<>"), None);
        assert_eq!(MessageId::parse(""), None);
    }

    #[test]
    fn one_pair_of_brackets_may_enclose_several_ids() {
        let ids: Vec<_> = MessageId::parse_list("<a@b c@d>").iter().map(MessageId::bracketed).collect();
        assert_eq!(ids, ["<a@b>", "<c@d>"]);
    }
}
