//! Whether each row of an answer is made of one row of a table, read from the program that SQLite
//! makes of the statement (EXPLAIN).
//!
//! The program is a loop over the table with other tables inside. What SQLite needs to look at
//! several rows at once has instructions of its own: accumulators, sorters, sets, coroutines. They
//! may stand where the program runs once for the whole statement and does not read the table
//! (`IN (list)`); anywhere else, only what is listed here may stand, so that a later SQLite's
//! instructions are refused until somebody has looked at them.

use rusqlite::Connection;

/// Instructions that look at one row of each table at a time.
const OF_ONE_ROW: [&str; 77] = [
    "Add",
    "Affinity",
    "And",
    "BeginSubrtn",
    "BitAnd",
    "BitNot",
    "BitOr",
    "Blob",
    "Cast",
    "Close",
    "ClrSubtype",
    "CollSeq",
    "Column",
    "Compare",
    "Concat",
    "Copy",
    "Divide",
    "ElseEq",
    "Eq",
    "Explain",
    "Filter",
    "Found",
    "Function",
    "Ge",
    "GetSubtype",
    "Goto",
    "Gt",
    "Halt",
    "HaltIfNull",
    "If",
    "IfNot",
    "IfNullRow",
    "IfPos",
    "Init",
    "Int64",
    "IntCopy",
    "Integer",
    "IsNull",
    "IsTrue",
    "IsType",
    "Jump",
    "Le",
    "Lt",
    "Move",
    "Multiply",
    "MustBeInt",
    "Ne",
    "Next",
    "Noop",
    "Not",
    "NotFound",
    "NotNull",
    "Null",
    "NullRow",
    "Once",
    "Or",
    "PureFunc",
    "Real",
    "RealAffinity",
    "Remainder",
    "ResultRow",
    "Return",
    "Rewind",
    "Rowid",
    "SCopy",
    "SetSubtype",
    "ShiftLeft",
    "ShiftRight",
    "String",
    "String8",
    "Subtract",
    "Transaction",
    "VColumn",
    "VFilter",
    "VNext",
    "VOpen",
    "ZeroOrNull",
];

/// Why a statement is not row by row.
pub struct Objection {
    /// What makes it so.
    pub why: String,
    /// Keywords that are to blame; the first that the statement has.
    pub words: &'static [&'static str],
}

/// How a statement reads a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Not at all.
    Not,
    /// A row of another table without one of this table gives none.
    Inner,
    /// At the right of LEFT JOIN: such a row gives one with NULLs.
    Left,
}

struct Instruction {
    name: String,
    p1: i64,
    p2: i64,
    p4: String,
}

/// Looks at a statement over the table of that name, which SQLite has at that address.
pub fn objection(
    connection: &Connection,
    sql: &str,
    (table, address): (&str, usize),
) -> rusqlite::Result<Option<Objection>> {
    let program = program(connection, sql)?;
    let once: Vec<_> = (program.iter().enumerate())
        .filter(|(_, it)| it.name == "Once")
        .map(|(at, it)| at..usize::try_from(it.p2).unwrap_or(0))
        .collect();
    let is_once = |at: usize| once.iter().any(|range| range.contains(&at));
    let is_of_table = |it: &Instruction| it.name == "VOpen" && address_of(&it.p4) == Some(address);
    let opened: Vec<_> = program.iter().enumerate().filter(|(_, it)| is_of_table(it)).collect();
    let said = |why: String, words| Ok(Some(Objection { why, words }));
    let cursor = match opened[..] {
        [] => {
            let why = format!(
                "the statement does not read {table}: each row of the output is made of one of its rows"
            );
            return said(why, &["from"]);
        }
        [(at, it)] if !is_once(at) => it.p1,
        _ => {
            let why = format!(
                "the statement reads {table} more than once, and each row of the output is to be made \
                 of one of its rows"
            );
            return said(why, &["union", "intersect", "except", "join"]);
        }
    };
    let strange = program
        .iter()
        .enumerate()
        .find(|(at, it)| !is_once(*at) && OF_ONE_ROW.binary_search(&it.name.as_str()).is_err());
    if let Some((_, it)) = strange {
        return Ok(Some(of_instruction(&it.name, table)));
    }
    let is_on = |name: &str, it: &Instruction| it.name == name && it.p1 == cursor;
    if program.iter().any(|it| is_on("NullRow", it)) {
        let why = format!(
            "{table} stands at the right of LEFT JOIN, which gives rows that are made of none of its \
             rows: let it stand at the left"
        );
        return said(why, &["left"]);
    }
    // Rows of the answer are given where the cursor stands on a row: within its one loop.
    let from = program.iter().position(|it| is_on("VFilter", it));
    let to = program.iter().rposition(|it| is_on("VNext", it));
    let is_within = |at: usize| from.is_some_and(|from| from < at) && to.is_some_and(|to| at < to);
    let mut results = program.iter().enumerate().filter(|(_, it)| it.name == "ResultRow");
    let is_outside = results.any(|(at, _)| !is_within(at));
    let loops = program.iter().filter(|it| is_on("VFilter", it)).count();
    if is_outside || loops != 1 {
        let why = format!("the statement gives rows that are made of none of the rows of {table}");
        return said(why, &["union", "select"]);
    }
    Ok(None)
}

