//! Calls of librdkafka that rust-rdkafka has no safe wrapper for: messages in batches, the id of a
//! topic, what a member of a group is called, and metadata of a committed offset.
//!
//! Everything here rests on two facts: a `Client` keeps its `rd_kafka_t` alive for as long as it
//! lives itself, and librdkafka's functions may be called from any thread.

use std::ffi::{CStr, CString, c_char};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::bindings as rd;
use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::RDKafkaErrorCode;

use super::connection::close;

/// Messages taken at once. What a call costs vanishes, and they fit the cache.
const TAKEN: usize = 4_096;

/// A queue of a consumer's own, into which the messages of partitions are led. The consumer's
/// main queue is left with what is to be said of the group.
pub(crate) struct Inbox<C: ConsumerContext + 'static> {
    /// Outlives `queue`: fields are dropped after `drop` has destroyed the queue.
    consumer: Arc<BaseConsumer<C>>,
    queue: NonNull<rd::rd_kafka_queue_t>,
    slots: Vec<*mut rd::rd_kafka_message_t>,
}

// SAFETY: `queue` is an owned reference to a queue of librdkafka, which locks it itself; `slots` is
// empty between calls (all are null), so no message is shared between threads.
unsafe impl<C: ConsumerContext + 'static> Send for Inbox<C> {}

/// What comes out of an [`Inbox`], or of a fetch of ours. `broker` gave it, where that was asked by
/// the topic's name: it may be of another topic that has it now. What was asked by the topic's id
/// is not.
pub(crate) enum Item<'a> {
    /// A message.
    Message {
        partition: i32,
        offset: i64,
        append_ms: i64,
        key: &'a [u8],
        value: &'a [u8],
        broker: Option<i32>,
    },
    /// Everything before `offset` was given; the log had no more.
    End { partition: i32, offset: i64, broker: Option<i32> },
    /// Fetching failed.
    Error { partition: i32, code: RDKafkaErrorCode },
}

impl<C: ConsumerContext + 'static> Inbox<C> {
    /// An empty one.
    pub(crate) fn new(consumer: Arc<BaseConsumer<C>>) -> Inbox<C> {
        // SAFETY: the pointer is valid while `consumer` lives, which the inbox keeps.
        let queue = unsafe { rd::rd_kafka_queue_new(consumer.client().native_ptr()) };
        let queue = NonNull::new(queue).expect("librdkafka aborts when it has no memory");
        Inbox { consumer, queue, slots: vec![ptr::null_mut(); TAKEN] }
    }

    /// Whose messages come here.
    pub(crate) fn consumer(&self) -> &BaseConsumer<C> {
        &self.consumer
    }

    /// Leads messages of a partition here. Must be said before the partition is assigned, and is
    /// forgotten when it is unassigned.
    pub(crate) fn lead(&self, topic: &str, partition: i32) {
        let topic = CString::new(topic).expect("names of topics have no zero byte");
        // SAFETY: the client is alive and `topic` is a C string that the call copies. The queue it
        // gives is a reference of ours, destroyed once; forwarding takes references of its own.
        unsafe {
            let client = self.consumer.client().native_ptr();
            let own = rd::rd_kafka_queue_get_partition(client, topic.as_ptr(), partition);
            if !own.is_null() {
                rd::rd_kafka_queue_forward(own, self.queue.as_ptr());
                rd::rd_kafka_queue_destroy(own);
            }
        }
    }

    /// Waits up to `wait` for the first item, then gives all that are there, up to a bound. Returns
    /// their number.
    pub(crate) fn poll(&mut self, wait: Duration, mut each: impl FnMut(Item<'_>)) -> usize {
        // The call fills its array until the time is over, so the wait is for one message only.
        let mut count = self.fill(Duration::ZERO, 0, TAKEN);
        if count == 0 && !wait.is_zero() {
            count = self.fill(wait, 0, 1);
            if count == 1 {
                count += self.fill(Duration::ZERO, 1, TAKEN - 1);
            }
        }
        let taken = MessageBuffer(&mut self.slots[..count]);
        for &message in taken.0.iter() {
            // SAFETY: `fill` wrote `count` valid messages, and `taken` destroys them only after
            // this loop.
            each(unsafe { item(message) });
        }
        count
    }

    /// Puts up to `most` messages behind the first `from`.
    fn fill(&mut self, wait: Duration, from: usize, most: usize) -> usize {
        let wait_ms = wait.as_millis().min(60_000) as i32;
        let slots = &mut self.slots[from..from + most];
        // SAFETY: the queue is alive; `slots` has room for as many pointers as the call may write.
        let count = unsafe {
            let queue = self.queue.as_ptr();
            rd::rd_kafka_consume_batch_queue(queue, wait_ms, slots.as_mut_ptr(), slots.len())
        };
        // Negative is an error of the arguments, which are fine.
        usize::try_from(count).unwrap_or(0)
    }
}

