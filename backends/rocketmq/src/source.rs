//! A reader for the source of a slot, which also reports the position of the job to the brokers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::client;
use crate::limits;
use crate::reader::TopicReader;
use crate::topic::TopicQueues;
use seismic_queue::backend::assigned_source::AssignableReader;
use seismic_queue::{Batch, Event, Offset, Partition, Reader, Result};

/// A reader that tells the brokers about its group.
pub(crate) struct OffsetReporter {
    reader: TopicReader,
    group: Arc<Mutex<String>>,
    client_id: String,
    /// When the broker last heard that the group is alive, and where it is.
    last_heartbeat: Option<Instant>,
    last_report: Option<Instant>,
}

impl OffsetReporter {
    pub(crate) fn new(log: TopicQueues, group: Arc<Mutex<String>>) -> Self {
        OffsetReporter {
            reader: TopicReader::new(log, client::TOOLS_GROUP.to_owned(), &[]),
            group,
            client_id: format!("seismic@{}", std::process::id()),
            last_heartbeat: None,
            last_report: None,
        }
    }

    /// Tells the brokers that the group is alive and where it is, for their own displays. What
    /// becomes of it does not matter: it is reported again.
    fn report(&mut self) {
        let now = Instant::now();
        let is_due = |last: Option<Instant>, every| last.is_none_or(|last| now - last >= every);
        let (is_heartbeat_due, is_report_due) = (
            is_due(self.last_heartbeat, limits::HEARTBEAT),
            is_due(self.last_report, limits::REPORT_POSITION),
        );
        let reader = &mut self.reader;
        if !is_report_due || reader.cursors.is_empty() {
            return;
        }
        self.last_report = Some(now);
        reader.group = self.group.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let topic = reader.log.topic.name.clone();
        let mut with_heartbeat: Vec<String> = Vec::new();
        for cursor in &reader.cursors {
            let Ok((place, at)) = reader.log.place(cursor.partition) else { continue };
            let Ok(connection) = reader.log.client.connection(&at) else { continue };
            if is_heartbeat_due && !with_heartbeat.contains(&at) {
                self.last_heartbeat = Some(now);
                let heartbeat = client::heartbeat(&self.client_id, &reader.group, &topic);
                let _ = connection.send(heartbeat, &reader.to);
                with_heartbeat.push(at);
            }
            let position =
                client::report_position(&reader.group, &topic, place.queue, cursor.next.0);
            let _ = connection.send(position, &reader.to);
        }
    }
}

impl Reader for OffsetReporter {
    fn read(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event> {
        self.report();
        self.reader.read(wait, spare)
    }
}

impl AssignableReader for OffsetReporter {
    /// A broker that cannot be asked now is waited for here, not where a slot begins.
    fn check_reachable(&mut self, partitions: &[Partition]) -> Result<()> {
        self.ends(partitions).into_iter().try_for_each(|end| end.map(drop))
    }

    fn start(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        self.reader.start(at);
        Ok(())
    }

    fn stop(&mut self, partitions: &[Partition]) {
        self.reader.stop(partitions);
    }

    fn ends(&mut self, partitions: &[Partition]) -> Vec<Result<Offset>> {
        self.reader.log.ends(partitions)
    }

    /// The ends include what a broker has acknowledged and not entered into its queues yet.
    fn in_flight(&mut self) -> Result<Duration> {
        Ok(Duration::ZERO)
    }
}
