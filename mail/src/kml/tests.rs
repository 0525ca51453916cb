use proptest::prelude::*;

use super::*;
use crate::XmlError;
use crate::message::bounds::MAX_KML_BYTES;

const NOW: i64 = 1_800_000_000;
const THEN: &str = "<Timestamp><when>2026-11-23T21:31:45Z</when></Timestamp>";
const THEN_SECONDS: i64 = 1_795_469_505;

/// Latitude, longitude, accuracy and time of the places of a file.
fn places(inner: &str) -> Vec<(f64, f64, f64, i64)> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><kml><Document addr=\"x@y\">{inner}</Document></kml>"
    );
    let points = read(&text, NOW).unwrap();
    points.iter().map(|p| (p.latitude(), p.longitude(), p.accuracy(), p.timestamp())).collect()
}

fn placemark(time: &str, coordinates: &str) -> String {
    format!("<Placemark>{time}<Point>{coordinates}</Point></Placemark>")
}

// The file as chatmail core sends it.
#[test]
fn a_track_is_written_as_others_expect_it() {
    let point = Point::new(52.1, 13.2, 5.5, THEN_SECONDS).unwrap();
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                    <kml xmlns=\"http://www.opengis.net/kml/2.2\">\n\
                    <Document>\n\
                    <Placemark><Timestamp><when>2026-11-23T21:31:45Z</when></Timestamp><Point><coordinates \
                    accuracy=\"5.5\">13.2,52.1</coordinates></Point></Placemark>\n\
                    </Document>\n\
                    </kml>";
    assert_eq!(write_track(&[point]), expected);
    assert_eq!(write_point(&point), expected.replace(" accuracy=\"5.5\"", ""));
    assert_eq!(read(expected, NOW).unwrap(), [point]);
    assert_eq!(read(&write_track(&[]), NOW).unwrap(), []);
}

#[test]
fn names_are_read_in_any_case_and_blanks_do_not_matter() {
    let text = "<PlaceMARK>\n<TimeStamp><WHEN > 2026-11-23T\t21:31:45 Z \n</WHEN ></TimeStamp>\
                <x><Point><Coordinates aCCuracy=\"32.5\"> 13.2 ,\n52.1 </Coordinates></Point></x></PlaceMARK>";
    assert_eq!(places(text), [(52.1, 13.2, 32.5, THEN_SECONDS)]);
    let prefixed = "<k:Placemark><gx:TimeStamp><k:when>2026-11-23T21:31:45Z</k:when></gx:TimeStamp>\
                    <k:Point><k:coordinates>1,2</k:coordinates></k:Point></k:Placemark>";
    assert_eq!(places(prefixed), [(2.0, 1.0, 0.0, THEN_SECONDS)]);
}

#[test]
fn times_are_taken_as_others_take_them() {
    for (when, expected) in [
        ("2026-11-23T21:31:45Z", Some(THEN_SECONDS)),
        ("2025-01-03 00:00:00", None),
        ("2025-01-03", None),
        ("", None),
        ("1970-01-01T00:00:00Z", None),
        ("2025-13-03T00:00:00Z", Some(NOW)),
        ("2025-01-03T00:00:00+01:00", Some(NOW)),
        ("2025-01-03T00:00:00.5Z", Some(NOW)),
        ("2025-01-03T00:00:00", Some(NOW)),
        ("quite a long text without time", Some(NOW)),
        ("9999-01-03T00:00:00Z", Some(NOW)),
        ("１０２５-01-03T00:00:00Z", Some(NOW)),
    ] {
        let time = format!("<Timestamp><when>{when}</when></Timestamp>");
        let found = places(&placemark(&time, "<coordinates>1,2</coordinates>"));
        assert_eq!(found.first().map(|place| place.3), expected, "{when}");
    }
    assert_eq!(places(&placemark("", "<coordinates>1,2</coordinates>")), []);
    assert_eq!(places(&placemark("<when>2026-11-23T21:31:45Z</when>", "<coordinates>1,2</coordinates>")), []);
}

#[test]
fn places_that_are_none_are_left_out() {
    for (coordinates, expected) in [
        ("13.2,52.1", Some((52.1, 13.2))),
        ("-180,-90", Some((-90.0, -180.0))),
        ("1e1,2.5e0", Some((2.5, 10.0))),
        ("180.001,1", None),
        ("1,90.001", None),
        ("500,-500", None),
        ("NaN,1", None),
        ("1,inf", None),
        ("1,-infinity", None),
        ("1,1e999", None),
        ("0,1", None),
        ("1,0", None),
        ("13.2,52.1,100", None),
        ("13.2", None),
        ("", None),
        ("x,y", None),
    ] {
        let found = places(&placemark(THEN, &format!("<coordinates>{coordinates}</coordinates>")));
        assert_eq!(found.first().map(|place| (place.0, place.1)), expected, "{coordinates}");
    }
    assert_eq!(places(&format!("<Placemark>{THEN}<coordinates>1,2</coordinates></Placemark>")), []);
    assert_eq!(places(&format!("{THEN}<Point><coordinates>1,2</coordinates></Point>")), []);
}

