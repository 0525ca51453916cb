//! Times as text (ISO 8601, RFC 3339): of cards in the basic format, of tracks in the extended one.

const DAY: i64 = 86_400;

/// Writes Unix seconds as `YYYYMMDDTHHMMSSZ`. Years outside 0 to 9999 do not fit and become the nearest that do.
pub(crate) fn format_utc(seconds: i64) -> String {
    let [year, month, day, hour, minute, second] = parts(seconds);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// [`format_utc`] with separators: `YYYY-MM-DDTHH:MM:SSZ`.
pub(crate) fn format_extended(seconds: i64) -> String {
    let [year, month, day, hour, minute, second] = parts(seconds);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn parts(seconds: i64) -> [i64; 6] {
    let seconds = seconds.clamp(-62_167_219_200, 253_402_300_799);
    let (year, month, day) = civil_from_days(seconds.div_euclid(DAY));
    let of_day = seconds.rem_euclid(DAY);
    [year, month, day, of_day / 3600, of_day / 60 % 60, of_day % 60]
}

/// Reads `YYYYMMDDTHHMMSS` with `Z`, `±hh`, `±hhmm` or no zone, which counts as UTC here.
pub(crate) fn parse(text: &str) -> Option<i64> {
    // The extended format has separators.
    let (date, time) = text.trim().split_once(['T', 't'])?;
    let date = digits(&date.replace('-', ""), 8)?;
    let (clock, zone) = match time.find(['Z', 'z', '+', '-']) {
        Some(at) => time.split_at(at),
        None => (time, "Z"),
    };
    let clock = digits(&clock.replace(':', ""), 6)?;
    let (year, month, day) = (date / 10_000, date / 100 % 100, date % 100);
    let (hour, minute, second) = (clock / 10_000, clock / 100 % 100, clock % 100);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days_from_civil(year, month, day);
    if civil_from_days(days) != (year, month, day) {
        return None;
    }
    Some(days * DAY + hour * 3600 + minute * 60 + second - zone_offset(zone)?)
}

fn digits(text: &str, len: usize) -> Option<i64> {
    (text.len() == len && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn zone_offset(zone: &str) -> Option<i64> {
    let (sign, rest) = match zone.as_bytes().first()? {
        b'+' => (1, &zone[1..]),
        b'-' => (-1, &zone[1..]),
        _ => return (zone.len() == 1).then_some(0),
    };
    let rest = rest.replace(':', "");
    let (hours, minutes) = match rest.len() {
        2 => (digits(&rest, 2)?, 0),
        _ => (digits(&rest, 4)? / 100, digits(&rest, 4)? % 100),
    };
    Some(sign * (hours * 3600 + minutes * 60))
}

/// Days since 1970-01-01 of a date of the Gregorian calendar; years begin in March so that leap days come last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_times() {
        assert_eq!(format_utc(0), "19700101T000000Z");
        assert_eq!(format_utc(1_795_483_769), "20261124T012929Z");
        assert_eq!(format_extended(1_795_483_769), "2026-11-24T01:29:29Z");
        assert_eq!(parse("20240229T120000Z"), Some(1_709_208_000));
        assert_eq!(parse("20240229T120000+0130"), Some(1_709_208_000 - 5400));
        assert_eq!(parse("20240229T120000-01"), Some(1_709_208_000 + 3600));
        assert_eq!(parse("20240229T120000"), Some(1_709_208_000));
        assert_eq!(parse("2024-02-29T12:00:00Z"), Some(1_709_208_000));
    }

    #[test]
    fn impossible_times() {
        for bad in [
            "",
            "20230229T000000Z",
            "20241301T000000Z",
            "20240101T250000Z",
            "20240101",
            "T",
            "20240101T000000+1",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn written_times_read_back(seconds in -62_167_219_200i64..253_402_300_799) {
            prop_assert_eq!(parse(&format_utc(seconds)), Some(seconds));
        }

        #[test]
        fn any_text_is_survived(text in ".{0,40}") {
            let _ = parse(&text);
        }
    }
}
