//! Keys of a job with a statement.

use seismic_derived::limits;
use serde_json::{Value, json};

use super::words::{DURATION, one_or_more, table_of};

/// `[input]` or `[output]` of a statement.
pub fn of_statement(name: &str, keys: &[&str]) -> Value {
    let mut table = table_of(name);
    for key in keys {
        let help = match *key {
            "topic" => "The topic",
            "of" => "Group of the job whose results are read; without it, a topic of the queue is",
            "key" if name == "input" => {
                "Column that is the key of its messages, for the clock of event time"
            }
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
        table["properties"]["time"] = of_time();
        // Those of a join, by their names.
        table["additionalProperties"] = table.clone();
    }
    table
}

/// `time` of an input.
fn of_time() -> Value {
    let words = json!({ "type": "string" });
    json!({
        "description": "Column with the event time, and how it is written: rfc3339, s, ms, us, ns, or a pattern as %Y-%m-%d %H:%M:%S",
        "anyOf": [
            { "type": "string" },
            {
                "type": "object",
                "additionalProperties": false,
                "required": ["column"],
                "properties": { "column": words, "format": words },
            },
        ],
    })
}

/// `[join]` of a statement with two inputs, which are `[input.NAME]`.
pub fn of_join() -> Value {
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
        "required": ["key", "within"],
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
pub fn of_dimensions() -> Value {
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
                    "description": "Where its rows are: file:PATH, resource:NAME for a file that the server keeps, topic:NAME for the newest message of each key, or the address of a database, Redis, HBase or a document over HTTP",
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
                "table": {
                    "type": "string",
                    "description": "Table of a server; of Redis BEGINNING* for the keys that begin so, or one hash",
                },
                "namespace": { "type": "string", "description": "Namespace of the table in HBase" },
                "family": {
                    "type": "string",
                    "description": "Column family in HBase",
                    "$comment": "default: w",
                },
                "query": {
                    "type": "string",
                    "description": "SELECT whose answer is read instead of a table of the database",
                },
                "path": {
                    "type": "string",
                    "description": "Where in a document over HTTP the list of rows is: names with dots between them",
                },
                "password_file": { "type": "string", "description": "File with the password" },
                "token_file": {
                    "type": "string",
                    "description": "File with a token for a document over HTTP",
                },
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
pub fn of_functions() -> Value {
    let mut properties = of_a_module();
    for (name, property) in [
        (
            "sql",
            json!({
                "type": "string",
                "description": "An expression that it stands for, in which its arguments are named",
            }),
        ),
        (
            "export",
            json!({
                "type": "string",
                "description": "What the module calls it",
                "$comment": "default: the name of the function",
            }),
        ),
        (
            "args",
            json!({
                "type": "array",
                "items": { "type": "string" },
                "description": "Types of its arguments (int, real, text); of an expression, their names",
            }),
        ),
        (
            "returns",
            json!({ "enum": ["int", "real", "text"], "description": "Type of its answer" }),
        ),
    ] {
        properties[name] = property;
    }
    json!({
        "type": "object",
        "description": "Functions that the statement calls, WebAssembly modules or expressions, as [function.NAME]",
        "additionalProperties": {
            "type": "object",
            "additionalProperties": false,
            "oneOf": [{ "required": ["wasm", "args", "returns"] }, { "required": ["sql"] }],
            "properties": properties,
        },
    })
}

/// `operator`, `[module]` and `[params]`, which stand in place of a statement.
pub fn of_operator() -> [(&'static str, Value); 3] {
    let operator = json!({
        "enum": ["wasm"],
        "description": "What makes the results in place of a statement: a WebAssembly module",
    });
    let module = json!({
        "type": "object",
        "description": "The module in place of a statement, which is called with each row",
        "additionalProperties": false,
        "required": ["wasm"],
        "properties": of_a_module(),
    });
    let params = json!({
        "type": "object",
        "description": "What the module can ask for by name",
        "additionalProperties": { "type": ["string", "integer", "number"] },
    });
    [("operator", operator), ("module", module), ("params", params)]
}

/// Where a module is, and what a call may take.
fn of_a_module() -> Value {
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
        "wasm": {
            "type": "string",
            "description": "Where its module is: file:PATH, or resource:NAME for a file that the server keeps",
        },
        "sha256": {
            "type": "string",
            "pattern": "^[0-9A-Fa-f]{64}$",
            "description": "SHA-256 that the module must have",
        },
        "fuel": whole("Steps that a call may take", fuel, limits::FUEL_OF_A_CALL),
        "memory_mib": whole(
            "Mebibytes of memory that a call may have",
            memory,
            limits::FUNCTION_MEMORY_BYTES_OF_A_CALL >> 20,
        ),
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
