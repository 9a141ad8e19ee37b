//! Variables of a job file: `{{name}}` in a value stands for the value of `name`.
//!
//! The first of these that defines it applies: `--var NAME=VALUE`, the environment
//! (`SEISMIC_VAR_NAME`, in capitals), the table `[variables]` of the file, and the defaults of the
//! server. A value that consists of one variable may be a number or a boolean.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::{DeTable, DeValue};

use super::nearest::nearest;
use super::pinned::PinnedResources;
use super::server_file::{self, Connections, Defaults};
use super::value::text;

/// Names in the environment begin with this.
const ENVIRONMENT: &str = "SEISMIC_VAR_";

/// Name of the table.
pub const TABLE: &str = "variables";

/// The variable with the environment of the file, in capitals.
const ENV: &str = "ENV";

/// Characters of a name.
const NAME_CHARS: usize = 64;

/// What was given for variables outside of the file.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// By `--var`.
    pub line: Vec<(String, String)>,
    /// In the environment, by the name in capitals.
    pub environment: BTreeMap<String, String>,
    /// For all jobs of a server.
    pub server: BTreeMap<String, String>,
    /// Values of keys that a file leaves open, of a server.
    pub defaults: Defaults,
    /// What a server calls `connection:NAME`.
    pub connections: Connections,
    /// The environment of the file that counts, which is the variable `env`, too.
    pub env: Option<String>,
    /// What a server has pinned `resource:NAME` to.
    pub resources: PinnedResources,
}

impl Given {
    /// What the environment of this process gives, and these from the command line.
    #[must_use]
    pub fn from_environment(line: Vec<(String, String)>) -> Given {
        let one = |(key, value): (std::ffi::OsString, std::ffi::OsString)| {
            let name = key.to_str()?.strip_prefix(ENVIRONMENT)?.to_owned();
            Some((name, value.into_string().ok()?))
        };
        Given {
            line,
            environment: std::env::vars_os().filter_map(one).collect(),
            ..Given::default()
        }
    }

    /// The same with the variable `env`, where an environment counts.
    #[must_use]
    pub(super) fn in_environment(&self) -> Given {
        let mut given = self.clone();
        given.environment.extend(self.env.clone().map(|env| (ENV.to_owned(), env)));
        given
    }
}

/// `NAME=VALUE` of the command line.
///
/// # Errors
/// What is wrong with it.
pub fn parse_pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    check_name(name)?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The names of all variables that stand in a text.
#[must_use]
pub fn names(text: &str) -> BTreeSet<String> {
    let behind = text.split("{{").skip(1);
    let names = behind.filter_map(|behind| behind.split_once("}}")).map(|(name, _)| name.trim());
    names.filter(|name| check_name(name).is_ok()).map(str::to_owned).collect()
}

fn check_name(name: &str) -> Result<(), String> {
    let is_fine = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let begins = name.starts_with(|letter: char| letter.is_ascii_alphabetic());
    match begins && name.len() <= NAME_CHARS && name.chars().all(is_fine) {
        true => Ok(()),
        false => Err(format!(
            "{name:?} is no name of a variable: write up to {NAME_CHARS} letters, digits and '_', a \
             letter first"
        )),
    }
}

/// What one text becomes: its value, and where its variables came from, as text.
type Filled = Result<(String, Vec<String>), String>;

/// The texts of one file that have variables, filled.
pub struct FilledTexts {
    by_text: BTreeMap<String, Filled>,
    unused: Vec<String>,
    /// Settings of the Kafka client that connections have which the file names.
    pub kafka: BTreeMap<String, String>,
}

