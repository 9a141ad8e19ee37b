//! The template of the indices of rows, and the index of positions.

use seismic_proto::ColumnType;
use serde_json::{Map, Value, json};

use super::failure;
use super::names::POSITIONS;
use super::target::Target;
use crate::http::answer::{Request, Server};
use crate::rows::columns::TableColumn;
use crate::{Result, limits};

/// What makes both, as people paste it into the console of the server.
pub(super) fn ddl(target: &Target, columns: &[TableColumn]) -> String {
    let both =
        [(template_path(target), template(target, columns)), (positions_path(), positions())];
    let commands = both.map(|(path, body)| format!("PUT {path}\n{body:#}\n"));
    commands.join("\n")
}

fn template_path(target: &Target) -> String {
    format!("/_index_template/{}", target.pattern.template())
}

fn positions_path() -> String {
    format!("/{POSITIONS}")
}

fn template(target: &Target, columns: &[TableColumn]) -> Value {
    let fields = columns.iter().map(|column| {
        let kind = match column.kind {
            ColumnType::Text | ColumnType::Enum(_) => "keyword",
            ColumnType::Bool => "boolean",
            ColumnType::Int32 => "integer",
            ColumnType::UInt32 | ColumnType::Int64 => "long",
            ColumnType::TimestampMs => "date",
            ColumnType::Float32 => "float",
            ColumnType::Float64 => "double",
        };
        let mut field = json!({ "type": kind });
        if kind == "date" {
            field["format"] = "epoch_millis".into();
        }
        (column.name.clone(), field)
    });
    let pattern = target.pattern.wildcard();
    json!({
        // The longer of two patterns that fit an index counts.
        "priority": 200 + pattern.len(),
        "index_patterns": [pattern],
        "template": {
            "settings": { "index.translog.durability": "request" },
            "mappings": { "dynamic": false, "properties": fields.collect::<Map<_, _>>() },
        },
    })
}

fn positions() -> Value {
    json!({
        "settings": { "number_of_shards": 1, "index.translog.durability": "request" },
        // It is read by its id alone.
        "mappings": { "dynamic": false },
    })
}

/// Whether the template is there.
pub(super) fn has_template(server: &Server, target: &Target) -> Result<bool> {
    is_there(server, target, &template_path(target))
}

/// Whether the index of positions is there.
pub(super) fn has_positions(server: &Server, target: &Target) -> Result<bool> {
    is_there(server, target, &positions_path())
}

fn is_there(server: &Server, target: &Target, path: &str) -> Result<bool> {
    let doing = "looking for what it writes to";
    let answer = server.ask(doing, Request::Get, path, limits::DOCUMENTS_ANSWER_BYTES)?;
    match answer.status {
        200 => Ok(true),
        404 => Ok(false),
        _ => Err(failure::of_answer(&target.name, doing, &answer)),
    }
}

/// Makes what is missing of both.
pub(super) fn make(server: &Server, target: &Target, columns: &[TableColumn]) -> Result<()> {
    if !has_template(server, target)? {
        put(server, target, &template_path(target), &template(target, columns))?;
    }
    if !has_positions(server, target)? {
        put(server, target, &positions_path(), &positions())?;
    }
    Ok(())
}

/// Makes an index of rows, whose template says what is in it.
pub(super) fn make_index(server: &Server, target: &Target, index: &str) -> Result<()> {
    put(server, target, &format!("/{index}"), &json!({}))
}

/// What is there already is fine.
fn put(server: &Server, target: &Target, path: &str, body: &Value) -> Result<()> {
    let doing = "making an index";
    let body = body.to_string();
    let answer = server.ask(doing, Request::Put(body.as_bytes()), path, limits::ANSWER_BYTES)?;
    let is_there = || {
        let name = failure::trouble(&answer).map(|trouble| trouble.name);
        name.as_deref() == Some("resource_already_exists_exception")
    };
    match answer.status {
        200 => Ok(()),
        400 if is_there() => Ok(()),
        _ => Err(failure::of_answer(&target.name, doing, &answer)),
    }
}
