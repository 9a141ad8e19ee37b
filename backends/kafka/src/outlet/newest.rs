//! The newest position of a topic, read from the end of the topic of positions backwards.

use std::time::{Duration, Instant};

use super::{Outlet, POSITIONS, THE_ONE};
use crate::limits;
use crate::queue::fetcher::Fetcher;
use seismic_queue::{Error, Event, Offset, Reader as _, Result, Topic};

/// Records that are looked at first; then so many times as many. The newest one is mostly among the
/// last few.
const LOOKED_AT: u64 = 1_024;
const FURTHER: u64 = 32;

impl Outlet {
    /// The position that was committed last; `None` where none ever was. An open transaction is waited
    /// for up to `wait`.
    ///
    /// # Errors
    /// [`Error::TopicMissing`] without a topic of positions, [`Error::Busy`] when a transaction does not
    /// end.
    pub fn newest(&self, wait: Duration) -> Result<Option<Vec<u8>>> {
        let missing =
            || Error::TopicMissing { topic: POSITIONS.to_owned(), at: self.cluster.at.clone() };
        let topic = self.positions()?.ok_or_else(missing)?;
        let span = self.cluster.spans(&topic)?[THE_ONE.0 as usize];
        let mut count = LOOKED_AT;
        loop {
            let from = Offset(span.end.0.saturating_sub(count)).max(span.first);
            let found = self.last_between(&topic, (from, span.end), wait)?;
            if found.is_some() || from == span.first {
                return Ok(found);
            }
            count = count.saturating_mul(FURTHER);
        }
    }

    fn last_between(
        &self,
        topic: &Topic,
        (from, to): (Offset, Offset),
        wait: Duration,
    ) -> Result<Option<Vec<u8>>> {
        let mut found = None;
        if from >= to {
            return Ok(found);
        }
        let mut fetcher = Fetcher::up_to_end(&self.cluster, topic, (THE_ONE, from))?;
        let (mut spare, mut position, mut moved) = (Vec::new(), from, Instant::now());
        while position < to {
            match fetcher.read(limits::END_WAIT, &mut spare)? {
                Event::Batch(batch) => {
                    let ours =
                        batch.messages().filter(|message| message.key == self.topic.as_bytes());
                    if let Some(last) = ours.last() {
                        found = Some(last.value.to_vec());
                    }
                    (position, moved) = (batch.next(), Instant::now());
                    spare.push(batch);
                }
                Event::CaughtUp(_, at) => position = position.max(at),
                _ if moved.elapsed() < wait => {}
                _ => {
                    let at = self.cluster.at.clone();
                    return Err(Error::Busy {
                        at,
                        doing: "waiting for an open transaction to end",
                    });
                }
            }
        }
        Ok(found)
    }
}
