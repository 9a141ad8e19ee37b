//! The exchange with one broker: its supported versions, one request after the other, and the
//! replacement of the connection before its login expires.

use std::io;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Instant;

use super::connection::{BrokerConnection, RequestInFlight};
use super::cursor::Cursor;
use super::eligibility::FetchSettings;
use super::request::FetchPosition;
use super::{Fetch, Unreadable, request, response};
use crate::security::Opened;
use crate::wire::{is_fetch_spoken, versions};

/// Why brokers that do not know our version of `Fetch` are left to librdkafka.
pub(super) const OLD_BROKER: &str = "a broker older than Kafka 3.1";

impl FetchSettings {
    /// A new link, which asks first what the broker speaks.
    pub(super) fn handshake(&self, opened: Opened) -> BrokerConnection {
        let mut link = BrokerConnection::new(opened);
        let number = link.number();
        link.send(&versions(number, &self.client));
        link
    }
}

impl Fetch {
    /// Asks, and takes what was answered.
    pub(super) fn serve(
        &mut self,
        id: i32,
        link: &mut BrokerConnection,
        now: Instant,
    ) -> Result<io::Result<()>, Unreadable> {
        loop {
            self.renew(link);
            self.send_fetch(id, link, now);
            if let Err(error) = link.work(self.settings.silence()) {
                return Ok(Err(error));
            }
            let Some(frame) = link.frame() else { return Ok(Ok(())) };
            if !link.is_version_known {
                match is_fetch_spoken(frame) {
                    Some(true) => link.is_version_known = true,
                    Some(false) => return Err(Unreadable::new(OLD_BROKER)),
                    None => return Ok(Err(invalid("an answer that is none"))),
                }
                link.discard_frame();
                continue;
            }
            if self.pending.iter().any(|pending| pending.broker == id) {
                return Ok(Ok(()));
            }
            let answer = response::parse(frame, &self.id);
            let (Some(answer), Some(request)) = (answer, link.in_flight.take()) else {
                return Ok(Err(invalid("an answer that is none")));
            };
            if answer.number != request.number {
                return Ok(Err(invalid("the answer to another question")));
            }
            if answer.error != 0 {
                request
                    .at
                    .iter()
                    .for_each(|at| self.partition_failed(at.partition, answer.error, now));
                link.discard_frame();
                continue;
            }
            let frame = link.take_frame(self.spare.pop().unwrap_or_default());
            self.accept_response(id, &request, answer, frame, now)?;
        }
    }

    /// Puts the connection that was opened meanwhile in place of one whose login soon ends, as soon
    /// as nothing is under way.
    fn renew(&self, link: &mut BrokerConnection) {
        if link.in_flight.is_some() || !link.is_version_known {
            return;
        }
        match link.renewal.as_ref().map(Receiver::try_recv) {
            Some(Ok(Ok(opened))) => {
                tracing::debug!("a login was renewed, by another connection");
                *link = self.settings.handshake(opened);
            }
            None | Some(Err(TryRecvError::Empty)) => {}
            // The broker ends the connection when the login is over, and then there is a new one.
            Some(failed) => {
                let why = match failed {
                    Ok(Err(error)) => error.to_string(),
                    _ => "its thread has ended".to_owned(),
                };
                tracing::debug!("a login is not renewed: {why}");
                link.renewal = None;
                link.renew_at = None;
            }
        }
    }

    /// Asks a broker for what it leads, if nothing is under way.
    fn send_fetch(&mut self, id: i32, link: &mut BrokerConnection, now: Instant) {
        if !link.is_version_known || link.in_flight.is_some() {
            return;
        }
        let is_due = |cursor: &&Cursor| {
            cursor.leader == Some(id) && !cursor.is_paused && cursor.backoff.is_over(now)
        };
        let mut due: Vec<_> = self.cursors.values().filter(is_due).collect();
        if due.is_empty() {
            return;
        }
        due.sort_by_key(|cursor| cursor.turn);
        let mut at: Vec<FetchPosition> = due.iter().map(|cursor| cursor.at).collect();
        let number = link.number();
        link.send(&request::fetch(number, &self.settings, &self.id, &at));
        at.sort_unstable_by_key(|at| at.partition);
        link.in_flight = Some(RequestInFlight { number, at });
    }
}

pub(super) fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
