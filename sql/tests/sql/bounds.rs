//! Where a statement ends that is too large, that is stopped, or whose table fails.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use seismic_sql::{Error, Settings};

use crate::lists::{Val, ask, engine, engine_with, input};

#[test]
fn what_is_kept_has_a_bound_and_the_sentence_says_what_keeps_it() {
    for sql in [
        "select * from input order by max_amplitude",
        "select sensor_id, window_start_ts, count(*) from input group by 1, 2",
        "with recursive c(x) as (select 1 union select x + 1 from c) select count(*) from c",
    ] {
        let mut endless = input();
        (endless.is_endless, endless.batch) = (true, 1_000);
        let settings = Settings { memory_bytes: 8 << 20, ..Settings::default() };
        let error = ask(&engine_with(vec![endless], settings), sql).unwrap_err();
        assert!(matches!(error, Error::Memory { bytes, .. } if bytes == 8 << 20), "{sql}: {error}");
        assert!(error.to_string().contains("keeps more than 8 MiB"), "{error}");
    }
}

/// The bound is far above what other tests of this process take meanwhile, and far below what the
/// rows would take if they were kept.
#[test]
fn a_filter_over_many_rows_keeps_next_to_nothing() {
    let mut many = input();
    many.rows.iter_mut().for_each(|row| row[0] = Val::Text("S".repeat(1_000)));
    many.rows = many.rows.iter().cycle().take(1_000).cloned().collect();
    (many.is_endless, many.batch) = (true, 1_000);
    let settings = Settings { memory_bytes: 64 << 20, ..Settings::default() };
    let engine = engine_with(vec![many], settings);
    let sql = "select sensor_id, max_amplitude * 2 from input where record_count >= 3 limit 200000";
    let mut query = engine.prepare(sql).unwrap();
    let mut rows = query.run();
    let mut count = 0;
    while rows.next().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 200_000);
}

#[test]
fn a_statement_that_is_stopped_says_so_and_gives_no_answer_of_a_part() {
    for sql in ["select count(*) from input", "select sensor_id from input where sensor_id = 'no'"]
    {
        let stop = Arc::new(AtomicBool::new(false));
        let mut endless = input();
        (endless.is_endless, endless.batch) = (true, 1_000);
        endless.stops_after = Some((20, Arc::clone(&stop)));
        let settings = Settings { stop, ..Settings::default() };
        let error = ask(&engine_with(vec![endless], settings), sql).unwrap_err();
        assert!(matches!(error, Error::Stopped { rows } if rows >= 20_000), "{sql}: {error}");
    }
}

#[test]
fn a_table_that_fails_fails_the_statement_in_its_own_words() {
    let mut failing = input();
    failing.fails_after = Some(2);
    let error = ask(&engine(vec![failing]), "select count(*) from input").unwrap_err();
    assert_eq!(error.to_string(), "table input cannot be read");
    let Error::Scan { source, .. } = error else { panic!("{error}") };
    assert_eq!(source.to_string(), "the disk is gone");
}

#[test]
fn a_join_of_everything_with_everything_reads_the_inner_table_only_so_often() {
    let mut one = input();
    one.rows = one.rows.iter().cycle().take(50).cloned().collect();
    let error = ask(&engine(vec![one]), "select count(*) from input a, input b").unwrap_err();
    let said = error.to_string();
    assert!(said.starts_with("the statement reads input more than 8 times"), "{said}");
}

/// A table that is kept first is read once.
#[test]
fn what_is_kept_first_may_be_joined_with_everything() {
    let mut one = input();
    one.rows = one.rows.iter().cycle().take(50).cloned().collect();
    let sql =
        "with b as materialized (select sensor_id from input) select count(*) from input a, b";
    assert_eq!(ask(&engine(vec![one]), sql).unwrap(), [[Val::Int(2_500)]]);
}

#[test]
fn a_join_on_an_equality_reads_a_table_three_times_and_has_the_bound_of_memory() {
    let many = |rows: usize| {
        let mut many = input();
        many.rows = many.rows.iter().cycle().take(rows).cloned().collect();
        for (offset, row) in many.rows.iter_mut().enumerate() {
            row[4] = Val::Int(offset as i64);
        }
        many.batch = 1_000;
        many
    };
    let sql = "select count(*) from input a join input b on a._offset = b._offset + 1";
    let few = many(20_000);
    let batches = few.batches.clone();
    assert_eq!(ask(&engine(vec![few]), sql).unwrap(), [[Val::Int(19_999)]]);
    // Once outside, once for its first row, once for the index: each of 20 batches and the end.
    assert_eq!(batches.load(std::sync::atomic::Ordering::Relaxed), 3 * 21);
    let settings = Settings { memory_bytes: 4 << 20, ..Settings::default() };
    let error = ask(&engine_with(vec![many(200_000)], settings), sql).unwrap_err();
    assert!(matches!(error, Error::Memory { .. }), "{error}");
}
