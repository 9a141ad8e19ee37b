//! Every limit of the RocketMQ backend, each with its reason.

use std::time::Duration;

/// Longest frame that is read or sent, in bytes: a pull of the broker's largest answer (64 MiB,
/// `MAX_PULL_MSG_SIZE`) is never asked for, a message with its properties must fit.
pub(crate) const FRAME_BYTES: usize = 32 << 20;

/// Longest header, in bytes. The answer to a batch names an id of 33 bytes for each message.
pub(crate) const HEADER_BYTES: usize = 1 << 20;

/// A frame's memory grows by at most this many bytes ahead of what has arrived: what a pull of
/// short messages brings comes without being moved.
pub(crate) const READ_AHEAD_BYTES: usize = 1 << 20;

/// Longest message that a broker takes, key and value together: `maxMessageSize` is 4 MiB by
/// default, for a whole batch with its properties.
pub(crate) const MESSAGE_BYTES: usize = (4 << 20) - (64 << 10);

/// A batch is closed at this many bytes, well below the broker's 4 MiB.
pub(crate) const SEND_BYTES: usize = 1 << 20;

/// And at this many messages: the broker makes an id of 33 bytes in its answer for each.
pub(crate) const SEND_MESSAGES: usize = 4_096;

/// Longest property text of a message, in bytes: its length is a signed 16-bit number.
pub(crate) const PROPERTY_BYTES: usize = 32_000;

/// Longest key, in bytes: in the worst case it is kept as hexadecimal text among the properties.
pub(crate) const KEY_BYTES: usize = 15_000;

/// Messages asked for in one pull. Brokers give 32 (8 from disk) unless `broker.conf` raises
/// `maxTransferCountOnMessageIn{Memory,Disk}`.
pub(crate) const PULL_MESSAGES: u32 = 4_096;

/// Bytes asked for in one pull: four batches.
pub(crate) const PULL_BYTES: u32 = 4 << 20;

/// Pulled answers that a reader holds, of all its partitions: memory. Partitions whose end was
/// found are not counted; what comes there is small.
pub(crate) const PULLS_HELD: usize = 8;

/// How long a connection may take to be made.
pub(crate) const CONNECT: Duration = Duration::from_secs(3);

/// How long an answer may take. A broker answers in milliseconds, and gives up on a flush after 5
/// s.
pub(crate) const CALL: Duration = Duration::from_secs(10);

/// How long a broker keeps a pull that found nothing. It is one request per partition in this time.
pub(crate) const SUSPEND: Duration = Duration::from_secs(15);

/// A suspended pull is answered at the latest this long after its time: the broker looks every 5 s.
pub(crate) const SUSPEND_GRACE: Duration = Duration::from_secs(6);

/// How long an offset may lie above the end of the log: right after a broker's start its consume
/// queues are filled from the commit log, late.
pub(crate) const ABOVE_END: Duration = Duration::from_secs(15);

/// Pause between asking again for what should be there soon.
pub(crate) const ASK_AGAIN: Duration = Duration::from_millis(20);

/// How long a broker that could not be asked is left alone, while partitions of others are read.
pub(crate) const REST: Duration = Duration::from_millis(500);

/// How long the log's end is asked for until the broker has dispatched what it acknowledged.
pub(crate) const DISPATCH: Duration = Duration::from_secs(2);

/// A broker forgets clients and closes connections that are silent for 120 s.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(30);

/// How often the group's position is reported to the broker, for its own lag display.
pub(crate) const REPORT_POSITION: Duration = Duration::from_secs(5);

/// How long a new topic may take to be known to the nameservers.
pub(crate) const TOPIC_KNOWN: Duration = Duration::from_secs(15);

/// After a send of unknown outcome nothing is believed for this long: a broker refuses requests
/// that waited 200 ms (`waitTimeMillsInSendQueue`), so what was to land has landed.
pub(crate) const SETTLE: Duration = Duration::from_secs(1);

/// Producers that a reader knows of a partition before it forgets those whose last message is
/// farther back than [`TAIL_MESSAGES`]: there are never more than twice as many as wrote since.
pub(crate) const PRODUCERS_SEEN: usize = 1_024;

/// Messages of a partition's end that are searched for what a producer id sent before, and before a
/// message for others of which it is a repeat.
pub(crate) const TAIL_MESSAGES: u64 = 200_000;

/// Nameservers, brokers of a cluster and queues of a broker that a route may name.
pub(crate) const ROUTE_ENTRIES: usize = 4_096;
