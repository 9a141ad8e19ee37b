//! Where a job reads and where it keeps its state: queue, store, group and client settings.

use std::path::Path;

use clap::Args;
use seismic_queue::{Error, JobStore, Queue, Result, Topic};

use crate::backends::Url;

/// What may be said about it, on the command line or in a job file.
#[derive(Args, Clone, Debug, Default)]
pub struct LocationOptions {
    /// Queue: sqlite:PATH, kafka://BROKER:9092 or rocketmq://NAMESERVER:9876 (rocketmqs: for TLS);
    /// separate several hosts with commas [default: sqlite:output/queue.db]
    #[arg(long, value_name = "URL")]
    pub queue: Option<Url>,
    /// Job store: sqlite:PATH or kafka://BROKER:9092/GROUP [default: next to the queue file, or in
    /// the same Kafka cluster]
    #[arg(long, alias = "home", value_name = "URL")]
    pub store: Option<Url>,
    /// Name of the job, its consumer group in Kafka [default: seismic]
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
    /// Setting of the Kafka client, named as in librdkafka; repeatable. Pass secrets through the
    /// environment: SEISMIC_KAFKA_SASL_PASSWORD, or a file named by
    /// SEISMIC_KAFKA_SASL_PASSWORD_FILE
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_setting)]
    pub kafka: Vec<(String, String)>,
}

fn parse_setting(text: &str) -> std::result::Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Where a job reads and where it keeps its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Where the input topic lives.
    pub queue: Url,
    /// The job store; `None`: the default one of queue and group.
    pub store: Option<Url>,
    /// Name of the job.
    pub group: String,
    /// Settings of the Kafka client.
    pub kafka: Vec<(String, String)>,
}

impl Default for Location {
    fn default() -> Self {
        Location {
            queue: Url::of_file(Path::new("output/queue.db")),
            store: None,
            group: "seismic".to_owned(),
            kafka: Vec::new(),
        }
    }
}

impl From<LocationOptions> for Location {
    fn from(options: LocationOptions) -> Self {
        let default = Location::default();
        Location {
            queue: options.queue.unwrap_or(default.queue),
            store: options.store,
            group: options.group.unwrap_or(default.group),
            kafka: options.kafka,
        }
    }
}

impl Location {
    /// Opens the queue.
    pub fn open_queue(&self) -> Result<Box<dyn Queue>> {
        self.queue.with_settings(&self.kafka).open()
    }

    /// Opens the queue for reading `topic`. Does not create a file that is missing.
    ///
    /// # Errors
    /// [`Error::TopicMissing`] when there is no queue.
    pub fn open_queue_of(&self, topic: &str) -> Result<Box<dyn Queue>> {
        if self.queue.file().is_some_and(|file| !file.exists()) {
            let (topic, at) = (topic.to_owned(), self.queue.to_string());
            return Err(Error::TopicMissing { topic, at });
        }
        self.open_queue()
    }

    /// Opens the queue. Does not create a file that is missing.
    ///
    /// # Errors
    /// As [`Location::open_queue`]; and when there is no queue.
    pub fn open_existing_queue(&self) -> Result<Box<dyn Queue>> {
        match self.queue.file().is_some_and(|file| !file.exists()) {
            true => Err(Error::url(self.queue.to_string(), "there is no such file")),
            false => self.open_queue(),
        }
    }

    /// Opens the store for reading.
    pub fn open_store(&self) -> Result<Box<dyn JobStore>> {
        Topic::check_name(&self.group)?;
        self.store_url().with_settings(&self.kafka).open_store()
    }

    /// Opens the store for a worker, whose slots have the name `slot` if one is given.
    pub fn open_store_as(&self, slot: Option<&str>) -> Result<Box<dyn JobStore>> {
        let mut url = self.store_url().with_settings(&self.kafka);
        if let Some(slot) = slot {
            url = url.with_slot(slot).ok_or_else(|| {
                let (key, why) = ("--slot".to_owned(), "only stores in Kafka have named slots");
                Error::Setting { key, why: format!("{why}, not {url}") }
            })?;
        }
        Topic::check_name(&self.group)?;
        url.open_store()
    }

    /// Deletes the store.
    pub fn delete_store(&self) -> Result<()> {
        self.store_url().with_settings(&self.kafka).delete_store()
    }

    /// Where another job of the same queue is, with its default store.
    #[must_use]
    pub fn of_job(&self, group: &str) -> Location {
        Location { store: None, group: group.to_owned(), ..self.clone() }
    }

    /// Where the store is.
    pub fn store_url(&self) -> seismic_queue::Url {
        self.store.as_deref().cloned().unwrap_or_else(|| self.queue.default_store(&self.group))
    }
}