impl<C: ConsumerContext + 'static> Drop for Inbox<C> {
    fn drop(&mut self) {
        close(&self.consumer);
        // SAFETY: it is our reference, and this is its only end. Partitions that are led here have
        // references of their own.
        unsafe { rd::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

/// Messages that were taken; destroyed also when looking at them panics.
struct MessageBuffer<'a>(&'a mut [*mut rd::rd_kafka_message_t]);

impl Drop for MessageBuffer<'_> {
    fn drop(&mut self) {
        for message in self.0.iter_mut() {
            // SAFETY: each is a message that `fill` was given, destroyed once: null afterwards.
            unsafe { rd::rd_kafka_message_destroy(*message) }
            *message = ptr::null_mut();
        }
    }
}

/// Looks at a message.
///
/// # Safety
/// `message` must be one that librdkafka gave, and stay alive for `'a`.
unsafe fn item<'a>(message: *const rd::rd_kafka_message_t) -> Item<'a> {
    use rd::rd_kafka_resp_err_t::{
        RD_KAFKA_RESP_ERR__PARTITION_EOF as END, RD_KAFKA_RESP_ERR_NO_ERROR as FINE,
    };
    // SAFETY: the caller says that it is valid.
    let it = unsafe { &*message };
    let (partition, offset) = (it.partition, it.offset);
    // SAFETY: the message is valid.
    let broker = Some(unsafe { rd::rd_kafka_message_broker_id(message) });
    match it.err {
        FINE => {
            let mut kind = rd::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
            // SAFETY: the message is valid, and `kind` can be written.
            let append_ms = unsafe { rd::rd_kafka_message_timestamp(message, &raw mut kind) };
            // SAFETY: key and payload are null or valid for their lengths while the message lives.
            let (key, value) = unsafe { (bytes(it.key, it.key_len), bytes(it.payload, it.len)) };
            Item::Message { partition, offset, append_ms, key, value, broker }
        }
        END => Item::End { partition, offset, broker },
        other => Item::Error { partition, code: other.into() },
    }
}

/// The bytes at `start`; none when it is null.
///
/// # Safety
/// When `start` is not null, `len` bytes there must be valid for `'a`.
unsafe fn bytes<'a>(start: *const std::ffi::c_void, len: usize) -> &'a [u8] {
    if start.is_null() {
        return &[];
    }
    // SAFETY: the caller says so.
    unsafe { slice::from_raw_parts(start.cast::<u8>(), len) }
}

/// What the cluster calls a topic for good: one deleted and recreated has another id. `Ok(None)`
/// when there is no such topic. Answered by `broker`, or by any.
pub(crate) fn topic_id<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    broker: Option<i32>,
    wait: Duration,
) -> Result<Option<String>, RDKafkaErrorCode> {
    let begun = Instant::now();
    // While no broker answers, librdkafka would connect again and again for the question below,
    // without a pause: each failed attempt has it look for the controller, and that ends the pause.
    let answer = client.fetch_metadata(Some(topic), wait);
    answer.map_err(|error| error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail))?;
    let name = CString::new(topic).expect("names of topics have no zero byte");
    let mut names = [name.as_ptr()];
    let wait_ms = wait.saturating_sub(begun.elapsed()).as_millis().min(60_000) as i32;
    // SAFETY: `client` keeps the instance alive throughout. Each object that is made here is
    // destroyed here once, after the last use; `names` outlives the call that copies it; results
    // belong to the event, which is destroyed last.
    unsafe {
        let rk = client.native_ptr();
        let queue = rd::rd_kafka_queue_new(rk);
        let topics = rd::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), 1);
        let api = rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let options = rd::rd_kafka_AdminOptions_new(rk, api);
        let mut text = [0 as c_char; 256];
        rd::rd_kafka_AdminOptions_set_request_timeout(
            options,
            wait_ms,
            text.as_mut_ptr(),
            text.len(),
        );
        if let Some(broker) = broker {
            rd::rd_kafka_AdminOptions_set_broker(options, broker, text.as_mut_ptr(), text.len());
        }
        rd::rd_kafka_DescribeTopics(rk, topics, options, queue);
        let event = rd::rd_kafka_queue_poll(queue, wait_ms);
        let answer = match event.is_null() {
            true => Err(RDKafkaErrorCode::OperationTimedOut),
            false => id_in(event),
        };
        if !event.is_null() {
            rd::rd_kafka_event_destroy(event);
        }
        rd::rd_kafka_AdminOptions_destroy(options);
        rd::rd_kafka_TopicCollection_destroy(topics);
        rd::rd_kafka_queue_destroy(queue);
        answer
    }
}

