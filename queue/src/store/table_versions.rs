//! Versions of tables that the operators of a job look things up in.
//!
//! An entry of the journal names a version by the hash of its content, so a replay looks things up
//! in the table of then. A version is stored before the first entry that names it, and is never
//! changed: what is stored twice is the same.

use crate::Result;

/// A version of a table that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableVersion {
    /// Name of the table.
    pub table: String,
    /// Hash of the content, as whoever stored it names it.
    pub hash: String,
    /// Bytes of the content.
    pub bytes: u64,
}

/// What a store keeps of tables. Needs no lease: content is found by its hash, so whoever has lost
/// the store can do no harm.
pub trait TableVersions {
    /// Whether this store can keep any.
    fn keeps_tables(&self) -> bool;

    /// Stores a version; it is durable when this returns. One that is there already is the newest
    /// from now on.
    ///
    /// # Errors
    /// [`Error::TableTooLarge`](crate::Error::TableTooLarge) beyond
    /// [`limits::TABLE_BYTES`](crate::limits::TABLE_BYTES),
    /// [`Error::NoTables`](crate::Error::NoTables) where a store keeps none.
    fn put_table(&self, table: &str, hash: &str, content: &[u8]) -> Result<()>;

    /// The content of a version, if it is kept.
    fn table(&self, table: &str, hash: &str) -> Result<Option<Vec<u8>>>;

    /// The versions of all tables, in the order in which they were stored.
    fn tables(&self) -> Result<Vec<TableVersion>>;

    /// Forgets a version that nothing names any more.
    fn forget_table(&self, table: &str, hash: &str) -> Result<()>;

    /// Stores the note of a table, which `status` shows, in place of the one before.
    ///
    /// # Errors
    /// As [`TableVersions::put_table`].
    fn put_table_note(&self, table: &str, note: &[u8]) -> Result<()>;

    /// What was stored so last.
    fn table_note(&self, table: &str) -> Result<Option<Vec<u8>>>;
}