impl FilledTexts {
    /// Fills every text of `table`. What is wrong with its own table `[variables]` is handed to
    /// `fault` with the place in the file.
    pub fn new(table: &DeTable<'_>, given: &Given, mut fault: impl FnMut(usize, String)) -> Self {
        let mut file = BTreeMap::new();
        if let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == TABLE) {
            match value.get_ref() {
                DeValue::Table(pairs) => file = of_table(pairs, &mut fault),
                _ => fault(key.span().start, format!("{TABLE}: write a table, as in [{TABLE}]")),
            }
        }
        let (mut by_text, mut used) = (BTreeMap::new(), BTreeSet::new());
        let mut kafka = BTreeMap::new();
        for (key, value) in table {
            if key.get_ref() == TABLE {
                continue;
            }
            let may_name_connection = matches!(key.get_ref().as_ref(), "queue" | "store" | "sink");
            each_text(value.get_ref(), &mut |text| {
                let is_connection = may_name_connection && text.starts_with(server_file::PREFIX);
                if (text.contains("{{") || is_connection) && !by_text.contains_key(text) {
                    let filled = fill(text, given, &file, &mut used);
                    let filled = filled.and_then(|filled| match may_name_connection {
                        true => connect(filled, &given.connections, &mut kafka),
                        false => Ok(filled),
                    });
                    by_text.insert(text.to_owned(), filled);
                }
            });
        }
        let names = given.line.iter().map(|(name, _)| name);
        let unused = names.filter(|name| !used.contains(*name)).cloned().collect();
        FilledTexts { by_text, unused, kafka }
    }

    /// Variables of the command line that no value names.
    pub fn unused(&self) -> &[String] {
        &self.unused
    }

    /// Replaces the texts with variables in `value`; where those came from, as text.
    ///
    /// # Errors
    /// Why a variable has no value, with the name that may be meant.
    pub fn put_into<'i>(&'i self, value: &mut DeValue<'i>) -> Result<Vec<String>, String> {
        let (mut sources, mut faults) = (Vec::new(), Vec::new());
        self.replace(value, &mut sources, &mut faults);
        if faults.is_empty() { Ok(sources) } else { Err(faults.join("; ")) }
    }

    fn replace<'i>(
        &'i self,
        value: &mut DeValue<'i>,
        sources: &mut Vec<String>,
        faults: &mut Vec<String>,
    ) {
        match value {
            DeValue::String(text) => match self.by_text.get(&**text) {
                Some(Ok((new, from))) => {
                    sources.extend(from.iter().cloned());
                    *value = typed(text, new);
                }
                Some(Err(why)) => faults.push(why.clone()),
                None => {}
            },
            DeValue::Array(all) => {
                all.iter_mut().for_each(|one| self.replace(one.get_mut(), sources, faults));
            }
            DeValue::Table(pairs) => {
                pairs.iter_mut().for_each(|(_, one)| self.replace(one.get_mut(), sources, faults));
            }
            _ => {}
        }
    }
}

/// What the table `[variables]` says.
fn of_table(
    pairs: &DeTable<'_>,
    fault: &mut impl FnMut(usize, String),
) -> BTreeMap<String, String> {
    let mut file = BTreeMap::new();
    for (name, value) in pairs {
        let (at, name) = (name.span().start, name.get_ref().as_ref());
        match check_name(name).and_then(|()| text(value.get_ref())) {
            Ok(text) if text.contains("{{") => {
                fault(at, format!("{TABLE}.{name}: a variable holds no other one"));
            }
            Ok(text) => drop(file.insert(name.to_owned(), text)),
            Err(why) => fault(at, format!("{TABLE}.{name}: {why}")),
        }
    }
    file
}

fn each_text(value: &DeValue<'_>, act: &mut impl FnMut(&str)) {
    match value {
        DeValue::String(text) => act(text),
        DeValue::Array(all) => all.iter().for_each(|one| each_text(one.get_ref(), act)),
        DeValue::Table(pairs) => pairs.iter().for_each(|(_, one)| each_text(one.get_ref(), act)),
        _ => {}
    }
}

/// Puts the URL of a connection in place of its name.
fn connect(
    (text, mut sources): (String, Vec<String>),
    connections: &Connections,
    kafka: &mut BTreeMap<String, String>,
) -> Filled {
    let Some((url, connection)) = server_file::resolve(&text, connections)? else {
        return Ok((text, sources));
    };
    kafka.extend(connection.kafka.clone());
    sources.push(text);
    Ok((url, sources))
}

fn fill(
    text: &str,
    given: &Given,
    file: &BTreeMap<String, String>,
    used: &mut BTreeSet<String>,
) -> Filled {
    let (mut rest, mut new, mut sources) = (text, String::new(), Vec::new());
    while let Some((before, behind)) = rest.split_once("{{") {
        let open = || format!("{text:?}: a variable ends with }}}}, as in {{{{name}}}}");
        let (name, after) = behind.split_once("}}").ok_or_else(open)?;
        let name = name.trim();
        check_name(name)?;
        let found = source(name, given, file).ok_or_else(|| missing(name, given, file))?;
        used.insert(name.to_owned());
        sources.push(format!("{{{{{name}}}}} of {}", found.1));
        new = new + before + &found.0;
        rest = after;
    }
    Ok((new + rest, sources))
}

