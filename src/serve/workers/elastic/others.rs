//! Partitions that workers of other servers hold, or ones that somebody runs beside them: the group of the job
//! says who has which. It is asked only while workers of this server do not say that they hold all.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use seismic_queue::GroupMember;

use super::seen::Said;

/// How often it is asked. A change is proved within seconds anyway.
const EVERY: Duration = Duration::from_secs(2);

/// An answer that is older is none: partitions move within a session.
const FRESH: Duration = Duration::from_secs(6);

/// What is known of them.
#[derive(Debug, Default)]
pub struct Others {
    asked: Option<Instant>,
    /// Processes of this server's workers when it was asked: when one is new or gone, partitions move.
    of: BTreeSet<u32>,
    heard: Option<(Instant, BTreeSet<u32>)>,
}

impl Others {
    /// Whether it is to be asked now; it then is.
    pub fn is_due(&mut self, said: &[Said<'_>], now: Instant) -> bool {
        let of = pids(said);
        let is_recent = self.asked.is_some_and(|at| now.saturating_duration_since(at) < EVERY);
        if is_recent && of == self.of {
            return false;
        }
        if of != self.of {
            self.heard = None;
        }
        (self.asked, self.of) = (Some(now), of);
        true
    }

    /// What members hold that are no workers of this server; `asked`: when that was asked.
    pub fn heard(&mut self, asked: Instant, held: BTreeSet<u32>) {
        // An answer to a question before the workers of now is none.
        if self.asked.is_some_and(|at| asked >= at) {
            self.heard = Some((asked, held));
        }
    }

    /// Partitions that they hold, as far as that is known to be so now.
    pub fn held(&self, said: &[Said<'_>], now: Instant) -> BTreeSet<u32> {
        match self.fresh(now) {
            Some(held) if pids(said) == self.of => held.clone(),
            _ => BTreeSet::new(),
        }
    }

    /// How many partitions they held when that was asked last, if that is not long ago.
    pub fn count(&self, now: Instant) -> usize {
        self.fresh(now).map_or(0, BTreeSet::len)
    }

    fn fresh(&self, now: Instant) -> Option<&BTreeSet<u32>> {
        let (at, held) = self.heard.as_ref()?;
        (now.saturating_duration_since(*at) < FRESH).then_some(held)
    }
}

fn pids(said: &[Said<'_>]) -> BTreeSet<u32> {
    said.iter().filter(|it| it.report.state == "running").map(|it| it.pid).collect()
}

/// Names by which workers of this server are known.
#[derive(Clone, Debug)]
pub struct Ours {
    /// What those of workers on this machine begin with, before their places.
    pub base: String,
    /// Those of workers elsewhere.
    pub elsewhere: BTreeSet<String>,
}

impl Ours {
    /// What others hold of the input, among these members.
    #[must_use]
    pub fn held_by_others(&self, members: &[GroupMember]) -> BTreeSet<u32> {
        let others = members.iter().filter(|member| !self.has(&member.slot));
        others.flat_map(|member| &member.partitions).map(|partition| partition.0).collect()
    }

    /// Whether a slot is of one of them: `worker-3f9a02-2-0` is the first one of the second worker.
    fn has(&self, slot: &str) -> bool {
        let without_number = |name: &str| {
            let (rest, number) = name.rsplit_once('-')?;
            number.parse::<u32>().is_ok().then(|| rest.to_owned())
        };
        let Some(worker) = without_number(slot) else { return false };
        self.elsewhere.contains(&worker)
            || without_number(&worker).is_some_and(|base| base == self.base)
    }
}

#[cfg(test)]
mod tests {
    use seismic_queue::Partition;

    use super::*;
    use crate::serve::worker::report::Report;

    fn member(slot: &str, partitions: &[u32]) -> GroupMember {
        let partitions = partitions.iter().copied().map(Partition).collect();
        let (member, host) = (format!("{slot}-id"), "10.0.0.1".to_owned());
        GroupMember { slot: slot.to_owned(), member, host, partitions }
    }

    #[test]
    fn what_others_hold_is_what_no_worker_of_this_server_does_here_or_elsewhere() {
        let elsewhere = BTreeSet::from(["coast-23c075-2".to_owned()]);
        let ours = Ours { base: "worker-3f9a02".to_owned(), elsewhere };
        let members = [
            member("worker-3f9a02-1-0", &[0]),
            member("coast-23c075-2-1", &[1]),
            member("worker-77aa01-1-0", &[2, 3]),
            member("worker-3f9a02-x-0", &[4]),
            member("quake1", &[5]),
        ];
        assert_eq!(ours.held_by_others(&members), BTreeSet::from([2, 3, 4, 5]));
    }

    #[test]
    fn an_answer_counts_for_some_seconds_and_for_the_workers_that_ran_when_it_was_asked() {
        let report = Report { state: "running".to_owned(), ..Report::default() };
        let said = |pid| [Said { place: 1, pid, report: &report, is_elsewhere: false }];
        let (mut others, now) = (Others::default(), Instant::now());
        assert!(others.is_due(&said(7), now) && !others.is_due(&said(7), now));
        others.heard(now, BTreeSet::from([3]));
        assert_eq!(others.held(&said(7), now), BTreeSet::from([3]));
        assert_eq!(others.held(&said(7), now + FRESH), BTreeSet::new());
        assert_eq!((others.count(now), others.count(now + FRESH)), (1, 0));
        assert_eq!(others.held(&said(8), now), BTreeSet::new());
        // Another worker runs: it is asked at once, and what was asked before is no answer.
        let later = now + Duration::from_millis(10);
        assert!(others.is_due(&said(8), later));
        others.heard(now, BTreeSet::from([3]));
        assert_eq!(others.held(&said(8), later), BTreeSet::new());
        assert!(others.is_due(&said(8), later + EVERY));
    }
}
