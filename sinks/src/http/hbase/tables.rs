//! The table of rows and that of positions: whether they are there and keep what they acknowledge, and
//! what makes them.

use seismic_queue::Kind;
use serde_json::{Value, json};

use super::cells;
use super::failure;
use super::names::POSITION_FAMILY;
use super::operation::Operation;
use super::target::Target;
use crate::http::answer::{self, Answer, Request, Server};
use crate::{Error, Result, limits};

const DOING: &str = "looking at a table";
const MAKING: &str = "making a table";

/// Both tables, each with its family.
fn both(target: &Target) -> [(&str, &str); 2] {
    [(&target.table, &target.family), (&target.positions, POSITION_FAMILY)]
}

/// What makes both, for the shell of HBase.
pub(super) fn ddl(target: &Target) -> String {
    let namespace = match &*target.namespace {
        "" => String::new(),
        name => format!("create_namespace '{name}'\n"),
    };
    let tables = both(target).map(|(table, family)| {
        format!("create '{table}', {{NAME => '{family}', VERSIONS => 1}}\n")
    });
    namespace + &tables.concat()
}

/// What the server says of a table; `None` where there is none.
fn schema(server: &Server, target: &Target, table: &str) -> Result<Option<Value>> {
    let path = format!("/{table}/schema");
    let answer = server.ask(DOING, Request::Get, &path, limits::DOCUMENTS_ANSWER_BYTES)?;
    match answer.status {
        200 => serde_json::from_slice(&answer.body)
            .map(Some)
            .map_err(|_| answer::unread(&target.name, DOING)),
        404 => Ok(None),
        _ => Err(failure::of_answer(&target.name, DOING, &answer)),
    }
}

/// Refuses tables that are missing, that have no such family, or that may lose what they acknowledge.
pub(super) fn check(server: &Server, target: &Target) -> Result<()> {
    let place = || target.name.clone();
    for (table, family) in both(target) {
        let (schema, of_family) = family_of(server, target, (table, family))?;
        if let Some(what) = weakness(target, table, &schema, &of_family) {
            return Err(Error::Database { place: place(), doing: DOING, what, kind: Kind::Config });
        }
    }
    Ok(())
}

/// What the server says of a table, and of a family of it.
fn family_of(
    server: &Server,
    target: &Target,
    (table, family): (&str, &str),
) -> Result<(Value, Value)> {
    let place = || target.name.clone();
    let Some(schema) = schema(server, target, table)? else {
        return Err(Error::TableMissing { place: place(), table: table.to_owned() });
    };
    let families = schema["ColumnSchema"].as_array().cloned().unwrap_or_default();
    match families.into_iter().find(|it| it["name"] == family) {
        Some(of_family) => Ok((schema, of_family)),
        None => {
            let what = format!("table {table} has no column family {family}");
            Err(Error::TableDiffers { place: place(), what })
        }
    }
}

/// Refuses a table of rows that is missing, or has no such family.
pub(super) fn check_rows(server: &Server, target: &Target) -> Result<()> {
    family_of(server, target, (&target.table, &target.family)).map(|_| ())
}

/// Why the sink cannot promise anything of that table.
fn weakness(target: &Target, table: &str, schema: &Value, family: &Value) -> Option<String> {
    let durability = schema["DURABILITY"].as_str().unwrap_or_default();
    if matches!(durability, "SKIP_WAL" | "ASYNC_WAL") {
        return Some(format!(
            "DURABILITY of {table} is {durability}: a crash of a server would take rows that the position \
             counts. Set it to SYNC_WAL"
        ));
    }
    // Rows may go when they are old. A position, or how far a counter has counted, may not.
    let is_position = table == target.positions || target.operation == Operation::Incr;
    let expires = ttl(family)?;
    is_position.then(|| {
        format!(
            "TTL of {table} is {expires}: rows would be counted again once it is over. Set it to FOREVER"
        )
    })
}

/// How long the cells of a family live, where that is not for ever.
pub(super) fn ttl(family: &Value) -> Option<&str> {
    const FOREVER: [&str; 2] = ["2147483647", "FOREVER"];
    family["TTL"].as_str().filter(|ttl| !FOREVER.contains(ttl))
}

/// How long the cells of rows live, where that is not for ever.
pub(super) fn rows_expire(server: &Server, target: &Target) -> Result<Option<String>> {
    let schema = schema(server, target, &target.table)?.unwrap_or_default();
    let families = schema["ColumnSchema"].as_array().cloned().unwrap_or_default();
    let of_rows = families.iter().find(|it| it["name"] == target.family);
    Ok(of_rows.and_then(ttl).map(str::to_owned))
}

/// What the server answers to a request that makes something.
fn ask(server: &Server, request: Request<'_>, path: &str) -> Result<Answer> {
    server.ask(MAKING, request, path, limits::DOCUMENTS_ANSWER_BYTES)
}

/// Makes what is missing of namespace and tables.
pub(super) fn make(server: &Server, target: &Target) -> Result<()> {
    if !target.namespace.is_empty() {
        let path = format!("/namespaces/{}", cells::escaped(target.namespace.as_bytes()));
        let is_there = || Ok::<_, Error>(ask(server, Request::Get, &path)?.status == 200);
        if !is_there()? {
            let made = ask(server, Request::Post(b"{}"), &path)?;
            // Another sink may have made it meanwhile.
            if made.status != 201 && !is_there()? {
                return Err(failure::of_answer(&target.name, MAKING, &made));
            }
        }
    }
    for (table, family) in both(target) {
        // One that is there would be replaced.
        if schema(server, target, table)?.is_some() {
            continue;
        }
        let body = json!({
            "name": table,
            "ColumnSchema": [{ "name": family, "VERSIONS": "1" }],
        });
        let (body, path) = (body.to_string(), format!("/{table}/schema"));
        let made = ask(server, Request::Put(body.as_bytes()), &path)?;
        if !matches!(made.status, 200 | 201 | 304) {
            return Err(failure::of_answer(&target.name, MAKING, &made));
        }
    }
    Ok(())
}
