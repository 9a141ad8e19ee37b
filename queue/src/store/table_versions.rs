//! Versions of tables that the operators of a job look things up in.
//!
//! An entry of the journal names a version by the hash of its content, so a replay looks things up
//! in the table of then. A version is durable no later than the first commit that names it, and is
//! never changed: what is stored twice is the same.

use crate::Result;

/// A version of a table that is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableVersion {
    /// Name of the table.
    pub table: String,
    /// Hash of the content, as whoever stored it names it.
    pub hash: String,
    /// Bytes of the content.
    pub bytes: u64,
    /// Which copy it is, where several workers may store one version; empty where there is one.
    pub copy: String,
    /// Whether a worker may be about to name it that read it some time ago: until that is over it is
    /// not to be forgotten, whatever names it now.
    pub is_young: bool,
}

/// What a store keeps of tables. Needs no lease: content is found by its hash, so whoever has lost
/// the store can do no harm.
pub trait TableVersions {
    /// Stores a version. It is durable when this returns, or with the next commit of a lease of this
    /// store, which is where workers share a store; until then only this store knows it. One that is
    /// there already is the newest from now on.
    ///
    /// # Errors
    /// [`Error::TableTooLarge`](crate::Error::TableTooLarge) beyond
    /// [`limits::TABLE_BYTES`](crate::limits::TABLE_BYTES).
    fn put_table(&self, table: &str, hash: &str, content: &[u8]) -> Result<()>;

    /// The content of a version, if it is kept.
    fn table(&self, table: &str, hash: &str) -> Result<Option<Vec<u8>>>;

    /// The versions of all tables that are durable, in the order in which they were stored. One may
    /// be there in several copies.
    fn tables(&self) -> Result<Vec<TableVersion>>;

    /// Forgets a version that nothing names any more, or a copy of one of which a newer one is there;
    /// copies that were stored since it was listed stay.
    fn forget_table(&self, version: &TableVersion) -> Result<()>;

    /// Stores the note of a table, which `status` shows, in place of the one before.
    ///
    /// # Errors
    /// As [`TableVersions::put_table`].
    fn put_table_note(&self, table: &str, note: &[u8]) -> Result<()>;

    /// What was stored so last.
    fn table_note(&self, table: &str) -> Result<Option<Vec<u8>>>;
}
