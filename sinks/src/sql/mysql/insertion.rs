//! How the rows of a batch are inserted: by prepared statements of many rows each.
//!
//! A statement takes a power of two of rows, so that a session prepares few of them whatever batches
//! come. The server says of an error at most which row of a statement it is of; where it does not,
//! the rows of that statement are inserted one by one until one is refused.

use seismic_queue::Kind;

use super::cell;
use super::connection::Encoded;
use super::failure::{Trouble, failure};
use super::merge;
use super::names::{quoted, quoted_list};
use super::session::Session;
use super::target::Target;
use super::wire::{self, Wire};
use crate::rows::columns::TableColumn;
use crate::sql::batch::Batch;
use crate::sql::table_target::OnConflict;
use crate::{Error, Result};

/// Rows of one statement at most: more are not faster.
const ROWS: usize = 512;

/// Parameters that a statement may have.
const PARAMETERS: usize = 65_535;

/// Longest statement that is sent where there are several rows in it, in bytes.
const STATEMENT_BYTES: usize = 4 << 20;

/// What a statement has beside its rows: its number, and types.
const BESIDE_BYTES: usize = 256 << 10;

/// The rows of a batch on their way into the table.
pub(super) struct Insertion<'a> {
    pub(super) target: &'a Target,
    pub(super) columns: &'a [TableColumn],
    /// How each column takes its values.
    pub(super) wires: &'a [Wire],
    pub(super) batch: &'a Batch,
}

