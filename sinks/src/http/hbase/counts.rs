//! Counters: the rows of a batch are added up by key, and each key's row is raised once.
//!
//! ```text
//! FAMILY:NAME               the sum, 8 bytes, big-endian: a counter of HBase
//! FAMILY:seismic_position   whose rows are in it, and up to which offset of each partition
//! ```
//!
//! Both are put together, and only if the second is what this sink has read. So a row is counted once,
//! whoever counts it: what came before its offset is in already.

use std::collections::{BTreeMap, HashMap};

use seismic_proto::{Row, Schema, ValueRef};
use seismic_queue::{Kind, Offset, Partition};
use serde::{Deserialize, Serialize};

use super::cells::{self, CellColumn, FoundRow};
use super::failure;
use super::names::COUNTED;
use super::puts::key_of;
use super::target::Target;
use crate::http::answer::{self, Request, Server};
use crate::rows::template::Key;
use crate::rows::{RowAt, text};
use crate::{Context, Error, Result, Rows, failpoints, limits};

const DOING: &str = "raising a counter";

/// What rows are counted under where no field is added up.
const COUNT: &str = "count";

/// How the rows of one schema are counted.
#[derive(Debug)]
pub(super) struct CountFormat {
    key: Key,
    /// Fields by their places, `None` for 1, and what their sums are called.
    fields: Vec<(Option<usize>, String)>,
    family: String,
    columns: Vec<CellColumn>,
    counted: CellColumn,
}

impl CountFormat {
    /// How rows of this schema are counted there; else what is wrong.
    pub(super) fn of(target: &Target, schema: &Schema) -> std::result::Result<CountFormat, String> {
        let mut fields = Vec::new();
        for (field, name) in &target.value {
            let place = text::place(schema, "value", field)?;
            if !text::is_whole(schema.columns()[place].kind) {
                return Err(format!("incr adds whole numbers, and {field} has none"));
            }
            fields.push((Some(place), name.clone()));
        }
        if fields.is_empty() {
            fields.push((None, COUNT.to_owned()));
        }
        let column = |name: &str| CellColumn::of(&target.family, name);
        Ok(CountFormat {
            key: target.key(schema)?,
            columns: fields.iter().map(|(_, name)| column(name)).collect(),
            fields,
            family: target.family.clone(),
            counted: column(COUNTED),
        })
    }

    /// What the sums are called.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(_, name)| &**name)
    }

    /// What a row adds to which key; why it cannot be counted otherwise.
    pub(super) fn of_row(
        &self,
        schema: &Schema,
        partition: Partition,
        at: RowAt<'_>,
    ) -> std::result::Result<(Vec<u8>, Vec<i64>), String> {
        let key = key_of(&self.key, schema, partition, at)?;
        if key.ends_with(b"*") {
            return Err("its key ends with *, which the gateway takes for a pattern".to_owned());
        }
        Ok((key, self.values(schema, at.row)?))
    }

    fn values(&self, schema: &Schema, row: &Row) -> std::result::Result<Vec<i64>, String> {
        let value = |(place, _): &(Option<usize>, String)| {
            let Some(place) = *place else { return Ok(1) };
            match row.get(place) {
                ValueRef::Int32(value) => Ok(value.into()),
                ValueRef::UInt32(value) => Ok(value.into()),
                ValueRef::Int64(value) => Ok(value),
                _ => Err(format!("its {} has no value", schema.columns()[place].name)),
            }
        };
        self.fields.iter().map(value).collect()
    }

    /// The counter that a row of the table is; why it is none otherwise.
    pub(super) fn counter(&self, found: &FoundRow) -> std::result::Result<Counter, String> {
        let mut values = Vec::with_capacity(self.fields.len());
        for name in self.names() {
            let value = match found.value(&self.family, name) {
                None => 0,
                Some(bytes) => i64::from_be_bytes(bytes.try_into().map_err(|_| {
                    format!("its key has {} bytes as {name}, and a counter has 8", bytes.len())
                })?),
            };
            values.push(value);
        }
        let stored = found.value(&self.family, COUNTED).unwrap_or_default().to_vec();
        let counted = match &stored[..] {
            [] => Counted::default(),
            bytes => serde_json::from_slice(bytes)
                .map_err(|_| format!("{COUNTED} of its key is none that a sink has written"))?,
        };
        Ok(Counter { values, stored, counted })
    }
}

