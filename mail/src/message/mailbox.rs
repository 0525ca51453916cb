//! A name with an address, as it stands in `From` and `To`.

use crate::address::{self, Address, BadAddress};

/// A display name (may be empty) and an e-mail address.
///
/// In received mail the address is trimmed, lower-cased and freed of `mailto:`, but not checked: positions in `To`
/// matter for member lists, so unusable addresses are kept. [`Mailbox::checked`] tells whether it can be used.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Mailbox {
    /// Display name, decoded; empty if there is none.
    pub name: String,
    /// E-mail address.
    pub address: String,
}

impl Mailbox {
    /// A mailbox with display name.
    pub fn new(name: impl Into<String>, address: impl Into<String>) -> Self {
        Self { name: name.into(), address: address.into() }
    }

    /// A mailbox without display name.
    pub fn bare(address: impl Into<String>) -> Self {
        Self { name: String::new(), address: address.into() }
    }

    /// The address if it is a usable one.
    pub fn checked(&self) -> Result<Address, BadAddress> {
        Address::parse(&self.address)
    }

    /// Whether both name the same address, letter case aside.
    pub fn same_address(&self, other: &str) -> bool {
        address::same(&self.address, other)
    }
}
