//! The ids of what a store holds. Each kind is a type of its own; stored and printed it is the bare number.

use std::fmt;

use crate::key::{Key, PerProfile, Whole};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, from $first:literal, $tuples:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// No id: what a field that is not set is read as.
            pub const NONE: Self = Self(0);
            /// The lowest id that is given out. Those below it are reserved.
            pub const FIRST: Self = Self($first);

            /// The id with this number.
            pub const fn new(number: u32) -> Self {
                Self(number)
            }

            /// Its number.
            pub const fn get(self) -> u32 {
                self.0
            }

            /// This id, unless it is none.
            pub fn given(self) -> Option<Self> {
                (self != Self::NONE).then_some(self)
            }

            /// Whether it is below those that are given out.
            pub const fn is_special(self) -> bool {
                self.0 < Self::FIRST.0
            }

            /// The id that is given out after this one.
            pub const fn next(self) -> Self {
                if self.0 < Self::FIRST.0 { Self::FIRST } else { Self(self.0.saturating_add(1)) }
            }
        }

        impl From<u32> for $name {
            fn from(number: u32) -> Self {
                Self(number)
            }
        }

        impl From<$name> for u32 {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl From<$name> for u64 {
            fn from(id: $name) -> Self {
                id.0.into()
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> Self {
                id.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl Key for $name {
            type Scope = Whole;
            type TupleScope = $tuples;

            fn decode(input: &mut &[u8]) -> Option<Self> {
                u32::decode(input).map(Self)
            }
        }
    )*};
}

ids! {
    /// A profile.
    ProfileId, from 1, PerProfile;
    /// A relay that a profile uses.
    TransportId, from 1, Whole;
    /// A contact of a profile.
    ContactId, from 10, Whole;
    /// A chat of a profile.
    ChatId, from 10, Whole;
    /// A place that a profile knows of.
    LocationId, from 1, Whole;
    /// A message of a profile, shown or hidden. Not its Message-ID, which is a text that the sender makes.
    MessageId, from 10, Whole;
}

impl ProfileId {
    /// Stands for the process as a whole in requests and events.
    pub const PROCESS: Self = Self(0);
}

impl ContactId {
    /// Ourselves.
    pub const SELF: Self = Self(1);
    /// Author of info lines that are made locally.
    pub const INFO: Self = Self(2);
    /// Author of device messages.
    pub const DEVICE: Self = Self(5);
    /// The last of the reserved ones, which nobody has: it stands for an author that is not known.
    pub const RESERVED: Self = Self(9);
}

impl ChatId {
    /// Reserved; nothing is in it.
    pub const DEADDROP: Self = Self(1);
    /// Deleted messages.
    pub const TRASH: Self = Self(3);
    /// Reserved; nothing is in it.
    pub const STARRED: Self = Self(5);
    /// Entry of the chat list that leads to the archive.
    pub const ARCHIVED_LINK: Self = Self(6);
    /// Entry of the chat list that hints at an all-archived list.
    pub const ALL_DONE_HINT: Self = Self(7);
}

impl MessageId {
    /// Stands for a day marker in lists of messages.
    pub const DAY_MARKER: Self = Self(9);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::AsKey;

    #[test]
    fn ids_are_stored_and_printed_as_their_numbers() {
        let (mut typed, mut plain) = (Vec::new(), Vec::new());
        AsKey::<(ProfileId, ChatId, MessageId)>::encode(
            &(ProfileId::new(1), ChatId::TRASH, MessageId::new(70_000)),
            &mut typed,
        );
        AsKey::<(u32, u32, u32)>::encode(&(1, 3, 70_000), &mut plain);
        assert_eq!(typed, plain);
        let id = ChatId::new(12);
        assert_eq!(
            (format!("{id} {id:?}"), ChatId::decode(&mut [0, 0, 0, 12].as_slice())),
            ("12 12".to_owned(), Some(id))
        );
    }

    #[test]
    fn ids_begin_behind_those_that_are_reserved() {
        assert_eq!(MessageId::NONE.next(), MessageId::new(10));
        assert_eq!(MessageId::new(10).next(), MessageId::new(11));
        assert_eq!(TransportId::NONE.next(), TransportId::new(1));
        assert!(ContactId::DEVICE.is_special() && !ContactId::FIRST.is_special());
        assert_eq!((ChatId::NONE.given(), ChatId::TRASH.given()), (None, Some(ChatId::TRASH)));
    }
}
