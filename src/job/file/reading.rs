//! Reads a job file: its text, the server's defaults below it, and what is given for its variables.

use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

use toml::de::DeTable;

use super::variables::{FilledTexts, Given};
use super::{JobFile, envs, server_file};
use crate::dimension::function::take_pinned;
use crate::error::Usage;

/// A longer file is refused unread: no one writes that many options, and reading takes a multiple.
const FILE_BYTES: u64 = 64 << 10;

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
pub(super) fn read_unconnected(text: &str, path: &Path, given: &Given) -> JobFile {
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
