//! What a slot of each worker can do, learned while it is busy: machines differ.

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::sample::WorkerLoad;

/// Records/s of one slot, by the number of its worker; 0 where it is not known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Capacities {
    of_slot: Vec<f64>,
}

impl Capacities {
    pub(crate) fn learn(&mut self, loads: &[WorkerLoad]) {
        for load in loads {
            let number = load.worker as usize;
            let is_known_well = load.busy >= limits::LEARN_BUSY && load.throughput > 0.0;
            if !is_known_well || load.slots == 0 || number >= limits::WORKERS as usize {
                continue;
            }
            let busy = load.busy.min(1.0);
            let seen = load.throughput / (busy * f64::from(load.slots));
            if self.of_slot.len() <= number {
                self.of_slot.resize(number + 1, 0.0);
            }
            let known = &mut self.of_slot[number];
            if *known > 0.0 {
                // One sample moves it little, and less if the worker hardly worked.
                let seen = seen.clamp(*known / 2.0, *known * 2.0);
                *known += 0.2 * busy * (seen - *known);
            } else {
                *known = seen;
            }
        }
    }

    /// Records/s of all their slots; a worker that is not known yet counts as the mean of all. None
    /// while nothing is known.
    pub(crate) fn of(&self, loads: &[WorkerLoad]) -> Option<f64> {
        let known = self.of_slot.iter().filter(|&&capacity| capacity > 0.0);
        let (count, sum) = known.fold((0u32, 0.0), |(count, sum), one| (count + 1, sum + one));
        if count == 0 {
            return None;
        }
        let mean = sum / f64::from(count);
        let of = |load: &WorkerLoad| {
            let known = self.of_slot.get(load.worker as usize).copied().filter(|&it| it > 0.0);
            known.unwrap_or(mean) * f64::from(load.slots)
        };
        Some(loads.iter().map(of).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(worker: u32, throughput: f64, busy: f64) -> WorkerLoad {
        WorkerLoad { worker, slots: 2, throughput, cpu: busy, busy }
    }

    #[test]
    fn each_worker_has_its_own_and_a_new_one_that_of_the_others() {
        let mut capacities = Capacities::default();
        assert_eq!(capacities.of(&[load(0, 0.0, 0.0)]), None);
        capacities.learn(&[load(0, 100.0, 0.5), load(1, 100.0, 0.25), load(2, 1.0, 0.01)]);
        assert_eq!(capacities.of(&[load(0, 0.0, 0.0)]), Some(200.0));
        assert_eq!(capacities.of(&[load(1, 0.0, 0.0)]), Some(400.0));
        assert_eq!(capacities.of(&[load(2, 0.0, 0.0)]), Some(300.0));
    }

    #[test]
    fn one_strange_sample_moves_it_little() {
        let mut capacities = Capacities::default();
        capacities.learn(&[load(0, 100.0, 0.5)]);
        capacities.learn(&[load(0, 1e12, 0.5)]);
        assert_eq!(capacities.of(&[load(0, 0.0, 0.0)]), Some(220.0));
    }
}
