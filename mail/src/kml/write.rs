//! Places as KML, in the layout that chatmail programs exchange.

use std::fmt::Write as _;

use super::Point;
use crate::time::format_extended;

/// A `location.kml` with these places.
pub fn write_track(points: &[Point]) -> String {
    document(points.iter().map(|point| placemark(point, &format!(" accuracy=\"{}\"", point.accuracy))))
}

/// A `message.kml` with this place.
pub fn write_point(point: &Point) -> String {
    document(std::iter::once(placemark(point, "")))
}

fn document(placemarks: impl Iterator<Item = String>) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<kml xmlns=\"http://www.opengis.net/kml/2.2\">\n<Document>\n",
    );
    for placemark in placemarks {
        // Writing into a string cannot fail.
        let _ = writeln!(out, "{placemark}");
    }
    out.push_str("</Document>\n</kml>");
    out
}

fn placemark(point: &Point, attribute: &str) -> String {
    format!(
        "<Placemark><Timestamp><when>{}</when></Timestamp><Point><coordinates{attribute}>{},{}</coordinates></Point>\
         </Placemark>",
        format_extended(point.timestamp),
        point.longitude,
        point.latitude
    )
}
