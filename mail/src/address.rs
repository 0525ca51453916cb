//! E-mail addresses as chatmail uses them: compared without case, split at the last `@`.

use std::fmt;

/// A normalised (trimmed, lower-cased, no `mailto:`) e-mail address, such as `alice@example.org`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address(String);

/// Why a text is no usable e-mail address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("Bad email-address: {0:?}")]
pub struct BadAddress(pub String);

impl Address {
    /// Longest accepted address in bytes (RFC 5321 §4.5.3.1.3 gives 254 plus the angle brackets).
    pub const MAX_LEN: usize = 320;

    /// Normalises and checks `text`: local part and domain present, no blanks or angle brackets, no trailing dot.
    pub fn parse(text: &str) -> Result<Self, BadAddress> {
        let bad = || BadAddress(text.chars().take(100).collect());
        let trimmed = text.trim();
        let bare = match trimmed.get(..7) {
            Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => &trimmed[7..],
            _ => trimmed,
        };
        if bare.len() > Self::MAX_LEN || bare.ends_with('.') {
            return Err(bad());
        }
        if bare.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>')) {
            return Err(bad());
        }
        match bare.rsplit_once('@') {
            Some((local, domain)) if !local.is_empty() && !domain.is_empty() => Ok(Self(bare.to_lowercase())),
            _ => Err(bad()),
        }
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part after the last `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.0)
    }
}

/// An address for logs: its first character and its domain.
pub fn shortened(addr: &str) -> String {
    let (local, domain) = addr.rsplit_once('@').unwrap_or((addr, ""));
    format!("{}…@{domain}", local.chars().next().map_or_else(String::new, String::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalises_case_blanks_and_scheme() {
        assert_eq!(Address::parse(" MailTo:Alice@Example.ORG ").unwrap().as_str(), "alice@example.org");
        assert_eq!(Address::parse("a@b@c.d").unwrap().domain(), "c.d");
    }

    #[test]
    fn logs_hold_no_whole_address() {
        assert_eq!(shortened("alice@example.org"), "a…@example.org");
        assert_eq!((shortened(""), shortened("x")), ("…@".to_owned(), "x…@".to_owned()));
    }

    #[test]
    fn refuses_what_cannot_be_delivered() {
        for bad in ["", "a@", "@b.c", "a@b.", "<a@b.c>", "a b@c.d", "nobody"] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
    }
}
