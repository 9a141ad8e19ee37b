//! **sql**: statements over rows in memory by one thread, beside a plain loop that does the same with
//! a hash map. No queue, no commit, no decoding: what the engine of SQL itself costs, by the size of a
//! batch, since a job that follows its input sees small ones.

mod case;
mod engine;
mod plain;
mod rows;

use std::time::Instant;

use self::case::Case;
use self::engine::Statement;
use self::plain::Plain;
use super::context::Bench;
use super::report::{Cell, Column, Table, median};

/// Rows of a batch.
const BATCHES: [usize; 3] = [100, 1_000, 10_000];

/// Rows between two looks at the clock, so that small batches are not measured by it.
const ROWS_BETWEEN_LOOKS: usize = 20_000;

const COLUMNS: &[Column] = &[
    Column { name: "what", title: "what", decimals: 0 },
    Column { name: "batch_rows", title: "rows/batch", decimals: 0 },
    Column { name: "rows_per_s", title: "rows/s", decimals: 0 },
    Column { name: "plain_rows_per_s", title: "plain loop rows/s", decimals: 0 },
    Column { name: "ratio_to_plain", title: "× plain", decimals: 3 },
    Column { name: "ms_per_batch", title: "ms/batch", decimals: 3 },
];

/// How many steps it takes.
pub fn steps() -> usize {
    Case::all().len() * BATCHES.len()
}

/// Measures.
pub fn measure(bench: &Bench<'_>) -> anyhow::Result<Table> {
    let about = "rows of 13 columns in memory to rows of 3, by one thread; the plain loop does the same \
                 with a hash map";
    let mut table = Table::new("sql", about, COLUMNS);
    for case in Case::all() {
        let statement = Statement::new(*case)?;
        let plain = Plain::new(*case);
        for rows in BATCHES {
            bench.step(format_args!("sql, {}, batches of {rows} rows", case.name()))?;
            let batch = rows::batch(rows);
            let (mut by_statement, mut by_loop) = (Vec::new(), Vec::new());
            let (mut out, began) = (Vec::new(), Instant::now());
            // Both in turns, so that whatever else the machine does is in both.
            while by_statement.is_empty() || began.elapsed() < bench.workload.statement_time {
                bench.check()?;
                let times = ROWS_BETWEEN_LOOKS.div_ceil(rows);
                let batches: Vec<_> = (0..times).map(|_| batch.clone()).collect();
                let began = Instant::now();
                for batch in batches {
                    out.clear();
                    statement.run(batch, &mut out)?;
                }
                by_statement.push(began.elapsed().as_secs_f64() / times as f64);
                let found = std::mem::take(&mut out);
                let began = Instant::now();
                for _ in 0..times {
                    out.clear();
                    plain.run(&batch, &mut out);
                }
                by_loop.push(began.elapsed().as_secs_f64() / times as f64);
                anyhow::ensure!(found == out, "{}: the loop has other rows", case.name());
            }
            let (by_statement, by_loop) = (median(by_statement), median(by_loop));
            table.push([
                Cell::Word(case.name()),
                rows.into(),
                (rows as f64 / by_statement).into(),
                (rows as f64 / by_loop).into(),
                (by_loop / by_statement).into(),
                (by_statement * 1e3).into(),
            ]);
        }
    }
    Ok(table)
}