/// The id in the answer to a question for one topic.
///
/// # Safety
/// `event` must be a valid event of librdkafka.
unsafe fn id_in(event: *mut rd::rd_kafka_event_t) -> Result<Option<String>, RDKafkaErrorCode> {
    use rd::rd_kafka_resp_err_t::{
        RD_KAFKA_RESP_ERR_NO_ERROR as FINE, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART as UNKNOWN,
    };
    // SAFETY: the event is valid; everything asked of it lives as long as it does, and is copied.
    unsafe {
        let error = rd::rd_kafka_event_error(event);
        if error != FINE {
            return Err(error.into());
        }
        let result = rd::rd_kafka_event_DescribeTopics_result(event);
        let mut count = 0;
        let all = rd::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if all.is_null() || count == 0 {
            return Ok(None);
        }
        match rd::rd_kafka_error_code(rd::rd_kafka_TopicDescription_error(*all)) {
            FINE => {}
            UNKNOWN => return Ok(None),
            other => return Err(other.into()),
        }
        let id = rd::rd_kafka_Uuid_base64str(rd::rd_kafka_TopicDescription_topic_id(*all));
        Ok(Some(CStr::from_ptr(id).to_string_lossy().into_owned()))
    }
}

/// What the group calls this consumer: member id and generation. `None` when it is no member.
pub(crate) fn membership<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Option<(String, i32)> {
    // SAFETY: the client is alive; what it gives is ours, null or valid, and destroyed once after
    // its last use; the member id belongs to it and is copied.
    unsafe {
        let found = rd::rd_kafka_consumer_group_metadata(consumer.client().native_ptr());
        if found.is_null() {
            return None;
        }
        let member = rd::rd_kafka_consumer_group_metadata_member_id(found);
        let member = match member.is_null() {
            true => String::new(),
            false => CStr::from_ptr(member).to_string_lossy().into_owned(),
        };
        let generation = rd::rd_kafka_consumer_group_metadata_generation_id(found);
        rd::rd_kafka_consumer_group_metadata_destroy(found);
        (!member.is_empty() && generation >= 0).then_some((member, generation))
    }
}

/// Tells the client of brokers besides those that it has learned of; `host:port`, with commas between
/// several. What it knows already changes nothing.
pub(crate) fn add_brokers<C: ClientContext>(client: &Client<C>, brokers: &str) {
    let brokers = CString::new(brokers).expect("addresses have no zero byte");
    // SAFETY: `client` keeps the instance alive; the call copies the C string.
    unsafe { rd::rd_kafka_brokers_add(client.native_ptr(), brokers.as_ptr()) };
}

/// Metadata of the offset at place `i`. Others may have written anything there; the safe call
/// panics when it is not text.
pub(crate) fn metadata(list: &TopicPartitionList, i: usize) -> Vec<u8> {
    assert!(i < list.count(), "there are that many");
    // SAFETY: the list is alive, has more than `i` elements, and metadata is null or valid for its
    // size; it is copied.
    unsafe {
        let element = &*(*list.ptr()).elems.add(i);
        bytes(element.metadata, element.metadata_size).to_vec()
    }
}

#[cfg(test)]
mod tests;
