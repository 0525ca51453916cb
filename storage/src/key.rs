//! Order-preserving keys: the bytes of two keys compare as the keys do, component by component.
//!
//! | component | bytes |
//! |---|---|
//! | `u8` `u32` `u64`, ids | big-endian |
//! | `i64` | big-endian with the sign bit flipped |
//! | `[u8; N]` | as they are |
//! | `String` `Vec<u8>` | content with `00` written as `00 FF`, closed by `00 01` |
//!
//! A tuple that begins with a [`ProfileId`], or with a plain `u32` in its place, is about a profile: see [`Scope`].
//!
//! Closing strings keeps a shorter one before the longer ones that it begins, whatever component follows, and makes
//! a [`Prefix`] of whole components select exactly the keys that begin with these components.

use crate::ids::{ChatId, ContactId, LocationId, MessageId, ProfileId, TransportId};

/// A key of a [`Table`](crate::Table): one component or a tuple of two to six.
pub trait Key: AsKey<Self> + Sized {
    /// What a table with this key is about.
    type Scope: Scope;
    /// What a table is about whose key is a tuple that begins with this.
    type TupleScope: Scope;

    /// Reads a key from the front of `input` and moves `input` behind it. `None` if there is none.
    fn decode(input: &mut &[u8]) -> Option<Self>;

    /// As [`decode`](Self::decode), for a key of a profile's table, whose first component is apart from the rest.
    #[doc(hidden)]
    fn decode_apart(_lead: &[u8], _rest: &mut &[u8]) -> Option<Self> {
        None
    }
}

/// Whether a table is about profiles, which decides where its rows are in the file: those of all tables of one
/// profile are together.
pub trait Scope {
    /// Whether keys begin with the id of a profile.
    const PER_PROFILE: bool;
}

/// The key is a tuple that begins with the id of a profile. Scans and ranges stay within one profile.
pub enum PerProfile {}

/// Any other key. Scans and ranges reach over the whole table.
pub enum Whole {}

impl Scope for PerProfile {
    const PER_PROFILE: bool = true;
}

impl Scope for Whole {
    const PER_PROFILE: bool = false;
}

/// Something that is written as the key `K` is: `K` itself, or `K` with `&str` for `String` and `&[u8]` for `Vec<u8>`.
pub trait AsKey<K> {
    /// Appends the bytes of the key.
    fn encode(&self, out: &mut Vec<u8>);
}

/// The leading components of a key `K`: none (`()`, unless the first is a profile), one alone, or a tuple of them, up
/// to the whole key.
pub trait Prefix<K> {
    /// Appends the bytes that the keys with this beginning begin with.
    fn encode_prefix(&self, out: &mut Vec<u8>);
}

impl<K: Key<Scope = Whole>> Prefix<K> for () {
    fn encode_prefix(&self, _out: &mut Vec<u8>) {}
}

/// The escape of a zero byte, and what follows it within a string and at the end of one.
const ZERO: u8 = 0x00;
const ZERO_INSIDE: u8 = 0xFF;
const ZERO_CLOSES: u8 = 0x01;

fn encode_string(content: &[u8], out: &mut Vec<u8>) {
    let mut rest = content;
    while let Some(at) = rest.iter().position(|&byte| byte == ZERO) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(&[ZERO, ZERO_INSIDE]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(&[ZERO, ZERO_CLOSES]);
}

fn decode_string(input: &mut &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let at = input.iter().position(|&byte| byte == ZERO)?;
        content.extend_from_slice(&input[..at]);
        let next = *input.get(at + 1)?;
        *input = &input[at + 2..];
        match next {
            ZERO_INSIDE => content.push(ZERO),
            ZERO_CLOSES => return Some(content),
            _ => return None,
        }
    }
}

fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = input.split_first_chunk::<N>()?;
    *input = rest;
    Some(*head)
}

const SIGN: u64 = 1 << 63;

macro_rules! components {
    ($([$($generic:tt)*] $part:ty: $whole:ty, $self:ident, $out:ident => $encode:expr;)*) => {$(
        impl<$($generic)*> AsKey<$whole> for $part {
            fn encode(&$self, $out: &mut Vec<u8>) {
                $encode
            }
        }
        impl<$($generic)*> Prefix<$whole> for $part {
            fn encode_prefix(&self, out: &mut Vec<u8>) {
                self.encode(out);
            }
        }
        components!(@leads [$($generic)*] $part: $whole; B);
        components!(@leads [$($generic)*] $part: $whole; B, C);
        components!(@leads [$($generic)*] $part: $whole; B, C, D);
        components!(@leads [$($generic)*] $part: $whole; B, C, D, E);
        components!(@leads [$($generic)*] $part: $whole; B, C, D, E, F);
    )*};
    (@leads [] $part:ty: $whole:ty; $($rest:ident),+) => {
        impl<$($rest: Key),+> Prefix<($whole, $($rest),+)> for $part {
            fn encode_prefix(&self, out: &mut Vec<u8>) {
                self.encode(out);
            }
        }
    };
    (@leads [$($generic:tt)+] $part:ty: $whole:ty; $($rest:ident),+) => {
        impl<$($generic)+, $($rest: Key),+> Prefix<($whole, $($rest),+)> for $part {
            fn encode_prefix(&self, out: &mut Vec<u8>) {
                self.encode(out);
            }
        }
    };
}