#[test]
fn an_accuracy_that_is_none_is_unknown() {
    for (accuracy, expected) in [("12", 12.0), ("-5", 0.0), ("NaN", 0.0), ("inf", 0.0), ("x", 0.0), ("", 0.0)]
    {
        let coordinates = format!("<coordinates accuracy='{accuracy}'>1,2</coordinates>");
        assert_eq!(places(&placemark(THEN, &coordinates))[0].2, expected, "{accuracy}");
    }
}

#[test]
fn one_place_does_not_lend_to_the_next() {
    let text = [
        placemark(THEN, "<coordinates accuracy='9'>1,2</coordinates>"),
        placemark("", "<coordinates>3,4</coordinates>"),
        placemark(THEN, ""),
        placemark(THEN, "<coordinates>5,6</coordinates>"),
        placemark(THEN, "<coordinates accuracy='9'>7,8</coordinates><coordinates>9,10</coordinates>"),
    ]
    .concat();
    let found: Vec<_> = places(&text).iter().map(|place| (place.0, place.1, place.2)).collect();
    assert_eq!(found, [(2.0, 1.0, 9.0), (6.0, 5.0, 0.0), (10.0, 9.0, 0.0)]);
}

#[test]
fn hostile_files_are_refused_or_cut() {
    for bad in ["", "<kml>", "<kml></Document></kml>", "no xml", "<kml><Placemark></kml>"] {
        assert!(matches!(read(bad, NOW), Err(XmlError::Malformed(_))), "{bad}");
    }
    let large = format!("<kml>{}</kml>", " ".repeat(MAX_KML_BYTES));
    assert_eq!(read(&large, NOW), Err(XmlError::TooLarge(MAX_KML_BYTES)));
    assert_eq!(read(&"<Placemark>".repeat(1_000), NOW), Err(XmlError::TooDeep));
    assert!(matches!(
        read(&format!("<kml>{}</kml>", "<a/>".repeat(200_000)), NOW),
        Err(XmlError::TooMany(_))
    ));
    let short = "<Placemark><Timestamp><when>2026-11-23T21:31:45Z</when></Timestamp><Point>\
                 <coordinates>1,2</coordinates></Point></Placemark>";
    let many = short.repeat(1_000);
    assert_eq!(places(&many).len(), 1_000);
    let bomb = "<!DOCTYPE k [<!ENTITY a '1,2'>]><kml><Placemark><Timestamp><when>2026-11-23T21:31:45Z</when>\
                </Timestamp><Point><coordinates>&a;</coordinates></Point></Placemark></kml>";
    assert_eq!(read(bomb, NOW).unwrap(), []);
}

#[test]
fn own_places_are_checked_too() {
    assert!(Point::new(999.0, 5.0, -1.0, 1).is_none() && Point::new(f64::NAN, 5.0, 0.0, 1).is_none());
    assert_eq!(Point::new(1.0, 5.0, -1.0, 1).unwrap().accuracy(), 0.0);
    assert!(
        Point::new(0.0, 0.0, 0.0, 1).unwrap().is_null() && !Point::new(0.0, 1.0, 0.0, 1).unwrap().is_null()
    );
}

#[test]
fn a_marker_is_one_character() {
    for (text, expected) in [
        ("🏠", Some("🏠")),
        ("x", Some("x")),
        ("", None),
        (" ", None),
        ("ab", None),
        ("☀\u{fe0f}", None),
        ("\u{2003}", None),
    ] {
        assert_eq!(marker(text), expected, "{text:?}");
    }
}

proptest! {
    #[test]
    fn written_places_read_back(latitude in -90.0f64..90.0, longitude in -180.0f64..180.0, accuracy in 0.0f64..1e9,
                                timestamp in 1..NOW) {
        prop_assume!(latitude != 0.0 && longitude != 0.0);
        let point = Point::new(latitude, longitude, accuracy, timestamp).unwrap();
        prop_assert_eq!(read(&write_track(&[point, point]), NOW).unwrap(), [point, point]);
        let bare = Point::new(latitude, longitude, 0.0, timestamp).unwrap();
        prop_assert_eq!(read(&write_point(&point), NOW).unwrap(), [bare]);
    }

    #[test]
    fn any_text_gives_places_only(text in ".{0,60}", when in "[0-9TZ:+-]{0,25}", numbers in "[-+0-9.,eNaif ]{0,30}") {
        let _ = read(&text, NOW);
        let time = format!("<Timestamp><when>{when}</when></Timestamp>");
        for (latitude, longitude, accuracy, at) in places(&placemark(&time, &format!("<coordinates accuracy='{numbers}'>{numbers}</coordinates>"))) {
            prop_assert!(latitude.abs() <= 90.0 && longitude.abs() <= 180.0 && accuracy >= 0.0 && (1..=NOW).contains(&at));
        }
    }
}
