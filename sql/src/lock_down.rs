//! Takes from a connection everything that a SELECT over the tables does not need.
//!
//! The second line of defence: the first is the list of what is allowed ([`allow`](crate::allow)).

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;

use crate::limits;

/// Settings and limits of <https://sqlite.org/security.html>, and our own.
pub fn lock_down(connection: &Connection) -> rusqlite::Result<()> {
    for (setting, is_on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, false),
        // A misspelt "column" is an error, and not a text.
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
    ] {
        connection.set_db_config(setting, is_on)?;
    }
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_LENGTH, limits::VALUE_BYTES),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, limits::STATEMENT_BYTES),
        (Limit::SQLITE_LIMIT_COLUMN, limits::COLUMNS),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, limits::EXPRESSION_DEPTH),
        (Limit::SQLITE_LIMIT_COMPOUND_SELECT, limits::COMPOUND_SELECTS),
        (Limit::SQLITE_LIMIT_VDBE_OP, limits::PROGRAM_STEPS),
        (Limit::SQLITE_LIMIT_FUNCTION_ARG, limits::ARGUMENTS),
        (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, limits::PATTERN_BYTES),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 1),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        connection.set_limit(limit, value)?;
    }
    Ok(())
}
