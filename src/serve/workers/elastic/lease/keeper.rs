//! The thread that has the lease of a job, and does one step after the other.

use std::io;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Instant;

use seismic_queue::{Error, Result, ScalingLease};

use super::answered::{Answered, Outcome};
use super::claim::Step;
use crate::job::location::Location;
use crate::remedy::in_one_line;
use crate::serve::workers::elastic::hands::{Ear, Heard};

/// Begins the thread. It ends when the other side of what is returned is gone.
///
/// # Errors
/// When there can be no thread.
pub fn keep(job: &str, location: Location, holder: &str, ear: &Ear) -> io::Result<Sender<Step>> {
    let (told, steps) = channel();
    let (name, holder, ear) = (job.to_owned(), holder.to_owned(), ear.clone());
    let work = move || {
        let mut lease = None;
        for step in steps {
            let began = Instant::now();
            let outcome = carry_out(step, &mut lease, &location, &holder);
            let heard = Heard::Lease(Answered { began, ended: Instant::now(), outcome });
            if ear.send((name.clone(), heard)).is_err() {
                // The server is about to end.
                return;
            }
        }
    };
    thread::Builder::new().name("scaling lease".to_owned()).spawn(work)?;
    Ok(told)
}

/// Takes a step, with the lease of before, if there is one.
fn carry_out(
    step: Step,
    lease: &mut Option<Box<dyn ScalingLease>>,
    location: &Location,
    holder: &str,
) -> Outcome {
    let done = opened(lease, location).and_then(|lease| {
        Ok(match step {
            Step::Look => Outcome::Note(lease.note()?),
            Step::Take => Outcome::Took(lease.acquire(holder)?),
            Step::Renew => {
                lease.renew()?;
                Outcome::Renewed
            }
        })
    });
    match done {
        Ok(outcome) => outcome,
        Err(Error::Owned { .. }) => Outcome::Fenced,
        Err(error) => Outcome::Failed(in_one_line(&error.into())),
    }
}

fn opened<'a>(
    lease: &'a mut Option<Box<dyn ScalingLease>>,
    location: &Location,
) -> Result<&'a mut Box<dyn ScalingLease>> {
    let opened = match lease.take() {
        Some(opened) => opened,
        None => {
            let store = location.open_store()?;
            let at = store.name();
            store.scaling_lease()?.ok_or(Error::NoGroups { at })?
        }
    };
    Ok(lease.insert(opened))
}
