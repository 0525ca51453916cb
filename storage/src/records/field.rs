//! How records are written: as protobuf messages, in the order of their field numbers, without fields that are empty.
//!
//! A field has the type of what it says, an id for example; this decides how that type is stored.

use prost::DecodeError;
use prost::bytes::{Buf, BufMut};
use prost::encoding::{self, DecodeContext, WireType};

/// The value of one field of a record. A field that is [`Default`] is not written.
pub(crate) trait Field {
    /// Appends the field.
    fn write(&self, number: u32, out: &mut impl BufMut);

    /// Reads the field, or one more item of it.
    fn read(
        &mut self,
        wire: WireType,
        stored: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError>;

    /// Number of bytes that [`write`](Self::write) appends.
    fn written_len(&self, number: u32) -> usize;
}

macro_rules! scalars {
    ($($type:ty: $module:ident, $empty:literal;)*) => {$(
        impl Field for $type {
            fn write(&self, number: u32, out: &mut impl BufMut) {
                if *self != $empty {
                    encoding::$module::encode(number, self, out);
                }
            }

            fn read(
                &mut self, wire: WireType, stored: &mut impl Buf, context: DecodeContext,
            ) -> Result<(), DecodeError> {
                encoding::$module::merge(wire, self, stored, context)
            }

            fn written_len(&self, number: u32) -> usize {
                if *self == $empty { 0 } else { encoding::$module::encoded_len(number, self) }
            }
        }
    )*};
}

scalars! {
    bool: bool, false;
    u32: uint32, 0;
    u64: uint64, 0;
    i64: int64, 0;
}

macro_rules! lists {
    ($($type:ty: $module:ident, $empty:ident, $encode:ident, $merge:ident, $len:ident;)*) => {$(
        impl Field for $type {
            fn write(&self, number: u32, out: &mut impl BufMut) {
                if !self.is_empty() {
                    encoding::$module::$encode(number, self, out);
                }
            }

            fn read(
                &mut self, wire: WireType, stored: &mut impl Buf, context: DecodeContext,
            ) -> Result<(), DecodeError> {
                encoding::$module::$merge(wire, self, stored, context)
            }

            fn written_len(&self, number: u32) -> usize {
                if self.is_empty() { 0 } else { encoding::$module::$len(number, self) }
            }
        }
    )*};
}

lists! {
    String: string, is_empty, encode, merge, encoded_len;
    Vec<u8>: bytes, is_empty, encode, merge, encoded_len;
    Vec<String>: string, is_empty, encode_repeated, merge_repeated, encoded_len_repeated;
    Vec<u32>: uint32, is_empty, encode_packed, merge_repeated, encoded_len_packed;
    Vec<super::HeaderRecord>: message, is_empty, encode_repeated, merge_repeated, encoded_len_repeated;
    Vec<super::LeavingRecord>: message, is_empty, encode_repeated, merge_repeated, encoded_len_repeated;
}

/// A record within a record; nothing is written for none.
impl Field for Option<Box<super::CallRecord>> {
    fn write(&self, number: u32, out: &mut impl BufMut) {
        if let Some(record) = self {
            encoding::message::encode(number, record.as_ref(), out);
        }
    }

    fn read(
        &mut self,
        wire: WireType,
        stored: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        encoding::message::merge(wire, self.get_or_insert_default().as_mut(), stored, context)
    }

