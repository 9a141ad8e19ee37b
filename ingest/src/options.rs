//! Checks that the options of all publications share, and what can be wrong with an option.

use std::fmt;
use std::ops::RangeInclusive;

use seismic_queue::Topic;

use crate::{Error, Result, limits};

/// Default topic.
pub const TOPIC: &str = "seismic-data-topic";

/// Default partitions of a topic that is created.
pub const PARTITIONS: u32 = 4;

/// One thing that is wrong with the options. Options have the names of their fields here; a user
/// interface has its own names for them, see [`InvalidOption::describe`].
#[derive(Debug)]
#[allow(missing_docs)]
pub enum InvalidOption {
    OutOfRange { option: &'static str, given: String, from: String, to: String },
    Exclusive(&'static str, &'static str),
    PackedRecords { pack: u32, partitions: u32, limit: u64 },
    Years { option: &'static str, from: u16, to: u16 },
    TopicName(seismic_queue::Error),
    NoFiles,
    TooManyFiles { given: usize, limit: usize },
}

impl InvalidOption {
    /// What is wrong, where `name` turns the name of a field into that of the option.
    #[must_use]
    pub fn describe(&self, name: &dyn Fn(&str) -> String) -> String {
        match self {
            InvalidOption::OutOfRange { option, given, from, to } => {
                format!("{} {given} is not between {from} and {to}", name(option))
            }
            InvalidOption::Exclusive(one, other) => {
                format!("{} and {} exclude each other", name(one), name(other))
            }
            InvalidOption::PackedRecords { pack, partitions, limit } => format!(
                "{} {pack} times {} {partitions} is more than {limit} records in memory; use \
                 smaller packs",
                name("pack"),
                name("partitions")
            ),
            InvalidOption::Years { option, from, to } => {
                let option = name(option);
                format!("{option}: the run does not lie between the years {from} and {to}")
            }
            InvalidOption::TopicName(error) => error.to_string(),
            InvalidOption::NoFiles => "no files to import were named".to_owned(),
            InvalidOption::TooManyFiles { given, limit } => format!(
                "{given} files exceed the limit of {limit} files per import; import them in parts"
            ),
        }
    }
}

impl fmt::Display for InvalidOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe(&str::to_owned))
    }
}

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
