//! The statements of a sink alone: what a bench compares the sink with.
//!
//! Rows are decoded and encoded before; then the same requests go to the same place, each batch with the
//! position behind it. What the sink takes longer is what it computes.

use seismic_queue::{Batch, Offset, Span};

use crate::{BareLoop, Context, Result, RowDecoder, Sink};

/// A sink whose rows wait, encoded, until they are synced.
pub(crate) trait KeepsEncoded: Sink {
    /// Rows that were written and are not synced, with the position behind them.
    type Encoded;

    /// Takes them out; the next rows that are written are those behind them.
    fn take_encoded(&mut self) -> Self::Encoded;

    /// Puts them back, for the next sync.
    fn put_encoded(&mut self, encoded: Self::Encoded);
}

/// The loop over these batches, which continue where the place ends.
pub(crate) fn bare<S: KeepsEncoded + 'static>(
    mut sink: S,
    context: &Context,
    batches: &[Batch],
) -> Result<BareLoop> {
    let partitions = batches.iter().map(|batch| batch.partition().0 + 1).max().unwrap_or(0);
    let span = Span { first: Offset(0), end: Offset(u64::MAX >> 1) };
    sink.recover(&vec![span; partitions as usize])?;
    let mut decoder = RowDecoder::new(&context.topic, &context.schema);
    let mut encoded = Vec::with_capacity(batches.len());
    for batch in batches {
        sink.write(&decoder.decode(batch)?)?;
        encoded.push(sink.take_encoded());
    }
    Ok(Box::new(move || {
        encoded.into_iter().try_for_each(|batch| {
            sink.put_encoded(batch);
            sink.sync()
        })
    }))
}
