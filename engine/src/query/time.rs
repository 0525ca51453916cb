//! Local days and times as people read them.

use chrono::{DateTime, Local, NaiveDate, TimeZone as _};

fn local(seconds: i64) -> DateTime<Local> {
    Local.timestamp_opt(seconds, 0).single().unwrap_or_default()
}

/// The local day of a time.
pub fn day(seconds: i64) -> NaiveDate {
    local(seconds).date_naive()
}

/// When the local day of a time began.
pub fn midnight(seconds: i64) -> i64 {
    let start = day(seconds).and_hms_opt(0, 0, 0).unwrap_or_default();
    // On a day without midnight (change of the clock) the first moment counts.
    Local.from_local_datetime(&start).earliest().map_or(seconds, |time| time.timestamp())
}

/// A time in full.
pub fn full(seconds: i64) -> String {
    local(seconds).format("%Y.%m.%d %H:%M:%S").to_string()
}
