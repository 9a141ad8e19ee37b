//! Every limit of this crate, each with its reason.

/// Rows that the statement is run over at once. A run costs some 10 µs, a row some 100 ns.
pub const ROWS_AT_ONCE: usize = 4_096;

/// Cuts that a proof uses instead, in turn.
pub const CUTS: [usize; 4] = [1, 3, 50, 700];

/// Columns of an input or an output.
pub const COLUMNS: usize = 200;

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
