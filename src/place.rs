//! Where a command works: the queue, the home and the group, the same options everywhere.

use clap::Args;
use seismic_queue::{Error, Home, Queue, Result, Topic, Url};

/// Where records come from and where the job keeps what it made of them. Every command takes all
/// three, so that a script can say them once; those that only publish use the queue alone.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// Queue: sqlite:PATH or rocketmq://NAMESERVER:9876, several with commas between
    #[arg(long, value_name = "URL", default_value = "sqlite:output/queue.db")]
    pub queue: Url,
    /// Home of the job: sqlite:PATH; by default next to the queue file
    #[arg(long, value_name = "URL")]
    pub home: Option<Url>,
    /// Name of the job
    #[arg(long, value_name = "NAME", default_value = "seismic")]
    pub group: String,
}

impl Place {
    /// Opens the queue.
    pub fn open_queue(&self) -> Result<Box<dyn Queue>> {
        seismic_queue::open(&self.queue)
    }

    /// Opens the queue for reading `topic`. Looking at a file that is not there does not make it.
    ///
    /// # Errors
    /// [`Error::TopicMissing`] when there is no queue.
    pub fn open_queue_of(&self, topic: &str) -> Result<Box<dyn Queue>> {
        match &self.queue {
            Url::Sqlite(path) if !path.exists() => {
                let (topic, at) = (topic.to_owned(), self.queue.to_string());
                Err(Error::TopicMissing { topic, at })
            }
            _ => self.open_queue(),
        }
    }

    /// Opens the home for looking in.
    pub fn open_home(&self) -> Result<Box<dyn Home>> {
        Topic::check_name(&self.group)?;
        seismic_queue::open_home(&self.home_url())
    }

    /// Where the home is.
    pub fn home_url(&self) -> Url {
        self.home.clone().unwrap_or_else(|| self.queue.default_home(&self.group))
    }
}
