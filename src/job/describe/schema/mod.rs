//! A JSON Schema (draft 2020-12) of job files, for editors that complete and check TOML.

mod statement;
mod words;

use serde_json::{Map, Value, json};

use self::statement::{of_dimensions, of_functions, of_join, of_operator, of_statement};
use self::words::{DURATION, one_or_more, table_of};
use super::keys::{self, Key, Values};
use crate::job::file::{envs, service_keys, variables};

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
            "description": "A statement that makes the results, row by row or of each window, instead of seismic windows",
        }),
    );
    for (name, keys) in
        [("input", &["name", "topic", "of", "key"][..]), ("output", &["name", "topic", "key"])]
    {
        properties.insert(name.to_owned(), of_statement(name, keys));
    }
    properties.insert("dimension".to_owned(), of_dimensions());
    properties.insert("join".to_owned(), of_join());
    properties.insert("function".to_owned(), of_functions());
    for (name, property) in of_operator() {
        properties.insert(name.to_owned(), property);
    }
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
