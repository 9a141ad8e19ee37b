//! The job file: options of `seismic run` in TOML, so that a job can be stored, reviewed and
//! shared.
//!
//! A key is the name of an option with `_` for `-`. An option that may be repeated takes a list, a
//! duration is text with a unit, and `kafka` is a table.
//!
//! ```toml
//! queue = "kafka://broker:9092"
//! window = "1s"
//! lateness = "500ms"
//! dedupe = "time"
//! rollup = ["10s", "60s"]
//! sink = ["console", "csv:rows"]                  # or a [[sink]] table for each
//! kafka = { "linger.ms" = "5" }
//! ```
//!
//! A sink with options may be a table instead of one string with comma-separated options:
//!
//! ```toml
//! [[sink]]
//! type = "csv"
//! target = "rows"
//! flush_ms = "2s"
//! ```
//!
//! Keys that are not options describe the job for a service, such as its `name`; a table
//! `[variables]` and `{{name}}` in values adapt one file to several environments.
//!
//! `--job FILE` sets these options; options on the command line override them. Every command that
//! inspects a job accepts the file too, and reads the location of the job from it: queue, store,
//! group and Kafka settings. Every command reports all errors of a file at once.

mod columns;
mod dimension;
pub mod edit;
pub mod envs;
mod function;
mod instance;
mod join;
pub mod keys;
mod nearest;
mod operator;
pub mod pinned;
mod reading;
mod row_alarms;
mod secret_words;
pub mod server_file;
pub mod service_keys;
pub mod statement;
mod value;
pub mod variables;
mod without_secrets;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use seismic_derived::Definition;
use toml::Spanned;
use toml::de::DeValue;

use self::keys::Key;
use self::nearest::nearest;
pub use self::reading::{open, read, read_given, text_of};
use self::statement::StatementKeys;
pub use self::without_secrets::without_secrets;
use crate::dimension::TableSpec;
use crate::dimension::function::FunctionSpec;
use crate::error::Usage;
use crate::job::options::JobOptions;
use crate::job::service::{RowAlarm, Service};

/// What a file says.
#[derive(Clone, Debug, Default)]
pub struct JobFile {
    path: PathBuf,
    /// The options that it sets.
    pub options: JobOptions,
    /// What it says to a service.
    pub service: Service,
    /// The statement that makes its results, if it has one; its topics are among the options.
    pub statement: Option<Definition>,
    /// Where the tables of the statement come from.
    pub tables: Vec<TableSpec>,
    /// Where the modules of its functions are.
    pub functions: Vec<FunctionSpec>,
    /// What is wrong with it, in order of lines: `LINE: KEY: WHY` behind the name of the file.
    pub faults: Vec<String>,
    /// Where each key is set.
    places: BTreeMap<&'static str, KeyOrigin>,
    /// Settings of connections that it names, for Kafka.
    connected: BTreeMap<String, String>,
    statement_keys: StatementKeys,
}

/// Where a key is set.
#[derive(Clone, Debug)]
struct KeyOrigin {
    /// The file, where it is not this one.
    file: Option<PathBuf>,
    line: usize,
    /// The key as the file writes it.
    written: String,
    /// Its variables, and where each came from.
    variables: Vec<String>,
}

impl JobFile {
    /// File, line and key of an option that it sets.
    #[must_use]
    pub fn place_of(&self, key: &str) -> Option<String> {
        let KeyOrigin { line, written, file, .. } = self.places.get(key)?;
        let path = file.as_ref().unwrap_or(&self.path).display();
        Some(format!("{path}:{line}: {written}"))
    }

    /// As [`JobFile::place_of`], with the variables in its value.
    #[must_use]
    pub fn source_of(&self, key: &str) -> Option<String> {
        let place = self.place_of(key)?;
        let variables = &self.places.get(key)?.variables;
        Some(if variables.is_empty() {
            place
        } else {
            format!("{place} ({})", variables.join(", "))
        })
    }

