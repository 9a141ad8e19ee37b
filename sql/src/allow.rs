//! What a statement may do, as a list of what is allowed: everything else is refused, also what a
//! later SQLite brings.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use crate::functions;

/// SQLite's own functions that may be called: those of one row's values that give the same answer
/// everywhere, aggregates, and window functions. None reads a clock, chance, the connection or a
/// file, and none is there to make large values.
const OF_SQLITE: [&str; 49] = [
    "abs",
    "avg",
    "char",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "cume_dist",
    "dense_rank",
    "first_value",
    "glob",
    "group_concat",
    "hex",
    "if",
    "ifnull",
    "iif",
    "instr",
    "lag",
    "last_value",
    "lead",
    "length",
    "like",
    "likelihood",
    "likely",
    "lower",
    "ltrim",
    "max",
    "min",
    "nth_value",
    "ntile",
    "nullif",
    "octet_length",
    "percent_rank",
    "quote",
    "rank",
    "replace",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "string_agg",
    "substr",
    "substring",
    "sum",
    "total",
    "trim",
    "typeof",
    "unicode",
    "unlikely",
];

/// Names of the functions that a statement may call.
pub fn functions() -> impl Iterator<Item = &'static str> {
    OF_SQLITE.into_iter().chain(["upper"]).chain(functions::names())
}

/// What SQLite asks while it compiles a statement.
#[derive(Debug)]
pub struct Allowed {
    functions: BTreeSet<String>,
    tables: BTreeSet<String>,
    statement: Mutex<Statement>,
}

#[derive(Debug, Default)]
struct Statement {
    /// What it defines by WITH.
    common: BTreeSet<String>,
    denied: Option<Denied>,
}

/// The first thing of a statement that is not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// A function of that name.
    Function(String),
    /// A table of that name.
    Table(String),
    /// Something else than SELECT, in a few words.
    Action(String),
}

impl Allowed {
    /// Statements may read these tables, and call these functions beside those of the list; the names
    /// are in lower case.
    pub fn new(tables: BTreeSet<String>, own: impl Iterator<Item = String>) -> Self {
        let functions = functions().map(str::to_owned).chain(own).collect();
        Allowed { functions, tables, statement: Mutex::default() }
    }

    /// Names of the functions that statements may call.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.functions.iter().map(String::as_str)
    }

    /// A statement is compiled now. It may read what it defines itself, if nothing else has that
    /// name.
    pub fn begin(&self, common: BTreeSet<String>) {
        *self.lock() = Statement { common, denied: None };
    }

    /// What of it was denied.
    pub fn denied(&self) -> Option<Denied> {
        self.lock().denied.take()
    }

    /// SQLite asks.
    pub fn judge(&self, asked: AuthContext<'_>) -> Authorization {
        let mut statement = self.lock();
        match self.objection(asked.action, &statement.common) {
            None => Authorization::Allow,
            Some(denied) => {
                statement.denied.get_or_insert(denied);
                Authorization::Deny
            }
        }
    }

    fn objection(&self, action: AuthAction<'_>, common: &BTreeSet<String>) -> Option<Denied> {
        match action {
            AuthAction::Select | AuthAction::Recursive => None,
            AuthAction::Function { function_name } => {
                let name = function_name.to_lowercase();
                (!self.functions.contains(&name)).then_some(Denied::Function(name))
            }
            AuthAction::Read { table_name, column_name } => {
                let name = table_name.to_lowercase();
                // Of a table of WITH that no column is taken of, SQLite asks too.
                let is_common = || column_name.is_empty() && common.contains(&name);
                let is_allowed = self.tables.contains(&name) || is_common();
                (!is_allowed).then_some(Denied::Table(table_name.to_owned()))
            }
            other => Some(Denied::Action(words(&other))),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Statement> {
        self.statement.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the statement would do.
fn words(action: &AuthAction<'_>) -> String {
    match action {
        AuthAction::Attach { .. } | AuthAction::Detach { .. } => {
            "attach or detach a database".into()
        }
        AuthAction::Pragma { pragma_name, .. } => format!("use PRAGMA {pragma_name}"),
        AuthAction::Insert { .. } | AuthAction::Update { .. } | AuthAction::Delete { .. } => {
            "change rows".into()
        }
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => {
            "begin or end a transaction".into()
        }
        AuthAction::Analyze { .. } | AuthAction::Reindex { .. } => "change how SQLite plans".into(),
        _ => "make, change or drop something".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_nothing_twice_and_nothing_that_reads_the_world() {
        let all: Vec<_> = functions().collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        for refused in [
            "random",
            "randomblob",
            "zeroblob",
            "load_extension",
            "date",
            "datetime",
            "strftime",
            "julianday",
            "unixepoch",
            "current_timestamp",
            "printf",
            "format",
            "last_insert_rowid",
            "sqlite_version",
            "fts3_tokenizer",
            "json",
            "readfile",
            "edit",
            "soundex",
        ] {
            assert!(!all.contains(&refused), "{refused}");
        }
    }
}
