//! A reference to checkpoints: a number, in every partition, or a name.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use seismic_queue::{CheckpointInfo, Partition, PartitionView, View};

use crate::{Error, Result};

/// A set of checkpoints, one in each partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckpointRef {
    /// Those of this number.
    Number(u64),
    /// Those of this name.
    Name(String),
}

impl FromStr for CheckpointRef {
    type Err = Infallible;

    /// Names have something else than digits in them.
    fn from_str(text: &str) -> std::result::Result<Self, Infallible> {
        Ok(text
            .parse()
            .map_or_else(|_| CheckpointRef::Name(text.to_owned()), CheckpointRef::Number))
    }
}

impl fmt::Display for CheckpointRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CheckpointRef::Number(number) => write!(f, "{number}"),
            CheckpointRef::Name(name) => write!(f, "{name:?}"),
        }
    }
}

impl CheckpointRef {
    /// The one in this partition.
    #[must_use]
    pub fn in_partition<'a>(&self, part: &'a PartitionView) -> Option<&'a CheckpointInfo> {
        part.checkpoints.iter().find(|info| match self {
            CheckpointRef::Number(number) => info.manifest.checkpoint == *number,
            CheckpointRef::Name(name) => info.names.contains(name),
        })
    }

    /// The ones in all partitions, in order.
    ///
    /// # Errors
    /// [`Error::NoSuchCheckpoint`] naming the partitions that have none;
    /// [`Error::NameNotWhole`] for a name that not all have answered yet.
    pub fn in_all<'a>(&self, view: &'a View) -> Result<Vec<&'a CheckpointInfo>> {
        if let CheckpointRef::Name(name) = self
            && view.checkpoint_requests.iter().any(|asked| asked.name == *name)
        {
            return Err(Error::NameNotWhole { name: name.clone() });
        }
        let found: Vec<_> = view.partitions.iter().map(|part| self.in_partition(part)).collect();
        let lacking: Vec<_> =
            (0..).map(Partition).zip(&found).filter(|(_, one)| one.is_none()).collect();
        if lacking.is_empty() {
            return Ok(found.into_iter().flatten().collect());
        }
        let partitions = match lacking.len() == found.len() {
            true => "any partition".to_owned(),
            false => {
                let names: Vec<_> = lacking.iter().map(|(at, _)| at.to_string()).collect();
                format!("partition {}", names.join(", "))
            }
        };
        Err(Error::NoSuchCheckpoint { which: self.to_string(), partitions })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_number_and_everything_else_a_name() {
        assert_eq!("12".parse(), Ok(CheckpointRef::Number(12)));
        assert_eq!("12a".parse(), Ok(CheckpointRef::Name("12a".into())));
    }
}
