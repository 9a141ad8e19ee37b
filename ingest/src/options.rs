//! Defaults and checks shared by all publications.

use std::fmt;
use std::ops::RangeInclusive;

use seismic_queue::Topic;

use crate::invalid_option::InvalidOption;
use crate::{Error, Result, limits};

/// Default topic.
pub const TOPIC: &str = "seismic-data-topic";

/// Default partitions of a topic that is created.
pub const PARTITIONS: u32 = 4;

/// Collects everything that is wrong, so that it is reported at once.
#[derive(Debug, Default)]
pub struct Checks {
    invalid: Vec<InvalidOption>,
}

impl Checks {
    /// Notes something that is wrong.
    pub fn add(&mut self, invalid: InvalidOption) {
        self.invalid.push(invalid);
    }

    /// Whether nothing was wrong so far.
    #[must_use]
    pub fn are_passed(&self) -> bool {
        self.invalid.is_empty()
    }

    /// Checks a number.
    pub fn range<T: PartialOrd + Copy + fmt::Display>(
        &mut self,
        option: &'static str,
        given: T,
        allowed: &RangeInclusive<T>,
    ) {
        if !allowed.contains(&given) {
            self.add(InvalidOption::OutOfRange {
                option,
                given: given.to_string(),
                from: allowed.start().to_string(),
                to: allowed.end().to_string(),
            });
        }
    }

    /// Checks the name of a topic.
    pub fn topic_name(&mut self, name: &str) {
        if let Err(error) = Topic::check_name(name) {
            self.add(InvalidOption::TopicName(error));
        }
    }

    /// Checks a topic that may have to be made.
    pub fn topic(&mut self, name: &str, partitions: u32) {
        self.range("partitions", partitions, &(1..=seismic_queue::limits::PARTITIONS));
        self.topic_name(name);
    }

    /// Checks the number of records per message.
    pub fn pack(&mut self, pack: u32, partitions: u32) {
        self.range("pack", pack, &limits::PACK);
        if u64::from(pack) * u64::from(partitions) > limits::PACKED_RECORDS {
            let limit = limits::PACKED_RECORDS;
            self.add(InvalidOption::PackedRecords { pack, partitions, limit });
        }
    }

    /// Ends the checks.
    ///
    /// # Errors
    /// [`Error::Options`] with everything that is wrong.
    pub fn finish(self) -> Result<()> {
        match self.invalid {
            invalid if invalid.is_empty() => Ok(()),
            invalid => Err(Error::Options { invalid }),
        }
    }
}
