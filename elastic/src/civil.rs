//! Dates in UTC, for lines of logs.

/// `2025-11-30 12:00:00` of ms since 1970 UTC, or the number where years have more than four digits.
pub(crate) fn date(ms: i64) -> String {
    let s = ms.div_euclid(1_000);
    let (day, time) = (s.div_euclid(86_400), s.rem_euclid(86_400));
    let (year, month, of_month) = civil(day);
    if !(0..=9_999).contains(&year) {
        return format!("{ms} ms");
    }
    let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{of_month:02} {hour:02}:{minute:02}:{second:02}")
}

/// Year, month and day of a day since 1970: `civil_from_days` of Howard Hinnant's "chrono-Compatible
/// Low-Level Date Algorithms".
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let of_month = of_year - (153 * shifted + 2) / 5 + 1;
    (year + era * 400 + i64::from(month <= 2), month, of_month)
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (ms, shown) in [
            (0, "1970-01-01 00:00:00"),
            (-1, "1969-12-31 23:59:59"),
            (951_782_400_000, "2000-02-29 00:00:00"),
            (1_764_504_000_000, "2025-11-30 12:00:00"),
            (4_107_542_399_999, "2100-02-28 23:59:59"),
        ] {
            assert_eq!(date(ms), shown);
        }
        assert_eq!(date(i64::MAX), format!("{} ms", i64::MAX));
    }
}
