//! Alarms of a served job: conditions and targets.

use std::path::PathBuf;
use std::time::Duration;

use super::row_alarm::RowAlarm;

/// What `[alarms]` says. A duration of zero, and false, switch an alarm off.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarms {
    /// Addresses that get each alarm as JSON.
    pub webhook: Vec<String>,
    /// File with the secret that signs what webhooks get.
    pub secret_file: Option<PathBuf>,
    /// Addresses that get each alarm as Slack understands it.
    pub slack: Vec<String>,
    /// Commands of the server that get each alarm on their standard input, by name.
    pub command: Vec<String>,
    /// Topic in the job's queue that gets each alarm as JSON.
    pub topic: Option<String>,
    /// An alarm is over when what is wrong has not been so for this long.
    pub clear: Duration,
    /// Rows of topics that raise an alarm.
    pub rows: Vec<RowAlarm>,
    /// Sensors of which rows are expected ...
    pub sensors: Vec<String>,
    /// ... and how long there may be none.
    pub sensors_silent: Duration,
    /// The clock of a sensor is wrong by more than this.
    pub clock_offset: Duration,
    /// The job has failed.
    pub failure: bool,
    /// The job has died and is restarted.
    pub restart: bool,
    /// The newest checkpoint is older than this.
    pub checkpoint_age: Duration,
    /// What is read last has waited longer than this.
    pub lag: Duration,
    /// Nothing was read for that long.
    pub no_data: Duration,
    /// More percent of the records of a minute than this became dead letters; 0: off.
    pub dead_letter_percent: u64,
    /// A sink has not written for that long although there are rows.
    pub sink_stuck: Duration,
    /// A table that the job looks things up in cannot be read for longer than this.
    pub table_stale: Duration,
    /// Less than 5 % or 1 GiB of a disk that the job needs is free.
    pub disk: bool,
}

impl Default for Alarms {
    fn default() -> Self {
        Alarms {
            webhook: Vec::new(),
            secret_file: None,
            slack: Vec::new(),
            command: Vec::new(),
            topic: None,
            clear: Duration::from_secs(30),
            rows: Vec::new(),
            sensors: Vec::new(),
            sensors_silent: Duration::from_secs(60),
            clock_offset: Duration::from_secs(5),
            failure: true,
            restart: true,
            checkpoint_age: Duration::from_secs(300),
            lag: Duration::from_secs(60),
            no_data: Duration::from_secs(60),
            dead_letter_percent: 5,
            sink_stuck: Duration::from_secs(60),
            table_stale: Duration::from_secs(60),
            disk: true,
        }
    }
}

impl Alarms {
    /// Whether alarms have a target.
    #[must_use]
    pub fn has_target(&self) -> bool {
        let named = [&self.webhook, &self.slack, &self.command];
        named.iter().any(|all| !all.is_empty()) || self.topic.is_some()
    }

    /// Whether clocks of sensors are looked at: messages are read for it, so only where someone is
    /// told.
    #[must_use]
    pub fn looks_at_clocks(&self) -> bool {
        self.has_target() && !self.clock_offset.is_zero()
    }
}
