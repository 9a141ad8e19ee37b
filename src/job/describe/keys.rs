//! The keys of a job file, with the help texts of their options.

use clap::{Arg, ArgAction, Args as _, Command};

use crate::job::file::keys;
use crate::job::options::JobOptions;

/// A key of a job file.
#[derive(Clone, Debug)]
pub(super) struct Key {
    /// As the file writes it.
    pub name: &'static str,
    /// What it does, without its default.
    pub help: String,
    /// What holds without it, as the help says it; often not a value, but words.
    pub default: Option<String>,
    pub values: Values,
}

/// What its values look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Values {
    Flag,
    Number,
    Duration,
    Durations,
    /// One of these, each with what it means.
    Word(Vec<(String, String)>),
    Sinks,
    /// Names and values.
    Table,
    /// An address, with settings.
    Http,
    Text,
}

/// All keys, in the order of the help.
pub(super) fn all() -> Vec<Key> {
    let command = JobOptions::augment_args(Command::new("run"));
    let known: Vec<&'static str> = keys::names().collect();
    let key = |arg: &Arg| {
        let name = known.iter().copied().find(|name| *name == arg.get_id().as_str())?;
        let text = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let (help, default) = match text.split_once("[default: ") {
            Some((help, default)) => (help, default.strip_suffix(']').map(str::to_owned)),
            None => (&*text, None),
        };
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(Key { name, help, default, values: values(arg) })
    };
    command.get_arguments().filter_map(key).collect()
}

fn values(arg: &Arg) -> Values {
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        return Values::Flag;
    }
    let words: Vec<(String, String)> = arg
        .get_possible_values()
        .iter()
        .map(|word| {
            (
                word.get_name().to_owned(),
                word.get_help().map_or_else(String::new, ToString::to_string),
            )
        })
        .collect();
    if !words.is_empty() {
        return Values::Word(words);
    }
    let is_list = matches!(arg.get_action(), ArgAction::Append);
    let name =
        arg.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
    match (name, is_list) {
        ("DURATION", true) => Values::Durations,
        ("DURATION", false) => Values::Duration,
        ("N", _) => Values::Number,
        ("SINK", _) => Values::Sinks,
        ("KEY=VALUE", _) => Values::Table,
        ("ADDR", _) => Values::Http,
        _ => Values::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_a_file_is_described() {
        let described: Vec<&str> = all().iter().map(|key| key.name).collect();
        for name in keys::names() {
            assert!(described.contains(&name), "{name}");
        }
        assert!(all().iter().all(|key| !key.help.is_empty()));
    }

    #[test]
    fn values_are_those_of_the_options() {
        let of = |name: &str| all().into_iter().find(|key| key.name == name).unwrap().values;
        assert_eq!(of("drain"), Values::Flag);
        assert_eq!(of("window"), Values::Duration);
        assert_eq!(of("rollup"), Values::Durations);
        assert_eq!(of("slots"), Values::Number);
        assert_eq!(of("kafka"), Values::Table);
        assert_eq!(of("sink"), Values::Sinks);
        assert_eq!(of("queue"), Values::Text);
        assert!(matches!(of("time"), Values::Word(words) if words[0].0 == "event"));
    }
}