/// The value of a variable, and where it comes from.
fn source(name: &str, given: &Given, file: &BTreeMap<String, String>) -> Option<(String, String)> {
    if let Some((_, value)) = given.line.iter().rev().find(|(given, _)| given == name) {
        return Some((value.clone(), format!("--var {name}")));
    }
    let capitals = name.to_ascii_uppercase();
    if let Some(value) = given.environment.get(&capitals) {
        return Some((value.clone(), format!("{ENVIRONMENT}{capitals}")));
    }
    if let Some(value) = file.get(name) {
        return Some((value.clone(), format!("[{TABLE}]")));
    }
    given.server.get(name).map(|value| (value.clone(), "the server".to_owned()))
}

fn missing(name: &str, given: &Given, file: &BTreeMap<String, String>) -> String {
    let line = given.line.iter().map(|(name, _)| name);
    let all = file.keys().chain(given.server.keys()).chain(line);
    let what = match nearest(name, all.map(|name| &**name)) {
        Some(meant) => format!("did you mean {meant:?}?"),
        None => {
            let capitals = name.to_ascii_uppercase();
            format!("set it in [{TABLE}], by {ENVIRONMENT}{capitals}, or with --var {name}=VALUE")
        }
    };
    format!("there is no variable {name:?}; {what}")
}

/// The filled text as a number, or true or false, where it was one variable and nothing else.
fn typed<'i>(before: &str, text: &'i str) -> DeValue<'i> {
    let before = before.trim();
    let is_one = before.starts_with("{{") && before.find("}}") == Some(before.len() - 2);
    let is_number = text.parse::<i64>().is_ok_and(|number| number.to_string() == text);
    if is_one
        && (is_number || text == "true" || text == "false")
        && let Ok(value) = DeValue::parse(text)
    {
        return value.into_inner();
    }
    DeValue::String(text.into())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::job::file;

    fn given(line: &[(&str, &str)]) -> Given {
        let own = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        Given {
            line: line.iter().map(own).collect(),
            environment: BTreeMap::from([("B".to_owned(), "environment".to_owned())]),
            server: BTreeMap::from([("d".to_owned(), "server".to_owned())]),
            ..Given::default()
        }
    }

    #[test]
    fn the_command_line_goes_before_the_environment_and_that_before_file_and_server() {
        let text = "group = '{{a}}.{{b}}.{{ c }}.{{d}}'\n[variables]\na = 'fa'\nb = 'fb'\nc = 'fc'\n                    d = 'fd'\n";
        let read = |text: &str, line| {
            let file = file::read_given(text, Path::new("x"), &given(line));
            assert_eq!(file.faults, Vec::<String>::new());
            file.options.location.group.unwrap()
        };
        assert_eq!(read(text, &[("a", "line")]), "line.environment.fc.fd");
        let without_d = text.replace("d = 'fd'", "");
        assert_eq!(read(&without_d, &[("a", "line")]), "line.environment.fc.server");
    }

    #[test]
    fn a_variable_alone_may_be_a_number_or_a_flag() {
        let text = "slots = '{{n}}'\ndrain = '{{d}}'\ntopic = '{{n}}'\nsink = ['csv:{{n}}']\n";
        let file = file::read_given(text, Path::new("x"), &given(&[("n", "3"), ("d", "true")]));
        assert_eq!(file.faults, Vec::<String>::new());
        assert_eq!((file.options.slots, file.options.drain), (Some(3), true));
        assert_eq!(file.options.topic.as_deref(), Some("3"));
        assert_eq!(file.options.sink[0].to_string(), "csv:3");
    }

    #[test]
    fn what_is_not_set_or_not_used_is_named_with_its_line() {
        let text = "group = '{{grup}}'\ntopic = '{{a'\nresult_topic = '{{}}'\n[variables]\ngroup = 'x'\n                    1x = 'y'\nz = '{{group}}'\n";
        let faults = file::read_given(text, Path::new("x"), &given(&[("unused", "1")])).faults;
        for words in [
            "x:1: group: there is no variable \"grup\"; did you mean \"group\"?",
            "x:2: topic: \"{{a\": a variable ends with }}",
            "x:3: result_topic: \"\" is no name of a variable",
            "x:6: variables.1x: \"1x\" is no name",
            "x:7: variables.z: a variable holds no other one",
            "x:1: --var unused: no value in this file names it",
        ] {
            assert!(faults.iter().any(|fault| fault.contains(words)), "{words}\n{faults:#?}");
        }
    }
}