/// Whose rows are in a counter, and up to where.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Counted {
    pub(super) store: String,
    pub(super) topic: String,
    /// The next offset of each partition that has rows in it.
    pub(super) next: BTreeMap<u32, u64>,
}

/// What the server has of a key.
#[derive(Clone, Debug, Default)]
pub(super) struct Counter {
    pub(super) values: Vec<i64>,
    /// What is in it, as it is stored; empty: nothing.
    stored: Vec<u8>,
    pub(super) counted: Counted,
}

impl Counter {
    fn has(&self, row: &CountRow) -> bool {
        self.counted.next.get(&row.partition.0).is_some_and(|next| row.offset.0 < *next)
    }

    /// With these rows too; else the one that is too much.
    fn with<'a>(
        &self,
        context: &Context,
        rows: &[&'a CountRow],
    ) -> std::result::Result<Counter, &'a CountRow> {
        let mut new = self.clone();
        (new.counted.store, new.counted.topic) = (context.store_id.clone(), context.topic.clone());
        for &row in rows {
            for (sum, value) in new.values.iter_mut().zip(&row.values) {
                *sum = sum.checked_add(*value).ok_or(row)?;
            }
            new.counted.next.insert(row.partition.0, row.offset.0 + 1);
        }
        new.stored = serde_json::to_vec(&new.counted).expect("its keys are numbers");
        Ok(new)
    }
}

/// What one row adds.
#[derive(Debug)]
struct CountRow {
    key: Vec<u8>,
    partition: Partition,
    offset: Offset,
    values: Vec<i64>,
}

/// Rows that wait to be counted, in the order in which they came, and counters as the server has them.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    rows: Vec<CountRow>,
    bytes: usize,
    known: HashMap<Vec<u8>, Counter>,
}

impl Counts {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Forgets what came after so many rows.
    pub(super) fn cut(&mut self, rows: usize) {
        self.rows.truncate(rows);
        self.bytes = self.rows.iter().map(CountRow::bytes).sum();
    }

    /// Forgets what the server had.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }

    /// Adds a row, or says why it cannot be counted.
    pub(super) fn add(
        &mut self,
        format: &CountFormat,
        rows: &Rows<'_>,
        at: RowAt<'_>,
    ) -> std::result::Result<(), String> {
        let (key, values) = format.of_row(rows.schema(), rows.partition(), at)?;
        let row = CountRow { key, partition: rows.partition(), offset: at.offset, values };
        self.bytes += row.bytes();
        self.rows.push(row);
        Ok(())
    }

    /// Has each row counted, once.
    ///
    /// # Errors
    /// [`Error::RowRefused`] where one cannot be; others may be.
    pub(super) fn send(
        &mut self,
        server: &Server,
        (target, context): (&Target, &Context),
        format: &CountFormat,
    ) -> Result<()> {
        let mut by_key: BTreeMap<&[u8], Vec<&CountRow>> = BTreeMap::new();
        for row in &self.rows {
            by_key.entry(&row.key).or_default().push(row);
        }
        if self.known.len().saturating_add(by_key.len()) > limits::COUNTERS_KNOWN {
            self.known.clear();
        }
        let raising = Raising { server, target, context, format };
        for (key, rows) in by_key {
            // What fails leaves it unknown, and it is read again.
            let known = self.known.remove(key);
            let counter = raising.raise(known, key, &rows)?;
            self.known.insert(key.to_vec(), counter);
        }
        Ok(())
    }
}

impl CountRow {
    fn bytes(&self) -> usize {
        self.key.len() + 8 * self.values.len()
    }
}

/// Where counters are raised.
struct Raising<'a> {
    server: &'a Server,
    target: &'a Target,
    context: &'a Context,
    format: &'a CountFormat,
}

