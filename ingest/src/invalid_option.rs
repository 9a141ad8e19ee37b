//! Errors in options.

use std::fmt;

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
    Reading(String),
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
            InvalidOption::Reading(what) => what.clone(),
        }
    }
}

impl fmt::Display for InvalidOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe(&str::to_owned))
    }
}
