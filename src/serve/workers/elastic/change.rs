//! A change of the workers of a job, from its savepoint to its proof: a pure state machine.
//!
//! ```text
//!  saving ──► moving ──► done               moving: the workers that are wanted are those after it
//!    │          └─► going back ──► undone   going back: those before it
//!    └─► given up, nothing was done
//! ```
//!
//! It is stored with each step before the step is done. What it knows of the world is what workers
//! report, never what somebody acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use seismic_elastic::Shape;
use serde::{Deserialize, Serialize};

use super::places::shape_of;

/// How long a savepoint of so many partitions may take, ms: a commit of each slot, with a manifest of each
/// partition that brokers write and that is read again. 256 partitions took 4.6 to 6.4 s on two cores that the
/// broker and twelve workers shared.
#[must_use]
pub fn save_within_ms(partitions: u32) -> u32 {
    partitions.saturating_mul(50).saturating_add(10_000)
}

/// A change that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Slots of each worker before it ...
    pub before: Vec<u32>,
    /// ... and after it.
    pub after: Vec<u32>,
    /// The savepoint that is taken first.
    pub savepoint: String,
    /// Why it is made.
    pub why: String,
    /// How far it is.
    pub stage: Stage,
    /// Since when it is there, ms since 1970 UTC.
    pub since_ms: i64,
    /// Workers that were replaced in this stage, each once.
    pub replaced: BTreeSet<usize>,
}

/// How far a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Its savepoint is taken; nothing else was done.
    Saving,
    /// Workers come, go, and are replaced.
    Moving,
    /// It has failed, and what was before it is made again.
    GoingBack,
}

/// What is seen of the workers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    /// What became of the savepoint, once that is known.
    pub saved: Option<Result<(), String>>,
    /// Workers by their places, from 1 on, also those that are to go.
    pub workers: BTreeMap<usize, SeenWorker>,
    /// Whether every partition is held by one of them.
    pub all_held: bool,
    /// How many partitions there are, as far as that is known.
    pub partitions: u32,
}

/// What is seen of one worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeenWorker {
    /// Slots of one that runs and says so.
    pub slots: Option<u32>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing, for now.
    Wait,
    /// Store the change as it is now; the workers that are wanted are [`Change::wanted`].
    Store,
    /// Replace this worker by one with the slots that are wanted, after that is stored.
    Replace(usize),
    /// It is done and seen; it took so long, ms.
    Done(i64),
    /// Nothing of it is left: why, and what runs is what ran before.
    Undone(String),
    /// Neither what was wanted nor what was before runs: why. What was before stays wanted.
    Stuck(String),
}

impl Change {
    /// One that has not begun.
    #[must_use]
    pub fn new(before: Vec<u32>, after: Vec<u32>, savepoint: String, now_ms: i64) -> Change {
        let (why, stage, replaced) = (String::new(), Stage::Saving, BTreeSet::new());
        Change { before, after, savepoint, why, stage, since_ms: now_ms, replaced }
    }

    /// What runs before it.
    #[must_use]
    pub fn from(&self) -> Shape {
        shape_of(&self.before)
    }

    /// What is to run after it.
    #[must_use]
    pub fn to(&self) -> Shape {
        shape_of(&self.after)
    }

    /// Slots of each worker that are wanted now.
    #[must_use]
    pub fn wanted(&self) -> &[u32] {
        match self.stage {
            Stage::Saving | Stage::GoingBack => &self.before,
            Stage::Moving => &self.after,
        }
    }

    /// Another server takes it over: the time in which none looked does not count.
    pub fn taken_over(&mut self, now_ms: i64) {
        self.since_ms = now_ms;
        self.replaced.clear();
    }

    /// The next step. `within_ms`: time in which what is wanted must be seen.
    pub fn step(&mut self, now_ms: i64, within_ms: i64, world: &World) -> Act {
        // A clock that was set back begins the time again.
        let took_ms = now_ms - self.since_ms;
        if took_ms < 0 {
            self.since_ms = now_ms;
        }
        match self.stage {
            Stage::Saving => self.save(now_ms, took_ms, world),
            Stage::Moving if world.is(&self.after) => Act::Done(took_ms),
            Stage::Moving if took_ms >= within_ms => {
                self.enter(Stage::GoingBack, now_ms);
                Act::Store
            }
            Stage::GoingBack if world.is(&self.before) => {
                Act::Undone(format!("{} were not seen within {} s", self.to(), within_ms / 1_000))
            }
            Stage::GoingBack if took_ms >= within_ms => Act::Stuck(format!(
                "neither {} nor, after that, {} were seen within {} s",
                self.to(),
                self.from(),
                within_ms / 1_000
            )),
            Stage::Moving | Stage::GoingBack => self.replace(world),
        }
    }

