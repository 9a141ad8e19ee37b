//! The kinds of job that this program knows, by the name that the notes of a job say.

use anyhow::{Context as _, bail};
use seismic_pipeline::verify::{Report, verify};
use seismic_pipeline::{FIRST_KIND, kind_of};
use seismic_queue::{JobStore, Queue, View};

/// Proves a job of its kind, and tells of the messages that it has applied again.
type Prove = fn(
    queue: &dyn Queue,
    store: &dyn JobStore,
    complete: bool,
    progress: &mut dyn FnMut(u64),
) -> seismic_pipeline::Result<Report>;

/// A kind of job.
pub struct Kind {
    /// What the notes of its jobs say.
    pub name: &'static str,
    /// How a job is proved.
    pub prove: Prove,
}

/// All of them; another one is another line.
const KINDS: [Kind; 1] = [Kind { name: FIRST_KIND, prove: verify }];

/// The kind of the job that a store belongs to.
///
/// # Errors
/// When another program made it.
pub fn of(view: &View) -> anyhow::Result<&'static Kind> {
    let name = kind_of(view).context("the kind of the job cannot be read")?;
    let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else {
        let known = KINDS.map(|kind| kind.name).join(", ");
        bail!(
            "group {:?} is a job of kind {name:?}, and this program knows {known}: use the program \
             that runs it",
            view.job.group
        );
    };
    Ok(kind)
}
