//! Whom one has verified, and who was introduced by whom: a stored fact about a key, never a condition for sending or
//! showing anything.

/// Longest chain of introductions that is followed.
pub const MAX_INTRODUCTION_CHAIN: usize = 100;

/// What is known about the authenticity of a contact's key. `C` names contacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verification<C> {
    /// Nothing.
    #[default]
    None,
    /// The handshake was done with the contact itself.
    Direct,
    /// This contact, itself verified, vouched for it.
    IntroducedBy(C),
    /// Somebody vouched for it, it is not known who.
    Introduced,
}

/// Who vouches for a key by an introduction in a signed and encrypted mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Introducer<C> {
    /// Another own device.
    SelfDevice,
    /// A contact with what is known about itself.
    Contact(C, Verification<C>),
}

impl<C: Copy + PartialEq> Verification<C> {
    /// Whether the contact counts as verified.
    pub fn is_verified(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// What an introduction makes of this; `None` if it changes nothing.
    ///
    /// Only verified contacts can introduce. An introducer is never replaced by another one, and a direct verification
    /// by nothing. Whoever was introduced by nobody known introduces likewise, which keeps chains free of loops. The
    /// caller leaves out introductions of oneself and of the introducer.
    pub fn after_introduction(&self, by: Introducer<C>) -> Option<Self> {
        if !matches!(self, Self::None | Self::Introduced) {
            return None;
        }
        let new = match by {
            Introducer::SelfDevice | Introducer::Contact(_, Self::Introduced) => Self::Introduced,
            Introducer::Contact(_, Self::None) => return None,
            Introducer::Contact(contact, Self::Direct | Self::IntroducedBy(_)) => Self::IntroducedBy(contact),
        };
        (new != *self).then_some(new)
    }

    /// Whether one vouches for such a contact when its key is passed on.
    pub fn is_vouched_for(&self) -> bool {
        matches!(self, Self::Direct | Self::IntroducedBy(_))
    }

    /// Who introduced whom, from the introducer of this contact up to somebody whom one verified directly. `None` if
    /// the chain does not end there within [`MAX_INTRODUCTION_CHAIN`] contacts.
    pub fn chain(&self, mut lookup: impl FnMut(C) -> Self) -> Option<Vec<C>> {
        let mut chain = Vec::new();
        let mut current = *self;
        loop {
            match current {
                Self::Direct => return Some(chain),
                Self::IntroducedBy(contact) if chain.len() < MAX_INTRODUCTION_CHAIN => {
                    chain.push(contact);
                    current = lookup(contact);
                }
                _ => return None,
            }
        }
    }
}
