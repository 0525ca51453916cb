//! Locations as KML: the track of somebody who shares where they are (`location.kml`) and points of interest
//! (`message.kml`).

mod read;
mod write;

#[cfg(test)]
mod tests;

pub use read::{MAX_POINTS, read};
pub use write::{write_point, write_track};

/// A place at a time. Its numbers are finite and in range, so that they can be stored, sorted and written as JSON.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    latitude: f64,
    longitude: f64,
    accuracy: f64,
    timestamp: i64,
}

impl Point {
    /// A place, if the numbers can be one: degrees, metres (0 means unknown) and Unix seconds. A negative or endless
    /// accuracy counts as unknown.
    pub fn new(latitude: f64, longitude: f64, accuracy: f64, timestamp: i64) -> Option<Self> {
        // Comparisons with NaN are false.
        let is_place = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
        let accuracy = if accuracy.is_finite() { accuracy.max(0.0) } else { 0.0 };
        is_place.then_some(Self { latitude, longitude, accuracy, timestamp })
    }

    /// Degrees north of the equator.
    pub fn latitude(&self) -> f64 {
        self.latitude
    }

    /// Degrees east of Greenwich.
    pub fn longitude(&self) -> f64 {
        self.longitude
    }

    /// Metres, 0 if unknown.
    pub fn accuracy(&self) -> f64 {
        self.accuracy
    }

    /// Unix seconds.
    pub fn timestamp(&self) -> i64 {
        self.timestamp
    }

    /// Whether the place is (0, 0), which programs give when they know none.
    pub fn is_null(&self) -> bool {
        self.latitude == 0.0 && self.longitude == 0.0
    }
}

/// The text of a point of interest if it can stand on a map as its marker: one character that is not white space.
pub fn marker(text: &str) -> Option<&str> {
    let mut characters = text.chars();
    let only = characters.next().filter(|c| !c.is_whitespace())?;
    characters.next().is_none().then(|| &text[..only.len_utf8()])
}
