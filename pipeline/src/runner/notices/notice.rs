//! Notices: a running job reports that something is wrong with its input, and continues.

use std::fmt;

use seismic_queue::{OpenTransaction, Partition, Remedy};

use crate::engine::clock_step::{ClockStep, StepKind};
use crate::engine::loss_reader::LossReason;
use crate::limits;

/// Something that a person should know and can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Sensors have records in several partitions at the same time.
    Spread(SpreadSensors),
    /// Sensors were in one partition and are in another one now. No window is touched.
    Moved(MovedSensors),
    /// Too many records are rejected, or late, for one reason.
    Rejected(RejectedRecords),
    /// Clocks of sensors stepped further than is believed of one record.
    Steps(ClockSteps),
    /// A transaction that someone left open in the input holds back what is behind it.
    HeldBack(HeldBack),
}

impl Notice {
    /// What a person can do about it, if that takes more than reading it.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Notice::Spread(_) => Some(Remedy::KeyBySensor),
            Notice::Moved(_) => None,
            Notice::Steps(_) => Some(Remedy::CorrectClocks),
            Notice::HeldBack(held) => Some(held.transaction.remedy()),
            Notice::Rejected(lost) => {
                Some(Remedy::StopRejecting { reason: lost.reason.name().to_owned() })
            }
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Spread(spread) => spread.fmt(f),
            Notice::Moved(moved) => moved.fmt(f),
            Notice::Rejected(lost) => lost.fmt(f),
            Notice::Steps(steps) => steps.fmt(f),
            Notice::HeldBack(held) => held.fmt(f),
        }
    }
}

/// A sensor and the partitions that have records of it, rising.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpreadSensor {
    /// Its id.
    pub sensor: String,
    /// The partitions.
    pub partitions: Vec<Partition>,
}

/// "sensor "S1" has records in partitions 0, 2 and 3".
impl fmt::Display for SpreadSensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sensor {:?} has records in ", self.sensor)?;
        match self.partitions.split_last() {
            Some((last, [])) => write!(f, "partition {last}"),
            Some((last, rest)) => {
                let rest: Vec<_> = rest.iter().map(Partition::to_string).collect();
                write!(f, "partitions {} and {last}", rest.join(", "))
            }
            None => f.write_str("no partition"),
        }
    }
}

/// Sensors of which two partitions have records close together in event time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpreadSensors {
    /// The first of them.
    pub named: Vec<SpreadSensor>,
    /// How many there are.
    pub total: u64,
    /// How close, ms: lateness and idle timeout.
    pub reach_ms: i64,
}

impl fmt::Display for SpreadSensors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SpreadSensors { named, total, reach_ms } = self;
        write_named(f, named, *total)?;
        write!(
            f,
            ", less than {reach_ms} ms of event time apart: each partition makes rows of its own for \
             the same windows, and none of them is whole"
        )
    }
}

/// Sensors that changed their partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedSensors {
    /// The first of them.
    pub named: Vec<SpreadSensor>,
    /// How many there are.
    pub total: u64,
}

impl fmt::Display for MovedSensors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_named(f, &self.named, self.total)?;
        f.write_str(
            ", but not at the same time: a partitioner was changed, or partitions were added. No \
             window is in two partitions",
        )
    }
}

/// What is lost for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRecords {
    /// Why.
    pub reason: LossReason,
    /// The sensors that lose most.
    pub sensors: Vec<RejectedSensor>,
    /// How many lose too much.
    pub total: u64,
    /// Records of all sensors, and of none, that were rejected for it ...
    pub rejected: u64,
    /// ... of that many.
    pub read: u64,
    /// One of them as text.
    pub example: String,
}

/// What a sensor loses for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedSensor {
    /// Its id.
    pub sensor: String,
    /// Records rejected.
    pub rejected: u64,
    /// Its records.
    pub records: u64,
}

impl fmt::Display for RejectedRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RejectedRecords { reason, sensors, total, rejected, read, example } = self;
        write!(f, "{reason}: ")?;
        match sensors.first() {
            None => write!(f, "{rejected} of {read} records are dead letters")?,
            Some(RejectedSensor { sensor, rejected, records }) => {
                write!(f, "{rejected} of {records} records of sensor {sensor:?} are dead letters")?;
            }
        }
        if *total > 1 {
            write!(f, ", and more than 5 % of {} further sensors", total - 1)?;
        }
        write!(f, ". One of them is at {example}")
    }
}

/// Steps of clocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockSteps {
    /// The first of them.
    pub named: Vec<ClockStep>,
    /// How many there are.
    pub total: u64,
}

impl fmt::Display for ClockSteps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.named.iter().enumerate() {
            let ClockStep { sensor, kind, from_ms, to_ms } = step;
            let seconds = from_ms.abs_diff(*to_ms) as f64 / 1e3;
            write!(f, "{}sensor {sensor:?}: ", if place > 0 { "; " } else { "" })?;
            match kind {
                StepKind::Refuted => write!(
                    f,
                    "a record with event time {to_ms} is {seconds:.1} s ahead of the clock, {from_ms}, \
                     and later ones did not follow it: it is a dead letter (clock_jump)"
                )?,
                StepKind::Ahead => write!(
                    f,
                    "the clock went {seconds:.1} s ahead, from {from_ms} to {to_ms}, and later records \
                     confirm it"
                )?,
                StepKind::Back => write!(
                    f,
                    "the clock went back by {seconds:.1} s, from {from_ms} to {to_ms}, and later \
                     records confirm it: windows that were closed get further rows, with another \
                     clock_era"
                )?,
            }
        }
        match self.total.saturating_sub(self.named.len() as u64) {
            0 => Ok(()),
            further => write!(f, "; and {further} further steps"),
        }
    }
}

/// A transaction that hangs in the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBack {
    /// Which.
    pub transaction: OpenTransaction,
    /// How long it has been open, ms.
    pub age_ms: i64,
}

impl fmt::Display for HeldBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HeldBack { transaction, age_ms } = self;
        let held = transaction.held_from(transaction.first);
        let seconds = age_ms / 1_000;
        write!(f, "{transaction}, for {seconds} s now: {held} messages wait for its end")
    }
}

fn write_named(f: &mut fmt::Formatter<'_>, named: &[SpreadSensor], total: u64) -> fmt::Result {
    for (place, sensor) in named.iter().take(limits::NAMED_IN_NOTICE).enumerate() {
        write!(f, "{}{sensor}", if place > 0 { "; " } else { "" })?;
    }
    match total.saturating_sub(named.len().min(limits::NAMED_IN_NOTICE) as u64) {
        0 => Ok(()),
        1 => f.write_str("; and so has one further sensor"),
        further => write!(f, "; and so have {further} further sensors"),
    }
}