    fn written_len(&self, number: u32) -> usize {
        self.as_ref().map_or(0, |record| encoding::message::encoded_len(number, record.as_ref()))
    }
}

/// An id: records hold its number.
macro_rules! ids {
    ($($type:ty),*) => {$(
        impl Field for $type {
            fn write(&self, number: u32, out: &mut impl BufMut) {
                self.get().write(number, out);
            }

            fn read(
                &mut self, wire: WireType, stored: &mut impl Buf, context: DecodeContext,
            ) -> Result<(), DecodeError> {
                let mut plain = 0u32;
                plain.read(wire, stored, context)?;
                *self = plain.into();
                Ok(())
            }

            fn written_len(&self, number: u32) -> usize {
                self.get().written_len(number)
            }
        }

        /// 0 is none.
        impl Field for Option<$type> {
            fn write(&self, number: u32, out: &mut impl BufMut) {
                self.unwrap_or_default().write(number, out);
            }

            fn read(
                &mut self, wire: WireType, stored: &mut impl Buf, context: DecodeContext,
            ) -> Result<(), DecodeError> {
                let mut plain = 0u32;
                plain.read(wire, stored, context)?;
                *self = (plain != 0).then(|| plain.into());
                Ok(())
            }

            fn written_len(&self, number: u32) -> usize {
                self.unwrap_or_default().written_len(number)
            }
        }

        impl Field for Vec<$type> {
            fn write(&self, number: u32, out: &mut impl BufMut) {
                let plain: Vec<u32> = self.iter().map(|value| value.get()).collect();
                plain.write(number, out);
            }

            fn read(
                &mut self, wire: WireType, stored: &mut impl Buf, context: DecodeContext,
            ) -> Result<(), DecodeError> {
                let mut plain: Vec<u32> = Vec::new();
                plain.read(wire, stored, context)?;
                self.extend(plain.into_iter().map(<$type>::from));
                Ok(())
            }

            fn written_len(&self, number: u32) -> usize {
                let plain: Vec<u32> = self.iter().map(|value| value.get()).collect();
                plain.written_len(number)
            }
        }
    )*};
}

ids!(
    crate::ChatId,
    crate::ContactId,
    crate::LocationId,
    crate::MessageId,
    crate::ProfileId,
    crate::TransportId
);

/// Declares a record: a struct whose fields have a number, as in a `.proto` file, and any type that is a [`Field`].
macro_rules! record {
    ($(#[$meta:meta])* pub struct $name:ident {
        $($(#[doc = $doc:expr])* pub $field:ident: $type:ty = $number:literal,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[doc = $doc])* pub $field: $type,)*
        }

        impl prost::Message for $name {
            #[allow(unused_variables, reason = "a record may have no field")]
            fn encode_raw(&self, out: &mut impl prost::bytes::BufMut) {
                $($crate::records::field::Field::write(&self.$field, $number, out);)*
            }

            fn merge_field(
                &mut self,
                number: u32,
                wire: prost::encoding::WireType,
                stored: &mut impl prost::bytes::Buf,
                context: prost::encoding::DecodeContext,
            ) -> Result<(), prost::DecodeError> {
                match number {
                    $($number => $crate::records::field::Field::read(&mut self.$field, wire, stored, context)
                        .map_err(|mut error| {
                            error.push(stringify!($name), stringify!($field));
                            error
                        }),)*
                    _ => prost::encoding::skip_field(wire, number, stored, context),
                }
            }

            fn encoded_len(&self) -> usize {
                0 $(+ $crate::records::field::Field::written_len(&self.$field, $number))*
            }

            fn clear(&mut self) {
                *self = Self::default();
            }
        }
    };
}

pub(crate) use record;

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use crate::records::{CallRecord, HeaderRecord, LeavingRecord, ManagerRecord, MessageRecord};
    use crate::{ContactId, MessageId, ProfileId};

    record! {
        /// One field of each kind.
        pub struct Ours {
            pub text: String = 1,
            pub flag: bool = 2,
            pub number: u32 = 3,
            pub large: u64 = 4,
            pub time: i64 = 5,
            pub bytes: Vec<u8> = 6,
            pub texts: Vec<String> = 7,
            pub id: MessageId = 8,
            pub maybe: Option<MessageId> = 16,
            pub ids: Vec<ContactId> = 17,
            pub headers: Vec<HeaderRecord> = 18,
        }
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct Header {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(string, tag = "2")]
        value: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct Theirs {
        #[prost(string, tag = "1")]
        text: String,
        #[prost(bool, tag = "2")]
        flag: bool,
        #[prost(uint32, tag = "3")]
        number: u32,
        #[prost(uint64, tag = "4")]
        large: u64,
        #[prost(int64, tag = "5")]
        time: i64,
        #[prost(bytes = "vec", tag = "6")]
        bytes: Vec<u8>,
        #[prost(string, repeated, tag = "7")]
        texts: Vec<String>,
        #[prost(uint32, tag = "8")]
        id: u32,
        #[prost(uint32, tag = "16")]
        maybe: u32,
        #[prost(uint32, repeated, tag = "17")]
        ids: Vec<u32>,
        #[prost(message, repeated, tag = "18")]
        headers: Vec<Header>,
    }

    #[test]
    fn records_are_written_as_protobuf_writes_them() {
        let theirs = Theirs {
            text: "text".to_owned(),
            flag: true,
            number: 300,
            large: u64::MAX,
            time: -1,
            bytes: vec![0, 1],
            texts: vec!["one".to_owned(), String::new()],
            id: 12,
            maybe: 70_000,
            ids: vec![1, 0, 1000],
            headers: vec![Header { name: "name".to_owned(), value: String::new() }],
        };
        let ours = Ours {
            text: "text".to_owned(),
            flag: true,
            number: 300,
            large: u64::MAX,
            time: -1,
            bytes: vec![0, 1],
            texts: vec!["one".to_owned(), String::new()],
            id: MessageId::new(12),
            maybe: Some(MessageId::new(70_000)),
            ids: [1, 0, 1000].map(ContactId::new).to_vec(),
            headers: vec![HeaderRecord { name: "name".to_owned(), value: String::new() }],
        };
        let stored = theirs.encode_to_vec();
        assert_eq!(ours.encode_to_vec(), stored);
        assert_eq!(ours.encoded_len(), stored.len());
        assert_eq!(Ours::decode(stored.as_slice()), Ok(ours));

        assert_eq!(Ours::default().encode_to_vec(), [0u8; 0]);
        assert_eq!(Ours::decode([0u8; 0].as_slice()), Ok(Ours::default()));
    }

    #[test]
    fn fields_of_a_later_version_are_skipped_and_torn_ones_refused() {
        let stored =
            Theirs { text: "text".to_owned(), ids: vec![1, 2], ..Default::default() }.encode_to_vec();
        assert_eq!(HeaderRecord::decode(stored.as_slice()).map(|record| record.name), Ok("text".to_owned()));
        assert!(Ours::decode(&stored[..stored.len() - 1]).is_err());
        assert!(MessageRecord::decode(stored.as_slice()).is_err(), "a text in place of a number");
    }

    #[test]
    fn records_within_records_return() {
        let record = ManagerRecord {
            next_id: ProfileId::new(3),
            leaving: vec![
                LeavingRecord { profile: ProfileId::new(2), uuid: "u".to_owned() },
                LeavingRecord::default(),
            ],
            ..Default::default()
        };
        assert_eq!(ManagerRecord::decode(record.encode_to_vec().as_slice()), Ok(record));
        for call in
            [CallRecord::default(), CallRecord { offer: "o".to_owned(), ended: 7, ..Default::default() }]
        {
            let record = MessageRecord { call: Some(Box::new(call)), ..Default::default() };
            assert_eq!(record.encode_to_vec().len(), record.encoded_len());
            assert_eq!(MessageRecord::decode(record.encode_to_vec().as_slice()), Ok(record));
        }
    }
}
