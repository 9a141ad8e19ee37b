//! A job goes on by the version of the engine that it began with, and so to the same bits. Newer rules
//! hold for newer groups only.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use seismic_pipeline::{Note, Rules};
use seismic_queue::{JobStore, patiently};

/// Gives `rules` the version of the job in the store, if it is begun, or of the job whose checkpoint
/// it starts from. What else differs is for the pipeline to refuse, and what is wrong with a store is
/// for its lease to say.
pub fn keep(
    rules: &mut Rules,
    store: &dyn JobStore,
    parent: Option<&dyn JobStore>,
    stop: &Arc<AtomicBool>,
) {
    for store in [Some(store), parent].into_iter().flatten() {
        let Ok(view) = patiently(stop, || store.view()) else { continue };
        let mut notes = view.partitions.iter().filter_map(|part| part.progress.as_ref());
        // A note that cannot be read stops the run with its own words.
        if let Some(note) = notes.find_map(|progress| Note::decode(&progress.note).ok()) {
            *rules = rules.continuing(&note.rules);
            break;
        }
    }
}
