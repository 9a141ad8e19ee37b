//! What the source of a slot is made of: a follower that also tells the brokers where the job is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::client;
use crate::limits;
use crate::reader::TopicReader;
use crate::topic::TopicQueues;
use seismic_queue::backend::assigned_source::AssignableReader;
use seismic_queue::{Batch, Event, Offset, Partition, Reader, Result};

/// A follower that tells the brokers about its group.
pub(crate) struct OffsetReporter {
    follower: TopicReader,
    group: Arc<Mutex<String>>,
    client_id: String,
    /// When the broker last heard that the group is alive, and where it is.
    beat: Option<Instant>,
    told: Option<Instant>,
}

impl OffsetReporter {
    pub(crate) fn new(log: TopicQueues, group: Arc<Mutex<String>>) -> Self {
        OffsetReporter {
            follower: TopicReader::new(log, client::TOOLS_GROUP.to_owned(), &[]),
            group,
            client_id: format!("seismic@{}", std::process::id()),
            beat: None,
            told: None,
        }
    }

    /// Tells the brokers that the group is alive and where it is, for their own displays. What
    /// becomes of it does not matter: it is told again.
    fn tell(&mut self) {
        let now = Instant::now();
        let is_due = |last: Option<Instant>, every| last.is_none_or(|last| now - last >= every);
        let (beat, tell) =
            (is_due(self.beat, limits::HEARTBEAT), is_due(self.told, limits::TELL_POSITION));
        let follower = &mut self.follower;
        if !tell || follower.cursors.is_empty() {
            return;
        }
        self.told = Some(now);
        follower.group = self.group.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let topic = follower.log.topic.name.clone();
        let mut beaten: Vec<String> = Vec::new();
        for cursor in &follower.cursors {
            let Ok((place, at)) = follower.log.place(cursor.partition) else { continue };
            let Ok(connection) = follower.log.client.connection(&at) else { continue };
            if beat && !beaten.contains(&at) {
                self.beat = Some(now);
                let beat = client::heartbeat(&self.client_id, &follower.group, &topic);
                let _ = connection.send(beat, &follower.to);
                beaten.push(at);
            }
            let position =
                client::tell_position(&follower.group, &topic, place.queue, cursor.next.0);
            let _ = connection.send(position, &follower.to);
        }
    }
}

impl Reader for OffsetReporter {
    fn read(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event> {
        self.tell();
        self.follower.read(wait, spare)
    }
}

impl AssignableReader for OffsetReporter {
    /// A broker that cannot be asked now is waited for here, not where a slot begins.
    fn check_reachable(&mut self, partitions: &[Partition]) -> Result<()> {
        self.ends(partitions).into_iter().try_for_each(|end| end.map(drop))
    }

    fn start(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        self.follower.start(at);
        Ok(())
    }

    fn stop(&mut self, partitions: &[Partition]) {
        self.follower.stop(partitions);
    }

    fn ends(&mut self, partitions: &[Partition]) -> Vec<Result<Offset>> {
        self.follower.log.ends(partitions)
    }

    /// The ends include what a broker has acknowledged and not entered into its queues yet.
    fn in_flight(&mut self) -> Result<Duration> {
        Ok(Duration::ZERO)
    }
}
