//! Every limit of this crate, each with its reason.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Samples per second of one sensor: from one in 1000 s to the fastest digitisers.
pub const SAMPLE_RATE_HZ: RangeInclusive<f64> = 0.001..=10_000.0;

/// Records per message: about 700 kB, which every queue takes at its usual settings.
pub const PACK: RangeInclusive<u32> = 1..=10_000;

/// Records in packs in progress, one pack per partition: about 200 MB.
pub const PACKED_RECORDS: u64 = 4_000_000;

/// Bytes of all partitions together at which they are handed to the queue. Some blocks may still
/// be small then, but with thousands of partitions memory stays bounded.
pub const APPEND_BYTES: usize = 4 << 20;

/// Append requests waiting for the queue: one is being written, one is ready behind it, and the
/// next is encoded meanwhile.
pub const REQUESTS_WAITING: usize = 1;

/// A paced run publishes what is due this often: a hundred commits a second, no visible delay.
pub const SHORTEST_SLEEP: Duration = Duration::from_millis(10);

/// Longest sleep, so that a stop is seen soon.
pub const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// Messages at the end of each partition in which the newest valid event is looked for.
pub const TAIL_MESSAGES: u64 = 1_000;

/// Bytes of one line of an imported file; real ones have about 800.
pub const LINE_BYTES: usize = 1 << 20;

/// Samples of one imported message: what fits one packed message comfortably.
pub const MESSAGE_SAMPLES: usize = 10_000;

/// Messages of one imported file that are held to bring them into order; real files have
/// neighbours swapped.
pub const REORDER_MESSAGES: usize = 64;

/// Files of an import that are open at once; others are closed and opened again at their place.
/// 1024 is a usual limit for open files, and a queue needs some.
pub const OPEN_FILES: usize = 256;

/// Bytes that are read of a file at once.
pub const READ_BYTES: usize = 32 << 10;

/// Lines of one file that wait for those of others, to be merged by time.
pub const WAITING_LINES: usize = 64;

/// Bytes of one file that wait in the same way; a line that is longer waits alone.
pub const WAITING_BYTES: usize = 64 << 10;

/// Bytes of packed files that wait in the same way, all together, when there are more files than
/// may be open: a packed file that was closed is unpacked from its restart. Parsed lines take about
/// four times as much.
pub const WAITING_PACKED_BYTES: usize = 64 << 20;

/// Columns of a foreign CSV file. Wide exports have some hundred.
pub const COLUMNS: usize = 4_096;

/// First records of a file by which what is known of it is looked up: that many of its first lines
/// may be mended at once.
pub const ANCHORS: usize = 4;

/// Runs of refused lines that are remembered of a file, so that it is recognised when they are
/// mended: below a megabyte.
pub const REFUSED_RUNS: usize = 20_000;

/// Bytes of mended lines of a file that are imported at once, since the note about them is as of
/// the last: a file with more is read once more for each such portion.
pub const MENDED_BYTES: usize = 32 << 20;

/// Earlier ends of a growing file that are remembered, so that an older copy of it is known: some
/// months of a file that is imported every day.
pub const FILE_STAGES: usize = 100;

/// Sensors of one import of which the newest time is known, to say where a file begins before it.
pub const SENSORS_COMPARED: usize = 10_000;

/// Ranges of messages that are remembered of a device, so that none is added twice: 64 kB, and
/// more gaps than a device has in a year.
pub const DEVICE_RANGES: usize = 4_096;

/// Messages of one OpenEEW import that are remembered by their exact time: about 150 MB, and what
/// 50 devices send in a day. Behind that ranges have to do.
pub const EXACT_MESSAGES: usize = 4_000_000;

/// Remarks of an import that are named.
pub const REMARKS_NAMED: usize = 10;

/// A line of a live input is with the queue within this time, as documents say: it waits for the
/// next flush, and that for the end of a wait.
pub const LIVE_PUBLISHED: Duration = Duration::from_millis(100);

/// A live import publishes what it has this often.
pub const LIVE_FLUSH: Duration = Duration::from_millis(50);

/// How long a live import waits for more before it looks whether it is to stop.
pub const LIVE_WAIT: Duration = Duration::from_millis(20);

/// Pieces of a live input that wait to be parsed: a fast one is slowed down.
pub const LIVE_PIECES: usize = 16;

/// A live import that is told to stop has published what it had read, and ended, within this time.
pub const LIVE_STOPPED: Duration = Duration::from_secs(2);

/// How long a stopped live import takes what was read already.
pub const LIVE_REST: Duration = Duration::from_millis(500);

/// Files of a folder that are followed: what is remembered of each is small.
pub const FOLLOWED_FILES: usize = 100_000;

/// Lines of a followed file that are taken before others have their turn.
pub const LINES_AT_ONCE: usize = 10_000;

/// How often a folder is looked through for new files.
pub const FOLDER_SCAN: Duration = Duration::from_millis(200);

/// Bytes of an imported table of locations: 100,000 devices.
pub const LOCATIONS_BYTES: u64 = 4 << 20;

/// Bytes of an imported device id; pipelines refuse longer ones.
pub const DEVICE_ID_BYTES: usize = 256;

/// Bytes of one imported line of JSON: a message of the queue's limit fits as base64 (22 MiB), and
/// a pack of 10,000 records has 3 MB.
pub const JSON_LINE_BYTES: usize = 32 << 20;

/// Bytes of a packed message that an import makes: more records make another message.
pub const PACK_BYTES: usize = 1 << 20;

/// Refused lines that are named: enough to see what is wrong with a file.
pub const REFUSALS_NAMED: usize = 10;

/// Bytes of the message about a refused line, which may quote the line.
pub const REFUSAL_BYTES: usize = 400;

/// How many times its original pace a replay may have, 0 aside.
pub const SPEED: RangeInclusive<f64> = 0.001..=1_000_000.0;

/// An arrival further than this after the append time of its message is treated as unknown, ms:
/// clocks of a gateway and a queue may differ, but not by a day.
pub const ARRIVAL_AHEAD_MS: i64 = 86_400_000;
