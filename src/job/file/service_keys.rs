//! The keys of a job file that are no options of `seismic run`: what a service keeps of a job.

use serde_json::{Value, json};
use toml::de::DeValue;

use super::value::text;
use crate::job::service::{Service, tags};

/// Bytes of a description: a paragraph.
const DESCRIPTION_BYTES: usize = 512;

/// One key.
pub struct ServiceKey {
    /// Its name, behind that of its table and a dot if it has one.
    pub name: &'static str,
    /// What it does.
    pub help: &'static str,
    /// What holds without it, in words.
    pub default: Option<&'static str>,
    /// A value in TOML.
    pub example: &'static str,
    /// Its values, as a JSON Schema.
    pub schema: fn() -> Value,
    /// Sets it.
    pub set: fn(&mut Service, &DeValue<'_>) -> Result<(), String>,
    /// The value that holds; null without one.
    pub show: fn(&Service) -> Value,
}

impl ServiceKey {
    /// The table that it stands in, and its name there.
    #[must_use]
    pub fn place(&self) -> (Option<&'static str>, &'static str) {
        match self.name.split_once('.') {
            Some((table, name)) => (Some(table), name),
            None => (None, self.name),
        }
    }
}

/// Every key, those of a table behind each other.
pub const SERVICE_KEYS: &[ServiceKey] = &[
    ServiceKey {
        name: "name",
        help: "Name of the job: up to 64 letters of any script, digits, '-' and '_'. Group and \
               topics are named after it where they have no names of their own",
        default: Some("the group"),
        example: "\"coast\"",
        schema: || json!({ "type": "string", "minLength": 1, "maxLength": 64 }),
        set: |service, value| {
            service.name = Some(text(value)?.parse()?);
            Ok(())
        },
        show: |service| service.name.as_ref().map_or(Value::Null, |name| json!(name.as_str())),
    },
    ServiceKey {
        name: "description",
        help: "What the job is for, in up to 512 bytes",
        default: Some("none"),
        example: "\"Windows of the coastal network\"",
        schema: || json!({ "type": "string", "maxLength": 512 }),
        set: |service, value| {
            let text = text(value)?;
            if text.len() > DESCRIPTION_BYTES {
                let bytes = text.len();
                return Err(format!("{bytes} bytes are more than {DESCRIPTION_BYTES}"));
            }
            if text.chars().any(|letter| letter.is_control() && letter != '\n') {
                return Err("it has control characters".to_owned());
            }
            service.description = text;
            Ok(())
        },
        show: |service| match &*service.description {
            "" => Value::Null,
            text => json!(text),
        },
    },
    ServiceKey {
        name: "tags",
        help: "Up to 10 tags by which jobs are found: key and value of letters, digits, '-' and \
               '_', in values also '.'",
        default: Some("none"),
        example: "{ site = \"north\", network = \"GE\" }",
        schema: || {
            let value = json!({ "type": ["string", "integer", "number"], "maxLength": 43 });
            json!({ "type": "object", "maxProperties": 10, "additionalProperties": value })
        },
        set: |service, value| {
            let DeValue::Table(pairs) = value else {
                return Err("write a table, as in { site = \"north\" }".to_owned());
            };
            for (key, value) in pairs {
                let text =
                    text(value.get_ref()).map_err(|why| format!("{}: {why}", key.get_ref()))?;
                service.tags.insert(key.get_ref().to_string(), text);
            }
            match tags::faults(&service.tags) {
                faults if faults.is_empty() => Ok(()),
                faults => Err(faults.join("; ")),
            }
        },
        show: |service| match service.tags.is_empty() {
            true => Value::Null,
            false => json!(service.tags),
        },
    },
];

/// The key of this name.
pub fn find(name: &str) -> Option<&'static ServiceKey> {
    SERVICE_KEYS.iter().find(|key| key.name == name)
}

/// The names of those at the top of a file, and of tables.
pub fn top_names() -> impl Iterator<Item = &'static str> {
    SERVICE_KEYS.iter().map(|key| key.place().0.unwrap_or(key.name))
}

/// The keys of a table; empty when there is none of this name.
pub fn of_table(table: &str) -> Vec<&'static ServiceKey> {
    SERVICE_KEYS.iter().filter(|key| key.place().0 == Some(table)).collect()
}