    /// Whether each of its lines can be understood.
    ///
    /// # Errors
    /// [`Usage`] with all that cannot.
    pub fn check(&self) -> Result<(), Usage> {
        match self.faults.is_empty() {
            true => Ok(()),
            false => Err(Usage(self.faults.join("\n       "))),
        }
    }
}

impl JobFile {
    /// Places of the keys that are no options.
    fn places_of_service(&self) -> BTreeMap<&'static str, KeyOrigin> {
        let is_of_service = |key: &str| service_keys::all().any(|it| it.name == key);
        let all = self.places.iter().filter(|(key, _)| is_of_service(key));
        all.map(|(key, place)| (*key, place.clone())).collect()
    }

    /// Takes options from `base` that it leaves open itself.
    fn take_options(&mut self, base: &mut JobFile) {
        let (own, mut theirs) =
            (std::mem::take(&mut self.options), std::mem::take(&mut base.options));
        if !self.places.contains_key("queue") {
            for (key, value) in std::mem::take(&mut base.connected) {
                self.connected.entry(key).or_insert(value);
            }
        }
        if self.statement_keys.is_begun() {
            theirs = statement::without_windows(theirs);
        }
        // Also what it sets to false or to nothing.
        theirs.leave_out(|key| self.places.contains_key(key));
        let (options, filled) = own.or(theirs);
        self.options = options;
        for key in filled {
            if let Some(place) = base.places.remove(key) {
                self.places.insert(key, place);
            }
        }
    }

    /// Adds settings of connections, below its own.
    fn add_kafka(&mut self) {
        let own = &mut self.options.location.kafka;
        for (key, value) in &self.connected {
            if !own.iter().any(|(known, _)| known == key) {
                own.push((key.clone(), value.clone()));
            }
        }
    }

    /// Makes the job of the keys of its statement, whose topics are those of the job.
    fn take_statement(&mut self) -> Result<(), (usize, String)> {
        let [input, output] = self.statement_keys.topics();
        for (key, of, topic) in [("topic", "input", input), ("result_topic", "output", output)] {
            let (Some(topic), Some(place)) = (topic, self.places.get(of).cloned()) else {
                continue;
            };
            if let Some(other) = self.places.get(key) {
                let why = format!("{}: the topic is said in [{of}] already", other.written);
                return Err((other.line, why));
            }
            match key {
                "topic" => self.options.topic = Some(topic),
                _ => self.options.result_topic = Some(topic),
            }
            self.places.insert(key, place);
        }
        let begun = statement::KEYS.iter().find_map(|key| self.places.get(key));
        let at = begun.map_or(1, |place| place.line);
        let statement = self.statement_keys.definition().map_err(|why| (at, why))?;
        let at = self.places.get("dimension").map_or(at, |place| place.line);
        let tables = self.statement_keys.tables().map_err(|why| (at, why))?;
        let (definitions, specs) = tables.into_iter().unzip();
        self.statement = statement.map(|it| it.with_dimensions(definitions));
        self.tables = specs;
        let at = self
            .places
            .get("function")
            .or_else(|| self.places.get("module"))
            .map_or(at, |place| place.line);
        let functions = self.statement_keys.functions().map_err(|why| (at, why))?;
        let (definitions, specs) = functions.into_iter().unzip();
        let macros = self.statement_keys.macros().map_err(|why| (at, why))?;
        let statement = self.statement.take();
        self.statement = statement.map(|it| it.with_functions(definitions).with_macros(macros));
        self.functions = specs;
        self.check_row_alarms()
    }

    /// Whether its alarms on rows fit the rows that it makes.
    fn check_row_alarms(&self) -> Result<(), (usize, String)> {
        let Some(place) = self.places.get("alarms.rows").filter(|it| it.file.is_none()) else {
            return Ok(());
        };
        let fits = |alarm: &RowAlarm| alarm.decoder(self.statement.as_ref()).map(drop);
        let all = self.service.alarms.rows.iter().try_for_each(fits);
        all.map_err(|error| (place.line, format!("alarms.rows: {error}")))
    }

    /// Sets a key at the top, with its variables, or the keys of a table.
    fn set(
        &mut self,
        (at, line): (usize, &dyn Fn(Range<usize>) -> usize),
        (written, variables): (&str, Vec<String>),
        value: &DeValue<'_>,
        fault: &mut dyn FnMut(usize, String),
    ) {
        if written == variables::TABLE {
            return;
        }
        let place = KeyOrigin { file: None, line: at, written: written.to_owned(), variables };
        if let Some(key) = statement::key(written) {
            self.places.insert(key, place);
            return self.statement_keys.set((at, line), key, value, fault);
        }
        let of_table = service_keys::of_table(written);
        let done = match (service_keys::find(written), value) {
            (Some(key), _) => {
                self.places.insert(key.name, place);
                (key.set)(&mut self.service, value)
            }
            (None, DeValue::Table(pairs)) if !of_table.is_empty() => {
                for (name, value) in pairs {
                    let place = KeyOrigin {
                        file: None,
                        line: line(name.span()),
                        written: format!("{written}.{}", name.get_ref()),
                        variables: place.variables.clone(),
                    };
                    self.set_in_table(&of_table, place, value, fault);
                }
                Ok(())
            }
            (None, _) if !of_table.is_empty() => Err(format!("write a table, as in [{written}]")),
            (None, _) => self.set_option(place, value),
        };
        if let Err(why) = done {
            fault(at, format!("{written}: {why}"));
        }
    }

    fn set_in_table(
        &mut self,
        keys: &[&'static service_keys::ServiceKey],
        place: KeyOrigin,
        value: &Spanned<DeValue<'_>>,
        fault: &mut dyn FnMut(usize, String),
    ) {
        let (at, written) = (place.line, place.written.clone());
        let outcome = match keys.iter().find(|key| key.is_called(&written)) {
            Some(key) => match self.places.get(key.name) {
                // One of the defaults is replaced.
                Some(KeyOrigin { line, written, file: None, .. }) => {
                    Err(format!("it is the same key as {written} in line {line}"))
                }
                _ => {
                    self.places.insert(key.name, place);
                    key.set_as(&written, &mut self.service, value.get_ref())
                }
            },
            None => Err(match nearest(&written, keys.iter().map(|key| key.name)) {
                Some(name) => format!("there is no such key; did you mean {name:?}?"),
                None => "there is no such key; `seismic job schema` lists all".to_owned(),
            }),
        };
        if let Err(why) = outcome {
            fault(at, format!("{written}: {why}"));
        }
    }

    fn set_option(&mut self, place: KeyOrigin, value: &DeValue<'_>) -> Result<(), String> {
        let Key { name, set } = keys::find(&place.written)?;
        if let Some(KeyOrigin { line, written, .. }) = self.places.get(name) {
            return Err(format!("it is the same option as {written} in line {line}"));
        }
        set(&mut self.options, value)?;
        self.places.insert(name, place);
        Ok(())
    }

    /// Names group and topics after the job where the file has no names for them.
    fn name_places(&mut self) {
        let (Some(name), Some(place)) = (&self.service.name, self.places.get("name")) else {
            return;
        };
        let (slug, place) = (name.slug(), place.clone());
        let JobOptions { location, result_topic, dead_topic, .. } = &mut self.options;
        for (key, option, suffix) in [
            ("group", &mut location.group, ""),
            ("result_topic", result_topic, "-rows"),
            ("dead_topic", dead_topic, "-dead"),
        ] {
            if option.is_none() {
                *option = Some(format!("{slug}{suffix}"));
                self.places.insert(key, place.clone());
            }
        }
    }
}
