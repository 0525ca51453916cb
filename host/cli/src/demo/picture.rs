//! A picture to send.

use std::io::{self, Cursor};

use image::{ImageFormat, Rgb, RgbImage};

/// Side of the picture in pixels.
const SIDE: u32 = 96;

/// A fox at dusk, seen from far away: a PNG that is another one for each number.
pub(super) fn png(number: usize) -> io::Result<Vec<u8>> {
    let shift = u32::try_from(number % 60).unwrap_or(0);
    let picture = RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let sky = u8::try_from(255 * (SIDE - y) / SIDE).unwrap_or(u8::MAX);
        let (dx, dy) = (x.abs_diff(20 + shift), y.abs_diff(70));
        if dx + 2 * dy < 24 {
            Rgb([220, 110, 30])
        } else if y > 75 {
            Rgb([30, 60, 30])
        } else {
            Rgb([sky / 2 + 60, sky / 3 + 40, sky])
        }
    });
    let mut png = Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png).map_err(io::Error::other)?;
    Ok(png.into_inner())
}

#[cfg(test)]
mod tests {
    #[test]
    fn pictures_are_png_and_differ() {
        let (one, other) = (super::png(0).unwrap(), super::png(1).unwrap());
        assert!(one.starts_with(b"\x89PNG"));
        assert_ne!(one, other);
    }
}
