//! A year of a network: quiet, swarms, one M7 with its aftershocks, telemetry outages with backfill, and
//! a collector that fails at times. Loads are multiples of the quiet one.
//!
//! Records/s of a network of fixed stations hardly depend on what shakes. They do where stations send
//! triggered or compressed data, where phones and low-cost sensors take part, and when telemetry comes
//! back: that is the network of this year. Aftershocks decay by Omori's law, n(t) ∝ 1 / (t + c).

use crate::simulate::random::Random;
use crate::simulate::run::Load;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// Seconds of a year.
const SECONDS: u64 = 365 * DAY;

/// Something that adds to the load.
#[derive(Clone, Copy, Debug)]
struct Event {
    begin: u64,
    end: u64,
    /// What it adds at its begin; less than nothing during an outage.
    height: f64,
    /// Seconds until it begins to decay by Omori's law; none: it stays as it is.
    decay_s: Option<f64>,
}

/// The load of one year.
#[derive(Clone, Debug)]
pub struct Year {
    base: f64,
    random: Random,
    /// By their begin.
    events: Vec<Event>,
    next: usize,
    active: Vec<Event>,
    noise: f64,
    blind_until: u64,
    mainshock: u64,
}

impl Year {
    /// The year of a seed. `base`: records/s while all is quiet.
    #[must_use]
    pub fn new(seed: u64, base: f64) -> Self {
        let mut random = Random::new(seed);
        let mainshock = (random.between(120.0, 240.0) * DAY as f64) as u64;
        let mut events = vec![];
        add_mainshock(&mut events, &mut random, mainshock);
        for _ in 0..12 {
            add_swarm(&mut events, &mut random);
        }
        for _ in 0..40 {
            let begin = anywhere(&mut random);
            add_earthquake(&mut events, begin, random.between(0.3, 1.5), 60.0);
        }
        for _ in 0..10 {
            add_outage(&mut events, &mut random);
        }
        events.sort_by_key(|event| event.begin);
        let (next, active, noise, blind_until) = (0, vec![], 0.0, 0);
        Year { base, random, events, next, active, noise, blind_until, mainshock }
    }

    /// Seconds of a year.
    #[must_use]
    pub fn seconds() -> u64 {
        SECONDS
    }

    /// The second of the M7.
    #[must_use]
    pub fn mainshock(&self) -> u64 {
        self.mainshock
    }
}

fn anywhere(random: &mut Random) -> u64 {
    (random.share() * SECONDS as f64) as u64
}

/// Up to a height within a second, and back by Omori's law within a day.
fn add_earthquake(events: &mut Vec<Event>, begin: u64, height: f64, decay_s: f64) {
    events.push(Event { begin, end: begin + DAY, height, decay_s: Some(decay_s) });
}

/// The M7: all stations at once, for minutes; then hundreds of aftershocks, which become rare.
fn add_mainshock(events: &mut Vec<Event>, random: &mut Random, begin: u64) {
    events.push(Event { begin, end: begin + 5 * 60, height: 4.5, decay_s: None });
    // More is recorded and more people look for weeks.
    let weeks = Event { begin, end: begin + 60 * DAY, height: 3.0, decay_s: Some(6.0 * 3_600.0) };
    events.push(weeks);
    for _ in 0..150 {
        // The inverse of the integral of 1 / (t + c), with c of an hour, up to 60 days.
        let after = 3_600.0 * ((1.0 + 60.0 * 24.0f64).powf(random.share()) - 1.0);
        let height = 0.2 + 1.2 * random.share() * random.share();
        add_earthquake(events, begin + after as u64, height, 60.0);
    }
}

/// Days of small earthquakes, with a load that swells and goes.
fn add_swarm(events: &mut Vec<Event>, random: &mut Random) {
    let begin = anywhere(random);
    let length = (random.between(1.0, 4.0) * DAY as f64) as u64;
    let height = random.between(0.5, 1.5);
    for part in 0..4u64 {
        // In four parts from their begins to the end of all.
        let begin = begin + part * length / 8;
        events.push(Event { begin, end: begin + length / 2, height: height / 4.0, decay_s: None });
    }
    for _ in 0..25 {
        let at = begin + (random.share() * length as f64) as u64;
        add_earthquake(events, at, random.between(0.1, 0.8), 40.0);
    }
}

/// Some of the stations are cut off for hours. Then they send what they kept, as fast as their links
/// can.
fn add_outage(events: &mut Vec<Event>, random: &mut Random) {
    let begin = anywhere(random);
    let length = (random.between(1.0, 10.0) * HOUR as f64) as u64;
    let share = random.between(0.1, 0.4);
    let end = begin + length;
    events.push(Event { begin, end, height: -share, decay_s: None });
    let faster = random.between(2.0, 5.0);
    let height = share * faster;
    let backfill = end + (length as f64 / faster) as u64;
    events.push(Event { begin: end, end: backfill, height, decay_s: None });
}

impl Load for Year {
    fn arrivals(&mut self, second: u64) -> f64 {
        while let Some(event) = self.events.get(self.next).filter(|event| event.begin <= second) {
            self.active.push(*event);
            self.next += 1;
        }
        if self.active.iter().any(|event| event.end <= second) {
            self.active.retain(|event| event.end > second);
        }
        let mut load = 1.0;
        for event in &self.active {
            load += match event.decay_s {
                Some(decay_s) => event.height / (1.0 + (second - event.begin) as f64 / decay_s),
                None => event.height,
            };
        }
        // By day, traffic and industry shake: a triangle over the day, without a cosine.
        let of_day = (second % DAY) as f64 / DAY as f64;
        load *= 1.0 + 0.15 * (1.0 - 4.0 * (of_day - 0.5).abs());
        self.noise += 0.1 * (self.random.between(-0.1, 0.1) - self.noise);
        (self.base * load * (1.0 + self.noise + self.random.between(-0.02, 0.02))).max(0.0)
    }

    /// One sample in 500 fails, and once a fortnight the collector is away for up to two hours.
    fn has_metrics(&mut self, second: u64) -> bool {
        let fails = self.random.share();
        if fails < 5.0 / (14.0 * DAY as f64) {
            self.blind_until = second + (self.random.share() * 2.0 * HOUR as f64) as u64;
        }
        second >= self.blind_until && fails < 0.998
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_year_and_the_load_is_that_of_its_events() {
        let loads = |seed| {
            let mut year = Year::new(seed, 1.0);
            (0..DAY).map(|second| year.arrivals(second)).collect::<Vec<_>>()
        };
        assert_eq!(loads(1), loads(1));
        assert_ne!(loads(1), loads(2));
        let mut year = Year::new(1, 1.0);
        let mainshock = year.mainshock();
        let before = (0..mainshock).map(|second| year.arrivals(second)).last().unwrap();
        let after = year.arrivals(mainshock);
        assert!(before < 4.0 && after > 6.0, "{before} {after}");
    }
}
