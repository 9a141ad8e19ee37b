//! How many records went where: the counters that must add up at every commit.

use seismic_proto::state;

use crate::engine::windows::reject_reason::RejectReason;

/// `read == closed + open + late + Σ rejected`, always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Records read; an undecodable message is one.
    pub read: u64,
    /// Records counted in windows that are closed.
    pub closed: u64,
    /// Records counted in windows that are open.
    pub open: u64,
    /// Closed windows.
    pub windows: u64,
    /// Messages that were gone before they were read, the loss accepted; they are not in `read`.
    pub lost_messages: u64,
    /// Where the records of closed windows are in each roll-up of the rules.
    pub rollups: Vec<RollupCounters>,
    dead: [u64; RejectReason::ALL.len()],
}

/// Of one roll-up: `closed + open` are all records of closed windows, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RollupCounters {
    /// Rows emitted.
    pub rows: u64,
    /// Records in them.
    pub closed: u64,
    /// Records in spans that are open.
    pub open: u64,
}

impl Counters {
    /// Nothing yet, of a job with that many roll-ups.
    #[must_use]
    pub fn new(rollups: usize) -> Self {
        Counters { rollups: vec![RollupCounters::default(); rollups], ..Counters::default() }
    }

    /// Rows emitted: those of windows, and those of roll-ups.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.windows + self.rollups.iter().map(|level| level.rows).sum::<u64>()
    }

    /// Counts a record that is in no window.
    pub fn count_dead(&mut self, reason: RejectReason) {
        self.dead[reason as usize] += 1;
    }

    /// Records that ended for this reason.
    #[must_use]
    pub fn dead(&self, reason: RejectReason) -> u64 {
        self.dead[reason as usize]
    }

    /// Records rejected, without the late ones.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.dead.iter().sum::<u64>() - self.late()
    }

    /// Records that came after their window was closed.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.dead(RejectReason::Late)
    }

    /// Conservation: every record read is in exactly one place, and those of closed windows are
    /// in exactly one place of each roll-up.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.read == self.closed + self.open + self.late() + self.rejected()
            && self.rollups.iter().all(|level| level.closed + level.open == self.closed)
    }

    /// Adds another partition's counters.
    pub fn add(&mut self, other: &Counters) {
        self.read += other.read;
        self.closed += other.closed;
        self.open += other.open;
        self.windows += other.windows;
        self.lost_messages += other.lost_messages;
        for (ours, theirs) in self.dead.iter_mut().zip(other.dead) {
            *ours += theirs;
        }
        self.rollups.resize(self.rollups.len().max(other.rollups.len()), RollupCounters::default());
        for (ours, theirs) in self.rollups.iter_mut().zip(&other.rollups) {
            ours.rows += theirs.rows;
            ours.closed += theirs.closed;
            ours.open += theirs.open;
        }
    }
}

impl From<&RollupCounters> for state::Rolled {
    fn from(&RollupCounters { rows, closed, open }: &RollupCounters) -> Self {
        state::Rolled { rows, closed, open }
    }
}

impl From<&state::Rolled> for RollupCounters {
    fn from(&state::Rolled { rows, closed, open }: &state::Rolled) -> Self {
        RollupCounters { rows, closed, open }
    }
}

impl From<&Counters> for state::Counters {
    fn from(counters: &Counters) -> Self {
        let is_rejected =
            |&reason: &RejectReason| reason != RejectReason::Late && counters.dead(reason) > 0;
        let rejected = RejectReason::ALL.into_iter().filter(is_rejected);
        state::Counters {
            read: counters.read,
            closed: counters.closed,
            open: counters.open,
            late: counters.late(),
            windows: counters.windows,
            lost_messages: counters.lost_messages,
            rejected: rejected
                .map(|reason| state::Rejected {
                    reason: reason.name().to_owned(),
                    count: counters.dead(reason),
                })
                .collect(),
            rollups: counters.rollups.iter().map(state::Rolled::from).collect(),
        }
    }
}

impl TryFrom<&state::Counters> for Counters {
    /// A reason that this version does not know, or counters that do not add up.
    type Error = String;

    fn try_from(stored: &state::Counters) -> Result<Self, String> {
        let mut counters = Counters {
            read: stored.read,
            closed: stored.closed,
            open: stored.open,
            windows: stored.windows,
            lost_messages: stored.lost_messages,
            rollups: stored.rollups.iter().map(RollupCounters::from).collect(),
            ..Counters::default()
        };
        counters.dead[RejectReason::Late as usize] = stored.late;
        for rejected in &stored.rejected {
            let reason = RejectReason::named(&rejected.reason);
            let reason = reason.ok_or_else(|| format!("unknown reason {:?}", rejected.reason))?;
            counters.dead[reason as usize] = rejected.count;
        }
        let parts = [counters.closed, counters.open].into_iter().chain(counters.dead);
        // No log holds more than an i64 counts: counting on from here cannot overflow.
        let sum = parts.into_iter().try_fold(0, u64::checked_add).filter(|&n| n <= MOST);
        if sum != Some(counters.read) {
            return Err("its counters do not add up".to_owned());
        }
        if counters.lost_messages > MOST {
            return Err("it has lost more messages than a log can hold".to_owned());
        }
        if counters.windows > counters.closed {
            return Err("it has closed more windows than records".to_owned());
        }
        for level in &counters.rollups {
            if level.closed.checked_add(level.open) != Some(counters.closed)
                || level.rows > level.closed
            {
                return Err("the counters of a roll-up do not add up".to_owned());
            }
        }
        Ok(counters)
    }
}

const MOST: u64 = i64::MAX as u64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_come_back_as_stored_and_must_add_up() {
        let mut counters = Counters {
            read: 7,
            closed: 3,
            open: 1,
            windows: 2,
            lost_messages: 9,
            ..Counters::default()
        };
        counters.count_dead(RejectReason::Late);
        counters.count_dead(RejectReason::Unparseable);
        counters.count_dead(RejectReason::WindowLimit);
        counters.rollups = vec![RollupCounters { rows: 1, closed: 2, open: 1 }];
        assert!(counters.is_balanced());
        let stored = state::Counters::from(&counters);
        assert_eq!(Counters::try_from(&stored).unwrap(), counters);
        let lying = state::Counters { read: 8, ..stored.clone() };
        assert!(Counters::try_from(&lying).is_err());
        let mut lying = stored;
        lying.rollups[0].open = 2;
        assert!(Counters::try_from(&lying).is_err());
    }
}
