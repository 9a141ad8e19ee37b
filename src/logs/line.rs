//! One log line, built from an event.

use std::fmt::{self, Write as _};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use crate::time::{now_ms, show_ms};

/// An event with what it says.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// When, ms since 1970 UTC.
    pub time_ms: i64,
    /// How bad.
    pub level: Level,
    /// What.
    pub message: String,
    /// Further values, by name.
    pub fields: Map<String, Value>,
}

impl Line {
    /// That of an event which happens now.
    #[must_use]
    pub fn of(event: &Event<'_>) -> Line {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Fields { message, others } = fields;
        Line { time_ms: now_ms(), level: *event.metadata().level(), message, fields: others }
    }

    /// The message with the further values behind it.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.message.clone();
        for (name, value) in &self.fields {
            let _ = match value {
                Value::String(value) => write!(text, " {name}={value}"),
                value => write!(text, " {name}={value}"),
            };
        }
        text
    }

    /// The whole line for people.
    #[must_use]
    pub fn written(&self) -> String {
        // One event is one line: what others said may have several.
        let text = self.text().replace('\n', " ");
        format!("{} {:>5} {text}\n", show_ms(self.time_ms), self.level)
    }

    /// The whole line as JSON.
    #[must_use]
    pub fn json(&self) -> String {
        let mut line = Map::new();
        line.insert("time".to_owned(), show_ms(self.time_ms).into());
        line.insert("level".to_owned(), self.level_name().into());
        line.insert("message".to_owned(), self.message.clone().into());
        for (name, value) in &self.fields {
            line.entry(name).or_insert_with(|| value.clone());
        }
        format!("{}\n", Value::Object(line))
    }

    /// How bad, in a word.
    #[must_use]
    pub fn level_name(&self) -> &'static str {
        match self.level {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        }
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => {
                self.others.insert(name.to_owned(), value);
            }
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::String(value.to_owned()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}
