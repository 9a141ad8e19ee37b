//! Named places at which a test can make a sink fail or die. They are compiled in only with
//! feature `failpoints`; without it they cost nothing.
//!
//! Actions are those of the [`fail`] crate, set with `fail::cfg` or, once `FailScenario::setup()`
//! was called, by the environment: `FAILPOINTS='sink-after-write=3*off->return(abort)'`. `return`
//! gives an error, `return(abort)` ends the process as `kill -9` would.

use std::io;

use crate::{Error, Result};

/// Rows are in the file, not flushed.
pub const AFTER_WRITE: &str = "sink-after-write";
/// Rows are flushed to the disk, the mark does not count them yet.
pub const AFTER_FSYNC: &str = "sink-after-fsync";
/// The new mark is on the disk, next to the old one.
pub const BEFORE_MARK_RENAME: &str = "sink-before-mark-rename";
/// The new mark has replaced the old one.
pub const AFTER_MARK_RENAME: &str = "sink-after-mark-rename";
/// Recovery has cut the marked file back, files begun later are still there.
pub const IN_TRUNCATION: &str = "sink-in-truncation";

/// The places above: those where a process may be killed.
pub const ALL: [&str; 5] =
    [AFTER_WRITE, AFTER_FSYNC, BEFORE_MARK_RENAME, AFTER_MARK_RENAME, IN_TRUNCATION];

/// Rows are about to be sent to RocketMQ.
pub const BEFORE_SEND: &str = "sink-before-send";
/// Rows were sent, and what came back is not known yet.
pub const AFTER_SEND: &str = "sink-after-send";
/// A fence was appended, nothing was read back yet.
pub const AFTER_FENCE: &str = "sink-after-fence";

/// The places of the RocketMQ sink.
pub const ROCKETMQ: [&str; 3] = [BEFORE_SEND, AFTER_SEND, AFTER_FENCE];

/// A transaction of PostgreSQL is begun.
pub const POSTGRES_BEFORE_FENCE: &str = "postgres-before-fence";
/// The position is moved in it.
pub const POSTGRES_AFTER_FENCE: &str = "postgres-after-fence";
/// The rows are in it, and it is not committed.
pub const POSTGRES_BEFORE_COMMIT: &str = "postgres-before-commit";
/// It is committed, and the sink does not know it yet.
pub const POSTGRES_AFTER_COMMIT: &str = "postgres-after-commit";

/// The places of the PostgreSQL sink.
pub const POSTGRES: [&str; 4] =
    [POSTGRES_BEFORE_FENCE, POSTGRES_AFTER_FENCE, POSTGRES_BEFORE_COMMIT, POSTGRES_AFTER_COMMIT];

/// A transaction of MySQL is begun.
pub const MYSQL_BEFORE_FENCE: &str = "mysql-before-fence";
/// The position is moved in it.
pub const MYSQL_AFTER_FENCE: &str = "mysql-after-fence";
/// The rows are in it, and it is not committed.
pub const MYSQL_BEFORE_COMMIT: &str = "mysql-before-commit";
/// It is committed, and the sink does not know it yet.
pub const MYSQL_AFTER_COMMIT: &str = "mysql-after-commit";

/// The places of the MySQL sink.
pub const MYSQL: [&str; 4] =
    [MYSQL_BEFORE_FENCE, MYSQL_AFTER_FENCE, MYSQL_BEFORE_COMMIT, MYSQL_AFTER_COMMIT];

/// A transaction of ODBC is begun.
pub const ODBC_BEFORE_FENCE: &str = "odbc-before-fence";
/// The position is moved in it.
pub const ODBC_AFTER_FENCE: &str = "odbc-after-fence";
/// The rows are in it, and it is not committed.
pub const ODBC_BEFORE_COMMIT: &str = "odbc-before-commit";
/// It is committed, and the sink does not know it yet.
pub const ODBC_AFTER_COMMIT: &str = "odbc-after-commit";

/// The places of the ODBC sink.
pub const ODBC: [&str; 4] =
    [ODBC_BEFORE_FENCE, ODBC_AFTER_FENCE, ODBC_BEFORE_COMMIT, ODBC_AFTER_COMMIT];

/// A script is about to be sent to Redis.
pub const REDIS_BEFORE_SCRIPT: &str = "redis-before-script";
/// It was done, and the sink does not know it yet.
pub const REDIS_AFTER_SCRIPT: &str = "redis-after-script";

