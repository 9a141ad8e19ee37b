//! Logs each record that is read, for debugging a single sensor. Only at level `trace`, which costs
//! one check per batch when it is off.

use seismic_proto::{BATCH_FIRST_BYTE, Message as _, SeismicRecord, SeismicRecordBatch, Shown};
use seismic_queue::Batch;
use tracing::{Level, enabled, trace};

/// Logs the records of a batch, in order.
pub(crate) fn log(batch: &Batch) {
    if enabled!(Level::TRACE) {
        batch.messages().for_each(|message| log_message(message.value));
    }
}

fn log_message(bytes: &[u8]) {
    let records = if bytes.first() == Some(&BATCH_FIRST_BYTE) {
        SeismicRecordBatch::decode(bytes).map(|batch| batch.records)
    } else {
        SeismicRecord::decode(bytes).map(|record| vec![record])
    };
    let Ok(records) = records else {
        trace!("Received message of {} bytes that is no record", bytes.len());
        return;
    };
    for SeismicRecord { sensor_id, seismic_amplitude, phase_type, .. } in &records {
        let (sensor, phase) = (Shown(sensor_id), Shown(phase_type));
        trace!("Received record from sensor {sensor} amplitude={seismic_amplitude} phase={phase}");
    }
}