    fn save(&mut self, now_ms: i64, took_ms: i64, world: &World) -> Act {
        match &world.saved {
            Some(Ok(())) => {
                self.enter(Stage::Moving, now_ms);
                Act::Store
            }
            Some(Err(why)) => Act::Undone(format!("savepoint {}: {why}", self.savepoint)),
            // Whoever takes it gives up earlier.
            None if took_ms >= 2 * i64::from(save_within_ms(world.partitions)) => {
                Act::Undone(format!("savepoint {} was not taken in time", self.savepoint))
            }
            None => Act::Wait,
        }
    }

    fn enter(&mut self, stage: Stage, now_ms: i64) {
        (self.stage, self.since_ms) = (stage, now_ms);
        self.replaced.clear();
    }

    /// One at a time, and only while all others work.
    fn replace(&mut self, world: &World) -> Act {
        let wanted = self.wanted();
        if !world.all_held || !world.has(wanted.len()) {
            return Act::Wait;
        }
        let differs = |(place, slots): &(usize, u32)| {
            let seen = world.workers.get(place).and_then(|worker| worker.slots);
            seen.is_some_and(|seen| seen != *slots) && !self.replaced.contains(place)
        };
        let found = (1..).zip(wanted.iter().copied()).find(differs);
        match found {
            Some((place, _)) => {
                self.replaced.insert(place);
                Act::Replace(place)
            }
            None => Act::Wait,
        }
    }
}

impl World {
    /// Whether exactly that many workers are there, and all of them run.
    fn has(&self, count: usize) -> bool {
        self.workers.len() == count
            && (1..=count)
                .all(|place| self.workers.get(&place).is_some_and(|it| it.slots.is_some()))
    }

