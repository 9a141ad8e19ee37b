//! What `seismic sql` reads and writes: topics and what a job has written as tables, and answers.
//!
//! The engine is [`seismic_sql`], which knows none of this. Tables are opened when a statement
//! reads them, and once: every reading of a table in one statement sees the same rows.

pub(crate) mod answer;
mod cell_words;
mod job;
mod journal_table;
mod list_table;
mod message_columns;
pub(in crate::cli) mod own_functions;
pub(crate) mod read_failure;
mod table_answer;
mod topic_table;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use seismic_derived::ROWS;
use seismic_pipeline::DEAD;
use seismic_sql::Table;

use self::job::Job;
pub(crate) use self::topic_table::Part;
use self::topic_table::{TopicTable, Unreadable};
use crate::cli::found_topic::Where;
use crate::cli::json::Content;
use crate::job::location::Location;

/// What there is to ask.
pub(crate) struct Asked<'a> {
    pub location: Location,
    /// The topic that is `input`; `None`: the job's results.
    pub topic: Option<&'a str>,
    pub place: Option<Where>,
    pub part: Part,
    pub stop: Arc<AtomicBool>,
}

/// All tables, and how many messages could not be decoded.
///
/// # Errors
/// When the topic that is `input` is not there.
pub(crate) fn tables(asked: &Asked<'_>) -> anyhow::Result<(Vec<Arc<dyn Table>>, Unreadable)> {
    let Asked { location, topic, place, part, stop } = asked;
    let unreadable = Unreadable::default();
    let reading = topic_table::Reading {
        part: *part,
        stop: Arc::clone(stop),
        unreadable: unreadable.clone(),
    };
    let job = Arc::new(Job::new(location.clone()));
    let of_job = |name: &'static str, role: Option<&'static str>, content| {
        TopicTable::of_job(name, Arc::clone(&job), role, content, reading.clone())
    };
    // Whoever asks of a topic may have no job.
    let is_of_statement = topic.is_none()
        && job.open().is_ok_and(|opened| opened.view.job.topics_of(ROWS).next().is_some());
    let rows = if is_of_statement { Content::Json } else { Content::Rows };
    let input = match topic {
        Some(topic) => TopicTable::found(location, topic, *place, reading.clone())?,
        None => of_job("input", None, rows),
    };
    let tables: Vec<Arc<dyn Table>> = vec![
        Arc::new(input),
        Arc::new(of_job("rows", None, rows)),
        Arc::new(of_job("dead_letters", Some(DEAD), Content::DeadLetters)),
        Arc::new(list_table::sensors(Arc::clone(&job))),
        Arc::new(list_table::checkpoints(Arc::clone(&job))),
        Arc::new(journal_table::JournalTable::new(job, Arc::clone(stop))),
    ];
    Ok((tables, unreadable))
}
