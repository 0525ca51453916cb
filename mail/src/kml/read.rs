//! Places that others wrote as KML.

use super::Point;
use crate::message::bounds::MAX_KML_BYTES;
use crate::time;
use crate::xml::{self, Attributes, Limits, Path, Visitor, XmlError};

/// Most places taken from one file; later ones are left out.
pub const MAX_POINTS: usize = 10_000;
const LIMITS: Limits = Limits { bytes: MAX_KML_BYTES, elements: 100_000 };
/// A shorter text is no time.
const MIN_TIME_LEN: usize = 19;

/// Reads all places of a file, in its order. `now` (Unix seconds) stands in for times that cannot be read or lie in the
/// future. What lacks a time or a place, or is none on this planet, is left out; so is everything exactly on the
/// equator or the prime meridian, because a number that cannot be read counts as 0.
pub fn read(text: &str, now: i64) -> Result<Vec<Point>, XmlError> {
    let mut reader = Reader { now, place: Place::default(), points: Vec::new() };
    xml::read(text, LIMITS, &mut reader)?;
    Ok(reader.points)
}

struct Reader {
    now: i64,
    place: Place,
    points: Vec<Point>,
}

/// The place that is being read.
#[derive(Default)]
struct Place {
    timestamp: i64,
    latitude: f64,
    longitude: f64,
    accuracy: f64,
}

impl Visitor for Reader {
    fn open(&mut self, path: &Path<'_>, attributes: &Attributes) {
        if path.name() == "placemark" {
            self.place = Place::default();
        } else if path.is_inside(&["placemark", "point", "coordinates"]) {
            self.place.accuracy = number(attributes.get("accuracy").unwrap_or_default());
        }
    }

    fn close(&mut self, path: &Path<'_>, text: &str) {
        if path.name() == "placemark" {
            self.points
                .extend(std::mem::take(&mut self.place).point().filter(|_| self.points.len() < MAX_POINTS));
        } else if path.is_inside(&["placemark", "timestamp", "when"]) {
            self.place.timestamp = moment(&without_blanks(text), self.now);
        } else if path.is_inside(&["placemark", "point", "coordinates"]) {
            let text = without_blanks(text);
            let (longitude, latitude) = text.split_once(',').unwrap_or((&text, ""));
            (self.place.longitude, self.place.latitude) = (number(longitude), number(latitude));
        }
    }
}

impl Place {
    fn point(self) -> Option<Point> {
        let is_known = self.timestamp > 0 && self.latitude != 0.0 && self.longitude != 0.0;
        let point = Point::new(self.latitude, self.longitude, self.accuracy, self.timestamp);
        point.filter(|_| is_known)
    }
}

fn without_blanks(text: &str) -> String {
    text.replace([' ', '\t', '\r', '\n'], "")
}

fn number(text: &str) -> f64 {
    text.trim().parse().unwrap_or(0.0)
}

/// Unix seconds of `YYYY-MM-DDTHH:MM:SSZ`, 0 if there is no time.
fn moment(text: &str, now: i64) -> i64 {
    if text.len() < MIN_TIME_LEN {
        return 0;
    }
    let has_form = text.len() == 20
        && text.bytes().zip(b"0000-00-00T00:00:00Z").all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            form => byte == *form,
        });
    let time = if has_form { time::parse(text) } else { None };
    time.unwrap_or(now).min(now)
}
