//! Clients of librdkafka: creating, polling and closing them, and what they log.

use std::sync::mpsc::sync_channel;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::client::{Client, ClientContext};
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};

use crate::limits;
use seismic_queue::{Error, Partition, Result};

/// A client that only logs.
#[derive(Clone)]
pub(crate) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, text: &str) {
        log(facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!("librdkafka: {error}: {reason}");
    }
}

impl ConsumerContext for Quiet {}

impl ProducerContext for Quiet {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

/// The first message of a producer that did not arrive: for one that is thrown away then.
#[derive(Default)]
pub(crate) struct FirstFailure(OnceLock<(KafkaError, String)>);

impl FirstFailure {
    /// Why a message did not arrive, and in which topic.
    pub(crate) fn failure(&self) -> Option<(KafkaError, String)> {
        self.0.get().cloned()
    }
}

impl ClientContext for FirstFailure {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, text: &str) {
        log(facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!("librdkafka: {error}: {reason}");
    }
}

impl ProducerContext for FirstFailure {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            self.0.get_or_init(|| (error.clone(), message.topic().to_owned()));
        }
    }
}

/// What librdkafka says of its own accord. What matters of it comes back as an error of a call, so
/// it is for those who search.
pub(crate) fn log(facility: &str, text: &str) {
    tracing::debug!("librdkafka: {facility}: {text}");
}

/// A client's number of a partition.
pub(crate) fn number(partition: Partition) -> i32 {
    i32::try_from(partition.0).expect("there are at most 4,096 partitions")
}

/// Our name of a client's partition.
pub(crate) fn partition(number: i32) -> Partition {
    Partition(u32::try_from(number).expect("partitions count from 0"))
}

/// Makes a client that talks to `context`.
pub(crate) fn make_with<C, T>(config: &ClientConfig, context: C) -> Result<T>
where
    C: ClientContext,
    T: FromClientConfigAndContext<C>,
{
    config.create_with_context(context).map_err(refused)
}

/// Waits for a broker that stays. The first answer comes through the address that the caller gave,
/// whose connection ends when that of the broker itself is made; a producer that finds none in
/// between asks for its number only half a second later.
pub(crate) fn connect<C: ClientContext>(client: &Client<C>, topic: &str) {
    for _ in 0..2 {
        // Without an answer, what is done next says what is wrong.
        drop(client.fetch_metadata(Some(topic), limits::END_WAIT));
    }
}

/// Hears what became of messages, and rests a moment when there was nothing to hear: for loops that
/// wait. A wait of the client's own ends in a busy loop, since it asks again and again through what
/// is left of its last millisecond.
pub(crate) fn listen<C: ProducerContext>(client: &BaseProducer<C>) {
    let before = client.in_flight_count();
    client.poll(Duration::ZERO);
    if client.in_flight_count() == before {
        thread::sleep(limits::LISTEN);
    }
}

/// Hands a message to the client, and waits while its queue is full, at most
/// [`limits::MESSAGE_TIMEOUT`].
pub(crate) fn send<C: ProducerContext>(
    client: &BaseProducer<C>,
    mut record: BaseRecord<'_, [u8], [u8], C::DeliveryOpaque>,
) -> std::result::Result<(), KafkaError> {
    let begun = Instant::now();
    loop {
        match client.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(Code::QueueFull), back))
                if begun.elapsed() < limits::MESSAGE_TIMEOUT =>
            {
                record = back;
                listen(client);
            }
            Err((error, _)) => return Err(error),
        }
    }
}

/// Why a message did not arrive, where the client gave it up with all others: for what has become of
/// the client. One that may write to no topic gets no id from the brokers to write with.
pub(crate) fn cause_of<C: ProducerContext>(
    client: &BaseProducer<C>,
    error: KafkaError,
) -> KafkaError {
    match client.client().fatal_error() {
        Some((Code::ClusterAuthorizationFailed, _)) => {
            KafkaError::MessageProduction(Code::TopicAuthorizationFailed)
        }
        Some((code, _)) => KafkaError::MessageProduction(code),
        None => error,
    }
}

/// Ends a consumer that is about to be dropped. Dropping it does the same, but looks only every 100
/// ms whether it is done, and reading something back makes a consumer each time.
pub(crate) fn close<C: ConsumerContext>(consumer: &BaseConsumer<C>) {
    match consumer.close_queue() {
        Ok(()) => {
            while !consumer.closed() {
                consumer.poll(Duration::ZERO);
                thread::sleep(limits::LISTEN);
            }
        }
        Err(error) => tracing::debug!("ending a consumer: {error}"),
    }
}

/// As [`close`], in a thread of its own that is not waited for beyond `limit`: a client that is closed while
/// its group asks something of it may never end, and whoever stops must. Whether it has ended.
pub(crate) fn close_within<C>(consumer: &Arc<BaseConsumer<C>>, limit: Duration) -> bool
where
    C: ConsumerContext + 'static,
{
    let (ended, has_ended) = sync_channel(1);
    let client = Arc::clone(consumer);
    let closing = thread::Builder::new().name("kafka close".to_owned()).spawn(move || {
        close(&client);
        // Whoever waits has the last one.
        drop(client);
        let _ = ended.send(());
    });
    if closing.is_err() {
        // Without a thread it cannot be left.
        close(consumer);
        return true;
    }
    let is_ended = has_ended.recv_timeout(limit).is_ok();
    if !is_ended {
        tracing::debug!("a client has not ended within {limit:?}; it is left to itself");
    }
    is_ended
}

/// Whether a client has lost the last broker that it knew of.
pub(crate) fn is_without_brokers(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(Code::AllBrokersDown)
}

/// A setting that librdkafka does not take.
pub(crate) fn refused(error: KafkaError) -> Error {
    match error {
        KafkaError::ClientConfig(_, why, key, _) => Error::Setting { key, why },
        other => Error::Setting { key: "client".to_owned(), why: other.to_string() },
    }
}
