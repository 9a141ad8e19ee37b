//! The kinds of job that this program knows, by the name that the notes of a job say.

use anyhow::{Context as _, bail};
use seismic_pipeline::{FIRST_KIND, OperatorKind, Rules, kind_of};
use seismic_queue::View;

/// A kind of job.
pub struct Kind {
    /// What the notes of its jobs say.
    pub name: &'static str,
    /// What makes its operators, for a proof: it asks the notes of a job for their semantics.
    operators: fn() -> Box<dyn OperatorKind>,
}

impl Kind {
    /// What makes its operators, whatever the semantics of a job.
    pub fn operators(&self) -> Box<dyn OperatorKind> {
        (self.operators)()
    }
}

/// All of them; another one is another line.
const KINDS: [Kind; 1] = [Kind { name: FIRST_KIND, operators: || Box::new(Rules::default()) }];

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
