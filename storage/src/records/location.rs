//! Places where somebody was, and places that messages point at.

use prost::DecodeError;
use prost::bytes::{Buf, BufMut};
use prost::encoding::{self, DecodeContext, WireType};

use super::field::{Field, record};
use crate::{ChatId, ContactId, MessageId};

/// A number with a fraction, kept to the last bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Real(u64);

impl From<f64> for Real {
    fn from(number: f64) -> Self {
        Self(number.to_bits())
    }
}

impl From<Real> for f64 {
    fn from(real: Real) -> Self {
        Self::from_bits(real.0)
    }
}

impl Field for Real {
    fn write(&self, number: u32, out: &mut impl BufMut) {
        if self.0 != 0 {
            encoding::fixed64::encode(number, &self.0, out);
        }
    }

    fn read(
        &mut self,
        wire: WireType,
        stored: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        encoding::fixed64::merge(wire, &mut self.0, stored, context)
    }

    fn written_len(&self, number: u32) -> usize {
        if self.0 == 0 { 0 } else { encoding::fixed64::encoded_len(number, &self.0) }
    }
}

record! {
    /// A place at a time.
    pub struct LocationRecord {
        /// The chat that it was sent to.
        pub chat: ChatId = 1,
        /// Who was there, or points at it.
        pub contact: ContactId = 2,
        /// Degrees north.
        pub latitude: Real = 3,
        /// Degrees east.
        pub longitude: Real = 4,
        /// Metres, 0 if unknown.
        pub accuracy: Real = 5,
        /// When.
        pub time: i64 = 6,
        /// The message that points at it; none for a step of a track.
        pub message: Option<MessageId> = 7,
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    #[test]
    fn numbers_come_back_to_the_last_bit() {
        for number in [0.0, 13.2, -52.123_456_789_012_3, f64::MIN_POSITIVE, 180.0] {
            let record = LocationRecord { latitude: number.into(), time: 7, ..Default::default() };
            let stored = record.encode_to_vec();
            assert_eq!(stored.len(), record.encoded_len());
            let read = LocationRecord::decode(stored.as_slice()).unwrap();
            assert_eq!(f64::from(read.latitude).to_bits(), number.to_bits());
        }
    }
}