/// How a statement reads the table that SQLite has at that address.
pub fn reading(connection: &Connection, sql: &str, address: usize) -> rusqlite::Result<Reading> {
    let program = program(connection, sql)?;
    let opens = |it: &&Instruction| it.name == "VOpen" && address_of(&it.p4) == Some(address);
    let opened: Vec<i64> = program.iter().filter(opens).map(|it| it.p1).collect();
    let is_left = |cursor: &i64| program.iter().any(|it| it.name == "NullRow" && it.p1 == *cursor);
    Ok(match opened[..] {
        [] => Reading::Not,
        _ if opened.iter().all(is_left) => Reading::Left,
        _ => Reading::Inner,
    })
}

fn of_instruction(name: &str, table: &str) -> Objection {
    let (what, words): (&str, &'static [&'static str]) = match name {
        "DecrJumpZero" | "OffsetLimit" => (
            "LIMIT and a sub-select that gives one value count rows: leave LIMIT out, and join the \
             table instead",
            &["limit", "exists"],
        ),
        _ if name.starts_with("Agg") => (
            "an aggregate is made of several rows",
            &["group", "sum", "avg", "count", "min", "max"],
        ),
        _ if name.starts_with("Sorter") => {
            ("ORDER BY and GROUP BY need all rows", &["order", "group"])
        }
        _ => (
            "DISTINCT, UNION, window functions, RIGHT and FULL JOIN, recursion and sub-selects that are \
             kept need all rows",
            &["distinct", "union", "over", "right", "full", "recursive", "in", "exists"],
        ),
    };
    let why = format!(
        "the statement is not row by row over {table}: {what}. Its rows come in batches that are cut by \
         time, and the output must not depend on that ({name})"
    );
    Objection { why, words }
}

fn program(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<Instruction>> {
    let mut explain = connection.prepare(&format!("EXPLAIN {sql}"))?;
    let text = |row: &rusqlite::Row<'_>, at: usize| {
        row.get_ref(at).ok().and_then(|value| value.as_str().ok()).unwrap_or_default().to_owned()
    };
    let instructions = explain.query_map([], |row| {
        let number = |at: usize| row.get::<_, i64>(at).unwrap_or_default();
        Ok(Instruction { name: text(row, 1), p1: number(2), p2: number(3), p4: text(row, 5) })
    })?;
    instructions.collect()
}

/// The address in `vtab:7F00…`.
fn address_of(p4: &str) -> Option<usize> {
    let digits = p4.strip_prefix("vtab:")?;
    usize::from_str_radix(digits.trim_start_matches("0x"), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_has_nothing_of_several_rows() {
        assert!(OF_ONE_ROW.is_sorted());
        for several in ["AggStep", "SorterOpen", "OpenEphemeral", "InitCoroutine", "DecrJumpZero"] {
            assert!(!OF_ONE_ROW.contains(&several), "{several}");
        }
    }
}
