//! Floors by the time of day: `at 02:00 keep ≥ 4`.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::limits;

const DAY_MINUTES: i64 = 24 * 60;

/// From a time of day on, so many workers at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Floor {
    /// Minute of the day.
    pub at_min: u16,
    /// Workers.
    pub workers: u32,
}

/// Floors over a day. Each holds until the time of the next one, the last one into the next day; `keep
/// ≥ 0` ends the one before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Schedule {
    floors: Vec<Floor>,
    /// Minutes by which its times are ahead of UTC.
    utc_offset_min: i32,
}

impl Schedule {
    /// A schedule whose times are ahead of UTC by so many minutes.
    ///
    /// # Errors
    /// Two floors at one time, too many of them, or an offset beyond a day.
    pub fn new(mut floors: Vec<Floor>, utc_offset_min: i32) -> Result<Self, String> {
        if floors.len() > limits::FLOORS {
            return Err(format!("{} entries are more than {}", floors.len(), limits::FLOORS));
        }
        if i64::from(utc_offset_min).abs() >= DAY_MINUTES {
            return Err(format!("{utc_offset_min} minutes from UTC are more than a day"));
        }
        floors.sort_by_key(|floor| floor.at_min);
        if let Some(pair) = floors.windows(2).find(|pair| pair[0].at_min == pair[1].at_min) {
            return Err(format!("{} and {} are at one time", pair[0], pair[1]));
        }
        Ok(Schedule { floors, utc_offset_min })
    }

    /// What holds now.
    #[must_use]
    pub fn floor(&self, now_ms: i64) -> Option<Floor> {
        let last = self.floors.last()?;
        let minute = now_ms.div_euclid(60_000).saturating_add(i64::from(self.utc_offset_min));
        let minute = minute.rem_euclid(DAY_MINUTES);
        let begun = self.floors.iter().rev().find(|floor| i64::from(floor.at_min) <= minute);
        Some(*begun.unwrap_or(last))
    }

    /// The most that any of them asks for.
    pub(crate) fn highest(&self) -> u32 {
        self.floors.iter().map(|floor| floor.workers).max().unwrap_or(0)
    }
}

impl FromStr for Floor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).ok_or_else(|| format!("{text:?} is not an entry like \"at 02:00 keep >= 4\""))
    }
}

fn parse(text: &str) -> Option<Floor> {
    let mut words = text.split_whitespace();
    let mut next = || words.next();
    if next()? != "at" {
        return None;
    }
    let (hour, minute) = next()?.split_once(':')?;
    let number = |text: &str, below: u16| {
        let is_plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|&number| is_plain && number < below)
    };
    let at_min = number(hour, 24)? * 60 + number(minute, 60)?;
    if next()? != "keep" || !matches!(next()?, "≥" | ">=") {
        return None;
    }
    let workers = next()?.parse().ok().filter(|&workers| workers <= limits::WORKERS)?;
    words.next().is_none().then_some(Floor { at_min, workers })
}

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Floor { at_min, workers } = self;
        write!(f, "at {:02}:{:02} keep ≥ {workers}", at_min / 60, at_min % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_holds_until_the_next_one_also_over_midnight() {
        let floors = ["at 22:00 keep >= 4", "at 06:30 keep ≥ 0"].map(|text| text.parse().unwrap());
        let schedule = Schedule::new(floors.to_vec(), 0).unwrap();
        let at = |hour: i64, minute: i64| {
            schedule.floor((hour * 60 + minute) * 60_000).map(|floor| floor.workers)
        };
        assert_eq!([at(0, 0), at(6, 29), at(6, 30), at(21, 59)], [4, 4, 0, 0].map(Some));
        assert_eq!(at(22, 0), Some(4));
        let east = Schedule::new(floors.to_vec(), 120).unwrap();
        assert_eq!(east.floor(20 * 3_600_000).map(|floor| floor.workers), Some(4));
        assert_eq!(Schedule::default().floor(0), None);
    }

    #[test]
    fn what_is_no_entry_is_refused_with_an_example() {
        for wrong in [
            "",
            "at 2:00 keep >= 4",
            "at 24:00 keep >= 4",
            "at 02:00 keep 4",
            "at 02:00 keep >= 4 x",
        ] {
            assert!(wrong.parse::<Floor>().unwrap_err().contains("at 02:00 keep >= 4"), "{wrong}");
        }
        let floor: Floor = "at 02:00 keep >= 4".parse().unwrap();
        assert_eq!(floor.to_string(), "at 02:00 keep ≥ 4");
        assert!(Schedule::new(vec![floor, floor], 0).unwrap_err().contains("at one time"));
    }
}