/// The places of the Redis sink.
pub const REDIS: [&str; 2] = [REDIS_BEFORE_SCRIPT, REDIS_AFTER_SCRIPT];

/// Documents are about to be sent to OpenSearch.
pub const OPENSEARCH_BEFORE_BULK: &str = "opensearch-before-bulk";
/// They were sent, and the sink does not know yet what became of them.
pub const OPENSEARCH_AFTER_BULK: &str = "opensearch-after-bulk";
/// They are there, and the position is not moved.
pub const OPENSEARCH_BEFORE_POSITION: &str = "opensearch-before-position";
/// It is moved, and the sink does not know it yet.
pub const OPENSEARCH_AFTER_POSITION: &str = "opensearch-after-position";

/// The places of the OpenSearch sink.
pub const OPENSEARCH: [&str; 4] = [
    OPENSEARCH_BEFORE_BULK,
    OPENSEARCH_AFTER_BULK,
    OPENSEARCH_BEFORE_POSITION,
    OPENSEARCH_AFTER_POSITION,
];

/// Rows are about to be put into HBase.
pub const HBASE_BEFORE_PUT: &str = "hbase-before-put";
/// They were sent, and the sink does not know yet what became of them.
pub const HBASE_AFTER_PUT: &str = "hbase-after-put";
/// A counter is about to be raised.
pub const HBASE_BEFORE_COUNT: &str = "hbase-before-count";
/// It is raised, and the sink does not know it yet.
pub const HBASE_AFTER_COUNT: &str = "hbase-after-count";
/// Rows are there, or counted, and the position is not moved.
pub const HBASE_BEFORE_POSITION: &str = "hbase-before-position";
/// It is moved, and the sink does not know it yet.
pub const HBASE_AFTER_POSITION: &str = "hbase-after-position";

/// The places of the HBase sink.
pub const HBASE: [&str; 6] = [
    HBASE_BEFORE_PUT,
    HBASE_AFTER_PUT,
    HBASE_BEFORE_COUNT,
    HBASE_AFTER_COUNT,
    HBASE_BEFORE_POSITION,
    HBASE_AFTER_POSITION,
];

/// A transaction of Kafka is about to be begun.
pub const KAFKA_BEFORE_TRANSACTION: &str = "kafka-sink-before-transaction";
/// The rows are sent in it.
pub const KAFKA_AFTER_ROWS: &str = "kafka-sink-after-rows";
/// Rows and position have arrived, and it is not committed.
pub const KAFKA_BEFORE_COMMIT: &str = "kafka-sink-before-commit";
/// It is committed, and the sink does not know it yet.
pub const KAFKA_AFTER_COMMIT: &str = "kafka-sink-after-commit";

/// The places of the Kafka sink.
pub const KAFKA: [&str; 4] =
    [KAFKA_BEFORE_TRANSACTION, KAFKA_AFTER_ROWS, KAFKA_BEFORE_COMMIT, KAFKA_AFTER_COMMIT];

/// A file of Parquet is whole and on the disk, and has no name yet.
pub const PARQUET_BEFORE_NAME: &str = "parquet-before-name";
/// All files of a spool have their names, and the mark does not count them yet.
pub const PARQUET_AFTER_NAME: &str = "parquet-after-name";

/// The places of the Parquet sink beside those of files.
pub const PARQUET: [&str; 2] = [PARQUET_BEFORE_NAME, PARQUET_AFTER_NAME];

/// Writing rows fails half-way as the operating system would let it: `return(full)` without space,
/// `return` otherwise. So do the next two.
pub const WRITE: &str = "sink-write";
/// Writing a new mark fails.
pub const MARK_WRITE: &str = "sink-mark-write";
/// Flushing a file or folder to the disk fails.
pub const FSYNC: &str = "sink-fsync";

/// Passes the place `name`.
pub(crate) fn pass(name: &'static str) -> Result<()> {
    let stop = |how: Option<String>| match how.as_deref() {
        Some("abort") => std::process::abort(),
        _ => Err::<(), _>(Error::Failpoint { name }),
    };
    fail::fail_point!(name, stop);
    let _ = stop;
    Ok(())
}

/// Passes the place `name`, where the operating system may fail.
pub(crate) fn pass_io(name: &'static str) -> io::Result<()> {
    let stop = |how: Option<String>| match how.as_deref() {
        Some("full") => Err::<(), io::Error>(io::ErrorKind::StorageFull.into()),
        _ => Err(io::Error::other(name)),
    };
    fail::fail_point!(name, stop);
    let _ = stop;
    Ok(())
}
