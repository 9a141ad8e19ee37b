//! Validity limits of a job, as written in options and job files.
//!
//! ```text
//! amplitude       -100..200, -100.., ..200, none
//! region          -100..-90,14..20 (west..east,south..north), none
//! earliest_event  1900-01-01T00:00:00Z, 1900-01-01
//! phases          P,S,N
//! ```

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use seismic_pipeline::{Phases, Region};

use crate::time;

/// What stands for no limit.
const NONE: &str = "none";

/// Valid amplitudes.
#[derive(Clone, Debug, PartialEq)]
pub struct AmplitudeRange(pub RangeInclusive<f32>);

impl FromStr for AmplitudeRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == NONE {
            return Ok(AmplitudeRange(f32::MIN..=f32::MAX));
        }
        let wrong = || format!("{text:?} is not a range like -100..200, ..200 or {NONE}");
        let (low, high) = text.split_once("..").ok_or_else(wrong)?;
        let end = |text: &str, open: f32| match text {
            "" => Some(open),
            text => text.parse().ok().filter(|end: &f32| end.is_finite()),
        };
        let ends = end(low, f32::MIN).zip(end(high, f32::MAX));
        let (low, high) = ends.filter(|_| text != "..").ok_or_else(wrong)?;
        Ok(AmplitudeRange(low..=high))
    }
}

impl fmt::Display for AmplitudeRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = (*self.0.start(), *self.0.end());
        match (low == f32::MIN, high == f32::MAX) {
            (true, true) => f.write_str(NONE),
            (true, false) => write!(f, "..{high}"),
            (false, true) => write!(f, "{low}.."),
            (false, false) => write!(f, "{low}..{high}"),
        }
    }
}

/// Where records must come from; `None`: from anywhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RegionBox(pub Option<Region>);

impl FromStr for RegionBox {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == NONE {
            return Ok(RegionBox(None));
        }
        let side = |text: &str| {
            let (low, high) = text.split_once("..")?;
            Some((low.trim().parse().ok()?, high.trim().parse().ok()?))
        };
        let sides = text.split_once(',').and_then(|(x, y)| side(x).zip(side(y)));
        let region = sides.map(|(longitude, latitude)| Region { longitude, latitude });
        region.map(|region| RegionBox(Some(region))).ok_or_else(|| {
            format!(
                "{text:?} is not a box of west..east,south..north in degrees, as in \
                 -100..-90,14..20, or {NONE}"
            )
        })
    }
}

impl fmt::Display for RegionBox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Region { longitude: (west, east), latitude: (south, north) }) = self.0 else {
            return f.write_str(NONE);
        };
        write!(f, "{west}..{east},{south}..{north}")
    }
}

/// A moment of event time, ms since 1970 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTime(pub i64);

impl FromStr for EventTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A day alone begins at midnight UTC.
        let ms = time::parse_ms(text).or_else(|why| {
            let midnight = format!("{text}T00:00:00Z");
            time::parse_ms(&midnight).map_err(|_| why)
        });
        ms.map(EventTime)
    }
}

impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = time::show_ms(self.0);
        match text.strip_suffix(".000Z") {
            Some(whole) => write!(f, "{whole}Z"),
            None => f.write_str(&text),
        }
    }
}

/// Phases that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseList(pub Phases);

/// In the order in which [`Phases`] has them.
const PHASES: [&str; 3] = ["P", "S", "N"];

impl FromStr for PhaseList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut has = [false; 3];
        for name in text.split(',').map(str::trim) {
            let place = PHASES.iter().position(|phase| *phase == name);
            let place =
                place.ok_or_else(|| format!("{text:?} is not a list of P, S and N, as in P,S"))?;
            has[place] = true;
        }
        let [p, s, n] = has;
        Ok(PhaseList(Phases::new(p, s, n)))
    }
}

impl fmt::Display for PhaseList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = PHASES.into_iter().zip(self.0.each());
        let names: Vec<_> = all.filter(|(_, has)| *has).map(|(name, _)| name).collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_valid_reads_back_as_written() {
        for text in ["-100..200", "-8388608..8388607", "0.5..", "..-0.5", "none"] {
            assert_eq!(text.parse::<AmplitudeRange>().unwrap().to_string(), text);
        }
        for text in ["-100..-90,14..20", "-180..180,-90..90", "0.25..0.5,0..1", "none"] {
            assert_eq!(text.parse::<RegionBox>().unwrap().to_string(), text);
        }
        for text in ["1900-01-01T00:00:00Z", "2020-06-23T15:29:05.250Z"] {
            assert_eq!(text.parse::<EventTime>().unwrap().to_string(), text);
        }
        assert_eq!("2020-06-23".parse::<EventTime>().unwrap().to_string(), "2020-06-23T00:00:00Z");
        for text in ["P,S,N", "P,S", "N"] {
            assert_eq!(text.parse::<PhaseList>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_range_no_box_no_time_and_no_phase_is_refused() {
        for text in ["", "..", "5", "a..b", "1..nan", "inf..2", "None", "1..2..3"] {
            assert!(text.parse::<AmplitudeRange>().is_err(), "{text}");
        }
        for text in ["", "1..2", "1..2,3", "1..2,3..4,5..6", "a..b,c..d"] {
            assert!(text.parse::<RegionBox>().is_err(), "{text}");
        }
        assert!("yesterday".parse::<EventTime>().is_err());
        for text in ["", "P,", "p", "P;S", "X"] {
            assert!(text.parse::<PhaseList>().is_err(), "{text}");
        }
    }
}