    /// Whether these workers run with these slots, no others, and hold all partitions.
    fn is(&self, wanted: &[u32]) -> bool {
        let runs =
            |(place, slots)| self.workers.get(&place).is_some_and(|it| it.slots == Some(slots));
        self.all_held && self.has(wanted.len()) && (1..).zip(wanted.iter().copied()).all(runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN_MS: i64 = 60_000;

    fn world(slots: &[Option<u32>]) -> World {
        let workers = (1..).zip(slots).map(|(place, &slots)| (place, SeenWorker { slots }));
        World { saved: None, workers: workers.collect(), all_held: true, partitions: 0 }
    }

    fn runs(slots: &[u32]) -> World {
        world(&slots.iter().map(|&it| Some(it)).collect::<Vec<_>>())
    }

    fn saved(world: World) -> World {
        World { saved: Some(Ok(())), ..world }
    }

    fn change(before: &[u32], after: &[u32]) -> Change {
        Change::new(before.to_vec(), after.to_vec(), "elastic-1-w4-p8".to_owned(), 0)
    }

    #[test]
    fn workers_come_after_the_savepoint_and_it_is_done_when_all_partitions_are_held() {
        let mut it = change(&[2, 2, 2], &[2, 2, 2, 2]);
        assert_eq!(it.step(1, WITHIN_MS, &runs(&[2, 2, 2])), Act::Wait);
        assert_eq!(it.wanted(), [2, 2, 2]);
        assert_eq!(it.step(2, WITHIN_MS, &saved(runs(&[2, 2, 2]))), Act::Store);
        assert_eq!(it.wanted(), [2, 2, 2, 2]);
        let starts = world(&[Some(2), Some(2), Some(2), None]);
        assert_eq!(it.step(3, WITHIN_MS, &starts), Act::Wait);
        let moving = World { all_held: false, ..runs(&[2, 2, 2, 2]) };
        assert_eq!(it.step(4, WITHIN_MS, &moving), Act::Wait);
        assert_eq!(it.step(502, WITHIN_MS, &runs(&[2, 2, 2, 2])), Act::Done(500));
    }

    #[test]
    fn a_savepoint_that_is_not_taken_leaves_everything_as_it_is() {
        let mut it = change(&[2], &[2, 2]);
        let failed = World { saved: Some(Err("no broker".to_owned())), ..runs(&[2]) };
        let Act::Undone(why) = it.clone().step(1, WITHIN_MS, &failed) else { panic!() };
        assert_eq!(why, "savepoint elastic-1-w4-p8: no broker");
        let Act::Undone(_) = it.step(20_000, WITHIN_MS, &runs(&[2])) else { panic!() };
        assert_eq!(it.wanted(), [2]);
    }

    #[test]
    fn workers_with_other_slots_are_replaced_one_at_a_time_and_each_once() {
        let mut it = change(&[1, 1, 1], &[2, 2, 1]);
        it.step(1, WITHIN_MS, &saved(runs(&[1, 1, 1])));
        assert_eq!(it.step(2, WITHIN_MS, &runs(&[1, 1, 1])), Act::Replace(1));
        assert_eq!(it.step(3, WITHIN_MS, &world(&[None, Some(1), Some(1)])), Act::Wait);
        assert_eq!(it.step(4, WITHIN_MS, &runs(&[2, 1, 1])), Act::Replace(2));
        // One that does not understand it is not replaced for ever.
        assert_eq!(it.step(5, WITHIN_MS, &runs(&[2, 1, 1])), Act::Wait);
        assert_eq!(it.step(6, WITHIN_MS, &runs(&[2, 2, 1])), Act::Done(5));
    }

    #[test]
    fn what_is_not_seen_in_time_goes_back_and_what_is_stuck_then_is_said() {
        let mut it = change(&[2, 2], &[2, 2, 2]);
        it.step(0, WITHIN_MS, &saved(runs(&[2, 2])));
        let broken = world(&[Some(2), Some(2), None]);
        assert_eq!(it.step(WITHIN_MS - 1, WITHIN_MS, &broken), Act::Wait);
        assert_eq!(it.step(WITHIN_MS, WITHIN_MS, &broken), Act::Store);
        assert_eq!((it.stage, it.wanted()), (Stage::GoingBack, &[2, 2][..]));
        let Act::Undone(why) = it.clone().step(WITHIN_MS + 9, WITHIN_MS, &runs(&[2, 2])) else {
            panic!()
        };
        assert_eq!(why, "parallelism=6, workers=3 were not seen within 60 s");
        let Act::Stuck(_) = it.step(2 * WITHIN_MS, WITHIN_MS, &broken) else { panic!() };
    }

    #[test]
    fn the_next_server_finishes_it_or_goes_back_and_has_all_of_the_time_for_it() {
        let mut it = change(&[2, 2], &[2, 2, 2]);
        it.step(0, WITHIN_MS, &saved(runs(&[2, 2])));
        let text = serde_json::to_string(&it).unwrap();
        let mut it: Change = serde_json::from_str(&text).unwrap();
        it.taken_over(9 * WITHIN_MS);
        assert_eq!(it.step(9 * WITHIN_MS + 1, WITHIN_MS, &World::default()), Act::Wait);
        assert_eq!(it.step(10 * WITHIN_MS, WITHIN_MS, &World::default()), Act::Store);
        assert_eq!(it.stage, Stage::GoingBack);
    }

    #[test]
    fn whatever_workers_do_it_ends_and_no_step_leads_from_what_is_wanted() {
        // Each world after each other, in an order by a linear congruence.
        let worlds = [
            runs(&[2, 2]),
            runs(&[1, 1]),
            runs(&[1, 1, 1]),
            world(&[None, Some(1)]),
            World::default(),
            World { all_held: false, ..runs(&[2, 2]) },
        ];
        for seed in 0..500u64 {
            let mut it = change(&[1, 1], &[2, 2]);
            it.step(0, WITHIN_MS, &saved(runs(&[1, 1])));
            let mut number = seed;
            let mut ended = None;
            for at in 1..400 {
                number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(seed | 1);
                let world = &worlds[(number >> 33) as usize % worlds.len()];
                match it.step(at * 500, WITHIN_MS, world) {
                    Act::Done(_) => assert_eq!(world, &worlds[0]),
                    Act::Undone(_) => assert_eq!(world, &worlds[1]),
                    Act::Stuck(_) => assert!(at * 500 >= 2 * WITHIN_MS),
                    Act::Wait | Act::Store | Act::Replace(_) => continue,
                }
                ended = Some(at);
                break;
            }
            assert!(ended.is_some(), "{seed}: {it:?}");
        }
    }
}
