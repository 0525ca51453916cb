//! Pictures before they leave the device: turned upright, scaled to a size that relays and readers can bear, and
//! without the metadata that cameras add.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, RgbaImage};
use parking_lot::{Mutex, MutexGuard};
use volary_mail::message::bounds::MAX_IMAGE_PIXELS as MAX_PIXELS;
use volary_mail::message::content::dimensions;

/// Memory that decoding may take, in bytes.
const MAX_DECODING: u64 = 400 << 20;
/// Of pictures with more pixels than that one is in memory at a time, whatever the number of threads.
const LARGE_PIXELS: u64 = 12_000_000;
/// Quality of JPEG files, in percent.
const JPEG_QUALITY: u8 = 75;
/// An avatar that does not fit into its bytes at this side is refused, in pixels.
const MIN_AVATAR_SIDE: u32 = 20;
/// Longest side that is written, in pixels.
const MAX_SIDE: u32 = 65_535;

/// Limits of pictures, by the setting `media_quality`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quality {
    /// Side of a square that has as many pixels as a scaled picture.
    side: u32,
    /// A larger file is scaled and encoded again.
    bytes: usize,
    /// Longest side of an avatar.
    avatar_side: u32,
    /// Largest file of an avatar.
    avatar_bytes: usize,
}

impl Quality {
    /// The limits for a value of the setting: 1 is worse, all else balanced.
    pub fn of(setting: i64) -> Self {
        if setting == 1 {
            Self { side: 640, bytes: 130_000, avatar_side: 256, avatar_bytes: 20_000 }
        } else {
            Self { side: 1_760, bytes: 500_000, avatar_side: 512, avatar_bytes: 60_000 }
        }
    }
}

/// Why a picture cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// It does not decode.
    #[error("{0}")]
    Undecodable(#[from] image::ImageError),
    /// More pixels than are looked into.
    #[error("picture is too large")]
    TooLarge,
    /// Even very small it has too many bytes.
    #[error("Failed to scale image to below {0}B")]
    TooManyBytes(usize),
}

/// A picture that is ready to be stored.
#[derive(Debug)]
pub struct Ready {
    /// The file; `None`: as it was.
    pub recoded: Option<Recoded>,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// A file that was written anew.
#[derive(Debug)]
pub struct Recoded {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its extension.
    pub extension: &'static str,
}

struct Decoded {
    image: DynamicImage,
    has_metadata: bool,
    /// Held while a large picture is in memory.
    _turn: Option<MutexGuard<'static, ()>>,
}

/// The turn of a large picture; small ones need none.
fn turn(pixels: u64) -> Option<MutexGuard<'static, ()>> {
    static LARGE: Mutex<()> = Mutex::new(());
    (pixels > LARGE_PIXELS).then(|| LARGE.lock())
}

fn reader(bytes: &[u8]) -> Result<ImageReader<Cursor<&[u8]>>, PictureError> {
    let mut reader = ImageReader::new(Cursor::new(bytes));
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(MAX_DECODING);
    reader.limits(limits);
    Ok(reader.with_guessed_format().map_err(image::ImageError::IoError)?)
}

fn decode(bytes: &[u8]) -> Result<Decoded, PictureError> {
    let mut decoder = reader(bytes)?.into_decoder()?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MAX_PIXELS {
        return Err(PictureError::TooLarge);
    }
    let turn = turn(pixels);
    // Broken metadata is metadata, too.
    let has_metadata = !matches!(decoder.exif_metadata(), Ok(None));
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(Decoded { image, has_metadata, _turn: turn })
}

/// Makes a picture ready for a message. One that is small enough and without metadata stays as it is.
pub fn for_message(bytes: &[u8], quality: Quality) -> Result<Ready, PictureError> {
    let format = reader(bytes)?.format();
    if format == Some(ImageFormat::Gif) {
        let (width, height) = dimensions(bytes).ok_or(PictureError::TooLarge)?;
        return Ok(Ready { recoded: None, width, height });
    }
    let Decoded { mut image, has_metadata, _turn } = decode(bytes)?;
    let large = bytes.len() > quality.bytes;
    if !large && !has_metadata {
        return Ok(Ready { recoded: None, width: image.width(), height: image.height() });
    }
    if large {
        let side = scaled_side(image.width(), image.height(), quality.side);
        if side < image.width().max(image.height()) {
            image = image.resize(side, side, FilterType::Triangle);
        }
    }
    let recoded = if format == Some(ImageFormat::Png) && !large { as_png(&image)? } else { as_jpeg(&image)? };
    Ok(Ready { recoded: Some(recoded), width: image.width(), height: image.height() })
}

/// The longest side that leaves about `side`² pixels.
fn scaled_side(width: u32, height: u32, side: u32) -> u32 {
    let longest = width.max(height);
    let area = f64::from(width) * f64::from(height);
    // Saturates, and the bounds are applied below.
    let wanted = (f64::from(longest) * f64::from(side) / area.sqrt()).floor() as u32;
    let wanted = wanted.clamp(1, longest.min(MAX_SIDE));
    if wanted < longest && wanted > 8 { wanted - wanted % 8 } else { wanted }
}

