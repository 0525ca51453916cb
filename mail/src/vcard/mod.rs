//! Contacts as vCards (RFC 6350), in the layout that chatmail programs exchange.

mod format;
mod parse;

#[cfg(test)]
mod tests;

pub use format::format;
pub use parse::parse;

/// A contact as a card describes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Card {
    /// E-mail address, as written.
    pub address: String,
    /// The name that the contact gave itself; empty if there is none.
    pub name: String,
    /// Its public key: base64 of the transferable public key (RFC 9580 §10.1).
    pub key: Option<String>,
    /// Its picture: base64 of a JPEG.
    pub picture: Option<String>,
    /// Its status text.
    pub status: Option<String>,
    /// When the card was made (Unix seconds).
    pub timestamp: Option<i64>,
}

impl Card {
    /// What to call the contact: the name, else the address.
    pub fn display_name(&self) -> &str {
        if self.name.is_empty() { &self.address } else { &self.name }
    }
}
