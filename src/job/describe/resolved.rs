//! A job with where each of its values comes from.

use std::fmt;

use serde_json::{Map, Value, json};

use super::keys;
use crate::error::Usage;
use crate::job::JobSpec;
use crate::job::file::JobFile;
use crate::job::options::JobOptions;
use crate::job::origin::Once;

/// A job, and the source of each value.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The job.
    pub spec: JobSpec,
    values: Vec<ResolvedValue>,
}

#[derive(Clone, Debug)]
struct ResolvedValue {
    key: &'static str,
    value: Value,
    source: String,
    /// The default in words, where there is no value.
    default: Option<String>,
}

impl Resolved {
    /// The job of command line and file.
    ///
    /// # Errors
    /// As [`JobSpec::resolve`].
    pub fn of(line: JobOptions, file: JobFile) -> Result<Resolved, Usage> {
        let on_line = line.clone().in_spans().set_keys();
        let places: Vec<Option<String>> =
            keys::all().iter().map(|key| file.place_of(key.name)).collect();
        let spec = JobSpec::resolve(line, file, Once::default())?;
        let all = serde_json::to_value(&spec).unwrap_or_default();
        let mut values = Vec::new();
        for (key, place) in keys::all().into_iter().zip(places) {
            // `quiet` is of the command that runs the job.
            let Some(value) = all.get(key.name) else { continue };
            let source = match (on_line.contains(key.name), place) {
                (true, _) => "command line".to_owned(),
                (false, Some(place)) => place,
                (false, None) => "default".to_owned(),
            };
            let value = without_secrets(value.clone());
            values.push(ResolvedValue { key: key.name, value, source, default: key.default });
        }
        Ok(Resolved { spec, values })
    }

    /// Values and sources, by key.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let one = |it: &ResolvedValue| {
            (it.key.to_owned(), json!({ "value": it.value, "source": it.source }))
        };
        Value::Object(self.values.iter().map(one).collect::<Map<_, _>>())
    }
}

/// A job file that makes the same job, with the source of each value behind it.
impl fmt::Display for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ResolvedValue { key, value, source, default } in &self.values {
            let line = match (value, default) {
                (Value::Null, Some(default)) => format!("# {key}: {default}"),
                (Value::Null, None) => format!("# {key}: none"),
                (value, _) => format!("{key} = {}", toml(value)),
            };
            writeln!(f, "{line:<52} # {source}")?;
        }
        Ok(())
    }
}

/// JSON's text, numbers, words and lists are TOML's; a table is not.
fn toml(value: &Value) -> String {
    let Value::Object(pairs) = value else { return value.to_string() };
    let one = |(key, value): (&String, &Value)| format!("{} = {value}", Value::String(key.clone()));
    let pairs: Vec<String> = pairs.iter().map(one).collect();
    if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
}

/// Settings that are no one's business are not shown.
fn without_secrets(mut value: Value) -> Value {
    if let Value::Object(pairs) = &mut value {
        for (key, value) in pairs.iter_mut() {
            if ["password", "secret", "key.pem", "private", "token"]
                .iter()
                .any(|it| key.contains(it))
            {
                *value = Value::String("***".to_owned());
            }
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::job::file;

    #[test]
    fn each_value_says_where_it_comes_from_and_secrets_are_not_shown() {
        let text =
            "window = \"2s\"\nlateness = \"1s\"\nkafka = { \"sasl.password\" = \"hunter2\" }\n";
        let line = JobOptions { lateness: Some("3s".parse().unwrap()), ..JobOptions::default() };
        let resolved = Resolved::of(line, file::read(text, Path::new("job.toml"))).unwrap();
        let json = resolved.to_json();
        assert_eq!(json["window"], json!({ "value": "2s", "source": "job.toml:1: window" }));
        assert_eq!(json["lateness"], json!({ "value": "3s", "source": "command line" }));
        assert_eq!(json["max_ahead"], json!({ "value": "5s", "source": "default" }));
        let shown = resolved.to_string();
        assert!(!shown.contains("hunter2") && !json.to_string().contains("hunter2"), "{shown}");
    }

    #[test]
    fn what_is_shown_is_a_file_that_makes_the_same_job() {
        let text = "rollup = [\"1m\"]\ndrain = true\nphases = \"P,S\"\nslots = 2\n";
        let resolved =
            Resolved::of(JobOptions::default(), file::read(text, Path::new("job.toml"))).unwrap();
        let again = file::read(&resolved.to_string(), Path::new("shown.toml"));
        let again = Resolved::of(JobOptions::default(), again).unwrap();
        assert_eq!(again.spec, resolved.spec);
    }
}
