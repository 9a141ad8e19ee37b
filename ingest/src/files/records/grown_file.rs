//! A file that grew since it was imported into a queue without an import log.
//!
//! A producer is named by the content of the file that it appended, so a grown file is recognised
//! by one of its prefixes: the name of each of them is compared with the known producers. The rest
//! after the longest known prefix is appended by a new producer named `CONTENT+BEGINNING.FIRST`:
//! the whole content, the imported prefix, and the first record. A file that grew several times is
//! a chain of such parts, each of which is recognised by its producer, like a file that did not
//! grow.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use seismic_queue::KnownProducers;
use sha2::{Digest, Sha256};

use super::producer_names::ProducerNames;
use crate::{Error, Result, limits};

/// A part of a file, and who appends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FilePart {
    pub(super) producer: String,
    /// Number of its last line; `None`: to the end of the file.
    pub(super) until: Option<u64>,
}

impl FilePart {
    /// All of a file.
    pub(super) fn whole(producer: String) -> Self {
        FilePart { producer, until: None }
    }
}

/// The parts of a file that begins as known ones do, with `begins`; `None` when none of its
/// beginnings is known.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn parts(
    names: &ProducerNames,
    file: &Path,
    begins: &str,
    known: &KnownProducers,
) -> Result<Option<Vec<FilePart>>> {
    // By the content that each ends with; one that has the whole file from its start comes first.
    let mut producers: HashMap<&str, &str> = HashMap::new();
    for id in known.ids.iter().filter(|id| id.ends_with(begins)) {
        let content = content_of(id);
        if beginning_of(id).is_none() || !producers.contains_key(content) {
            producers.insert(content, id);
        }
    }
    let (ends, content) = beginnings(names, file, &producers)?;
    let Some((&last, _)) = ends.last_key_value() else { return Ok(None) };
    let mut parts = Vec::new();
    if ends[&last] != content {
        let producer = format!("{content}+{}.{begins}", ends[&last]);
        parts.push(FilePart::whole(producer));
    }
    let mut next = Some(last);
    while let Some(line) = next {
        let id = producers[ends[&line].as_str()];
        let is_all = parts.is_empty();
        parts.push(FilePart { producer: id.to_owned(), until: (!is_all).then_some(line) });
        let Some(beginning) = beginning_of(id) else {
            parts.reverse();
            return Ok(Some(parts));
        };
        let mut before = ends.range(..line).rev();
        next = before.find(|(_, content)| *content == beginning).map(|(line, _)| *line);
    }
    // The producer of an earlier part is not known any more, so it is unknown how much of it is in.
    Ok(None)
}

/// What a producer's id says that the file held when it had appended its part.
fn content_of(id: &str) -> &str {
    id.split(['+', '.']).next().unwrap_or(id)
}

/// What was in already then; `None` when it appended the file from its start.
fn beginning_of(id: &str) -> Option<&str> {
    let (_, rest) = id.split_once('+')?;
    rest.split('.').next()
}

/// The beginnings of a file that someone of `producers` appended, by the number of their last line,
/// and the name of the whole content.
fn beginnings(
    names: &ProducerNames,
    file: &Path,
    producers: &HashMap<&str, &str>,
) -> Result<(BTreeMap<u64, String>, String)> {
    let failed = |source| Error::Io { at: file.to_owned(), doing: "reading", source };
    let mut text = BufReader::with_capacity(limits::READ_BYTES, File::open(file).map_err(failed)?);
    let (mut digest, mut ends, mut number) = (Sha256::new(), BTreeMap::new(), 0);
    let mut is_open = false;
    loop {
        // A line may be longer than memory: pieces of it are digested as they come.
        let piece = text.fill_buf().map_err(failed)?;
        if piece.is_empty() {
            break;
        }
        let end = piece.iter().position(|&byte| byte == b'\n');
        let size = end.map_or(piece.len(), |at| at + 1);
        let without_end = end.unwrap_or(size);
        if !is_open {
            number += 1;
        }
        digest.update(&piece[..without_end]);
        if end.is_some() {
            // A file may have ended without the end of its last line.
            note(names, &digest, (number, producers), &mut ends);
            digest.update(b"\n");
            note(names, &digest, (number, producers), &mut ends);
        }
        is_open = end.is_none();
        text.consume(size);
    }
    if is_open {
        note(names, &digest, (number, producers), &mut ends);
    }
    let content = names.of_digest(&digest.finalize().into());
    Ok((ends, content))
}

fn note(
    names: &ProducerNames,
    digest: &Sha256,
    (number, producers): (u64, &HashMap<&str, &str>),
    ends: &mut BTreeMap<u64, String>,
) {
    let name = names.of_digest(&digest.clone().finalize().into());
    if producers.contains_key(name.as_str()) {
        ends.insert(number, name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::parse::format::Format;
    use crate::files::records::Options;

    const BEGINS: &str = "abcd";

    fn known(ids: &[&str]) -> KnownProducers {
        KnownProducers { ids: ids.iter().map(|&id| id.to_owned()).collect(), are_all: true }
    }

    #[test]
    fn a_file_that_grew_twice_is_a_chain_of_parts_and_the_rest_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.csv");
        let names = ProducerNames::new(&Options::new(Format::Csv, vec![])).unwrap();
        let of = |text: &str| {
            std::fs::write(&file, text).unwrap();
            names.of(&file).unwrap()
        };
        // The first time without the end of its last line.
        let (one, two, three) = ("h\na\nb", "h\na\nb\nc\n", "h\na\nb\nc\nd\ne\n");
        let [first, second, third] = [one, two, three].map(of);
        let whole = format!("{first}.{BEGINS}");
        let grown = format!("{second}+{first}.{BEGINS}");
        let rest = format!("{third}+{second}.{BEGINS}");
        let part = |producer: &str, until| FilePart { producer: producer.to_owned(), until };
        let parts_of = |text: &str, ids: &[&str]| {
            std::fs::write(&file, text).unwrap();
            parts(&names, &file, BEGINS, &known(ids)).unwrap()
        };
        assert_eq!(parts_of(one, &[&whole]), Some(vec![part(&whole, None)]));
        assert_eq!(parts_of(two, &[&whole]), Some(vec![part(&whole, Some(3)), part(&grown, None)]));
        assert_eq!(
            parts_of(two, &[&whole, &grown]),
            Some(vec![part(&whole, Some(3)), part(&grown, None)]),
            "the same again"
        );
        assert_eq!(
            parts_of(three, &[&whole, &grown]),
            Some(vec![part(&whole, Some(3)), part(&grown, Some(4)), part(&rest, None)])
        );
        assert_eq!(parts_of(three, &[&grown]), None, "how much of the first part is in is unknown");
        assert_eq!(parts_of("h\na\nx\nc\n", &[&whole]), None, "it was changed");
        assert_eq!(parts_of(two, &["records-other.abcd", "p"]), None);
        let all_again = format!("{second}.{BEGINS}");
        assert_eq!(
            parts_of(two, &[&whole, &grown, &all_again]),
            Some(vec![part(&all_again, None)])
        );
    }
}
