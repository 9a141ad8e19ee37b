//! Every bound of the engine, with its reason.

/// Bytes of a statement. A person writes hundreds, a program some thousands.
pub const STATEMENT_BYTES: i32 = 64 << 10;

/// Bytes of one value or row. A dead letter holds a message of at most a megabyte; functions that
/// double their argument end here.
pub const VALUE_BYTES: i32 = 4 << 20;

/// Columns of a table or an answer: a row of window statistics has 29, and a join of several tables
/// some hundreds.
pub const COLUMNS: i32 = 500;

/// Depth of an expression. SQLite's parser and code generator recurse by it, on the thread's stack.
pub const EXPRESSION_DEPTH: i32 = 200;

/// SELECTs joined by UNION and the like.
pub const COMPOUND_SELECTS: i32 = 50;

/// Instructions of the program that SQLite makes of a statement: 100 times that of a long one.
pub const PROGRAM_STEPS: i32 = 100_000;

/// Arguments of a function, as in `coalesce`.
pub const ARGUMENTS: i32 = 64;

/// Calls of macros in a statement, with those in what they stand for.
pub const MACRO_CALLS: usize = 1_000;

/// Arguments of a function that the caller has.
pub const OWN_ARGUMENTS: usize = 16;

/// Bytes of the pattern of LIKE and GLOB: matching takes pattern times text, in one step that
/// nothing can stop.
pub const PATTERN_BYTES: i32 = 256;

/// Steps of SQLite's machine between two looks at the budget: some 100 µs, so that a statement
/// stops at once and the looks cannot be measured.
pub const STEPS_BETWEEN_LOOKS: i32 = 10_000;

/// Steps that a statement may take however few rows it reads: about a second. Recursion without end
/// stops here.
pub const STEPS: u64 = 50_000_000;

/// Steps more for each row read: a long statement takes some hundreds, a join with a list of
/// thousands of rows some tens of thousands.
pub const STEPS_PER_ROW: u64 = 100_000;

/// Bytes that a statement may keep unless the caller says otherwise: some ten million rows of three
/// columns in a sort.
pub const MEMORY_BYTES: u64 = 512 << 20;
