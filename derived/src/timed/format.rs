//! Event times as they are written in a column.

use seismic_sql::{Cell, Kind};

use crate::definition::event_time::{TimeFormat, TimeUnit};

const DAY_MS: i64 = 86_400_000;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

impl TimeFormat {
    /// Whether a column of that type has times that are written so.
    pub fn fits(&self, kind: Kind) -> bool {
        match self {
            TimeFormat::Epoch(TimeUnit::S) => matches!(kind, Kind::Integer | Kind::Real),
            TimeFormat::Epoch(_) => kind == Kind::Integer,
            TimeFormat::Rfc3339 | TimeFormat::Pattern(_) => kind == Kind::Text,
        }
    }

    /// The type, or types, of such a column.
    pub fn kinds(&self) -> &'static str {
        match self {
            TimeFormat::Epoch(TimeUnit::S) => "int or real",
            TimeFormat::Epoch(_) => "int",
            TimeFormat::Rfc3339 | TimeFormat::Pattern(_) => "text",
        }
    }

    /// A moment in ms since 1970 UTC; what is finer is cut, and a real number is rounded to ms. `None`
    /// for what is no time.
    pub fn read(&self, cell: Cell<'_>) -> Option<i64> {
        match (self, cell) {
            (TimeFormat::Epoch(unit), Cell::Integer(value)) => match unit {
                TimeUnit::S => value.checked_mul(1_000),
                TimeUnit::Ms => Some(value),
                TimeUnit::Us => Some(value.div_euclid(1_000)),
                TimeUnit::Ns => Some(value.div_euclid(1_000_000)),
            },
            (TimeFormat::Epoch(TimeUnit::S), Cell::Real(value)) => {
                let ms = (value * 1_000.0).round();
                (ms.abs() < 1e15).then_some(ms as i64)
            }
            (TimeFormat::Rfc3339, Cell::Text(text)) => rfc3339(text),
            (TimeFormat::Pattern(pattern), Cell::Text(text)) => by_pattern(pattern, text),
            _ => None,
        }
    }
}

/// What was read of a moment.
#[derive(Default)]
struct Parts {
    year: i64,
    month: i64,
    day: i64,
    day_of_year: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    ms: i64,
    east_minutes: i64,
}

impl Parts {
    /// ms since 1970 UTC; `None` for a date or a time that there is not. A leap second is the first one
    /// of the next minute, as POSIX has it.
    fn ms(&self) -> Option<i64> {
        let Parts { year, month, day, day_of_year, hour, minute, second, ms, east_minutes } = *self;
        let day = match day_of_year {
            Some(of_year) => {
                let first = days(year, 1, 1);
                let length = days(year + 1, 1, 1) - first;
                (1..=length).contains(&of_year).then(|| first + of_year - 1)?
            }
            None => {
                let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                (1..=12).contains(&month).then_some(())?;
                let length = days(next.0, next.1, 1) - days(year, month, 1);
                (1..=length).contains(&day).then(|| days(year, month, day))?
            }
        };
        let is_time = hour < 24 && minute < 60 && second <= 60 && east_minutes.abs() < 24 * 60;
        let of_day = ((hour * 60 + minute - east_minutes) * 60 + second) * 1_000 + ms;
        is_time.then_some(day * DAY_MS + of_day)
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar (H. Hinnant, chrono-Compatible Low-Level
/// Date Algorithms, `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// RFC 3339: a date, a time and an offset. As it allows, T and Z may be small, and T a space.
fn rfc3339(text: &str) -> Option<i64> {
    let mut rest = Rest(text);
    let mut parts = Parts { year: rest.exactly(4)?, ..Parts::default() };
    rest.one_of("-")?;
    parts.month = rest.exactly(2)?;
    rest.one_of("-")?;
    parts.day = rest.exactly(2)?;
    rest.one_of("Tt ")?;
    parts.hour = rest.exactly(2)?;
    rest.one_of(":")?;
    parts.minute = rest.exactly(2)?;
    rest.one_of(":")?;
    parts.second = rest.exactly(2)?;
    if rest.0.starts_with('.') {
        rest.one_of(".")?;
        parts.ms = rest.fraction(usize::MAX)?;
    }
    parts.east_minutes = match rest.0.as_bytes() {
        [b'Z' | b'z'] => 0,
        [_, _, _, b':', _, _] => rest.offset()?,
        _ => return None,
    };
    parts.ms()
}

/// By a pattern, which was checked. Without an offset it is UTC.
fn by_pattern(pattern: &str, text: &str) -> Option<i64> {
    let (mut rest, mut parts) = (Rest(text), Parts::default());
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        let conversion = if letter == '%' { letters.next()? } else { '%' };
        match conversion {
            'Y' => parts.year = rest.exactly(4)?,
            'm' => parts.month = rest.up_to(2)?,
            'd' => parts.day = rest.up_to(2)?,
            'j' => parts.day_of_year = Some(rest.up_to(3)?),
            'H' => parts.hour = rest.up_to(2)?,
            'M' => parts.minute = rest.up_to(2)?,
            'S' => parts.second = rest.up_to(2)?,
            'f' => parts.ms = rest.fraction(9)?,
            'b' => {
                let name = rest.0.get(..3)?.to_ascii_lowercase();
                parts.month = MONTHS.iter().position(|month| *month == name)? as i64 + 1;
                rest.0 = &rest.0[3..];
            }
            'z' => parts.east_minutes = rest.offset()?,
            _ => rest.0 = rest.0.strip_prefix(letter)?,
        }
    }
    rest.0.is_empty().then(|| parts.ms())?
}

/// What is not read yet.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn digits(&mut self, most: usize) -> &'a str {
        let count = self.0.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        digits
    }

