//! The import log: messages and the notes about them in one Kafka transaction.
//!
//! All importers of a topic share one transactional id, so only one is active at a time: a new
//! importer fences the previous one, ends its open transaction, and reads the notes to their end.
//! From then on, no one changes the notes without fencing it in turn, so its view of them is still
//! valid when its transaction is committed. A fenced importer waits a moment and takes the topic
//! back; growing pauses let each of them make progress.
//!
//! After any error the client is discarded, and the notes that its successor reads show the outcome
//! of the transaction.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::import_notes::{self, ImportNotes};
use crate::client::cluster::Cluster;
use crate::client::connection::{FirstFailure, connect, listen, make_with, number, send};
use crate::error_kind::{self, Resource, Right, on_topic};
use crate::limits;
use seismic_queue::backend::validate;
use seismic_queue::failpoints::{APPEND_AFTER, APPEND_IN_TRANSACTION, pass};
use seismic_queue::{
    Block, CallFailed, Error, ImportLog, Kind, NoteChange, Partition, Result, Standing, Topic,
};

/// Imports into one topic.
pub(crate) struct KafkaImportLog {
    cluster: Cluster,
    topic: Topic,
    /// Longest message that the topic takes.
    message_bytes: usize,
    notes: Arc<Mutex<ImportNotes>>,
    /// `None` before the first append, and after anything went wrong.
    client: Option<BaseProducer<FirstFailure>>,
}

impl KafkaImportLog {
    pub(crate) fn new(
        cluster: &Cluster,
        topic: &Topic,
        message_bytes: usize,
        notes: Arc<Mutex<ImportNotes>>,
    ) -> KafkaImportLog {
        let (cluster, topic) = (cluster.clone(), topic.clone());
        KafkaImportLog { cluster, topic, message_bytes, notes, client: None }
    }

    fn known(&self) -> MutexGuard<'_, ImportNotes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self, blocks: &[(Partition, &Block)]) -> Result<()> {
        // What a batch of one message adds to it is below this.
        let limit = self.message_bytes.saturating_sub(512);
        for (partition, block) in blocks {
            validate::partition(&self.topic, *partition)?;
            for (key, value) in block.messages() {
                let size = key.len() + value.len();
                if size > limit {
                    return Err(Error::MessageTooLarge { size, limit });
                }
            }
        }
        Ok(())
    }

    /// The transactional id of all imports into this topic.
    fn id(&self) -> String {
        format!("seismic-import.{}", self.topic.name)
    }

    /// A client that no one wrote after, and the notes as they are now.
    fn open(&mut self) -> Result<()> {
        if self.client.is_some() {
            return Ok(());
        }
        self.cluster.check(&self.topic)?;
        let config = self.cluster.settings.importing(&self.id(), self.message_bytes);
        let client: BaseProducer<FirstFailure> = make_with(&config, FirstFailure::default())?;
        connect(client.client(), &self.topic.name);
        client.init_transactions(limits::TRANSACTION_WAIT).map_err(|error| self.failed(error))?;
        self.known().catch_up()?;
        self.client = Some(client);
        Ok(())
    }

    fn transact(
        &self,
        client: &BaseProducer<FirstFailure>,
        blocks: &[(Partition, &Block)],
        changes: &[NoteChange],
    ) -> Result<()> {
        client.begin_transaction().map_err(|error| self.failed(error))?;
        for (partition, block) in blocks {
            for message in block.messages() {
                self.send(client, &self.topic.name, *partition, message)?;
            }
        }
        for change in changes {
            let key = self.known().full_key(&change.key);
            let message = (&key[..], &change.after[..]);
            self.send(client, import_notes::TOPIC, import_notes::PLACE, message)?;
        }
        self.flush(client)?;
        pass(&self.cluster.at, APPEND_IN_TRANSACTION)?;
        client.commit_transaction(limits::TRANSACTION_WAIT).map_err(|error| self.failed(error))
    }

    fn send(
        &self,
        client: &BaseProducer<FirstFailure>,
        topic: &str,
        to: Partition,
        (key, value): (&[u8], &[u8]),
    ) -> Result<()> {
        let record = BaseRecord::to(topic).partition(number(to)).key(key).payload(value);
        send(client, record).map_err(|error| self.failed(error))
    }

    /// Waits until everything that was sent has arrived.
    fn flush(&self, client: &BaseProducer<FirstFailure>) -> Result<()> {
        let begun = Instant::now();
        while client.in_flight_count() > 0 {
            if begun.elapsed() > limits::TRANSACTION_WAIT {
                return Err(self.failed(KafkaError::Flush(Code::OperationTimedOut)));
            }
            listen(client);
        }
        let Some((error, topic)) = client.context().failure() else { return Ok(()) };
        Err(self.failed_on(error, vec![on_topic("Write", &topic)]))
    }

    /// What an error means. Except for what someone must change, another client may succeed, and
    /// the notes say what became of the transaction.
    fn failed(&self, source: KafkaError) -> Error {
        self.failed_on(source, vec![("Write", Resource::TransactionalId(self.id()))])
    }

    fn failed_on(&self, source: KafkaError, needs: Vec<Right>) -> Error {
        const DOING: &str = "importing";
        let at = self.cluster.at.clone();
        match error_kind::code(&source) {
            Some(Code::MessageSizeTooLarge | Code::InvalidMessageSize) => {
                let limit = self.message_bytes;
                return Error::MessageTooLarge { size: limit, limit };
            }
            Some(Code::ProducerFenced | Code::Fenced | Code::InvalidProducerEpoch) => {
                let doing =
                    "importing: another import writes to the same topic, and they take turns";
                return Error::Busy { at, doing };
            }
            _ => {}
        }
        let may_pass = error_kind::code(&source).is_some_and(|code| self.cluster.may_pass(code));
        match error_kind::kind(&source) {
            Kind::Config | Kind::Data if !may_pass => {
                error_kind::call_failed_on(at, DOING, source, &needs)
            }
            _ => Error::backend(Kind::Retry, CallFailed { at, doing: DOING, source }),
        }
    }
}

impl ImportLog for KafkaImportLog {
    fn notes(&mut self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.known().beginning_with(prefix)
    }

    fn append(&mut self, blocks: &[(Partition, &Block)], changes: &[NoteChange]) -> Result<()> {
        self.check(blocks)?;
        self.open()?;
        let standing = self.known().standing(changes);
        match standing {
            Standing::Made => return Ok(()),
            Standing::Foreign => {
                return Err(Error::ImportedMeanwhile { at: self.cluster.at.clone() });
            }
            Standing::Due => {}
        }
        // Only a client whose transaction was committed is used again.
        let client = self.client.take().expect("it was opened");
        self.transact(&client, blocks, changes)?;
        self.known().make(changes);
        self.client = Some(client);
        pass(&self.cluster.at, APPEND_AFTER)
    }
}
