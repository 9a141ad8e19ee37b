//! Who of several servers scales a job: held in the job's store, and asked there by a thread of its own, since
//! that may wait for brokers.
//!
//! ```text
//!  loop of the server ── step ──► keeper (a thread with the lease) ──► store
//!          ▲────────────────── what came of it ──────┘
//! ```
//!
//! Only a server that holds it begins a change, takes a step of one, or has workers started and stopped
//! elsewhere. A change that is under way when it is lost stays as it is, and goes on with the whole of its time
//! when the server holds it again: what came of it meanwhile workers report.

pub mod answered;
pub mod claim;
mod keeper;
mod tend;

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use self::answered::{Answered, Outcome};
use self::claim::{Claim, Step};
use crate::job::location::Location;
use crate::serve::workers::elastic::hands::Ear;

/// Interval at which the lease is renewed, or its holder looked up: a third of the time that a note is valid.
const EVERY: Duration = Duration::from_secs(2);

/// How soon it is asked for again where the store could not say anything: a job may be about to begin.
const AGAIN: Duration = Duration::from_millis(500);

/// Longest wait for the store until another thread asks: beyond it, the answer says nothing of now.
const GIVEN_UP: Duration = Duration::from_secs(60);

/// The lease of one job, as one server knows it.
pub struct Lease {
    claim: Claim,
    /// Where the clock of the claim begins.
    began: Instant,
    keeper: Option<Sender<Step>>,
    /// Where it is asked for.
    location: Location,
    /// When the keeper was told last, and whether it has answered since.
    asked: Option<Instant>,
    is_asking: bool,
    /// Why the store could not say anything.
    failure: Option<String>,
    /// Whether a change stood still because it was not held.
    pub has_interrupted: bool,
    /// What was said of it last.
    told: Option<Standing>,
}

/// How it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// This server acts.
    Held,
    /// Another one has it: what that one calls itself.
    Others(String),
    /// The holder is unknown, or this server holds it and waits until no previous holder can act: why.
    Waits(String),
}

impl Lease {
    /// That of a server of this id, which asks in that store.
    #[must_use]
    pub fn new(id: &str, location: Location, now: Instant) -> Lease {
        Lease {
            claim: Claim::new(id, &this_process()),
            began: now,
            keeper: None,
            location,
            asked: None,
            is_asking: false,
            failure: None,
            has_interrupted: false,
            told: None,
        }
    }

    fn ms(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.began).as_millis()).unwrap_or(u64::MAX)
    }

    /// Has the keeper take the next step, when it is time.
    pub fn ask(&mut self, job: &str, ear: &Ear, now: Instant) {
        let waited = self.asked.map(|at| now.saturating_duration_since(at));
        if self.is_asking {
            if waited.is_some_and(|waited| waited >= GIVEN_UP) {
                // What it still does, the next one fences.
                (self.keeper, self.is_asking) = (None, false);
                self.claim.failed(false);
                self.failure = Some("its store does not answer".to_owned());
            }
            return;
        }
        let step = self.claim.step();
        let every = match (step, &self.failure) {
            (Step::Take, None) => Duration::ZERO,
            (_, Some(_)) => AGAIN,
            _ => EVERY,
        };
        if waited.is_some_and(|waited| waited < every) {
            return;
        }
        let keeper = match &self.keeper {
            Some(keeper) => Ok(keeper.clone()),
            None => keeper::keep(job, self.location.clone(), self.claim.holder(), ear),
        };
        self.asked = Some(now);
        match keeper {
            // One that has ended is replaced at the next turn.
            Ok(keeper) if keeper.send(step).is_ok() => {
                (self.keeper, self.is_asking) = (Some(keeper), true);
            }
            Ok(_) => self.keeper = None,
            Err(error) => self.failure = Some(error.to_string()),
        }
    }

    /// Takes in what came of a step.
    pub fn heard(&mut self, answered: Answered) {
        let Answered { began, ended, outcome } = answered;
        // What was given up says nothing any more.
        if self.asked.is_some_and(|asked| began < asked) || !self.is_asking {
            return;
        }
        self.is_asking = false;
        let (began_ms, now_ms) = (self.ms(began), self.ms(ended));
        self.failure = None;
        match outcome {
            Outcome::Note(note) => self.claim.looked(now_ms, note),
            Outcome::Took(before) => self.claim.took(began_ms, now_ms, before.as_ref()),
            Outcome::Renewed => self.claim.renewed(began_ms),
            Outcome::Fenced => self.claim.failed(true),
            Outcome::Failed(why) => {
                self.claim.failed(false);
                self.failure = Some(why);
            }
        }
    }

    /// How it stands now.
    #[must_use]
    pub fn standing(&self, now: Instant) -> Standing {
        let now_ms = self.ms(now);
        match self.claim.acts() {
            Some((from, until)) if (from..until).contains(&now_ms) => return Standing::Held,
            Some((from, _)) if now_ms < from => {
                let rest_s = (from - now_ms).div_ceil(1_000);
                let why = format!("whoever had it before may act for {rest_s} s still");
                return Standing::Waits(why);
            }
            Some(_) => return Standing::Waits("it could not be renewed in time".to_owned()),
            None => {}
        }
        match (self.claim.other(), &self.failure) {
            (_, Some(why)) => Standing::Waits(why.clone()),
            (Some(holder), None) => Standing::Others(in_words(holder)),
            (None, None) if self.claim.is_fenced() => {
                Standing::Waits("another server has taken it".to_owned())
            }
            (None, None) => Standing::Waits("it is being asked for".to_owned()),
        }
    }

    /// Who holds it, as far as this server knows, in words.
    #[must_use]
    pub fn holder(&self, now: Instant) -> Option<String> {
        match self.standing(now) {
            Standing::Held => Some(in_words(self.claim.holder())),
            Standing::Others(holder) => Some(holder),
            Standing::Waits(_) => None,
        }
    }

    /// One that is held for ever, as far as a test goes.
    #[cfg(test)]
    #[must_use]
    pub fn held_in_a_test() -> Lease {
        let location = crate::job::JobSpec::default().location();
        let mut lease = Lease::new("test", location, Instant::now());
        lease.claim.took(u64::MAX / 2, 0, None);
        lease.is_asking = true;
        lease
    }
}

