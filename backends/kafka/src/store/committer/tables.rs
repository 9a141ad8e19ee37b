//! Versions of tables in the transaction of the commit that first uses them: see `store/tables/`.

use rdkafka::producer::BaseProducer;

use super::KafkaCommitter;
use crate::store::delivery::{DeliveryReports, MessageKind};
use crate::store::tables::record::TOPIC;
use crate::store::tables::staged::Writing;
use crate::store::tables::topic::records_of;
use seismic_queue::{Offset, Result};

impl KafkaCommitter {
    /// Sends versions whose pieces will stand at `from` or behind.
    pub(super) fn send_tables(
        &self,
        client: &BaseProducer<DeliveryReports>,
        (writing, from): &(Writing<'_>, Offset),
    ) -> Result<()> {
        for version in writing.due() {
            let records = records_of(&self.member.group, version, *from);
            for (partition, key, piece) in records.pieces {
                let message = (key.as_bytes(), piece);
                self.send(client, TOPIC, MessageKind::Table, partition, message)?;
            }
            let (directory, key, value) = records.directory;
            let message = (key.as_bytes(), value.as_bytes());
            self.send(client, TOPIC, MessageKind::Table, directory, message)?;
        }
        Ok(())
    }
}
