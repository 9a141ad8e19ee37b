//! From the text of a job file to settings, each tried on the command that takes it.

use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A longer file is refused unread: nobody writes so many options, and reading takes a multiple.
const FILE_BYTES: u64 = 64 << 10;

/// Options that are deeds: what somebody decides once must not be done again by a file that stays.
const DEEDS: [&str; 6] =
    ["accept-loss", "accept-partitions", "from-checkpoint", "of-group", "of-store", "rewind"];

/// Options that say nothing of a job.
const NONE_OF_A_JOB: [&str; 3] = ["help", "job", "version"];

/// An option and what it is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name, without the dashes before it.
    pub option: String,
    /// `None`: it is a flag.
    pub value: Option<String>,
}

impl Setting {
    /// As it stands on a command line.
    pub fn argument(&self) -> String {
        match &self.value {
            Some(value) => format!("--{}={value}", self.option),
            None => format!("--{}", self.option),
        }
    }
}

/// The text of a file of a sensible size.
///
/// # Errors
/// Why there is none, in words that go on after its name.
pub(super) fn text_of(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(format!("is longer than {} KiB", FILE_BYTES >> 10));
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())
}

/// The settings that `text` holds for `command`, in the order of their keys.
///
/// # Errors
/// Everything that is wrong with it, each with its line.
pub fn read(text: &str, command: &Command) -> Result<Vec<Setting>, Vec<String>> {
    let line = |span: Range<usize>| {
        let before = &text.as_bytes()[..span.start.min(text.len())];
        before.iter().filter(|&&byte| byte == b'\n').count() + 1
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let fault =
            |error: &toml::de::Error| (error.span().map_or(1, line), in_one_line(error.message()));
        return Err(in_order(errors.iter().map(fault).collect()));
    }
    let (mut settings, mut faults) = (Vec::new(), Vec::new());
    for (key, value) in table.get_ref() {
        let name = key.get_ref();
        match of_key(name, value, command) {
            Ok(of_it) => settings.extend(of_it),
            Err(fault) => faults.push((line(key.span()), format!("{name}: {fault}"))),
        }
    }
    if faults.is_empty() { Ok(settings) } else { Err(in_order(faults)) }
}

/// Faults in words, in order of their lines.
fn in_order(mut faults: Vec<(usize, String)>) -> Vec<String> {
    faults.sort();
    faults.into_iter().map(|(line, fault)| format!("{line}: {fault}")).collect()
}

fn of_key(
    key: &str,
    value: &Spanned<DeValue<'_>>,
    command: &Command,
) -> Result<Vec<Setting>, String> {
    let option = key.replace('_', "-");
    let find = |arg: &&Arg| arg.get_long() == Some(&option);
    if key.contains('-') || NONE_OF_A_JOB.contains(&option.as_str()) {
        return Err("this is no option of a job".to_owned());
    }
    if DEEDS.contains(&option.as_str()) {
        return Err(format!("this is done once and not kept in a file; say --{option}"));
    }
    let Some(arg) = command.get_arguments().find(find) else {
        return Err(unknown(&option, command));
    };
    let settings = of_value(&option, arg, value.get_ref())?;
    let refused = |setting: &Setting| {
        let tried = command.clone().try_get_matches_from([setting.argument()]);
        tried.err().map(|error| words_of(&error.to_string()))
    };
    let refused: Vec<String> = settings.iter().filter_map(refused).collect();
    if refused.is_empty() { Ok(settings) } else { Err(refused.join("; ")) }
}

/// Why there is no such option, with the one that may be meant.
fn unknown(option: &str, command: &Command) -> String {
    let error = command.clone().try_get_matches_from([format!("--{option}")]).err();
    let meant = error.as_ref().and_then(|error| error.get(ContextKind::SuggestedArg));
    match meant {
        Some(ContextValue::String(meant)) => {
            let key = meant.trim_start_matches('-').replace('-', "_");
            format!("there is no such option; {key:?} is one")
        }
        _ => "there is no such option: see seismic run --help".to_owned(),
    }
}

fn of_value(option: &str, arg: &Arg, value: &DeValue<'_>) -> Result<Vec<Setting>, String> {
    let setting = |value| Setting { option: option.to_owned(), value };
    let is_flag = matches!(arg.get_action(), ArgAction::SetTrue);
    let is_list = matches!(arg.get_action(), ArgAction::Append);
    match value {
        DeValue::Boolean(is_set) if is_flag => {
            Ok(is_set.then(|| setting(None)).into_iter().collect())
        }
        _ if is_flag => Err("it is true or false".to_owned()),
        DeValue::Array(values) if is_list => {
            let one = |value: &Spanned<DeValue<'_>>| Ok(setting(Some(scalar(value.get_ref())?)));
            values.iter().map(one).collect()
        }
        DeValue::Array(_) => Err("it has one value, not a list".to_owned()),
        DeValue::Table(pairs) if is_list => {
            let one = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
                Ok(setting(Some(format!("{}={}", key.get_ref(), scalar(value.get_ref())?))))
            };
            pairs.iter().map(one).collect()
        }
        value => Ok(vec![setting(Some(scalar(value)?))]),
    }
}

fn scalar(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => {
            let read = i64::from_str_radix(number.as_str(), number.radix());
            read.map(|number| number.to_string()).map_err(|error| error.to_string())
        }
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Datetime(time) => Ok(time.to_string()),
        DeValue::Boolean(is_so) => Ok(is_so.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => Err("it is text or a number".to_owned()),
    }
}

/// What clap says, without its frame.
fn words_of(error: &str) -> String {
    let words = error.strip_prefix("error: ").unwrap_or(error);
    let end = words.find("\n\nFor more").or_else(|| words.find("\n\nUsage")).unwrap_or(words.len());
    in_one_line(&words[..end])
}

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
