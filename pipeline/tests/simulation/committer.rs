//! A commit channel in which the world decides when a commit arrives and how it ends.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use seismic_pipeline::Result;
use seismic_pipeline::simulation::{CommitChannel, Committed};
use seismic_queue::{Commit, CommitError, Committer, FencingToken, Partition, Recovered};

use crate::action::Fate;
use crate::ground::Ground;
use crate::source::{Fault, error};

/// A commit that is busy this often while the job stops is given up, as the product does in time.
const PATIENCE: u32 = 3;

/// More commits than any slot makes in a history.
const ENDLESS: u32 = 10_000;

/// Between a slot and its committer; the world holds it too.
pub struct Line {
    committer: Box<dyn Committer>,
    ground: Arc<Ground>,
    flight: Option<Flight>,
    /// Of the next tries; then they are made.
    pub fates: VecDeque<Fate>,
    pub load_dies: bool,
    /// Done once, while the slot waits.
    pub meanwhile: Option<Box<dyn FnOnce()>>,
    /// The store was taken over: nothing of this may be made any more.
    pub is_fenced: bool,
    /// Commits so far.
    sent: u32,
    busy: u32,
}

/// A commit under way.
struct Flight {
    token: FencingToken,
    commit: Commit,
    outcome: Option<std::result::Result<(), CommitError>>,
}

/// The way from one slot to its committer.
pub struct Simulated(pub Rc<RefCell<Line>>);

impl Line {
    pub fn new(committer: Box<dyn Committer>, ground: &Arc<Ground>) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Line {
            committer,
            ground: Arc::clone(ground),
            flight: None,
            fates: VecDeque::new(),
            load_dies: false,
            meanwhile: None,
            is_fenced: false,
            sent: 0,
            busy: 0,
        }))
    }

    /// The commit under way, or else the next one, ends like this.
    pub fn decide(&mut self, fate: Fate) {
        match &self.flight {
            Some(Flight { outcome: None, .. }) => self.arrive(fate),
            _ => self.fates.push_back(fate),
        }
    }

    /// The slot is dead; what it had sent may still land.
    pub fn abandon(&mut self, landing: bool) {
        let is_open = matches!(&self.flight, Some(Flight { outcome: None, .. }));
        if landing && is_open {
            self.arrive(Fate::Made);
        }
        self.flight = None;
    }

    /// The commit under way reaches the store.
    fn arrive(&mut self, fate: Fate) {
        let mut flight = self.flight.take().expect("a commit is under way");
        self.ground.saw(fate.name());
        flight.outcome = match fate {
            Fate::Busy => {
                self.busy += 1;
                let given_up = self.busy >= PATIENCE;
                given_up.then(|| Err(CommitError::Retry(error(Fault::Busy, "committing"))))
            }
            Fate::LostUnheard => Some(Err(CommitError::Rebuild(error(Fault::Dead, "committing")))),
            Fate::DeadBefore => Some(Err(CommitError::Fatal(error(Fault::Dead, "committing")))),
            Fate::Made => Some(self.make(&flight)),
            Fate::Echoed => {
                let made = self.make(&flight);
                if made.is_ok() && self.committer.commit(&flight.token, &flight.commit).is_ok() {
                    self.ground.broke("a commit that arrived twice was made twice");
                }
                Some(made)
            }
            Fate::MadeUnheard => Some(self.make(&flight).and_then(|()| {
                Err(CommitError::Rebuild(error(Fault::Dead, "hearing of a commit")))
            })),
            Fate::MadeThenDead => {
                Some(self.make(&flight).and_then(|()| {
                    Err(CommitError::Fatal(error(Fault::Dead, "hearing of a commit")))
                }))
            }
        };
        self.flight = Some(flight);
    }

    fn make(&mut self, flight: &Flight) -> std::result::Result<(), CommitError> {
        let made = self.committer.commit(&flight.token, &flight.commit);
        if self.is_fenced && made.is_err() {
            self.ground.saw("a commit of a job that was taken over, refused");
        }
        if made.is_ok() {
            self.busy = 0;
            flight.commit.partitions.iter().for_each(|part| self.ground.committed(part));
            if self.is_fenced {
                self.ground.broke("a commit of a job that was taken over was made");
            }
        }
        made
    }
}

impl CommitChannel for Simulated {
    fn load(&mut self, token: FencingToken, partitions: Vec<Partition>) -> Result<Vec<Recovered>> {
        let mut line = self.0.borrow_mut();
        assert!(line.flight.is_none(), "a commit is poll_outcome before anything is loaded");
        if std::mem::take(&mut line.load_dies) {
            return Err(error(Fault::Dead, "loading").into());
        }
        let loaded = line.committer.load(&token, &partitions)?;
        if loaded.iter().any(|recovered| !recovered.passed_over.is_empty()) {
            line.ground.saw("recovery from an older checkpoint");
        }
        Ok(loaded)
    }

    fn commit(&mut self, token: FencingToken, commit: Commit) -> Result<()> {
        let mut line = self.0.borrow_mut();
        assert!(line.flight.is_none(), "one commit at a time");
        line.sent += 1;
        assert!(line.sent < ENDLESS, "commits without end");
        line.flight = Some(Flight { token, commit, outcome: None });
        Ok(())
    }

    fn is_busy(&self) -> bool {
        self.0.borrow().flight.is_some()
    }

    /// A slot that waits has its commit tried; one that only looks is told what there is.
    fn poll_outcome(&mut self, wait: Duration) -> Result<Option<Committed>> {
        let mut line = self.0.borrow_mut();
        let is_open = matches!(&line.flight, Some(Flight { outcome: None, .. }));
        if is_open && wait > Duration::ZERO {
            line.ground.wait(Duration::from_millis(3));
            line.meanwhile.take().into_iter().for_each(|act| act());
            let fate = line.fates.pop_front().unwrap_or(Fate::Made);
            line.arrive(fate);
        }
        let done = line.flight.take_if(|flight| flight.outcome.is_some());
        Ok(done.map(|flight| (flight.commit, flight.outcome.expect("it is done"))))
    }
}
