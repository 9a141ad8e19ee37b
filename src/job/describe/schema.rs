//! A JSON Schema (draft 2020-12) of job files, for editors that complete and check TOML.

use seismic_derived::limits;
use serde_json::{Map, Value, json};

use super::keys::{self, Key, Values};
use crate::job::file::{envs, service_keys, variables};

/// The pattern of a length of time, as [`TimeSpan`](crate::job::time_span::TimeSpan) reads it.
const DURATION: &str = "^(0|[0-9]+(ms|s|m|h|d))$";

/// The schema.
#[must_use]
pub fn schema() -> Value {
    let mut properties = Map::new();
    for key in keys::all() {
        properties.insert(key.name.to_owned(), property(&key));
        if key.values == Values::Duration {
            let former = json!({
                "type": "integer",
                "deprecated": true,
                "x-same-as": key.name,
                "description": format!("{} as a number of ms", key.name),
            });
            properties.insert(format!("{}_ms", key.name), former);
        }
    }
    for key in service_keys::all() {
        let mut property = (key.schema)();
        property["description"] = Value::String(key.help.to_owned());
        if let Some(default) = key.default {
            property["$comment"] = Value::String(format!("default: {default}"));
        }
        match key.place() {
            (None, name) => drop(properties.insert(name.to_owned(), property)),
            (Some(table), name) => {
                let of_table = properties.entry(table).or_insert_with(|| table_of(table));
                of_table["properties"][name] = property;
                if let Some((_, second)) = key.with_unit().and_then(|name| name.split_once('.')) {
                    let what = format!("{name} as a time with a unit, as in \"60s\"");
                    of_table["properties"][second] =
                        json!({ "type": "string", "x-same-as": name, "description": what });
                }
            }
        }
    }
    properties.insert(variables::TABLE.to_owned(), of_variables());
    properties.insert(
        "sql".to_owned(),
        json!({
            "type": "string",
            "description": "A statement that makes the results, row by row, instead of windows",
        }),
    );
    for (name, keys) in
        [("input", &["name", "topic", "of"][..]), ("output", &["name", "topic", "key"])]
    {
        properties.insert(name.to_owned(), of_statement(name, keys));
    }
    properties.insert("dimension".to_owned(), of_dimensions());
    properties.insert("join".to_owned(), of_join());
    properties.insert("function".to_owned(), of_functions());
    // The same keys by the names that platforms of streams have for them.
    for (name, other) in [("slots", "parallelism"), ("from", "start")] {
        let mut property = properties.get(name).cloned().unwrap_or_default();
        property["x-same-as"] = Value::String(name.to_owned());
        properties.insert(other.to_owned(), property);
    }
    let store = properties.get("store").cloned().unwrap_or_default();
    let mut home = store;
    home["deprecated"] = Value::Bool(true);
    home["x-same-as"] = Value::String("store".to_owned());
    properties.insert("home".to_owned(), home);
    let mut of_env = properties.clone();
    of_env.remove("name");
    properties.insert(envs::TABLE.to_owned(), environments(of_env));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Job file of seismic",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}

/// What is other in each environment; instances are named after the job.
fn environments(properties: Map<String, Value>) -> Value {
    json!({
        "type": "object",
        "propertyNames": { "pattern": "^[a-z0-9]{1,16}$" },
        "additionalProperties": {
            "type": "object",
            "additionalProperties": false,
            "properties": properties,
        },
        "description": "What is other in an environment, as [env.test], which --env NAME chooses",
    })
}

/// `[input]` or `[output]` of a statement.
fn of_statement(name: &str, keys: &[&str]) -> Value {
    let mut table = table_of(name);
    for key in keys {
        let help = match *key {
            "topic" => "The topic",
            "of" => "Group of the job whose results are read; without it, a topic of the queue is",
            "key" => "Column that is the key of its messages",
            _ => "What the statement calls it",
        };
        table["properties"][*key] = json!({ "type": "string", "description": help });
    }
    table["properties"]["columns"] = columns();
    if name == "input" {
        table["properties"]["format"] = json!({
            "enum": ["json", "windows"],
            "description": "Whether messages are lines of JSON, or rows of windows, whose columns are known",
        });
        // Those of a join, by their names.
        table["additionalProperties"] = table.clone();
    }
    table
}

/// `[join]` of a statement with two inputs, which are `[input.NAME]`.
fn of_join() -> Value {
    let column = |what: &str| {
        json!({
            "anyOf": [
                { "type": "string" },
                { "type": "object", "additionalProperties": { "type": "string" } },
            ],
            "description": format!("{what}, of both inputs or of each by its name"),
        })
    };
    let time = |what: &str| json!({ "type": "string", "description": what });
    json!({
        "type": "object",
        "description": "How the inputs [input.NAME] are joined; the statement reads the rows as pairs",
        "additionalProperties": false,
        "required": ["key", "time", "within"],
        "properties": {
            "left": time("Name of the left input; the first of the file if left out"),
            "key": column("Column that is equal"),
            "time": column("Column with the event time in ms since 1970 UTC"),
            "within": {
                "description": "How much later the right side is, at least and at most, as [\"-20ms\", \"20ms\"]",
                "anyOf": [
                    { "type": "string" },
                    { "type": "array", "items": { "type": "string" }, "minItems": 2, "maxItems": 2 },
                ],
            },
            "kind": {
                "enum": ["inner", "left"],
                "description": "Whether a left row that finds no other gives a row with NULLs",
            },
            "lateness": time("How far rows of one key may be out of order in event time (500ms)"),
            "max_ahead": time("How far an event time may be ahead of the append time (5s)"),
        },
    })
}

/// `[dimension.NAME]` of a statement.
fn of_dimensions() -> Value {
    let words = json!({ "type": "string" });
    let mut key = one_or_more(&words);
    key["description"] = json!("Column by which its rows are found, or several");
    json!({
        "type": "object",
        "description": "Tables that the statement looks things up in, as [dimension.NAME]",
        "additionalProperties": {
            "type": "object",
            "additionalProperties": false,
            "required": ["source", "columns", "key"],
            "properties": {
                "source": {
                    "type": "string",
                    "description": "Where its rows are: file:PATH, resource:NAME for a file that the server keeps, topic:NAME for the newest message of each key, or the address of a database",
                },
                "format": {
                    "enum": ["csv", "json", "windows"],
                    "description": "What is in a file whose name does not say it, or in messages of a topic: json or windows",
                },
                "of": {
                    "type": "string",
                    "description": "Job whose results the topic is of; else it is one of the queue",
                },
                "keep": {
                    "type": "string",
                    "pattern": DURATION,
                    "description": "How long a message of a topic is a row; else as long as the topic has it",
                },
                "table": { "type": "string", "description": "Table of the database" },
                "query": {
                    "type": "string",
                    "description": "SELECT whose answer is read instead of a table of the database",
                },
                "password_file": { "type": "string", "description": "File with the password" },
                "sslmode": {
                    "enum": ["disable", "prefer", "require", "verify-full"],
                    "description": "TLS: never, where the server has it, always, always and for this host alone",
                    "$comment": "default: prefer",
                },
                "ssl_ca": {
                    "type": "string",
                    "description": "PEM file of the trusted certificate authorities",
                },
                "columns": columns(),
                "key": key,
                "on": {
                    "type": "object",
                    "additionalProperties": words,
                    "description": "Column of the input that is equal to each of the key",
                },
                "unique": {
                    "type": "boolean",
                    "description": "Whether a key has one row at most",
                    "$comment": "default: true",
                },
                "missing": {
                    "enum": ["dead-letter", "null", "drop", "stop"],
                    "description": "What becomes of a row of the input that finds none",
                    "$comment": "default: dead-letter",
                },
                "cache": { "enum": ["all"], "description": "What of it is in memory" },
                "ttl": {
                    "type": "string",
                    "pattern": DURATION,
                    "description": "How long what was read is good",
                    "$comment": "default: 1m",
                },
                "stale": {
                    "type": "string",
                    "pattern": DURATION,
                    "description": "How long the job goes on without its source; then it waits",
                },
            },
        },
    })
}

/// `[function.NAME]` of a statement.
fn of_functions() -> Value {
    let whole = |what: &str, range: (u64, u64), usual: u64| {
        let (least, most) = range;
        json!({
            "type": "integer", "minimum": least, "maximum": most, "description": what,
            "$comment": format!("default: {usual}"),
        })
    };
    let fuel = (*limits::FUEL.start(), *limits::FUEL.end());
    let memory = (1, limits::FUNCTION_MEMORY_BYTES.end() >> 20);
    json!({
        "type": "object",
        "description": "Functions that the statement calls, WebAssembly modules or expressions, as [function.NAME]",
        "additionalProperties": {
            "type": "object",
            "additionalProperties": false,
            "oneOf": [{ "required": ["wasm", "args", "returns"] }, { "required": ["sql"] }],
            "properties": {
                "wasm": {
                    "type": "string",
                    "description": "Where its module is: file:PATH, or resource:NAME for a file that the server keeps",
                },
                "sql": {
                    "type": "string",
                    "description": "An expression that it stands for, in which its arguments are named",
                },
                "sha256": {
                    "type": "string",
                    "pattern": "^[0-9A-Fa-f]{64}$",
                    "description": "SHA-256 that the module must have",
                },
                "export": {
                    "type": "string",
                    "description": "What the module calls it",
                    "$comment": "default: the name of the function",
                },
                "args": {
                    "type": "array",
                    "items": { "type": "string" },
                    "description": "Types of its arguments (int, real, text); of an expression, their names",
                },
                "returns": { "enum": ["int", "real", "text"], "description": "Type of its answer" },
                "fuel": whole("Steps that a call may take", fuel, limits::FUEL_OF_A_CALL),
                "memory_mib": whole(
                    "Mebibytes of memory that a call may have",
                    memory,
                    limits::FUNCTION_MEMORY_BYTES_OF_A_CALL >> 20,
                ),
            },
        },
    })
}

/// Columns with their types.
fn columns() -> Value {
    let kind = json!({ "enum": ["int", "real", "text"] });
    json!({
        "description": "Name and type of each column, as `sensor_id text`; types are int, real and text",
        "oneOf": [
            { "type": "object", "additionalProperties": kind },
            { "type": "array", "items": { "type": "string", "pattern": "^\\S+ (int|real|text)$" } },
        ],
    })
}

fn table_of(name: &str) -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {},
        "description": format!("The table [{name}]"),
    })
}