impl Insertion<'_> {
    /// Brings the rows of the batch into the table.
    pub(super) fn insert(&self, session: &mut Session) -> Result<()> {
        let rows: Vec<&[u8]> = self.batch.rows().collect();
        let statement_bytes = session.statement_bytes.saturating_sub(BESIDE_BYTES);
        let limit = statement_bytes.min(STATEMENT_BYTES);
        let mut from = 0;
        while from < rows.len() {
            let count = self.statement_rows(&rows[from..], limit);
            if count == 1 && rows[from].len() > statement_bytes {
                let what = format!(
                    "it has {} bytes, and max_allowed_packet of the server is {}",
                    rows[from].len(),
                    session.statement_bytes
                );
                return Err(self.refused(from, what));
            }
            let some = &rows[from..from + count];
            match self.execute(session, some) {
                Ok(()) => from += count,
                Err(trouble) => return Err(self.explained(session, (from, some), trouble)),
            }
        }
        Ok(())
    }

    /// How many of these rows the next statement takes.
    fn statement_rows(&self, rows: &[&[u8]], limit: usize) -> usize {
        let most = rows.len().min(ROWS).min(PARAMETERS / self.columns.len().max(1)).max(1);
        let mut count = 1 << most.ilog2();
        while count > 1 && rows[..count].iter().map(|row| row.len()).sum::<usize>() > limit {
            count /= 2;
        }
        count
    }

    fn execute(&self, session: &mut Session, rows: &[&[u8]]) -> std::result::Result<(), Trouble> {
        let (width, bits) = (self.columns.len(), wire::bits(self.columns.len()));
        let mut nulls = vec![0; wire::bits(width * rows.len())];
        let mut values = Vec::with_capacity(rows.len());
        for (i, row) in rows.iter().enumerate() {
            let (of_row, of_values) = row.split_at(bits);
            // Most rows have a value everywhere.
            if of_row.iter().any(|byte| *byte != 0) {
                for place in (0..width).filter(|place| cell::is_null(*place, of_row)) {
                    cell::set_null(i * width + place, &mut nulls);
                }
            }
            values.push(of_values);
        }
        let of_row: Vec<u8> = self.wires.iter().flat_map(|wire| [wire.number(), 0]).collect();
        let types = of_row.repeat(rows.len());
        let with = Encoded { nulls: &nulls, types: &types, values: &values };
        session.client.execute_encoded(&self.statement(rows.len()), &with).map(drop)
    }

    /// The statement that inserts so many rows.
    fn statement(&self, rows: usize) -> String {
        let names = quoted_list(self.columns.iter().map(|column| &*column.name));
        let one = format!("({})", vec!["?"; self.columns.len()].join(","));
        let table = self.target.quoted_table();
        let mut insert = format!("INSERT INTO {table} ({names}) VALUES ");
        insert += &vec![one; rows].join(",");
        let set = match self.target.on_conflict {
            _ if self.target.merges_panes => merge::assignments(self.columns, self.wires),
            OnConflict::Error => return insert,
            OnConflict::Ignore => String::new(),
            OnConflict::Update => self.replacements(),
        };
        insert += " ON DUPLICATE KEY UPDATE ";
        // The row that is there stays, and every other refusal remains one.
        let first = || self.columns.first().map_or(String::new(), |column| quoted(&column.name));
        insert += &if set.is_empty() { format!("{0} = {0}", first()) } else { set };
        insert
    }

    /// What an update sets: every column but the key's.
    fn replacements(&self) -> String {
        let others = self.columns.iter().filter(|column| !column.is_key);
        let set = others.map(|column| quoted(&column.name));
        set.map(|name| format!("{name} = VALUES({name})")).collect::<Vec<_>>().join(", ")
    }

    /// The error of a statement with these rows, the first of which has that place in the batch; it
    /// names the row where its content is refused. The server has taken the statement back.
    fn explained(
        &self,
        session: &mut Session,
        (from, rows): (usize, &[&[u8]]),
        trouble: Trouble,
    ) -> Error {
        let name = &self.target.name;
        let error = failure(name, "inserting rows", trouble);
        let Error::Database { what, kind: Kind::Data, .. } = error else { return error };
        if rows.len() == 1 {
            return self.refused(from, what);
        }
        for (i, row) in rows.iter().enumerate() {
            let Err(trouble) = self.execute(session, &[row]) else { continue };
            let error = failure(name, "inserting a row", trouble);
            let Error::Database { what, kind: Kind::Data, .. } = error else { return error };
            return self.refused(from + i, what);
        }
        Error::RowsRefused { place: name.clone(), what }
    }

    fn refused(&self, at: usize, what: String) -> Error {
        let place = self.target.name.clone();
        match self.batch.place(at + 1) {
            Some((partition, offset)) => Error::RowRefused { place, partition, offset, what },
            None => Error::RowsRefused { place, what },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use seismic_brokers::MariaDb;
    use seismic_proto::{Schema, SeismicAggRecord};
    use seismic_queue::{Offset, Partition, Span};

    use super::*;
    use crate::conformance::{batch as batch_of, row};
    use crate::sql::mysql::{session, table};
    use crate::{Context, RowDecoder, SinkSpec};

    /// Rows of a transaction.
    const OF_TRANSACTION: u64 = 10_000;
    const TRANSACTIONS: u64 = 30;

    fn rows(transaction: u64) -> seismic_queue::Batch {
        let first = transaction * OF_TRANSACTION;
        let rows: Vec<_> = (first..first + OF_TRANSACTION)
            .map(|i| SeismicAggRecord {
                sensor_id: format!("S{:04}", i % 1_000),
                input_partition: 0,
                ..row(0, i / 1_000)
            })
            .collect();
        batch_of(Partition(0), Offset(first), &rows)
    }

    /// Compares the sink with the bare loop of the same statements, which has its rows encoded.
    #[test]
    #[ignore = "measures: needs a quiet machine"]
    fn the_sink_is_nearly_as_fast_as_its_statements_alone() {
        let settings = ["--innodb-buffer-pool-size=512M", "--innodb-log-file-size=256M"];
        let fsync = "--innodb-flush-log-at-trx-commit=1";
        let Some(server) = MariaDb::start(&[settings[0], settings[1], fsync]) else { return };
        let spec = |name: &str| -> SinkSpec {
            let address = server.database(name);
            format!("{address},create=true,batch_rows={OF_TRANSACTION},batch_bytes=64MiB")
                .parse()
                .unwrap()
        };
        let (context, end) = (Context::new("home", "results"), OF_TRANSACTION * TRANSACTIONS);
        let spans = [Span { first: Offset(0), end: Offset(end) }];
        for round in 0..3 {
            let batches: Vec<_> = (0..TRANSACTIONS).map(rows).collect();
            let of_sink = spec(&format!("sink_{round}"));
            let mut sink = crate::open(&of_sink, &context).unwrap();
            sink.recover(&spans).unwrap();
            let mut decoder = RowDecoder::new("results", Schema::windows());
            let begun = Instant::now();
            for batch in &batches {
                sink.write(&decoder.decode(batch).unwrap()).unwrap();
                sink.sync().unwrap();
            }
            let of_sink = end as f64 / begun.elapsed().as_secs_f64();

            let target = Target::of(&spec(&format!("bare_{round}"))).unwrap();
            let columns = target.columns(Schema::windows()).unwrap();
            let mut session = session::open(&target, "a bench", 0).unwrap();
            table::make(&mut session.client, &target, &columns).unwrap();
            let wires = table::check(&mut session.client, &target, &columns).unwrap();
            let encoded: Vec<Batch> = batches
                .iter()
                .map(|batch| {
                    let mut encoded = Batch::default();
                    let rows = decoder.decode(batch).unwrap();
                    encoded
                        .add(&target.name, &rows, false, |at, into| {
                            wire::put_row((&columns, &wires), false, (&rows, at), into)
                        })
                        .unwrap();
                    encoded
                })
                .collect();
            let begun = Instant::now();
            for (i, batch) in encoded.iter().enumerate() {
                session.client.run("START TRANSACTION").unwrap();
                let update = format!("UPDATE {} SET next = {i}", target.quoted_positions());
                session.client.run(&update).unwrap();
                let (target, columns, wires) = (&target, &*columns, &*wires);
                Insertion { target, columns, wires, batch }.insert(&mut session).unwrap();
                session.client.run("COMMIT").unwrap();
            }
            let bare = end as f64 / begun.elapsed().as_secs_f64();
            println!("sink {of_sink:.0} rows/s, bare {bare:.0}, ratio {:.2}", of_sink / bare);
        }
    }
}
