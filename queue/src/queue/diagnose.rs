//! Diagnosis of a queue or store: before a job relies on it, and while the job runs.

use crate::{Finding, Level, OpenTransaction, Result, Topic};

/// Examines the place of a queue and its topics. It creates and changes nothing.
pub trait Diagnose {
    /// Whether what this handle works on is still what is there for others: a file that was deleted
    /// or replaced still takes writes that no one will find. Cheap; running jobs ask every second.
    ///
    /// # Errors
    /// [`Error::Replaced`](crate::Error::Replaced).
    fn check_place(&self) -> Result<()>;

    /// Whether `topic` is still the one of its name, as wide as it was. Cheap, as
    /// [`Diagnose::check_place`].
    ///
    /// # Errors
    /// [`Error::TopicRemade`](crate::Error::TopicRemade),
    /// [`Error::JobDiffers`](crate::Error::JobDiffers) when partitions were added.
    fn check_topic(&self, topic: &Topic) -> Result<()>;

    /// Who sets the append times of a topic: the queue or its producers. Logs what else is wrong with it.
    ///
    /// # Errors
    /// [`Error::TopicSetting`](crate::Error::TopicSetting) when it cannot be read without loss.
    fn append_times(&self, topic: &Topic) -> Result<AppendTimes>;

    /// What there is to say of this place, and of `topic` in it, that opening it does not show.
    ///
    /// # Errors
    /// When the place cannot be asked.
    fn examine(&self, topic: Option<&Topic>) -> Result<Vec<Finding>>;

    /// The oldest open transaction of each partition of a topic that has one. Cheap: running jobs ask
    /// every second.
    ///
    /// # Errors
    /// When the place cannot be asked.
    fn open_transactions(&self, topic: &Topic) -> Result<Vec<OpenTransaction>>;

    /// Looks since when transactions of one topic are open, whose they are, and which others are open
    /// behind them, as far as that can be known.
    fn look_at(&self, transactions: &mut [OpenTransaction]);

    /// Whether who we are may do what is needed here, as far as someone watches over that. Nothing
    /// is written or made to find out.
    ///
    /// # Errors
    /// When the place cannot be asked.
    fn examine_rights(&self, needs: &[Need]) -> Result<Vec<Finding>>;
}

/// Who says when a message was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendTimes {
    /// The queue, by its own clock.
    Queue,
    /// Whoever sent it.
    Producers,
}

/// What someone needs to do with a topic, which is made if it is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Name of the topic.
    pub topic: String,
    /// What is done with it.
    pub access: Access,
    /// Who cannot work without.
    pub who: &'static str,
    /// How bad it is when it is not allowed.
    pub level: Level,
}

/// What can be done with a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading, in the name of a group; `None`: of none.
    Read(Option<String>),
    /// Appending.
    Append,
}