impl Standing {
    /// Why this server does not act; `None`: it does.
    #[must_use]
    pub fn why_not(&self, job: &str) -> Option<String> {
        match self {
            Standing::Held => None,
            Standing::Others(holder) => Some(format!(
                "another server holds the scaling lease of job {job}, held by {holder}"
            )),
            Standing::Waits(why) => {
                Some(format!("this server does not hold the scaling lease of job {job}: {why}"))
            }
        }
    }
}

/// What this process calls itself, in one word.
fn this_process() -> String {
    let host =
        rustix::system::uname().nodename().to_string_lossy().replace(char::is_whitespace, "_");
    format!("{}@{host}", std::process::id())
}

/// The same for people, without the id of its server.
fn in_words(holder: &str) -> String {
    let process = holder.split_once(' ').map_or(holder, |(_, process)| process);
    match process.split_once('@') {
        Some((pid, host)) => format!("process {pid} on {host}"),
        None => process.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use seismic_queue::ScalingNote;

    use super::*;

    fn lease() -> (Lease, Instant) {
        let now = Instant::now();
        let location = crate::job::JobSpec::default().location();
        (Lease::new("a", location, now), now)
    }

    fn answer(lease: &mut Lease, at: Instant, outcome: Outcome) {
        (lease.asked, lease.is_asking) = (Some(at), true);
        lease.heard(Answered { began: at, ended: at, outcome });
    }

    #[test]
    fn whoever_has_it_is_named_and_what_was_not_answered_in_time_counts_for_nothing() {
        let (mut lease, now) = lease();
        let why = |lease: &Lease, at| lease.standing(at).why_not("coast").unwrap_or_default();
        assert!(why(&lease, now).ends_with("of job coast: it is being asked for"));
        let note = ScalingNote { holder: "b 4711@quake".to_owned(), number: 3 };
        answer(&mut lease, now, Outcome::Note(Some(note)));
        assert_eq!(
            why(&lease, now),
            "another server holds the scaling lease of job coast, held by process 4711 on quake"
        );
        assert_eq!(lease.holder(now).as_deref(), Some("process 4711 on quake"));
        answer(&mut lease, now, Outcome::Took(None));
        assert_eq!(lease.standing(now), Standing::Held);
        let own = format!("process {} on ", std::process::id());
        assert!(lease.holder(now).unwrap().starts_with(&own));
        let late = now + Duration::from_millis(claim::VALID_MS);
        assert!(why(&lease, late).ends_with("it could not be renewed in time"));
        // An answer to what was given up.
        lease.asked = Some(late);
        lease.is_asking = true;
        lease.heard(Answered { began: now, ended: late, outcome: Outcome::Renewed });
        assert!(lease.is_asking, "it is not the answer that is waited for");
        answer(&mut lease, late, Outcome::Failed("no broker".to_owned()));
        assert!(why(&lease, late).ends_with("of job coast: no broker"));
    }

    #[test]
    fn whoever_takes_it_from_another_says_how_long_it_waits() {
        let (mut lease, now) = lease();
        let note = ScalingNote { holder: "b 1@quake".to_owned(), number: 3 };
        answer(&mut lease, now, Outcome::Took(Some(note)));
        let why = lease.standing(now).why_not("coast").unwrap();
        assert!(why.ends_with("whoever had it before may act for 6 s still"), "{why}");
    }
}
