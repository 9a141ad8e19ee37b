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
mod row_alarms;
mod secret_words;
pub mod server_file;
pub mod service_keys;
pub mod statement;
mod value;
pub mod variables;
mod without_secrets;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use seismic_derived::Definition;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use self::keys::Key;
use self::nearest::nearest;
use self::statement::StatementKeys;
use self::variables::{FilledTexts, Given};
pub use self::without_secrets::without_secrets;
use crate::dimension::TableSpec;
use crate::dimension::function::{FunctionSpec, take_pinned};
use crate::error::Usage;
use crate::job::options::JobOptions;
use crate::job::service::{RowAlarm, Service};

/// A longer file is refused unread: no one writes that many options, and reading takes a multiple.
const FILE_BYTES: u64 = 64 << 10;

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

/// Reads the file at `path`, with what is given for its variables.
///
/// # Errors
/// [`Usage`] when it cannot be read at all. What is wrong inside it is in [`JobFile::faults`].
pub fn open(path: &Path, given: &Given) -> Result<JobFile, Usage> {
    let refused = |why| Usage(format!("the job file {} {why}", path.display()));
    Ok(read_given(&text_of(path).map_err(refused)?, path, given))
}

/// The text of a file of a sensible size.
///
/// # Errors
/// Why there is none, to follow the file's name.
pub fn text_of(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(format!("is longer than {} KiB", FILE_BYTES >> 10));
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())
}

/// What `text`, the content of the file at `path`, says, when nothing is given for its variables.
#[must_use]
pub fn read(text: &str, path: &Path) -> JobFile {
    read_given(text, path, &Given::default())
}

/// What `text`, the content of the file at `path`, says.
#[must_use]
pub fn read_given(text: &str, path: &Path, given: &Given) -> JobFile {
    let mut file = read_unconnected(text, path, given);
    if file.faults.is_empty() {
        file.faults = file.shared_with_production(text, path, given);
    }
    file.add_kafka();
    file
}

/// The same without settings of connections, which are below all others.
fn read_unconnected(text: &str, path: &Path, given: &Given) -> JobFile {
    let line_at = |start: usize| {
        let before = &text.as_bytes()[..start.min(text.len())];
        before.iter().filter(|&&byte| byte == b'\n').count() + 1
    };
    let line = |span: Range<usize>| line_at(span.start);
    let mut base = defaults_of(given);
    let mut file = JobFile { path: path.to_owned(), ..JobFile::default() };
    // What the file sets itself is set over it.
    (file.service, file.places) = (base.service.clone(), base.places_of_service());
    let mut faults: Vec<(usize, String)> = Vec::new();
    let (mut parsed, errors) = DeTable::parse_recoverable(text);
    let env = given.env.as_deref();
    let of_env = envs::put_over(parsed.get_mut(), env, |at, why| faults.push((line_at(at), why)));
    let given = &given.in_environment();
    let filled =
        FilledTexts::new(parsed.get_ref(), given, |at, why| faults.push((line_at(at), why)));
    if errors.is_empty() {
        let unused = filled.unused().iter();
        faults.extend(
            unused.map(|name| (1, format!("--var {name}: no value in this file names it"))),
        );
        let mut table = parsed.into_inner();
        let mut entries: Vec<_> = table.iter_mut().collect();
        entries.sort_by_key(|(written, _)| written.span().start);
        for (written, value) in entries {
            let at = line(written.span());
            let mut fault = |at, why| faults.push((at, why));
            let written = written.get_ref().as_ref();
            match filled.put_into(value.get_mut()) {
                Ok(from) => file.set((at, &line), (written, from), value.get_ref(), &mut fault),
                Err(why) => fault(at, format!("{written}: {why}")),
            }
        }
        file.connected.clone_from(&filled.kafka);
        if let Err((at, why)) = file.take_statement() {
            faults.push((at, why));
        }
        file.tables.iter_mut().for_each(|table| table.source.pin(&given.resources));
        file.functions.iter_mut().for_each(|function| function.source.pin(&given.resources));
        if let Some(statement) = &mut file.statement {
            take_pinned(statement, &file.functions);
        }
        file.take_options(&mut base);
        if let Some(env) = env {
            let places = file.places.clone();
            file.name_instance(env, &of_env, |key, why| {
                faults.push((places.get(key).map_or(1, |place| place.line), why));
            });
        }
        file.name_places();
    } else {
        faults.clear();
        let fault = |error: &toml::de::Error| {
            let words = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
            (error.span().map_or(1, line), words)
        };
        faults.extend(errors.iter().map(fault));
    }
    faults.sort();
    let name = path.display();
    let faults = faults.into_iter().map(|(at, why)| format!("{name}:{at}: {why}"));
    file.faults = faults.chain(base.faults).collect();
    file
}

/// What the server's defaults say.
fn defaults_of(given: &Given) -> JobFile {
    let server_file::Defaults { text, file } = &given.defaults;
    if text.is_empty() {
        return JobFile::default();
    }
    let given = Given {
        defaults: server_file::Defaults::default(),
        env: None,
        // One that only they lack is not unused.
        line: Vec::new(),
        server: given.server.clone().into_iter().chain(given.line.clone()).collect(),
        ..given.clone()
    };
    let path = Path::new(file);
    let mut base = read_unconnected(text, path, &given);
    for place in base.places.values_mut() {
        place.file = Some(path.to_owned());
    }
    for key in server_file::OWN {
        if let Some(place) = base.place_of(key) {
            base.faults.push(format!("{place}: each job has its own"));
        }
    }
    base
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