components! {
    [] u8: u8, self, out => out.push(*self);
    [] u32: u32, self, out => out.extend_from_slice(&self.to_be_bytes());
    [] ChatId: ChatId, self, out => self.get().encode(out);
    [] ContactId: ContactId, self, out => self.get().encode(out);
    [] MessageId: MessageId, self, out => self.get().encode(out);
    [] ProfileId: ProfileId, self, out => self.get().encode(out);
    [] TransportId: TransportId, self, out => self.get().encode(out);
    [] LocationId: LocationId, self, out => self.get().encode(out);
    [] u64: u64, self, out => out.extend_from_slice(&self.to_be_bytes());
    [] i64: i64, self, out => out.extend_from_slice(&(self.cast_unsigned() ^ SIGN).to_be_bytes());
    [] String: String, self, out => encode_string(self.as_bytes(), out);
    ['a] &'a str: String, self, out => encode_string(self.as_bytes(), out);
    [] Vec<u8>: Vec<u8>, self, out => encode_string(self, out);
    ['a] &'a [u8]: Vec<u8>, self, out => encode_string(self, out);
    [const N: usize] [u8; N]: [u8; N], self, out => out.extend_from_slice(self);
}

impl Key for u8 {
    type Scope = Whole;
    type TupleScope = Whole;

    fn decode(input: &mut &[u8]) -> Option<Self> {
        take(input).map(Self::from_be_bytes)
    }
}

impl Key for u32 {
    type Scope = Whole;
    type TupleScope = PerProfile;

    fn decode(input: &mut &[u8]) -> Option<Self> {
        take(input).map(Self::from_be_bytes)
    }
}

impl Key for u64 {
    type Scope = Whole;
    type TupleScope = Whole;

    fn decode(input: &mut &[u8]) -> Option<Self> {
        take(input).map(Self::from_be_bytes)
    }
}

impl Key for i64 {
    type Scope = Whole;
    type TupleScope = Whole;

    fn decode(input: &mut &[u8]) -> Option<Self> {
        take(input).map(|bytes| (u64::from_be_bytes(bytes) ^ SIGN).cast_signed())
    }
}

impl Key for String {
    type Scope = Whole;
    type TupleScope = Whole;

    fn decode(input: &mut &[u8]) -> Option<Self> {
        Self::from_utf8(decode_string(input)?).ok()
    }
}

impl Key for Vec<u8> {
    type Scope = Whole;
    type TupleScope = Whole;

    fn decode(input: &mut &[u8]) -> Option<Self> {
        decode_string(input)
    }
}

impl<const N: usize> Key for [u8; N] {
    type Scope = Whole;
    type TupleScope = Whole;

    fn decode(input: &mut &[u8]) -> Option<Self> {
        take(input)
    }
}

macro_rules! tuples {
    ($(($first:ident $($whole:ident)+; $($part:ident $at:tt)+);)*) => {$(
        tuples!(@parts ($first $($whole)+) ($($part $at)+));
        impl<$first: Key, $($whole: Key),+> Key for ($first, $($whole,)+) {
            type Scope = $first::TupleScope;
            type TupleScope = Whole;

            fn decode(input: &mut &[u8]) -> Option<Self> {
                Some(($first::decode(input)?, $($whole::decode(input)?,)+))
            }

            fn decode_apart(mut lead: &[u8], rest: &mut &[u8]) -> Option<Self> {
                Some(($first::decode(&mut lead)?, $($whole::decode(rest)?,)+))
            }
        }
    )*};
    (@parts ($($whole:ident)+) ($($part:ident $at:tt)+)) => {
        impl<$($whole: Key, $part: AsKey<$whole>),+> AsKey<($($whole,)+)> for ($($part,)+) {
            fn encode(&self, out: &mut Vec<u8>) {
                $(self.$at.encode(out);)+
            }
        }
    };
}

tuples! {
    (A B; PA 0 PB 1);
    (A B C; PA 0 PB 1 PC 2);
    (A B C D; PA 0 PB 1 PC 2 PD 3);
    (A B C D E; PA 0 PB 1 PC 2 PD 3 PE 4);
    (A B C D E F; PA 0 PB 1 PC 2 PD 3 PE 4 PF 5);
}

macro_rules! prefixes {
    ($(($($whole:ident $part:ident $at:tt),+) of ($($rest:ident),*);)*) => {$(
        impl<$($whole: Key, $part: AsKey<$whole>,)+ $($rest: Key),*> Prefix<($($whole,)+ $($rest,)*)> for ($($part,)+) {
            fn encode_prefix(&self, out: &mut Vec<u8>) {
                $(self.$at.encode(out);)+
            }
        }
    )*};
}

prefixes! {
    (A PA 0, B PB 1) of ();
    (A PA 0, B PB 1) of (C);
    (A PA 0, B PB 1) of (C, D);
    (A PA 0, B PB 1) of (C, D, E);
    (A PA 0, B PB 1) of (C, D, E, F);
    (A PA 0, B PB 1, C PC 2) of ();
    (A PA 0, B PB 1, C PC 2) of (D);
    (A PA 0, B PB 1, C PC 2) of (D, E);
    (A PA 0, B PB 1, C PC 2) of (D, E, F);
    (A PA 0, B PB 1, C PC 2, D PD 3) of ();
    (A PA 0, B PB 1, C PC 2, D PD 3) of (E);
    (A PA 0, B PB 1, C PC 2, D PD 3) of (E, F);
    (A PA 0, B PB 1, C PC 2, D PD 3, E PE 4) of ();
    (A PA 0, B PB 1, C PC 2, D PD 3, E PE 4) of (F);
    (A PA 0, B PB 1, C PC 2, D PD 3, E PE 4, F PF 5) of ();
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn bytes<K: Key>(key: &K) -> Vec<u8> {
        let mut out = Vec::new();
        key.encode(&mut out);
        out
    }

    fn returns<K: Key + PartialEq + std::fmt::Debug>(key: &K) {
        let encoded = bytes(key);
        let mut input = encoded.as_slice();
        assert_eq!(K::decode(&mut input).as_ref(), Some(key));
        assert!(input.is_empty());
    }

    /// Strings in which zero bytes and shared beginnings are frequent.
    fn tricky() -> impl Strategy<Value = Vec<u8>> {
        vec(prop_oneof![Just(0u8), Just(1), Just(0xFF), any::<u8>()], 0..6)
    }

    proptest! {
        #[test]
        fn tuples_sort_as_their_bytes(a in (tricky(), any::<i64>(), tricky()), b in (tricky(), any::<i64>(), tricky())) {
            prop_assert_eq!(a.cmp(&b), bytes(&a).cmp(&bytes(&b)));
            returns(&a);
        }

        #[test]
        fn text_sorts_by_its_bytes(a in (any::<u32>(), "\\PC{0,4}", any::<u64>()), b in (any::<u32>(), "\\PC{0,4}", any::<u64>())) {
            prop_assert_eq!(a.cmp(&b), bytes(&a).cmp(&bytes(&b)));
            returns(&a);
        }

        #[test]
        fn wide_tuples_return(key in (any::<u8>(), any::<[u8; 5]>(), any::<i64>(), tricky(), any::<u32>(), "\\PC{0,9}")) {
            returns(&key);
        }

        #[test]
        fn whole_strings_are_prefixes_of_themselves_alone(a in tricky(), b in tricky(), tail in any::<u32>()) {
            let mut prefix = Vec::new();
            Prefix::<(Vec<u8>, u32)>::encode_prefix(&a, &mut prefix);
            prop_assert_eq!(bytes(&(b.clone(), tail)).starts_with(&prefix), a == b);
        }

        #[test]
        fn arbitrary_bytes_never_panic(input in vec(any::<u8>(), 0..64)) {
            let _ = <(u32, String, Vec<u8>, i64)>::decode(&mut input.as_slice());
        }
    }

    #[test]
    fn borrowed_forms_are_written_alike() {
        let mut borrowed = Vec::new();
        AsKey::<(u32, String, Vec<u8>)>::encode(&(7, "seven", [7u8, 0].as_slice()), &mut borrowed);
        assert_eq!(borrowed, bytes(&(7u32, "seven".to_owned(), vec![7u8, 0])));
    }

    #[test]
    fn torn_keys_are_refused() {
        assert_eq!(u32::decode(&mut [0u8, 0, 1].as_slice()), None);
        assert_eq!(String::decode(&mut b"open".as_slice()), None);
        assert_eq!(String::decode(&mut b"bad\x00\x02".as_slice()), None);
        assert_eq!(String::decode(&mut b"\xFF\x00\x01".as_slice()), None);
    }
}
