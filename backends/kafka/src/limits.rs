//! Every limit of the Kafka backend, each with its reason.

use std::ops::RangeInclusive;
use std::time::Duration;

/// How long opening a cluster waits for any broker: a start must not hang on a wrong address.
/// What is wrong is said within 10 s, with what a start takes besides.
pub const OPEN_WAIT: Duration = Duration::from_secs(8);

/// How often opening a cluster looks whether it will ever succeed.
pub const OPEN_LOOK: Duration = Duration::from_millis(500);

/// How many lines of a client's log are heard at once: it says a few when a connection fails.
pub const LINES_HEARD: u32 = 32;

/// How long opening a cluster looks whether brokers can be reached where they say that they are.
pub const REACH_WAIT: Duration = Duration::from_secs(3);

/// A question to a Kafka cluster is asked again for this long when what failed may pass: one
/// question that was not answered in time is no reason to give up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// After so long a question that is asked again and again is worth a word.
pub const SILENCE: Duration = Duration::from_secs(3);

/// How long a question to a cluster may take. Longer than an election; callers retry.
pub const WAIT: Duration = Duration::from_secs(8);

/// How long a running slot waits for the end of a log: its commits and a stop wait as long.
pub const END_WAIT: Duration = Duration::from_secs(1);

/// How long a commit waits for a broker that gave librdkafka its messages. One that is gone would
/// stop the job; after this, and once more, what it gave is read again from another one. The doctor
/// waits as long for a broker's settings.
pub const BROKER_WAIT: Duration = Duration::from_secs(2);

/// Messages that topics of a store must take: dead letters of 900 KiB and chunks of 512 KiB with
/// what comes around them. It is Kafka's own default.
pub const OUTPUT_BYTES: usize = 1_048_588;

/// Messages that topics with keyed outputs must take: each may be made of one message of an input, of
/// which the longest is [`seismic_queue::limits::MESSAGE_BYTES`], with what comes around it.
pub const KEYED_BYTES: usize = seismic_queue::limits::MESSAGE_BYTES + (64 << 10);

/// Longest message of a commit without keyed outputs, as its client counts it: below [`OUTPUT_BYTES`], since that
/// counts a whole batch.
pub const COMMITTED_BYTES: usize = 1_000_000;

/// How long one call waits for appended messages to be durable before it says that the cluster is
/// busy. The messages stay on their way; the same call continues to wait for them.
pub const APPEND_WAIT: Duration = Duration::from_secs(2);

/// How often a producer notes in the cluster how far it has come: what a repeated run reads again
/// to find where it was.
pub const NOTE_EVERY: Duration = Duration::from_secs(1);

/// How old what is known of imports may be when a file is looked up. One that someone else imports
/// in the same moment is found when its messages are committed.
pub const NOTES_AGE: Duration = Duration::from_secs(1);

/// For so long the newest commits of all partitions, asked for at once, are taken as the newest ones
/// of each: an answer for each partition would be most of what `status` does with hundreds of them.
pub const NEWEST_COMMITS_AGE: Duration = Duration::from_millis(200);

/// How long reading back a job waits for a transaction of a worker that is gone: brokers end it
/// after [`TRANSACTION_TIMEOUT`], and look for such every 10 s.
pub const SETTLE_WAIT: Duration = Duration::from_secs(25);

/// Brokers abort a transaction that takes longer. Shorter than a session, so that whoever takes
/// over a partition finds nothing open.
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(6);

/// How long a message of a transaction is tried. Below the transaction's own.
pub const MESSAGE_TIMEOUT: Duration = Duration::from_secs(4);

/// How long one call of a transaction waits for its answer.
pub const TRANSACTION_WAIT: Duration = Duration::from_secs(8);

/// How long a commit waits for the call of librdkafka that may pass over that, before it gives the
/// client up: a little longer, so that an error of the call is heard.
pub const OFFSETS_WAIT: Duration = Duration::from_secs(9);

/// Clients of a slot that were given up in the middle of a commit and have not ended it. Each has
/// threads and buffers of its own; with more of them the process ends, and another one goes on.
pub const GIVEN_UP: usize = 8;

/// A member that says nothing for that long is taken for gone and its partitions go to others.
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(10);

/// How often the coordinator of a group is looked for that a member may have lost: librdkafka looks for
/// one itself every half a second, and is back within a second where it can be.
pub const COORDINATOR_LOOK: Duration = Duration::from_secs(1);

/// How long a member's client has for an answer of the coordinator then. Its slot waits meanwhile,
/// and cannot commit without a coordinator anyway.
pub const COORDINATOR_WAIT: Duration = Duration::from_millis(500);

/// How often in a row another client is answered, and the member's client not, until that is taken to
/// have lost the coordinator for good. Below a session with all that is asked.
pub const COORDINATOR_MISSED: u32 = 2;

/// A client that asks for offsets and gets no answer is replaced by a new one once it is this old: a
/// younger one may still be looking for the coordinator.
pub const GROUP_CLIENT_AGE: Duration = Duration::from_secs(3);

/// How often clients look where brokers are, and of which topics, when they have nothing to ask: below
/// the time in which one broker after the other is restarted at another address.
pub const ADDRESSES_REFRESH: Duration = Duration::from_secs(10);

/// How old what is known of brokers' addresses may be for a client that is about to be made.
pub const ADDRESSES_AGE: Duration = Duration::from_secs(1);