fn of_variables() -> Value {
    json!({
        "type": "object",
        "propertyNames": { "pattern": "^[A-Za-z][A-Za-z0-9_]{0,63}$" },
        "additionalProperties": { "type": ["string", "integer", "number", "boolean"] },
        "description": "Values of {{name}} in other values, where neither --var nor the environment gives one",
    })
}

fn property(key: &Key) -> Value {
    let duration = json!({ "type": "string", "pattern": DURATION });
    let mut property = match &key.values {
        Values::Flag => json!({ "type": "boolean" }),
        Values::Number => json!({ "type": "integer", "minimum": 0 }),
        Values::Duration => duration,
        Values::Durations => one_or_more(&duration),
        Values::Word(words) => {
            let names: Vec<&String> = words.iter().map(|(name, _)| name).collect();
            json!({ "enum": names })
        }
        Values::Sinks => one_or_more(&sink()),
        Values::Table => {
            let value = json!({ "type": ["string", "integer", "number", "boolean"] });
            json!({ "type": "object", "additionalProperties": value })
        }
        Values::Http => http(),
        Values::Text => json!({ "type": "string" }),
    };
    property["description"] = Value::String(key.help.clone());
    if let Some(default) = &key.default {
        // Words, where the default depends on something.
        property["$comment"] = Value::String(format!("default: {default}"));
    }
    property
}

