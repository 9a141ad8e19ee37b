//! Reads keys as rows of a table, for jobs that look things up in it: `BEGINNING*` are the keys that
//! begin so, each a hash with a field for each column, or a text that is the one column beside the key;
//! another name is one hash, with a field for each row.
//!
//! Redis has no view of one moment: a key that changes while others are read is read before or after
//! that, whole.

use std::collections::{BTreeMap, BTreeSet};

use seismic_queue::Kind;

use super::resp::Reply;
use super::session::Session;
use super::target::Target;
use crate::entry::TableReading;
use crate::table_source::keyed::KeyedReader;
use crate::table_source::{TableQuestion, TableRows};
use crate::{Error, Result, SinkSpec, limits};

/// How tables of such servers are read.
pub(super) const READING: TableReading = TableReading {
    has_queries: false,
    table: "BEGINNING* for keys that begin so, or the name of one hash",
    has_one_key: true,
    load_all: read_table,
};

/// Keys that are asked for at once: an answer of some MB.
const AT_ONCE: usize = 1_000;

const DOING: &str = "reading the table";

fn read_table(spec: &SinkSpec, question: &TableQuestion<'_>) -> Result<TableRows> {
    let target = Target::of(spec)?.named(question.place);
    let mut session = Session::connect(&target, limits::CONNECT_PATIENCE)?.patient()?;
    if session.info("cluster")?.contains("cluster_enabled:1") {
        let what = "it is a node of a cluster, which has some of the keys alone".to_owned();
        return Err(Error::TableUnread { place: question.place.to_owned(), what });
    }
    let mut reader = KeyedReader::new(question)?;
    match question.table.strip_suffix('*') {
        Some(beginning) => of_keys(&mut session, &mut reader, beginning, question.rows)?,
        None => of_one_hash(&mut session, &mut reader, question)?,
    }
    reader.rows()
}

/// The rows of all keys that begin so.
fn of_keys(
    session: &mut Session,
    reader: &mut KeyedReader<'_>,
    beginning: &str,
    most: usize,
) -> Result<()> {
    let pattern = format!("{}*", escaped(beginning));
    // One that is there all the time comes at least once, and may come again.
    let mut keys: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut cursor = b"0".to_vec();
    loop {
        reader.check_time()?;
        let args: [&[u8]; 6] = [b"SCAN", &cursor, b"MATCH", pattern.as_bytes(), b"COUNT", b"1000"];
        let (next, found) = page(reader, session.call(DOING, &args)?)?;
        keys.extend(found.into_iter().filter_map(Reply::bytes));
        if keys.len() > most {
            return Err(reader.refuse(format!("it has more than {most} rows")));
        }
        if next == b"0" {
            break;
        }
        cursor = next;
    }
    let values: Vec<&str> = reader.values().collect();
    let keys: Vec<Vec<u8>> = keys.into_iter().collect();
    for keys in keys.chunks(AT_ONCE) {
        let asked: Vec<_> = keys.iter().map(|key| vec![&b"TYPE"[..], key]).collect();
        let kinds = session.call_all(DOING, &asked)?;
        let mut asked: Vec<Vec<&[u8]>> = Vec::new();
        let mut there = Vec::new();
        for (key, kind) in keys.iter().zip(kinds) {
            match kind.text().unwrap_or_default().as_str() {
                "hash" => {
                    let fields = values.iter().map(|name| name.as_bytes());
                    asked.push([&b"HMGET"[..], key].into_iter().chain(fields).collect());
                }
                "string" if values.len() == 1 => asked.push(vec![b"MGET", key]),
                // It went while others were read.
                "none" => continue,
                other => {
                    let key = String::from_utf8_lossy(key);
                    let what = match other {
                        "string" => format!(
                            "the key {key:?} is a text, which is one value, and {} columns are beside its \
                             key",
                            values.len()
                        ),
                        other => {
                            format!("the key {key:?} is a {other}, and rows are hashes or texts")
                        }
                    };
                    return Err(reader.refuse(what));
                }
            }
            there.push(key);
        }
        for (key, found) in there.into_iter().zip(session.call_all(DOING, &asked)?) {
            let found: Vec<_> = found.parts().into_iter().map(Reply::bytes).collect();
            // A hash that went meanwhile has no field.
            if values.is_empty() || found.iter().any(Option::is_some) {
                reader.row(&key[beginning.len()..], found)?;
            }
        }
    }
    Ok(())
}

/// The rows of one hash: each field is a key, and its value the column beside that.
fn of_one_hash(
    session: &mut Session,
    reader: &mut KeyedReader<'_>,
    question: &TableQuestion<'_>,
) -> Result<()> {
    let key = question.table.as_bytes();
    if reader.values().count() > 1 {
        let what = "a hash has one value for each key, and the table has more columns: write \
                    table = \"BEGINNING*\" for a hash for each key"
            .to_owned();
        return Err(reader.refuse(what));
    }
    match session.call(DOING, &[b"TYPE", key])?.text().unwrap_or_default().as_str() {
        "hash" => {}
        "none" => {
            let (place, table) = (question.place.to_owned(), question.table.to_owned());
            return Err(Error::TableMissing { place, table });
        }
        other => {
            let what = format!("the key {:?} is a {other}, and no hash", question.table);
            return Err(reader.refuse(what));
        }
    }
    let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let (mut cursor, mut bytes) = (b"0".to_vec(), 0);
    loop {
        reader.check_time()?;
        let args: [&[u8]; 5] = [b"HSCAN", key, &cursor, b"COUNT", b"1000"];
        let (next, found) = page(reader, session.call(DOING, &args)?)?;
        let mut found = found.into_iter().filter_map(Reply::bytes);
        while let (Some(field), Some(value)) = (found.next(), found.next()) {
            bytes += field.len() + value.len();
            rows.insert(field, value);
        }
        if rows.len() > question.rows || bytes > question.bytes {
            let (rows, mib) = (question.rows, question.bytes >> 20);
            return Err(reader.refuse(format!("it has more than {rows} rows, or than {mib} MiB")));
        }
        if next == b"0" {
            break;
        }
        cursor = next;
    }
    rows.into_iter().try_for_each(|(field, value)| reader.row(&field, [Some(value)]))
}

/// The cursor behind a page, and the page.
fn page(reader: &KeyedReader<'_>, reply: Reply) -> Result<(Vec<u8>, Vec<Reply>)> {
    match <[Reply; 2]>::try_from(reply.parts()) {
        Ok([Reply::Bulk(next), Reply::Array(page)]) => Ok((next, page)),
        _ => Err(reader.refuse("the server's answer is none that it should give".to_owned())),
    }
}

/// A text that a pattern takes as it is.
fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '\\' | '^') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

impl Session {
    /// Has commands done, all sent before the first answer is read; the answers, unless one is an
    /// error.
    fn call_all(&mut self, doing: &'static str, all: &[Vec<&[u8]>]) -> Result<Vec<Reply>> {
        let replies = self.ask_all(doing, all)?;
        let one = |reply| match reply {
            // Its type is another one by now.
            Reply::Error(words) if words.starts_with("WRONGTYPE") => {
                let what = format!("a key changed while it was read: {words}");
                let place = self.place().to_owned();
                Err(Error::Database { place, doing, what, kind: Kind::Retry })
            }
            Reply::Error(words) => Err(self.refusal(doing, &words)),
            reply => Ok(reply),
        };
        replies.into_iter().map(one).collect()
    }
}
