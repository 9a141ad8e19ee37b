//! The tables `[dimension.NAME]` of a job with a statement.
//!
//! ```toml
//! [dimension.Threshold]
//! source = "file:thresholds.csv"           # or resource:NAME, topic:NAME, or an address
//! key = "Type"
//! columns = { Type = "int", Value = "real" }
//! ttl = "60s"
//! missing = "dead-letter"
//! ```

use std::time::Duration;

use seismic_derived::{Column, DimensionDefinition, Missing, TextFormat};
use toml::Spanned;
use toml::de::DeValue;

use super::columns::{columns, of_table};
use super::nearest::nearest;
use super::value::{duration, flag, text};
use crate::dimension::database::{OPTIONS, SourceFormat, SourceKeys};
use crate::dimension::source::TableSource;
use crate::dimension::{TableSpec, limits};
use crate::job::time_span::TimeSpan;

/// Keys of a table.
pub const OF_DIMENSION: [&str; 21] = [
    "source",
    "format",
    "of",
    "keep",
    "table",
    "namespace",
    "family",
    "query",
    "path",
    "password_file",
    "token_file",
    "sslmode",
    "ssl_ca",
    "columns",
    "key",
    "on",
    "unique",
    "missing",
    "cache",
    "ttl",
    "stale",
];

/// What a file says of a table.
#[derive(Clone, Debug, Default)]
pub struct DimensionKeys {
    name: String,
    source: Option<String>,
    of_source: SourceKeys,
    columns: Vec<Column>,
    key: Vec<String>,
    on: Vec<(String, String)>,
    unique: Option<bool>,
    missing: Option<Missing>,
    ttl: Option<Duration>,
    stale: Option<Duration>,
}

impl DimensionKeys {
    /// The table of that name, without anything said of it.
    #[must_use]
    pub fn named(name: &str) -> Self {
        DimensionKeys { name: name.to_owned(), ..DimensionKeys::default() }
    }

    /// Sets a key.
    ///
    /// # Errors
    /// What to write instead.
    pub fn set(&mut self, written: &str, value: &DeValue<'_>) -> Result<(), String> {
        match written {
            "source" => self.source = Some(text(value)?),
            "format" => {
                self.of_source.format = Some(match text(value)?.as_str() {
                    "csv" => SourceFormat::Text(TextFormat::Csv),
                    "json" => SourceFormat::Text(TextFormat::Json),
                    "windows" => SourceFormat::Windows,
                    other => {
                        let all = "\"csv\", \"json\", \"windows\"";
                        return Err(format!("{other:?} is none of {all}"));
                    }
                });
            }
            "of" => self.of_source.of = Some(text(value)?),
            "keep" => {
                self.of_source.keep = Some(duration(value)?.duration()).filter(|it| !it.is_zero());
            }
            "query" => self.of_source.query = Some(text(value)?),
            "path" => self.of_source.path = Some(text(value)?),
            option if OPTIONS.contains(&option) => {
                self.of_source.options.insert(option.to_owned(), text(value)?);
            }
            "columns" => self.columns = columns(value)?,
            "key" => self.key = names(value)?,
            "on" => self.on = pairs(value)?,
            "unique" => {
                let mut is_unique = false;
                flag(&mut is_unique, value)?;
                self.unique = Some(is_unique);
            }
            "missing" => {
                let word = text(value)?;
                let found = Missing::ALL.into_iter().find(|missing| missing.word() == word);
                self.missing = Some(found.ok_or_else(|| {
                    let all = Missing::ALL.map(|missing| format!("{:?}", missing.word()));
                    format!("{word:?} is none of {}", all.join(", "))
                })?);
            }
            "cache" => match text(value)?.as_str() {
                "all" => {}
                other => {
                    return Err(format!(
                        "{other:?}: this version reads tables as a whole: write \"all\", or leave the \
                         key out"
                    ));
                }
            },
            "ttl" => self.ttl = Some(time(value)?),
            "stale" => self.stale = Some(time(value)?),
            _ => {
                return Err(match nearest(written, OF_DIMENSION.into_iter()) {
                    Some(name) => format!("there is no such key; did you mean {name:?}?"),
                    None => {
                        format!("there is no such key; the keys are {}", OF_DIMENSION.join(", "))
                    }
                });
            }
        }
        Ok(())
    }

    /// The table, and where its rows come from.
    ///
    /// # Errors
    /// What is missing.
    pub fn table(&self) -> Result<(DimensionDefinition, TableSpec), String> {
        let name = &self.name;
        let about = |why: String| format!("dimension.{name}: {why}");
        let Some(source) = &self.source else {
            return Err(about(
                "source is missing: where its rows are, as file:PATH, resource:NAME or topic:NAME"
                    .to_owned(),
            ));
        };
        let source = TableSource::new(source, &self.of_source)
            .map_err(|why| about(format!("source: {why}")))?;
        if source.has_one_key() && self.key.len() > 1 {
            return Err(about("key: rows are found by one column there: name one".to_owned()));
        }
        let is_key = |it: &&(String, String)| !self.key.iter().any(|key| is_same(key, &it.0));
        if let Some((strange, _)) = self.on.iter().find(is_key) {
            let keys = self.key.join(", ");
            return Err(about(format!(
                "on: {strange} is no column of its key ({keys}): write on = {{ KEY = \"COLUMN OF THE \
                 INPUT\" }}"
            )));
        }
        let on = |key: &String| {
            let said = self.on.iter().find(|(name, _)| is_same(key, name));
            said.map_or_else(|| key.clone(), |(_, column)| column.clone())
        };
        let definition = DimensionDefinition {
            name: name.clone(),
            columns: self.columns.clone(),
            key: self.key.clone(),
            on: self.key.iter().map(on).collect(),
            unique: self.unique.unwrap_or(true),
            missing: self.missing.unwrap_or(Missing::DeadLetter),
        };
        let (ttl, stale) = (self.ttl.unwrap_or(limits::TTL), self.stale);
        if let Some(stale) = stale.filter(|stale| *stale <= ttl) {
            let [stale, ttl] = [stale, ttl].map(|it| TimeSpan::from_ms(it.as_millis() as i64));
            return Err(about(format!(
                "stale is {stale}, and what was read is good for ttl = {ttl}: stale must be longer"
            )));
        }
        Ok((definition, TableSpec { table: name.clone(), source, ttl, stale }))
    }
}

/// A time of a table.
fn time(value: &DeValue<'_>) -> Result<Duration, String> {
    let time = duration(value)?.duration();
    let (least, most) = (limits::TTLS.start(), limits::TTLS.end());
    if !limits::TTLS.contains(&time) {
        let days = most.as_secs() / 86_400;
        return Err(format!("it is not between {}s and {days}d", least.as_secs()));
    }
    Ok(time)
}

fn is_same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// One name, or a list of them.
fn names(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    match value {
        DeValue::Array(all) => all.iter().map(Spanned::get_ref).map(text).collect(),
        value => Ok(vec![text(value)?]),
    }
}

/// `{ key = "column of the input" }`.
fn pairs(value: &DeValue<'_>) -> Result<Vec<(String, String)>, String> {
    let DeValue::Table(pairs) = value else {
        return Err("write a table, as in { Type = \"Type\" }".to_owned());
    };
    let one = |(name, value): (&str, &DeValue<'_>)| {
        let column = text(value).map_err(|why| format!("{name}: {why}"))?;
        Ok((name.to_owned(), column))
    };
    of_table(pairs).into_iter().map(one).collect()
}
