//! Colours of contacts and chats: made from their identity, so that every device shows the same.

use sha1::{Digest as _, Sha1};

/// Colour of ourselves while there is no key.
pub const KEYLESS_SELF: &str = "#808080";

/// Lightness and chroma in OKLCh; only the hue tells identities apart.
const LIGHTNESS: f64 = 0.5;
const CHROMA: f64 = 0.23;

/// The colour of an identity as `#rrggbb`.
pub fn of(identity: &str) -> String {
    let [red, green, blue] = rgb(hue(identity));
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// As [`of`], as the number 0xRRGGBB.
pub fn number_of(identity: &str) -> u32 {
    let [red, green, blue] = rgb(hue(identity));
    u32::from_be_bytes([0, red, green, blue])
}

/// The hue of an identity. Its scale is that of degrees, but all programs of the network read it in radians: what
/// counts is that it is the same everywhere.
fn hue(identity: &str) -> f64 {
    let hash = Sha1::digest(identity.as_bytes());
    f64::from(u16::from_le_bytes([hash[0], hash[1]])) / 65_536.0 * 360.0
}

/// OKLCh with the fixed lightness and chroma to sRGB; what is out of gamut is clipped channel by channel.
fn rgb(hue: f64) -> [u8; 3] {
    let (a, b) = (CHROMA * hue.cos(), CHROMA * hue.sin());
    let long = (LIGHTNESS + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let medium = (LIGHTNESS - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let short = (LIGHTNESS - 0.089_484_177_5 * a - 1.291_485_548 * b).powi(3);
    [
        channel(4.076_741_662_1 * long - 3.307_711_591_3 * medium + 0.230_969_929_2 * short),
        channel(-1.268_438_004_6 * long + 2.609_757_401_1 * medium - 0.341_319_396_5 * short),
        channel(-0.004_196_086_3 * long - 0.703_418_614_7 * medium + 1.707_614_701 * short),
    ]
}

/// The sRGB transfer function (IEC 61966-2-1).
fn channel(linear: f64) -> u8 {
    let linear = linear.clamp(0.0, 1.0);
    let encoded = if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
    // Within 0..=255 by the clamp above.
    (encoded * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_equal_those_of_other_programs() {
        for (identity, colour) in [
            ("alice@example.org", "#a74000"),
            ("bob@example.com", "#0072c5"),
            ("carol@x.test", "#007da8"),
            ("dave@y.test", "#006dce"),
            ("erin@z.test", "#008641"),
            ("frank@upper.test", "#008000"),
            ("Archived chats", "#b00088"),
        ] {
            assert_eq!(of(identity), colour, "{identity}");
        }
        assert_eq!(number_of("alice@example.org"), 0xa7_40_00);
    }
}
