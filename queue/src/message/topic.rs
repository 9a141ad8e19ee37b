//! Topics: their names and ids.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use crate::{Error, Partition, Result, limits};

/// A topic as its backend knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Name, see [`Topic::check_name`].
    pub name: String,
    /// Given once at creation: a topic deleted and recreated has another one.
    pub id: String,
    /// Number of partitions, from 1 to [`limits::PARTITIONS`].
    pub partitions: u32,
}

impl Topic {
    /// All partitions, in order.
    pub fn all(&self) -> impl Iterator<Item = Partition> + use<> {
        (0..self.partitions).map(Partition)
    }

    /// Whether `now`, which has its name today in the queue `at`, is still this topic.
    ///
    /// # Errors
    /// [`Error::QueuesDiffer`] where a topic is known by its queues, else [`Error::TopicRemade`].
    pub fn is_still(&self, now: &Topic, at: &str) -> Result<()> {
        if self.id == now.id {
            return Ok(());
        }
        let topic = self.name.clone();
        match (self.queues(), now.queues()) {
            (Some(then), Some(now)) => {
                let (then, now) = (then.to_owned(), now.to_owned());
                Err(Error::QueuesDiffer { topic, then, now })
            }
            _ => Err(Error::TopicRemade { topic, at: at.to_owned() }),
        }
    }

    /// Where its queues are, if that is all its id says: `NAME@BROKER:QUEUES+…`, in RocketMQ.
    fn queues(&self) -> Option<&str> {
        self.id.strip_prefix(&self.name)?.strip_prefix('@')
    }

    /// Names of topics and groups: 1 to [`limits::NAME_BYTES`] of `A-Z a-z 0-9 . _ -`, not `.` or
    /// `..`, since they become keys and parts of file names.
    ///
    /// # Errors
    /// [`Error::Name`] with what is wrong.
    pub fn check_name(name: &str) -> Result<()> {
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let why = if name.is_empty() || name == "." || name == ".." {
            "it is empty or only dots"
        } else if name.len() > limits::NAME_BYTES {
            "it is longer than 100 bytes"
        } else if !name.chars().all(fine) {
            "it may hold only letters, digits, '.', '_' and '-'"
        } else {
            return Ok(());
        };
        Err(Error::Name { name: name.to_owned(), why })
    }
}

/// A new id for a topic or store: 128 random bits as hex. The standard library seeds its hashers
/// from the operating system, which is all the randomness that is needed here.
pub fn new_id() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}
