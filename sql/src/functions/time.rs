//! Moments in words.

use rusqlite::types::{Value, ValueRef};

use super::function::{Answer, Function};

pub const FUNCTIONS: [Function; 1] = [Function { name: "utc", arguments: 1, call: utc }];

const DAY_MS: i64 = 86_400_000;

/// A moment given in ms since 1970 UTC, as RFC 3339 has it: `2020-06-23T15:29:05.000Z`. NULL
/// outside of the years 0 to 9999.
fn utc(arguments: &[ValueRef<'_>]) -> Answer {
    let ms = match arguments[0] {
        ValueRef::Integer(ms) => ms,
        ValueRef::Real(ms) if ms == libm::floor(ms) && ms.abs() < 1e15 => ms as i64,
        _ => return Err("it takes whole ms since 1970 UTC".to_owned()),
    };
    let (year, month, day) = date(ms.div_euclid(DAY_MS));
    if !(0..=9999).contains(&year) {
        return Ok(Value::Null);
    }
    let ms = ms.rem_euclid(DAY_MS);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    let ms = ms % 1_000;
    Ok(Value::Text(format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"
    )))
}

/// Year, month and day in the proleptic Gregorian calendar of a day since 1970-01-01 (H. Hinnant,
/// chrono-Compatible Low-Level Date Algorithms, `civil_from_days`).
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}
