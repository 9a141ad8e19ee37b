//! Where a command works: the queue, the home and the group, the same options everywhere.

use clap::Args;
use seismic_queue::{Home, Queue, Result, Topic, Url};

/// Where records come from and where the job keeps what it made of them. Every command takes all
/// three, so that a script can say them once; those that only publish use the queue alone.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// Queue: sqlite:PATH
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
