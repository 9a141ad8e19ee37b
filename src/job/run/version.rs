//! A job continues with the engine version that it started with, so its results stay bit-identical,
//! and with the names of its topics. Newer rules and names apply only to newer groups.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use seismic_pipeline::{Note, ROLLUP, Rules};
use seismic_queue::{Job, JobStore, patiently};

/// Gives `rules` the version of the job in the store, if it is begun, or of the job whose
/// checkpoint it starts from, and gives `job` the roll-up topics that its own store has. What else
/// differs is for the pipeline to refuse, and what is wrong with a store is for its lease to say.
pub fn keep(
    (rules, job): (&mut Rules, &mut Job),
    store: &dyn JobStore,
    parent: Option<&dyn JobStore>,
    stop: &Arc<AtomicBool>,
) {
    for (store, is_own) in [(Some(store), true), (parent, false)] {
        let Some(Ok(view)) = store.map(|store| patiently(stop, || store.view())) else { continue };
        let mut notes = view.partitions.iter().filter_map(|part| part.progress.as_ref());
        // A note that cannot be read stops the run with its own words.
        if let Some(note) = notes.find_map(|progress| Note::decode(&progress.note).ok()) {
            *rules = rules.continuing(&note.rules);
            if is_own && note.rules.rollups_ms == rules.rollups_ms {
                keep_rollup_topics(job, &view.job);
            }
            break;
        }
    }
}

/// A span may be written in another way than when the job began (`1m`, `60s`), and programs before
/// named every topic in seconds.
fn keep_rollup_topics(job: &mut Job, stored: &Job) {
    let rollups = job.outputs.iter_mut().filter(|output| output.role == ROLLUP);
    for (output, topic) in rollups.zip(stored.topics_of(ROLLUP)) {
        output.topic.clone_from(topic);
    }
}
