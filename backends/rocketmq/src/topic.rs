//! The queues of one topic: which broker has which partition, and requests to them.

use std::collections::BTreeSet;
use std::thread;
use std::time::Instant;

use crate::client::Client;
use crate::error::Error as RocketError;
use crate::limits;
use crate::topic_route::{BrokerQueue, Route};
use seismic_queue::backend::validate;
use seismic_queue::{Error, Offset, Partition, Result, Span, Topic};

/// A topic with a client of its own.
#[derive(Debug)]
pub(crate) struct TopicQueues {
    pub(crate) client: Client,
    pub(crate) topic: Topic,
    route: Route,
}

/// The topic that a route describes.
pub(crate) fn topic_of(name: &str, route: &Route) -> Topic {
    let id = format!("{name}@{}", route.numbering());
    Topic { name: name.to_owned(), id, partitions: route.queues.len() as u32 }
}

impl TopicQueues {
    /// The log of `topic`, if it is still that one.
    ///
    /// # Errors
    /// [`Error::TopicMissing`], [`Error::QueuesDiffer`].
    pub(crate) fn open(mut client: Client, at: &str, topic: &Topic) -> Result<TopicQueues> {
        match client.route(&topic.name)? {
            Some(route) => {
                topic.is_still(&topic_of(&topic.name, &route), at)?;
                Ok(TopicQueues { client, topic: topic.clone(), route })
            }
            None => Err(Error::TopicMissing { topic: topic.name.clone(), at: at.to_owned() }),
        }
    }

    /// The same log with connections of its own.
    pub(crate) fn another(&self) -> TopicQueues {
        let TopicQueues { client, topic, route } = self;
        TopicQueues { client: client.another(), topic: topic.clone(), route: route.clone() }
    }

    /// Where a partition is: its queue, and the address of the broker that has it.
    pub(crate) fn place(&self, partition: Partition) -> Result<(BrokerQueue, String)> {
        validate::partition(&self.topic, partition)?;
        let place = self.route.queues[partition.0 as usize].clone();
        match self.route.masters.get(&place.broker) {
            Some(at) => Ok((place, at.clone())),
            None => {
                let (topic, broker) = (self.topic.name.clone(), place.broker);
                Err(RocketError::NoMaster { topic, broker }.into())
            }
        }
    }

    /// Asks where the brokers are now: one may have come back elsewhere. The numbering stays, so a
    /// route that lacks a broker for the moment changes nothing.
    pub(crate) fn refresh(&mut self) {
        if let Ok(Some(route)) = self.client.route(&self.topic.name) {
            self.route.masters.extend(route.masters);
        }
    }

    /// Oldest offset that is there.
    pub(crate) fn first(&mut self, partition: Partition) -> Result<Offset> {
        let (place, at) = self.place(partition)?;
        Ok(Offset(self.client.min_offset(&at, &self.topic.name, place.queue)?))
    }

    /// Next offset to be written: everything acknowledged before the call lies below it.
    ///
    /// A broker enters what it took into its queues a little later, so it is asked first whether it
    /// has done so with everything.
    ///
    /// # Errors
    /// [`Error::Busy`] when it does not come to that.
    pub(crate) fn end(&mut self, partition: Partition) -> Result<Offset> {
        self.end_of(partition, &mut BTreeSet::new())
    }

    /// As [`TopicQueues::end`] of several partitions. Each broker is asked once whether it has
    /// entered everything.
    pub(crate) fn ends(&mut self, partitions: &[Partition]) -> Vec<Result<Offset>> {
        let mut settled = BTreeSet::new();
        partitions.iter().map(|&partition| self.end_of(partition, &mut settled)).collect()
    }

    /// The end of one partition, when its broker is among those that have entered everything.
    fn end_of(&mut self, partition: Partition, settled: &mut BTreeSet<String>) -> Result<Offset> {
        let (place, at) = self.place(partition)?;
        if !settled.contains(&at) {
            self.settle(&at)?;
            settled.insert(at.clone());
        }
        Ok(Offset(self.client.max_offset(&at, &self.topic.name, place.queue)?))
    }

    /// Waits until a broker has entered everything it took into its queues.
    fn settle(&mut self, at: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            let info = match self.client.runtime_info(at) {
                Ok(info) => info,
                // Without the right to ask, the wait has to do.
                Err(RocketError::Refused { .. }) => {
                    thread::sleep(limits::ASK_AGAIN);
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            };
            if info.get("dispatchBehindBytes").is_none_or(|behind| behind == "0") {
                return Ok(());
            }
            if begun.elapsed() > limits::DISPATCH {
                let at = at.to_owned();
                return Err(Error::Busy { at, doing: "entering messages into its queues" });
            }
            thread::sleep(limits::ASK_AGAIN / 10);
        }
    }

    /// What a partition holds.
    pub(crate) fn span(&mut self, partition: Partition) -> Result<Span> {
        let end = self.end(partition)?;
        Ok(Span { first: self.first(partition)?.min(end), end })
    }

    /// What every partition holds.
    pub(crate) fn spans(&mut self) -> Result<Vec<Span>> {
        let all: Vec<_> = self.topic.all().collect();
        let ends = self.ends(&all);
        let span = |(partition, end): (Partition, Result<Offset>)| {
            let end = end?;
            Ok(Span { first: self.first(partition)?.min(end), end })
        };
        all.into_iter().zip(ends).map(span).collect()
    }

    /// First offset stored at or after a time.
    pub(crate) fn offset_at(&mut self, partition: Partition, time_ms: i64) -> Result<Offset> {
        let span = self.span(partition)?;
        let (place, at) = self.place(partition)?;
        let found = self.client.offset_at(&at, &self.topic.name, place.queue, time_ms.max(0))?;
        Ok(Offset(found).clamp(span.first, span.end))
    }
}
