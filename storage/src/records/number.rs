//! States and kinds: enums in the program, numbers in the file.

use prost::DecodeError;
use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType};

use super::field::Field;

/// Reads the stored number of an enum.
pub(crate) fn read<T>(
    of: fn(u32) -> Option<T>,
    wire: WireType,
    stored: &mut impl Buf,
    context: DecodeContext,
) -> Result<T, DecodeError> {
    let mut number = 0u32;
    number.read(wire, stored, context)?;
    #[allow(deprecated, reason = "prost has no other error for values that it does not know")]
    of(number).ok_or_else(|| DecodeError::new(format!("{number} is none of the known numbers")))
}

/// Declares an enum of which records hold the number. One variant has to be `#[default]`: it is what a record without
/// the field has.
///
/// A number that is none of them makes the row unreadable: no version that was allowed to open the file writes it. Of
/// an enum that is declared with `else Other`, later versions may have more variants under the same schema version;
/// their numbers are kept and written back.
macro_rules! numbers {
    ($(#[$meta:meta])* pub enum $name:ident {
        $($(#[$variant_meta:meta])* $variant:ident = $number:literal,)*
    }) => {
        numbers!(@declare [$(#[$meta])*] $name {
            $($(#[$variant_meta])* $variant = $number,)*
        } [] [] [None, stored]);
    };
    ($(#[$meta:meta])* pub enum $name:ident else $other:ident {
        $($(#[$variant_meta:meta])* $variant:ident = $number:literal,)*
    }) => {
        numbers!(@declare [$(#[$meta])*] $name {
            $($(#[$variant_meta])* $variant = $number,)*
        } [
            /// A number to which a later version has given a meaning.
            $other(u32),
        ] [Self::$other(number) => number,] [Some(Self::$other(stored)), stored]);
    };
    (@declare [$($meta:tt)*] $name:ident {
        $($(#[$variant_meta:meta])* $variant:ident = $number:literal,)*
    } [$($other:tt)*] [$($number_of_other:tt)*] [$unknown:expr, $stored:ident]) => {
        $($meta)*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)*
            $($other)*
        }

        impl $name {
            /// All that are known.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The number that is stored.
            pub const fn number(self) -> u32 {
                match self {
                    $(Self::$variant => $number,)*
                    $($number_of_other)*
                }
            }

            /// What a stored number stands for.
            pub const fn of($stored: u32) -> Option<Self> {
                match $stored {
                    $($number => Some(Self::$variant),)*
                    _ => $unknown,
                }
            }
        }

        impl $crate::records::field::Field for $name {
            fn write(&self, number: u32, out: &mut impl prost::bytes::BufMut) {
                self.number().write(number, out);
            }

            fn read(
                &mut self,
                wire: prost::encoding::WireType,
                stored: &mut impl prost::bytes::Buf,
                context: prost::encoding::DecodeContext,
            ) -> Result<(), prost::DecodeError> {
                *self = $crate::records::number::read(Self::of, wire, stored, context)?;
                Ok(())
            }

            fn written_len(&self, number: u32) -> usize {
                self.number().written_len(number)
            }
        }
    };
}

pub(crate) use numbers;

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::super::field::record;
    use crate::records;
    use crate::table::Table;

    numbers! {
        /// No number is added to it without a new schema version.
        pub enum Closed {
            #[default]
            Zero = 0,
            Seven = 7,
        }
    }

    numbers! {
        /// A later version may add numbers.
        pub enum Open else Other {
            #[default]
            One = 1,
        }
    }

    record! {
        pub struct Ours {
            pub closed: Closed = 1,
            pub open: Open = 16,
        }
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct Theirs {
        #[prost(uint32, tag = "1")]
        closed: u32,
        #[prost(uint32, tag = "16")]
        open: u32,
    }

    #[test]
    fn an_enum_is_stored_as_its_number() {
        for (ours, theirs) in [
            (Ours { closed: Closed::Seven, open: Open::One }, Theirs { closed: 7, open: 1 }),
            (Ours { closed: Closed::Zero, open: Open::Other(300) }, Theirs { closed: 0, open: 300 }),
        ] {
            let stored = theirs.encode_to_vec();
            assert_eq!(ours.encode_to_vec(), stored);
            assert_eq!(ours.encoded_len(), stored.len());
            assert_eq!(Ours::decode(stored.as_slice()), Ok(ours));
        }
        assert_eq!(Ours::decode([0u8; 0].as_slice()), Ok(Ours::default()));
        assert_eq!((Closed::ALL, Open::ALL), (&[Closed::Zero, Closed::Seven][..], &[Open::One][..]));
    }

    #[test]
    fn a_number_that_nobody_may_have_written_makes_the_row_unreadable() {
        const TABLE: Table<u32, Ours> = Table::new("numbers.v1");
        let stored = Theirs { closed: 8, open: 1 }.encode_to_vec();
        assert!(Ours::decode(stored.as_slice()).unwrap_err().to_string().contains("8 is none of"));
        let error = TABLE.value_of(&stored).unwrap_err();
        assert_eq!(error.to_string(), "a value of table numbers.v1 cannot be read");
    }

    #[test]
    fn numbers_are_those_of_files_that_exist() {
        macro_rules! pinned {
            ($($name:ident: $numbers:expr;)*) => {$(
                let numbers: Vec<u32> = records::$name::ALL.iter().map(|value| value.number()).collect();
                assert_eq!(numbers, $numbers, stringify!($name));
                for value in records::$name::ALL {
                    assert_eq!(records::$name::of(value.number()), Some(*value));
                }
            )*};
        }
        pinned! {
            ChatType: [100, 120, 140, 160, 165];
            Block: [0, 1, 2];
            Visibility: [0, 1, 2];
            MessageState: [0, 10, 13, 16, 19, 20, 24, 26];
            ViewType: [0, 10, 20, 21, 23, 40, 41, 50, 60, 71, 80, 90];
            SystemType: [0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 20, 30, 32, 40, 50, 70, 71, 72];
            Download: [0, 10, 20, 30, 1000];
            ContactOrigin: [
                0, 0x2, 0x8, 0x10, 0x40, 0x80, 0x81, 0x100, 0x400, 0x800, 0x4000, 0x8_0000, 0x100_0000,
                0x200_0000, 0x400_0000,
            ];
            KnownMail: [0, 1, 2, 3, 4];
            JobKind: [1, 2, 3, 4, 5];
            TokenKind: [1, 2];
            WaitKind: [1, 2, 3, 4, 5];
            NotShownReason: (0..=15).collect::<Vec<u32>>();
            NotShownState: [0, 1, 2, 3, 4];
        }
    }
}
