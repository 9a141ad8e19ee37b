//! Every limit of this crate, each with its reason.

/// Rows that the statement is run over at once. A run costs some 10 µs, a row some 100 ns.
pub const ROWS_AT_ONCE: usize = 4_096;

/// Cuts that a proof uses instead, in turn.
pub const CUTS: [usize; 4] = [1, 3, 50, 700];

/// Columns of an input or an output.
pub const COLUMNS: usize = 200;

/// Tables of a job. Each is in memory, with the index by which it is looked up.
pub const DIMENSIONS: usize = 8;

/// Rows of a table: with their index they take some 50 MB, once for all partitions.
pub const DIMENSION_ROWS: usize = 200_000;

/// Bytes of a table as it is stored and journaled: 100,000 rows of five columns.
pub const DIMENSION_BYTES: usize = seismic_queue::limits::TABLE_BYTES;

/// Bytes of all versions of tables in a store: a table of 3 MB that changes every minute takes as much
/// in a day.
pub const DIMENSION_STORE_BYTES: u64 = 4 << 30;

/// Bytes of a file with a table: as text it is longer than stored.
pub const DIMENSION_FILE_BYTES: usize = 64 << 20;

/// How far the bound of a join reaches, and how long its rows may be late, ms: rows are kept in memory
/// and in each checkpoint for that long.
pub const JOIN_WITHIN_MS: i64 = 86_400_000;

/// Rows of one side of a join and partition that wait, at which that side is read no further until the
/// other one has come as far: 10,000 keys with a row a second wait 20 s.
pub const JOIN_ROWS: u64 = 200_000;

/// The same in bytes of memory. They are in each checkpoint.
pub const JOIN_BYTES: u64 = 64 << 20;

/// What a row that waits takes beside its values: the nodes of trees.
pub const JOIN_ROW_BYTES: u64 = 120;

/// Keys with a clock in a partition. They are never forgotten: their clocks say what is late.
pub const CLOCKS: usize = 250_000;

/// How long a window may be, and how far its rows may be late or ahead, ms: they are in memory and in
/// each checkpoint for that long.
pub const TIMING_MS: i64 = 86_400_000;

/// Shortest window, ms: each is one run of the statement.
pub const WINDOW_MS: i64 = 10;

/// Rows of a window of a key: 10,000 a second for 10 s. A statement sees all of them at once, and a sort
/// of them takes some 100 ms.
pub const WINDOW_ROWS: u64 = 100_000;

/// Bytes of open windows of a partition with their rows. They are in each checkpoint.
pub const WINDOW_BYTES: u64 = 64 << 20;

/// What an open window takes beside its rows: nodes of a tree, and room for more rows.
pub const OPEN_WINDOW_BYTES: u64 = 200;

/// Rows that a statement may give for a window.
pub const WINDOW_ANSWERS: usize = 100_000;

/// Bytes of them: they are in memory at once, until a commit has them.
pub const WINDOW_ANSWER_BYTES: usize = 64 << 20;

/// Rows that one row is joined with. More is a bound that is too wide for what comes.
pub const JOIN_MATES: usize = 10_000;

/// Bytes of pairs that wait for the statement.
pub const PAIR_BYTES: usize = 4 << 20;

/// Bytes of a definition. It stands in the note of every commit.
pub const DEFINITION_BYTES: usize = 64 << 10;

/// Bytes of an original kept in a dead letter; the rest is named by length and SHA-256. Leaves room
/// below Kafka's default limit of 1 MiB a message.
pub const DEAD_LETTER_BYTES: usize = 900 << 10;

/// Bytes of the words of a dead letter.
pub const DETAIL_BYTES: usize = 1_000;

/// Bytes of the key of a message of the output, and of a dead letter.
pub const KEY_BYTES: usize = 1_024;

/// Bytes of one output row, below Kafka's default limit of 1 MiB a message.
pub const ROW_BYTES: usize = 900 << 10;

/// Functions of a job.
pub const FUNCTIONS: usize = 32;

/// Bytes of a function that is an expression.
pub const MACRO_BYTES: usize = 4 << 10;

/// Bytes of a module: one of Rust with texts and a table of numbers has some ten KiB. Compiling it
/// takes some ms a partition.
pub const MODULE_BYTES: usize = 1 << 20;

/// Steps of a call that may be set. Ten million take some 50 ms, and a batch has thousands of rows.
pub const FUEL: std::ops::RangeInclusive<u64> = 100..=10_000_000;

/// Steps of a call unless the job says otherwise: some 0.5 ms.
pub const FUEL_OF_A_CALL: u64 = 100_000;

/// Steps that a module may take when an instance begins, for its data and its start function.
pub const FUEL_OF_BEGINNING: u64 = 1_000_000;

/// Bytes of memory of a call that may be set.
pub const FUNCTION_MEMORY_BYTES: std::ops::RangeInclusive<u64> = (1 << 20)..=(16 << 20);

/// Bytes of memory of a call unless the job says otherwise: a module of Rust begins with 1.1 MiB, nearly
/// all of it a stack that it may leave unused.
pub const FUNCTION_MEMORY_BYTES_OF_A_CALL: u64 = 2 << 20;

/// Bytes of the engine's stack.
pub const FUNCTION_STACK_BYTES: usize = 512 << 10;

/// Calls within calls.
pub const FUNCTION_DEPTH: usize = 500;

/// Entries of the tables of a module, by which it calls what it has chosen.
pub const FUNCTION_TABLE_ENTRIES: usize = 10_000;

/// Parameters of an operator: they stand in the definition.
pub const PARAMS: usize = 50;

/// Bytes of one.
pub const PARAM_BYTES: usize = 4 << 10;

/// Rows that an operator may give for one record: a line of text has less words.
pub const OPERATOR_ROWS: usize = 10_000;

/// Bytes of them: a batch has thousands of records, and all that is made of it is in memory at once.
pub const OPERATOR_ROW_BYTES: usize = 4 << 20;

/// Steps that an operator may take for all rows of a window: some 5 s.
pub const OPERATOR_WINDOW_FUEL: u64 = 1_000_000_000;

/// Steps that any call of the host by a module takes: some 20 ns.
pub const HOST_CALL_FUEL: u64 = 10;

/// Lines that an operator may log in a partition until the job ends: enough to see what happens, and no
/// burden for a log.
pub const OPERATOR_LOG_LINES: usize = 1_000;

/// Bytes of such a line; what is longer is cut.
pub const OPERATOR_LOG_BYTES: usize = 200;

/// Keys that are named when a table's source is compared with a version: enough to see what happened.
pub const DIFFERENCES_TOLD: usize = 20;
