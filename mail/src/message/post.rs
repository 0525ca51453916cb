//! What a pre-message announces about the file that its post-message brings.

use serde_json::{Map, Value};

use super::view_type::ViewType;

/// The value of `Chat-Post-Message-Metadata`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PostMetadata {
    /// Size of the file in bytes.
    pub size: u64,
    /// What the file is.
    pub view_type: ViewType,
    /// File name; for a mini app the name of the app.
    pub file_name: String,
    /// Width and height in pixels, if both are known.
    pub dimensions: Option<(u32, u32)>,
    /// Milliseconds of audio or video, if known.
    pub duration: Option<u64>,
}

impl PostMetadata {
    /// Reads the JSON of a header. Unknown keys and nulls are fine; `None` if it is no such JSON.
    pub fn parse(json: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(json).ok()?;
        let object = value.as_object()?;
        Some(Self {
            size: object.get("size")?.as_u64()?,
            view_type: ViewType::from_name(object.get("viewtype")?.as_str()?)?,
            file_name: object.get("filename")?.as_str()?.to_owned(),
            dimensions: dimensions(object.get("wh"))?,
            duration: optional_u64(object.get("duration"))?,
        })
    }

    /// The JSON for a header: ASCII, without blanks, so that no fold can fall into the file name.
    pub(crate) fn to_header(&self) -> String {
        let mut object = Map::new();
        object.insert("size".into(), self.size.into());
        object.insert("viewtype".into(), self.view_type.name().into());
        object.insert("filename".into(), self.file_name.clone().into());
        if let Some((width, height)) = self.dimensions {
            object.insert("wh".into(), vec![width, height].into());
        }
        if let Some(duration) = self.duration {
            object.insert("duration".into(), duration.into());
        }
        ascii_json(&Value::Object(object).to_string())
    }
}

/// `Some(None)` if absent, `None` if malformed.
fn dimensions(value: Option<&Value>) -> Option<Option<(u32, u32)>> {
    match value {
        None | Some(Value::Null) => Some(None),
        Some(Value::Array(pair)) => match pair.as_slice() {
            [width, height] => {
                let (width, height) =
                    (u32::try_from(width.as_u64()?).ok()?, u32::try_from(height.as_u64()?).ok()?);
                Some(Some((width, height)))
            }
            _ => None,
        },
        Some(_) => None,
    }
}

fn optional_u64(value: Option<&Value>) -> Option<Option<u64>> {
    match value {
        None | Some(Value::Null) => Some(None),
        Some(number) => number.as_u64().map(Some),
    }
}

/// Escapes everything but visible ASCII. Compact JSON has blanks and other characters only inside strings.
fn ascii_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii_graphic() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_survives_the_header_without_blanks() {
        let metadata = PostMetadata {
            size: 300_000,
            view_type: ViewType::Image,
            file_name: "gros naïf \"😀\".bin".into(),
            dimensions: Some((1600, 900)),
            duration: None,
        };
        let header = metadata.to_header();
        assert!(header.bytes().all(|b| b.is_ascii_graphic()), "{header}");
        assert_eq!(PostMetadata::parse(&header), Some(metadata));
    }

    #[test]
    fn unknown_keys_and_nulls_are_accepted_bad_json_is_not() {
        let json = r#"{"size":3,"viewtype":"Gif","filename":"a","wh":null,"duration":null,"later":[1]}"#;
        assert_eq!(PostMetadata::parse(json).unwrap().view_type, ViewType::Gif);
        for bad in ["{bad json", "[]", r#"{"size":-1,"viewtype":"Gif","filename":"a"}"#, "{}"] {
            assert_eq!(PostMetadata::parse(bad), None, "{bad}");
        }
    }
}