/// An address as text, or a table with what is set beside it.
fn http() -> Value {
    let text = json!({ "type": "string" });
    let number = json!({ "type": "integer", "minimum": 1 });
    let table = json!({
        "type": "object",
        "required": ["address"],
        "additionalProperties": false,
        "properties": {
            "address": text,
            "ready_lag": { "type": "string", "pattern": DURATION },
            "token_file": text,
            "hosts": one_or_more(&text),
            "requests_per_s": number,
            "connections": number,
        },
    });
    json!({ "anyOf": [{ "type": "string" }, table] })
}

fn one_or_more(one: &Value) -> Value {
    json!({ "anyOf": [one, { "type": "array", "items": one }] })
}

/// A sink as one word, or as a table with the options that sinks of its type take.
fn sink() -> Value {
    let tables = seismic_sinks::all().map(|entry| {
        let option = |option: &seismic_sinks::SinkOption| {
            let value = json!({
                "type": ["string", "integer"],
                "description": option.doc,
                "$comment": format!("default: {}", option.default),
            });
            (option.name.to_owned(), value)
        };
        let mut properties: Map<String, Value> = entry.all_options().map(option).collect();
        properties.insert("type".to_owned(), json!({ "const": entry.scheme }));
        if entry.target.is_some() {
            properties.insert("target".to_owned(), json!({ "type": "string" }));
        }
        json!({
            "type": "object",
            "required": ["type"],
            "additionalProperties": false,
            "properties": properties,
        })
    });
    let word = json!({ "type": "string" });
    json!({ "anyOf": std::iter::once(word).chain(tables).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_type_and_says_what_it_does() {
        let schema = schema();
        let properties = schema["properties"].as_object().unwrap();
        assert!(properties.len() > 30);
        for (name, property) in properties {
            let is_typed = ["type", "enum", "anyOf"].iter().any(|key| property.get(key).is_some());
            assert!(is_typed && property["description"].is_string(), "{name}: {property}");
        }
        assert_eq!(properties["time"]["enum"], json!(["event", "ingest"]));
        assert_eq!(properties["window"]["pattern"], DURATION);
        assert_eq!(properties["window_ms"]["deprecated"], true);
    }

    #[test]
    fn every_option_of_a_sink_is_in_its_table() {
        let text = sink().to_string();
        for name in ["file_bytes", "precision", "batch_rows", "flush_ms"] {
            assert!(text.contains(&format!("\"{name}\"")), "{name}");
        }
    }
}