/// How long a slot waits for the others of its worker before it begins without them. Longer than
/// brokers wait for further members of a new group (`group.initial.rebalance.delay.ms`, 3 s).
pub const JOIN_WAIT: Duration = Duration::from_secs(5);

/// How often it looks whether they have joined.
pub const JOIN_LOOK: Duration = Duration::from_millis(5);

/// Bytes of messages asked of one partition at once: a batch of ours is filled by two.
pub const PARTITION_BYTES: i32 = 1 << 20;

/// Bytes of messages asked of one broker at once. Two such answers of each broker are held at most;
/// more is not faster.
pub const ANSWER_BYTES: i32 = 2 << 20;

/// Longest answer that is read: one batch is given whatever was asked for. As long as librdkafka
/// takes (`receive.message.max.bytes`).
pub const FRAME_BYTES: usize = 100_000_000;

/// An answer's memory grows by at most this many bytes ahead of what has arrived.
pub const READ_AHEAD_BYTES: usize = 1 << 20;

/// Memory that was needed for more than this is not kept for the next answer: one with a long
/// message comes rarely.
pub const SPARE_BYTES: usize = 4 << 20;

/// Idle connections that are kept for the next reader: as many as are read over at once, each with
/// one more whose last answer is awaited.
pub const IDLE_CONNECTIONS: usize = 2 * ASKED_AT_ONCE;

/// How long an idle connection is kept. Brokers keep theirs for minutes; who has not read for that
/// long has done what it read for.
pub const IDLE_CONNECTION_AGE: Duration = Duration::from_secs(30);

/// How old what is known of leaders may be for a reader that begins. One that is wrong costs it a
/// question more.
pub const LEADERS_AGE: Duration = Duration::from_secs(5);

/// Longest answer of a broker before a login is done: a challenge, and the calls that it knows.
pub const LOGIN_FRAME_BYTES: usize = 64 << 10;

/// Rounds of SCRAM that a broker may ask for. Fewer protect no password (RFC 7677), and more than
/// this take seconds of a core: Kafka's own tools give at most 16,384.
pub const SCRAM_ROUNDS: RangeInclusive<u32> = 4_096..=1_000_000;

/// Salted passwords that are kept: one for each cluster and user that a process has.
pub const SALTED_PASSWORDS: usize = 4;

/// Bytes that are read of a socket at once where they are encrypted: four records of TLS.
pub const SEALED_BYTES: usize = 64 << 10;

/// Longest batch once it is unpacked: some messages of the longest that there are, and what a batch
/// of a megabyte may be that hardly says anything.
pub const UNPACKED_BYTES: usize = 64 << 20;

/// How long a member's client may take to end: it has settled everything before, and only says that it goes.
pub const CLOSE_WAIT: Duration = Duration::from_secs(5);

/// How often a wait for sent messages looks whether they have arrived: well below what a broker
/// takes for that, and a thousandth of a core.
pub const LISTEN: Duration = Duration::from_micros(300);

/// How much longer than its session a slot waits for what the group says of a place that brokers refuse.
/// The session is over for its client by then, unless the coordinator answers it, and that says why.
pub const OUTLIVED_WAIT: Duration = Duration::from_secs(20);

/// How much longer than its session a slot waits for a member that has its name to be gone. Brokers count the
/// session from when they know the member again, and look for members that are gone at once.
pub const RIVAL_WAIT: Duration = Duration::from_secs(5);

/// How often it looks: the answer is one of a session's length.
pub const RIVAL_LOOK: Duration = Duration::from_millis(500);

/// A transactional id that was fenced so often, one time after the other, belongs to someone else;
/// less often it was a transaction that took too long.
pub const FENCED_TIMES: u32 = 3;

/// Open transactions of a partition that are named besides its oldest one: whoever has more will see
/// the next ones when these are over.
pub const TRANSACTIONS_BEHIND: usize = 3;

/// Bytes asked of a partition of which one message is wanted, which may come in a long batch.
pub const LOOKED_AT_BYTES: usize = 64 << 10;

/// How much longer than [`BROKER_WAIT`] that may take for each partition.
pub const LOOKED_AT_WAIT: Duration = Duration::from_millis(10);

/// For so long a client that was let in before tries again where brokers refuse its login: they learn
/// of logins after they have started.
pub const REFUSED_LOGINS: Duration = Duration::from_secs(60);

/// After so long without a refusal the next one counts as the first. Longer than any pause between
/// two attempts.
pub const REFUSED_LOGINS_GAP: Duration = Duration::from_secs(20);

/// Bytes of a piece of a version of a table: a message of it fits wherever a piece of a snapshot does.
pub const TABLE_CHUNK_BYTES: usize = 512 << 10;

/// After so long a worker writes the version of a table that it has in force again, since other workers
/// may forget what was written.
pub const TABLE_REWRITE: Duration = Duration::from_secs(12 * 3600);

/// A copy of a version is not forgotten before it is that old. As much longer than
/// [`TABLE_REWRITE`] as that is itself: clocks of workers differ, and a commit takes its time.
pub const TABLE_YOUNG: Duration = Duration::from_secs(24 * 3600);

/// How many partitions are asked for at once. Each takes a connection of its own meanwhile.
pub const ASKED_AT_ONCE: usize = 8;