/// Makes a picture ready to be an avatar. One that is small enough stays as it is.
pub fn for_avatar(bytes: &[u8], quality: Quality) -> Result<Ready, PictureError> {
    let format = reader(bytes)?.format();
    let Decoded { image, has_metadata, _turn } = decode(bytes)?;
    let longest = image.width().max(image.height());
    let known = matches!(format, Some(ImageFormat::Jpeg | ImageFormat::Png));
    if known && !has_metadata && bytes.len() <= quality.avatar_bytes && longest <= quality.avatar_side {
        return Ok(Ready { recoded: None, width: image.width(), height: image.height() });
    }
    let mut side = longest.min(quality.avatar_side);
    loop {
        let scaled =
            if side < longest { image.resize(side, side, FilterType::Triangle) } else { image.clone() };
        let recoded = as_jpeg(&scaled)?;
        if recoded.bytes.len() <= quality.avatar_bytes {
            return Ok(Ready { recoded: Some(recoded), width: scaled.width(), height: scaled.height() });
        }
        side = side * 7 / 8;
        if side < MIN_AVATAR_SIDE {
            return Err(PictureError::TooManyBytes(quality.avatar_bytes));
        }
    }
}

fn as_png(image: &DynamicImage) -> Result<Recoded, PictureError> {
    let mut bytes = Vec::new();
    image.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)?;
    Ok(Recoded { bytes, extension: "png" })
}

/// JPEG has no transparency: what is transparent becomes white.
fn as_jpeg(image: &DynamicImage) -> Result<Recoded, PictureError> {
    let opaque = if image.color().has_alpha() {
        let white = image::Rgba([u8::MAX; 4]);
        let mut ground = RgbaImage::from_pixel(image.width(), image.height(), white);
        image::imageops::overlay(&mut ground, &image.to_rgba8(), 0, 0);
        DynamicImage::ImageRgba8(ground).into_rgb8()
    } else {
        image.to_rgb8()
    };
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).encode_image(&opaque)?;
    Ok(Recoded { bytes, extension: "jpg" })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture that does not compress well.
    fn noise(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let mut state = 1u32;
        let image = image::RgbImage::from_fn(width, height, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [a, b, c, _] = state.to_be_bytes();
            image::Rgb([a, b, c])
        });
        let mut bytes = Vec::new();
        DynamicImage::ImageRgb8(image).write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    #[test]
    fn the_scaled_side_keeps_the_area() {
        let balanced = Quality::of(0).side;
        assert_eq!(scaled_side(4000, 3000, balanced), 2032);
        assert_eq!(scaled_side(2000, 1500, balanced), 2000);
        assert_eq!(scaled_side(1920, 1080, Quality::of(1).side), 848);
        assert_eq!(scaled_side(100, 100, balanced), 100);
        assert_eq!(scaled_side(50_000, 1, balanced), 50_000);
    }

    #[test]
    fn small_pictures_stay_as_they_are() {
        let small = noise(40, 30, ImageFormat::Png);
        let ready = for_message(&small, Quality::of(0)).unwrap();
        assert!(ready.recoded.is_none());
        assert_eq!((ready.width, ready.height), (40, 30));
        assert!(for_avatar(&small, Quality::of(0)).unwrap().recoded.is_none());
    }

    #[test]
    fn large_pictures_are_scaled() {
        let large = noise(1200, 600, ImageFormat::Png);
        let ready = for_message(&large, Quality::of(1)).unwrap();
        assert_eq!((ready.width, ready.height), (904, 452));
        assert_eq!(ready.recoded.unwrap().extension, "jpg");
    }

    #[test]
    fn avatars_fit_into_their_bytes() {
        let ready = for_avatar(&noise(600, 600, ImageFormat::Png), Quality::of(1)).unwrap();
        let recoded = ready.recoded.unwrap();
        assert!(recoded.bytes.len() <= 20_000, "{}", recoded.bytes.len());
        assert!(ready.width <= 256 && ready.width >= MIN_AVATAR_SIDE);
    }

    #[test]
    fn metadata_is_removed() {
        let mut bytes = noise(20, 10, ImageFormat::Jpeg);
        // An APP1 segment with Exif and orientation 6 (turned by a quarter) behind the start of the file.
        let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        let mut segment = vec![0xFF, 0xE1, length[0], length[1]];
        segment.append(&mut exif);
        bytes.splice(2..2, segment);
        let ready = for_message(&bytes, Quality::of(0)).unwrap();
        assert_eq!((ready.width, ready.height), (10, 20));
        let recoded = ready.recoded.unwrap().bytes;
        assert!(!recoded.windows(4).any(|window| window == b"Exif"));
    }

    #[test]
    fn large_pictures_wait_for_each_other_and_small_ones_for_nobody() {
        let held = turn(LARGE_PIXELS + 1).unwrap();
        assert!(turn(LARGE_PIXELS).is_none());
        let other = std::thread::spawn(|| turn(LARGE_PIXELS + 1).is_some());
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(!other.is_finished());
        drop(held);
        assert!(other.join().unwrap());
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        assert!(for_message(b"no picture", Quality::of(0)).is_err());
        assert!(dimensions(b"no picture").is_none());
    }
}
