//! Handles fetch responses: keeps their batches for the reader, and reports or retries what failed.

use std::collections::VecDeque;
use std::io;
use std::time::Instant;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::aborted::Aborted;
use super::connection::RequestInFlight;
use super::error_code::{code, is_moved, is_reported};
use super::exchange::{OLD_BROKER, invalid};
use super::pending::{PendingPartition, PendingResponse};
use super::response::FetchResponse;
use super::{Fetch, Unreadable, record_batch};
use crate::client::connection::number;
use crate::security::OpenError;
use seismic_queue::Partition;

impl Fetch {
    /// Looks where the batches of an answer lead, and holds them.
    pub(super) fn accept_response(
        &mut self,
        id: i32,
        request: &RequestInFlight,
        answer: FetchResponse,
        frame: Vec<u8>,
        now: Instant,
    ) -> Result<(), Unreadable> {
        let mut parts = VecDeque::new();
        for part in answer.parts {
            let place = request.at.binary_search_by_key(&part.partition, |at| number(at.partition));
            let Some(&at) = place.ok().and_then(|place| request.at.get(place)) else { continue };
            let partition = at.partition;
            let Some(cursor) = self.cursors.get_mut(&partition).filter(|it| it.at == at) else {
                continue;
            };
            if part.error != 0 {
                self.partition_failed(partition, part.error, now);
                continue;
            }
            let scan = record_batch::scan(&frame, part.records);
            let code = match scan.whole.is_empty() {
                _ if part.diverges => Some(Code::LogTruncation),
                true if scan.is_old => {
                    return Err(Unreadable::new("messages of Kafka before 0.11"));
                }
                true if scan.is_spoiled => Some(Code::BadMessage),
                _ => None,
            };
            if let Some(code) = code {
                cursor.backoff.start(now);
                self.failures.push((partition, code));
                continue;
            }
            cursor.backoff.reset();
            if let Some((_, epoch)) = scan.end {
                self.turns += 1;
                (cursor.at.epoch, cursor.turn) = (epoch, self.turns);
            }
            let end = cursor.move_to(scan.end.map_or(0, |(end, _)| end), part.settled_end);
            if !scan.whole.is_empty() || end.is_some() {
                let aborted = Aborted::new(part.aborted);
                parts.push_back(PendingPartition::new(
                    partition, scan.whole, at.offset, aborted, end,
                ));
            }
        }
        if let Some(broker) = self.brokers.get_mut(&id) {
            broker.backoff.reset();
        }
        if self.cursors.values().all(|cursor| cursor.leader.is_some()) {
            self.lookup_backoff.reset();
        }
        let pending = PendingResponse::new(id, frame, parts);
        if pending.is_empty() {
            self.spare.push(pending.memory());
        } else {
            self.pending.push(pending);
        }
        Ok(())
    }

    /// A partition that its leader gave nothing of, and why.
    pub(super) fn partition_failed(&mut self, partition: Partition, error: i16, now: Instant) {
        let Some(cursor) = self.cursors.get_mut(&partition) else { return };
        cursor.backoff.start(now);
        let code = code(error);
        tracing::debug!("{} {partition}: {code}", self.topic.name);
        if is_moved(code) {
            cursor.leader = None;
        }
        if is_reported(code) {
            self.failures.push((partition, code));
        }
    }

    /// Why there is no connection to a broker, if that may pass.
    ///
    /// # Errors
    /// What librdkafka may be able to do.
    pub(super) fn not_opened(&mut self, id: i32, why: OpenError) -> Result<io::Error, Unreadable> {
        let address = self.brokers.get(&id).map(|broker| &broker.address);
        let (host, port) = address.map_or(("", 0), |(host, port)| (host.as_str(), *port));
        match why {
            OpenError::Io(error) => Ok(error),
            OpenError::NoTls => Ok(invalid("it speaks no TLS")),
            OpenError::Old => Err(Unreadable::new(OLD_BROKER)),
            OpenError::Untrusted(why) => Err(Unreadable(format!("{host}:{port}: {why}"))),
            OpenError::Denied(why) => {
                tracing::warn!("{host}:{port} does not let us in: {why}");
                let led = self.cursors.values().find(|cursor| cursor.leader == Some(id));
                let partition = led.map(|cursor| cursor.at.partition);
                self.failures.extend(partition.map(|it| (it, Code::SaslAuthenticationFailed)));
                Ok(invalid(&why))
            }
        }
    }

    /// A broker that cannot be reached or understood.
    pub(super) fn broker_lost(&mut self, id: i32, why: &io::Error, now: Instant) {
        tracing::debug!("broker {id} is lost: {why}");
        if let Some(broker) = self.brokers.get_mut(&id) {
            broker.lose(now);
            // Those that rest are to the same broker.
            self.cluster.idle.forget(&broker.address);
        }
        for cursor in self.cursors.values_mut().filter(|cursor| cursor.leader == Some(id)) {
            cursor.leader = None;
        }
    }
}
