//! Raw header fields (RFC 5322, section 2.2), untouched: as many bytes out as were put in.

use std::ops::Range;

/// One field of a header, folded lines included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// The name, without the colon.
    pub(crate) name: Range<usize>,
    /// The whole field with its last line end.
    pub(crate) whole: Range<usize>,
}

/// The header of an entity: its fields, and where the body begins.
#[derive(Debug, Default)]
pub(crate) struct Header {
    pub(crate) fields: Vec<Field>,
    /// Index behind the empty line, or the end of the data if there is none.
    pub(crate) body: usize,
}

impl Header {
    /// Reads the header at the start of `data`. Lines that are no field are skipped, as clients do.
    pub(crate) fn read(data: &[u8]) -> Self {
        let mut header = Self::default();
        let mut start = 0;
        while start < data.len() {
            let rest = data.get(start..).unwrap_or_default();
            let end =
                start + rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |index| index + 1);
            let line = data.get(start..end).unwrap_or_default();
            if line == b"\r\n" || line == b"\n" {
                header.body = end;
                return header;
            }
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                if let Some(field) = header.fields.last_mut().filter(|field| field.whole.end == start) {
                    field.whole.end = end;
                }
            } else if let Some(colon) = line.iter().position(|byte| *byte == b':') {
                let name = line.get(..colon).unwrap_or_default().trim_ascii_end().len();
                header.fields.push(Field { name: start..start + name, whole: start..end });
            }
            start = end;
        }
        header.body = data.len();
        header
    }

    /// The fields with this name, in order.
    pub(crate) fn named<'a>(&'a self, data: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a Field> {
        self.fields.iter().filter(move |field| field.is(data, name.as_bytes()))
    }
}

impl Field {
    pub(crate) fn is(&self, data: &[u8], name: &[u8]) -> bool {
        data.get(self.name.clone()).is_some_and(|own| own.eq_ignore_ascii_case(name))
    }

    /// The text behind the colon, unfolded no further than trimming its ends.
    pub(crate) fn value<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        let whole = data.get(self.name.end..self.whole.end).unwrap_or_default();
        let colon = whole.iter().position(|byte| *byte == b':').map_or(whole.len(), |index| index + 1);
        whole.get(colon..).unwrap_or_default().trim_ascii()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn folded_fields_keep_their_lines() {
        let data = b"From: a\r\nContent-Type: x;\r\n\ty\r\n\r\nbody";
        let header = Header::read(data);
        let folded = header.named(data, "content-type").next().unwrap();
        assert_eq!(&data[folded.whole.clone()], b"Content-Type: x;\r\n\ty\r\n");
        assert_eq!(&data[header.body..], b"body");
        assert_eq!(header.fields[0].value(data), b"a");
    }

    proptest! {
        #[test]
        fn fields_lie_inside_the_header_in_order(data in "([A-Za-z :\t\r\n]|\r\n){0,200}") {
            let header = Header::read(data.as_bytes());
            let mut last = 0;
            for field in &header.fields {
                prop_assert!(last <= field.whole.start && field.name.end <= field.whole.end);
                last = field.whole.end;
                field.value(data.as_bytes());
            }
            prop_assert!(last <= header.body && header.body <= data.len());
        }
    }
}
