//! What the bytes of a file are, whatever its name and type claim.

use std::io::{Cursor, Read, Seek};

use image::ImageReader;

use super::bounds::MAX_IMAGE_PIXELS;
use crate::address::Address;
use crate::webxdc::archive;

/// Width and height of a picture that is not too large to be shown. Reads only its header.
pub fn dimensions(bytes: &[u8]) -> Option<(u32, u32)> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
    let (width, height) = reader.into_dimensions().ok()?;
    (u64::from(width) * u64::from(height) <= MAX_IMAGE_PIXELS).then_some((width, height))
}

/// Whether it is an in-chat app: a zip archive with a start page at its top.
pub fn is_webxdc(file: impl Read + Seek) -> bool {
    archive::is_app(file)
}

/// Whether it is a vCard of exactly one contact, with a usable address.
pub fn is_one_contact(bytes: &[u8]) -> bool {
    let cards = crate::vcard::parse(&String::from_utf8_lossy(bytes));
    matches!(cards.as_slice(), [card] if Address::parse(&card.address).is_ok())
}
