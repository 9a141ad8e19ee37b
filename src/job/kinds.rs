//! The kinds of job that this program supports, by the name in the notes of a job.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use seismic_derived::{SQL, StatementKind, Tables};
use seismic_pipeline::{
    EntryError, FIRST_KIND, OperatorKind, REPARTITION, Rules, kind_of, note_of,
};
use seismic_queue::{Fingerprint, JobStore, View};

use super::repartition::job_of_first_step;
use crate::status::model::counts::RecordCounts;
use crate::status::model::note::NoteStatus;
use crate::status::{statement, windows};

/// A kind of job.
pub struct Kind {
    /// What the notes of its jobs say.
    pub name: &'static str,
    /// What makes its operators, for a proof: it asks the notes of a job for their semantics.
    operators: fn() -> Box<dyn OperatorKind>,
    /// The same with what the store of the job has for them.
    proof: fn(Arc<dyn JobStore>) -> Box<dyn OperatorKind>,
    /// What `status` counts of a job that has not begun.
    pub no_counts: fn() -> RecordCounts,
    /// What `status` shows of its notes.
    note_status: fn(&[u8]) -> Result<NoteStatus, EntryError>,
}

impl Kind {
    /// What makes its operators, whatever the semantics of a job.
    pub fn operators(&self) -> Box<dyn OperatorKind> {
        (self.operators)()
    }

    /// What makes its operators, with what the store of the job has for them: what proves it.
    pub fn proof(&self, store: Arc<dyn JobStore>) -> Box<dyn OperatorKind> {
        (self.proof)(store)
    }

    /// What `status` shows of the note beside a position.
    ///
    /// # Errors
    /// When it is of another kind, or damaged.
    pub fn note_status(&self, stored: &[u8]) -> Result<NoteStatus, EntryError> {
        (self.note_status)(&note_of(&*self.operators(), stored)?)
    }

    /// The last message that had its effect, as far as the note beside a position says.
    ///
    /// # Errors
    /// As [`Kind::note_status`].
    pub fn delivered(&self, stored: &[u8]) -> Result<Option<Fingerprint>, EntryError> {
        let kind = self.operators();
        kind.delivered_of_note(&note_of(&*kind, stored)?)
    }
}

/// All of them; another one is another line.
static KINDS: [Kind; 2] = [
    Kind {
        name: FIRST_KIND,
        operators: || Box::new(Rules::default()),
        proof: |_| Box::new(Rules::default()),
        no_counts: windows::no_counts,
        note_status: windows::note_status,
    },
    Kind {
        name: SQL,
        operators: || Box::new(StatementKind::reader()),
        proof: |store| {
            let tables = Arc::new(Tables::new(store));
            Box::new(StatementKind::reader().with_tables(tables))
        },
        no_counts: statement::no_counts,
        note_status: statement::note_status,
    },
];

/// What `status` shows of the note beside a position, whichever kind of job wrote it.
#[must_use]
pub fn note_status(stored: &[u8]) -> Option<NoteStatus> {
    KINDS.iter().find_map(|kind| kind.note_status(stored).ok())
}

/// The kind of the job that a store belongs to.
///
/// # Errors
/// When another program made it.
pub fn of(view: &View) -> anyhow::Result<&'static Kind> {
    let name = kind_of(view).context("the kind of the job cannot be read")?;
    if name == REPARTITION {
        let job = job_of_first_step(&view.job.group);
        bail!(
            "group {:?} is the first step of job {job:?}, which repartitions its input: say --group \
             {job}, which stands for both steps",
            view.job.group
        );
    }
    let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else {
        let known = KINDS.each_ref().map(|kind| kind.name).join(", ");
        bail!(
            "group {:?} is a job of kind {name:?}, and this program knows {known}: use the program \
             that runs it",
            view.job.group
        );
    };
    Ok(kind)
}
