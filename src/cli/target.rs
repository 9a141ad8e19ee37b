//! Where a command works: the queue, the store and the group, the same options everywhere.

use std::path::PathBuf;

use clap::Args;
use seismic_queue::{Error, JobStore, Queue, Result, Topic, Url};

/// Where records come from and where the job keeps what it made of them. Every command takes all
/// three, so that a script can say them once; those that only publish use the queue alone.
#[derive(Args, Clone, Debug)]
pub struct Target {
    /// File with options of the job, in TOML; those of the command line go before
    #[arg(long, value_name = "FILE")]
    pub job: Option<PathBuf>,
    /// Queue: sqlite:PATH, kafka://BROKER:9092 or rocketmq://NAMESERVER:9876 (rocketmqs: with TLS),
    /// several with commas between
    #[arg(long, value_name = "URL", default_value = "sqlite:output/queue.db")]
    pub queue: Url,
    /// Job store: sqlite:PATH or kafka://BROKER:9092/GROUP; by default next to the queue file
    /// or in the Kafka cluster
    #[arg(long, alias = "home", value_name = "URL")]
    pub store: Option<Url>,
    /// Name of the job
    #[arg(long, value_name = "NAME", default_value = "seismic")]
    pub group: String,
    /// Setting of the Kafka client, as librdkafka names it; may be given several times. Secrets come
    /// from the environment: SEISMIC_KAFKA_SASL_PASSWORD, or its file with _FILE behind it
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_setting)]
    pub kafka: Vec<(String, String)>,
}

fn parse_setting(text: &str) -> std::result::Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("it is not KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl Target {
    /// Opens the queue.
    pub fn open_queue(&self) -> Result<Box<dyn Queue>> {
        seismic_queue::open(&self.with_settings(&self.queue))
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

    /// Opens the store for looking in.
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