impl Raising<'_> {
    /// Has these rows, all of one key, counted; the counter then.
    fn raise(&self, mut known: Option<Counter>, key: &[u8], rows: &[&CountRow]) -> Result<Counter> {
        loop {
            let counter = match known.take() {
                Some(counter) => counter,
                None => self.read(key, rows)?,
            };
            let left: Vec<_> = rows.iter().filter(|row| !counter.has(row)).copied().collect();
            if left.is_empty() {
                return Ok(counter);
            }
            let new = counter.with(self.context, &left).map_err(|row| {
                self.refused(row, "its counter would be beyond 64 bits".to_owned())
            })?;
            if self.put(key, &counter, &new, left[0])? {
                return Ok(new);
            }
            // Someone else was faster, or this sink itself, whose answer was lost.
        }
    }

    /// The counter of a key, as the server has it.
    fn read(&self, key: &[u8], rows: &[&CountRow]) -> Result<Counter> {
        let doing = "reading a counter";
        let Target { name, table, .. } = self.target;
        // The gateway reads it as a part of a path once more.
        let path =
            format!("/{table}/multiget?row={}", cells::escaped(cells::escaped(key).as_bytes()));
        let answer = self.server.ask(doing, Request::Get, &path, limits::DOCUMENTS_ANSWER_BYTES)?;
        let found = match answer.status {
            200 => cells::read(&answer.body).ok_or_else(|| answer::unread(name, doing))?.pop(),
            404 => None,
            _ => return Err(failure::of_answer(name, doing, &answer)),
        };
        let found = found.unwrap_or_else(|| FoundRow { key: key.to_vec(), ..FoundRow::default() });
        if found.key != key {
            return Err(answer::unread(name, doing));
        }
        let counter = self.format.counter(&found).map_err(|what| self.refused(rows[0], what))?;
        let Counted { store, topic, .. } = &counter.counted;
        let Context { store_id, topic: ours, .. } = self.context;
        if !counter.stored.is_empty() && (store, topic) != (store_id, ours) {
            return Err(Error::OtherRowsThere {
                place: name.clone(),
                stored: format!("{store}, topic {topic}"),
                asked: format!("{store_id}, topic {ours}"),
            });
        }
        Ok(counter)
    }

    /// Puts the new counter in place of the old one; `false` when that was not there.
    fn put(&self, key: &[u8], old: &Counter, new: &Counter, first: &CountRow) -> Result<bool> {
        let values: Vec<[u8; 8]> = new.values.iter().map(|value| value.to_be_bytes()).collect();
        let of_values = self.format.columns.iter().zip(&values);
        let mut put: Vec<(&CellColumn, &[u8])> =
            of_values.map(|(column, value)| (column, &value[..])).collect();
        // The last one is what must be there, and nothing where it is empty.
        put.push((&self.format.counted, &new.stored));
        put.push((&self.format.counted, &old.stored));
        let body = cells::one_row(key, &put);
        let path = format!("/{}/row?check=put", self.target.table);
        failpoints::pass(failpoints::HBASE_BEFORE_COUNT)?;
        let request = Request::Put(body.as_bytes());
        let answer = self.server.ask(DOING, request, &path, limits::DOCUMENTS_ANSWER_BYTES)?;
        failpoints::pass(failpoints::HBASE_AFTER_COUNT)?;
        match answer.status {
            200 => Ok(true),
            304 => Ok(false),
            _ if failure::kind(&answer) == Kind::Data => {
                Err(self.refused(first, failure::said(&answer)))
            }
            _ => Err(failure::of_answer(&self.target.name, DOING, &answer)),
        }
    }

    fn refused(&self, row: &CountRow, what: String) -> Error {
        let CountRow { partition, offset, .. } = *row;
        Error::RowRefused { place: self.target.name.clone(), partition, offset, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(partition: u32, offset: u64, value: i64) -> CountRow {
        let (partition, offset) = (Partition(partition), Offset(offset));
        CountRow { key: b"key".to_vec(), partition, offset, values: vec![value] }
    }

    #[test]
    fn a_row_that_was_counted_is_in_and_later_ones_of_each_partition_are_not() {
        let context = Context::new("home", "results");
        let none = Counter { values: vec![0], ..Counter::default() };
        let rows = [row(0, 3, 5), row(1, 7, 6)];
        let new = none.with(&context, &rows.each_ref()).unwrap();
        assert_eq!(new.values, [11]);
        for (partition, offset, is_in) in
            [(0, 3, true), (0, 4, false), (1, 7, true), (1, 8, false), (2, 0, false)]
        {
            assert_eq!(new.has(&row(partition, offset, 1)), is_in, "{partition} {offset}");
        }
        let stored: Counted = serde_json::from_slice(&new.stored).unwrap();
        assert_eq!(stored, new.counted);
    }

    #[test]
    fn a_sum_beyond_64_bits_names_its_row() {
        let context = Context::new("home", "results");
        let counter = Counter { values: vec![i64::MAX - 1], ..Counter::default() };
        let rows = [row(0, 1, 1), row(0, 2, 1)];
        let too_much = counter.with(&context, &rows.each_ref()).unwrap_err();
        assert_eq!(too_much.offset, Offset(2));
    }
}
