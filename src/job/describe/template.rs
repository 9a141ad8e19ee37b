//! A template of a job file: common keys are set, all others are comments.

use super::keys::{self, Key, Values};
use crate::job::JobSpec;
use crate::job::file::service_keys::{self, ServiceKey};

/// Kind of job that a file is begun for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Template {
    /// Records in an embedded queue, rows to CSV files
    Embedded,
    /// Records in Apache Kafka, state and rows there too, rows also to CSV files
    Kafka,
    /// Records in Apache RocketMQ, rows back to a topic of the same cluster
    Rocketmq,
}

impl Template {
    /// The keys that it sets, with their values in TOML.
    fn sets(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Template::Embedded => &[
                ("queue", "\"sqlite:output/queue.db\""),
                ("sink", "[\"csv:output/rows\"]"),
                ("window", "\"1s\""),
                ("lateness", "\"500ms\""),
            ],
            Template::Kafka => &[
                ("queue", "\"kafka://localhost:9092\""),
                ("kafka", "{ \"client.id\" = \"seismic\" }"),
                ("sink", "[\"csv:output/rows\"]"),
                ("window", "\"1s\""),
                ("lateness", "\"500ms\""),
            ],
            Template::Rocketmq => &[
                ("queue", "\"rocketmq://localhost:9876\""),
                ("sink", "[\"rocketmq:seismic-agg-topic\"]"),
                ("window", "\"1s\""),
                ("lateness", "\"500ms\""),
            ],
        }
    }
}

/// The file.
#[must_use]
pub fn template(template: Template) -> String {
    let mut text = String::from(
        "# A job of seismic. Check it with `seismic job check FILE`, start it with `seismic run --job FILE`.\n\
         # What is commented out has its default; options on the command line override this file.\n",
    );
    for key in service_keys::all().filter(|key| key.place().0.is_none()) {
        text += &of_service(key);
    }
    let default = serde_json::to_value(JobSpec::default()).unwrap_or_default();
    for key in keys::all() {
        let set = template.sets().iter().find(|(name, _)| *name == key.name);
        text += "\n";
        for line in wrapped(&help(&key), 98) {
            text += &format!("# {line}\n");
        }
        text += &match set {
            Some((name, value)) => format!("{name} = {value}\n"),
            None => format!("# {} = {}\n", key.name, example(&key, &default[key.name])),
        };
    }
    let mut table = None;
    for key in service_keys::all() {
        let (Some(of_table), _) = key.place() else { continue };
        if table != Some(of_table) {
            text += &format!("\n# [{of_table}]\n");
        }
        table = Some(of_table);
        text += of_service(key).trim_start();
    }
    text += "\n# Values of {{name}} in other values; SEISMIC_VAR_NAME and --var name=VALUE go before them.\n\
             # [variables]\n# site = \"north\"\n";
    text
}

/// A key of a service as a comment.
fn of_service(key: &ServiceKey) -> String {
    let help = match key.default {
        Some(default) => format!("{}. Default: {default}", key.help),
        None => key.help.to_owned(),
    };
    let lines = wrapped(&help, 98).into_iter().map(|line| format!("# {line}\n"));
    format!("\n{}# {} = {}\n", lines.collect::<String>(), key.place().1, key.example)
}

fn help(key: &Key) -> String {
    let mut help = key.help.clone();
    if let Values::Word(words) = &key.values {
        let words: Vec<String> =
            words.iter().map(|(name, help)| format!("{name} ({})", lower(help))).collect();
        help += &format!(": {}", words.join(", "));
    }
    match &key.default {
        Some(default) => format!("{help}. Default: {default}"),
        None => help,
    }
}

fn lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// The default as TOML, or a value to see the form where the default is none.
fn example(key: &Key, default: &serde_json::Value) -> String {
    match default {
        // JSON's text, numbers and lists of text are written as in TOML.
        serde_json::Value::Null => match key.values {
            Values::Number => "2".to_owned(),
            // Of the command that runs the job: no field of it.
            Values::Flag => "true".to_owned(),
            _ if key.name == "store" => "\"sqlite:output/job.home.db\"".to_owned(),
            _ if key.name == "http" => "\"127.0.0.1:9100\"".to_owned(),
            _ if key.name == "from" => "\"earliest\"".to_owned(),
            _ => "\"name\"".to_owned(),
        },
        serde_json::Value::Object(_) => "{ \"linger.ms\" = \"5\" }".to_owned(),
        serde_json::Value::Array(all) if all.is_empty() => "[\"10s\", \"60s\"]".to_owned(),
        value => value.to_string(),
    }
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        if !lines[last].is_empty() && lines[last].chars().count() + 1 + word.chars().count() > width
        {
            lines.push(word.to_owned());
        } else {
            if !lines[last].is_empty() {
                lines[last].push(' ');
            }
            lines[last] += word;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::ValueEnum as _;

    use super::*;
    use crate::job::file;
    use crate::job::options::JobOptions;
    use crate::job::origin::Once;

    fn resolve(text: &str) -> Result<JobSpec, String> {
        let file = file::read(text, Path::new("job.toml"));
        JobSpec::resolve(JobOptions::default(), file, Once::default())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_template_is_a_valid_job_with_the_defaults() {
        for kind in Template::value_variants() {
            let text = template(*kind);
            let spec = resolve(&text).unwrap_or_else(|faults| panic!("{kind:?}: {faults}\n{text}"));
            assert_eq!(spec.window, JobSpec::default().window);
            assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
        }
    }

    #[test]
    fn every_comment_that_sets_a_key_is_valid_when_it_is_made_a_line() {
        let whole = template(Template::Embedded);
        let is_key = |line: &&str| {
            let name = line.strip_prefix("# ").and_then(|line| line.split_once(" = "));
            name.is_some_and(|(name, _)| keys::all().iter().any(|key| key.name == name))
        };
        let lines: Vec<&str> = whole.lines().filter(is_key).collect();
        assert!(lines.len() > 20);
        for line in lines {
            let text = line.trim_start_matches("# ");
            resolve(text).unwrap_or_else(|faults| panic!("{text}: {faults}"));
            let set = file::read(text, Path::new("job.toml")).options.set_keys();
            let (name, value) = text.split_once(" = ").unwrap();
            assert_eq!(set.contains(name), value != "false", "{text}");
        }
    }
}
