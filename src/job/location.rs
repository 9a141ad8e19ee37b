//! Where a job reads and where it keeps its state: queue, store, group and client settings.

use clap::Args;
use seismic_queue::{Error, JobStore, Queue, Result, Topic, Url};

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
    /// environment: SEISMIC_KAFKA_SASL_PASSWORD, or a file named by SEISMIC_KAFKA_SASL_PASSWORD_FILE
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
            queue: Url::Sqlite("output/queue.db".into()),
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
        seismic_queue::open(&self.with_settings(&self.queue))
    }

    /// Opens the queue for reading `topic`. Does not create a file that is missing.
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

    /// Opens the store for reading.
    pub fn open_store(&self) -> Result<Box<dyn JobStore>> {
        Topic::check_name(&self.group)?;
        seismic_queue::open_store(&self.with_settings(&self.store_url()))
    }

    /// Opens the store for a worker, whose slots have the name `slot` if one is given.
    pub fn open_store_as(&self, slot: Option<&str>) -> Result<Box<dyn JobStore>> {
        let mut url = self.with_settings(&self.store_url());
        match (&mut url, slot) {
            (Url::Kafka(address), slot) => address.slot = slot.map(str::to_owned),
            (_, None) => {}
            (other, Some(_)) => {
                let (key, why) = ("--slot".to_owned(), "only stores in Kafka have named slots");
                return Err(Error::Setting { key, why: format!("{why}, not {other}") });
            }
        }
        Topic::check_name(&self.group)?;
        seismic_queue::open_store(&url)
    }

    /// Deletes the store.
    pub fn delete_store(&self) -> Result<()> {
        seismic_queue::delete_store(&self.with_settings(&self.store_url()))
    }

    fn with_settings(&self, url: &Url) -> Url {
        let mut url = url.clone();
        if let Url::Kafka(address) = &mut url {
            address.options.clone_from(&self.kafka);
        }
        url
    }

    /// Where the store is.
    pub fn store_url(&self) -> Url {
        self.store.clone().unwrap_or_else(|| self.queue.default_store(&self.group))
    }
}
