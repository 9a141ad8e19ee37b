//! Reading what a store holds of an output.

use seismic_queue::{JobStore, OutputView, Partition};

use crate::Result;
use crate::verify::topic_reader::{Next, next_batch};

/// Reads one partition of an output, up to the end that the view says.
pub(super) fn read(
    store: &dyn JobStore,
    topic: &str,
    partition: Partition,
    view: &OutputView,
    mut take: impl FnMut(&[u8]),
) -> Result<()> {
    let topics = store.topics();
    let mut at = view.span.first;
    let mut reader = topics.reader(&topics.topic(topic)?, &[(partition, at)])?;
    let mut spare = Vec::new();
    while at < view.span.end {
        let Next::Batch(batch) = next_batch(&mut *reader, &mut spare, topic, view.span.end)? else {
            break;
        };
        let messages = batch.messages().take_while(|message| message.offset < view.span.end);
        messages.for_each(|message| take(message.value));
        at = batch.next();
        spare.push(batch);
    }
    Ok(())
}