    fn exactly(&mut self, count: usize) -> Option<i64> {
        let digits = self.digits(count);
        (digits.len() == count).then(|| digits.parse().ok())?
    }

    fn up_to(&mut self, most: usize) -> Option<i64> {
        self.digits(most).parse().ok()
    }

    /// Decimals of a second as ms.
    fn fraction(&mut self, most: usize) -> Option<i64> {
        let digits = self.digits(most);
        let ms = digits.bytes().chain([b'0'; 2]).take(3);
        let ms = ms.fold(0, |ms, digit| ms * 10 + i64::from(digit - b'0'));
        (!digits.is_empty()).then_some(ms)
    }

    fn one_of(&mut self, letters: &str) -> Option<char> {
        let first = self.0.chars().next().filter(|it| letters.contains(*it))?;
        self.0 = &self.0[first.len_utf8()..];
        Some(first)
    }

    /// `Z`, `+01:30`, `-0130` or `+01` as minutes to the east.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.one_of("Zz+-")? {
            '+' => 1,
            '-' => -1,
            _ => return Some(0),
        };
        let hours = self.exactly(2)?;
        let has_colon = self.0.starts_with(':');
        if has_colon {
            self.one_of(":")?;
        }
        let has_minutes = has_colon || self.0.starts_with(|it: char| it.is_ascii_digit());
        let minutes = if has_minutes { self.exactly(2)? } else { 0 };
        (minutes < 60).then_some(sign * (hours * 60 + minutes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_text(format: &str, text: &str) -> Option<i64> {
        format.parse::<TimeFormat>().unwrap().read(Cell::Text(text))
    }

    #[test]
    fn the_same_moment_in_every_format() {
        // 2020-06-23T15:29:05.123Z, the earthquake of Oaxaca.
        let ms = 1_592_926_145_123;
        for (format, cell) in [
            ("ms", Cell::Integer(ms)),
            ("us", Cell::Integer(ms * 1_000 + 999)),
            ("ns", Cell::Integer(ms * 1_000_000 + 999_999)),
            ("s", Cell::Real(1_592_926_145.123)),
        ] {
            assert_eq!(format.parse::<TimeFormat>().unwrap().read(cell), Some(ms), "{format}");
        }
        let seconds = "s".parse::<TimeFormat>().unwrap().read(Cell::Integer(ms / 1_000));
        assert_eq!(seconds, Some(ms - 123));
        for (format, text) in [
            ("rfc3339", "2020-06-23T15:29:05.123Z"),
            ("rfc3339", "2020-06-23t10:29:05.1239999-05:00"),
            ("rfc3339", "2020-06-23 20:59:05.123+05:30"),
            ("%Y-%m-%dT%H:%M:%S.%f", "2020-06-23T15:29:05.123456"),
            ("%Y,%j,%H:%M:%S.%f", "2020,175,15:29:05.123"),
            ("%Y%m%d%H%M%S.%f%z", "20200623152905.123Z"),
            ("%d/%b/%Y %H:%M:%S.%f %z", "23/Jun/2020 10:29:05.123 -0500"),
            ("%d.%m.%Y %H:%M:%S.%f%%", "23.6.2020 15:29:5.123%"),
        ] {
            assert_eq!(of_text(format, text), Some(ms), "{format} {text}");
        }
        assert_eq!(of_text("%Y-%m-%d", "1969-12-31"), Some(-86_400_000));
        assert_eq!(of_text("%Y-%j", "2020-366"), Some(1_609_372_800_000));
        assert_eq!(of_text("rfc3339", "2016-12-31T23:59:60Z"), Some(1_483_228_800_000));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for (format, text) in [
            ("rfc3339", ""),
            ("rfc3339", "2020-06-23"),
            ("rfc3339", "2020-06-23T15:29:05"),
            ("rfc3339", "2020-02-30T15:29:05Z"),
            ("rfc3339", "2020-13-01T15:29:05Z"),
            ("rfc3339", "2020-06-23T24:00:00Z"),
            ("rfc3339", "2020-06-23T15:29:05.Z"),
            ("rfc3339", "2020-06-23T15:29:05Zx"),
            ("rfc3339", "2020-06-23T15:29:05+0500"),
            ("%Y-%j", "2021-366"),
            ("%Y-%j", "2021-0"),
            ("%Y-%m-%d", "2020-06-23 "),
            ("%Y-%m-%d %z", "2020-06-23 +1"),
            ("%d %b %Y", "23 Ju\u{e9} 2020"),
        ] {
            assert_eq!(of_text(format, text), None, "{format} {text}");
        }
        let seconds = "s".parse::<TimeFormat>().unwrap();
        assert_eq!(seconds.read(Cell::Integer(i64::MAX)), None);
        assert_eq!(seconds.read(Cell::Real(f64::NAN)), None);
        assert_eq!(seconds.read(Cell::Null), None);
    }
}
