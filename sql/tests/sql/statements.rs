//! What a SELECT answers.

use std::sync::atomic::Ordering::Relaxed;

use seismic_sql::{Counted, Kind};

use crate::lists::{List, Val, ask, engine, input, threshold, value};

#[test]
fn rows_come_out_in_the_order_in_which_they_went_in() {
    let engine = engine(vec![input()]);
    let rows = ask(&engine, "select _offset, sensor_id from input where record_count > 5").unwrap();
    let expected = [(0, "S1"), (1, "S2"), (2, "S1")];
    assert_eq!(rows, expected.map(|(at, id)| vec![Val::Int(at), id.into()]));
}

#[test]
fn a_join_keeps_the_order_of_the_input_whichever_table_is_named_first() {
    for sql in [
        "select r._offset, t.threshold from input r join threshold t on t.sensor_id = r.sensor_id",
        "select r._offset, t.threshold from threshold t, input r where r.sensor_id = t.sensor_id",
    ] {
        let mut long = input();
        // Many rows are what makes a table the outer one.
        long.rows = long.rows.iter().cycle().take(100).cloned().collect();
        for (offset, row) in long.rows.iter_mut().enumerate() {
            row[4] = Val::Int(offset as i64);
        }
        let rows = ask(&engine(vec![long, threshold()]), sql).unwrap();
        let offsets: Vec<_> = rows.iter().map(|row| row[0].clone()).collect();
        let expected: Vec<_> = (0..100).filter(|i| i % 5 != 3).map(Val::Int).collect();
        assert_eq!(offsets, expected, "{sql}");
    }
}

#[test]
fn a_left_join_keeps_what_has_no_match() {
    let sql = "select r.sensor_id, t.threshold from input r left join threshold t using (sensor_id) \
               where r._offset = 3";
    let rows = ask(&engine(vec![input(), threshold()]), sql).unwrap();
    assert_eq!(rows, [[Val::from("S3"), Val::Null]]);
}

#[test]
fn groups_orders_windows_and_common_tables_are_answered() {
    let engine = engine(vec![input(), threshold()]);
    let rows = ask(
        &engine,
        "with s as (select sensor_id, max(max_amplitude) as top, count(*) as n from input group by 1)
         select sensor_id, top, n, rank() over (order by top desc) from s
         where top is not null order by top desc",
    )
    .unwrap();
    let row = |id: &str, top: f64, rank: i64| vec![id.into(), top.into(), 2.into(), rank.into()];
    assert_eq!(rows, [row("S2", 4.0, 1), row("S1", 1.5, 2)]);
    let both = "select a.sensor_id from input a join input b
                on a.sensor_id = b.sensor_id and a._offset < b._offset";
    assert_eq!(ask(&engine, both).unwrap(), [[Val::from("S1")], [Val::from("S2")]]);
    assert_eq!(value("with t as (select 1) select count(*) from t"), Val::Int(1));
    assert_eq!(value("select count(*) from input"), Val::Int(5));
}

#[test]
fn an_answer_that_ends_early_reads_no_more_than_it_needs() {
    let mut endless = input();
    endless.is_endless = true;
    let batches = endless.batches.clone();
    let engine = engine(vec![endless]);
    assert_eq!(ask(&engine, "select sensor_id from input limit 3").unwrap().len(), 3);
    assert_eq!(batches.load(Relaxed), 2, "batches of two rows");
}

#[test]
fn hidden_columns_are_left_out_of_a_star_and_may_be_named() {
    let engine = engine(vec![input()]);
    let query = engine.prepare("select * from input").unwrap();
    assert_eq!(query.columns(), ["sensor_id", "window_start_ts", "max_amplitude", "record_count"]);
    assert_eq!(ask(&engine, "select _offset from input limit 1").unwrap(), [[Val::Int(0)]]);
}

#[test]
fn a_statement_runs_again_and_counts_each_run_alone() {
    let engine = engine(vec![input()]);
    let mut query = engine.prepare("select count(*) from input").unwrap();
    for _ in 0..20 {
        let mut rows = query.run();
        assert!(rows.next().unwrap().is_some());
        assert!(rows.next().unwrap().is_none());
        drop(rows);
        assert_eq!(query.counted(), Counted { rows: 5, nans: 0 });
    }
}

#[test]
fn every_value_comes_out_as_it_went_in() {
    let columns = [("i", Kind::Integer), ("r", Kind::Real), ("t", Kind::Text), ("b", Kind::Blob)];
    let rows = vec![
        vec![Val::Int(i64::MIN), Val::Real(f64::MAX), "".into(), Val::Blob(vec![])],
        vec![Val::Int(i64::MAX), Val::Real(5e-324), "ü\n'\"".into(), Val::Blob(vec![0, 255])],
        vec![Val::Int((1 << 53) + 1), Val::Real(0.1), "0x1".into(), Val::Blob(vec![7; 3000])],
        vec![Val::Int(0), Val::Real(f64::INFINITY), "NULL".into(), Val::Null],
        vec![Val::Null, Val::Null, Val::Null, Val::Null],
    ];
    let list = List::new("v", &columns, rows.clone());
    let engine = engine(vec![list]);
    assert_eq!(ask(&engine, "select * from v").unwrap(), rows);
    // Also through a sort, which stores them in between.
    let mut sorted = ask(&engine, "select * from v order by i desc").unwrap();
    sorted.sort_by_key(|row| rows.iter().position(|it| it == row));
    assert_eq!(sorted, rows);
}

#[test]
fn any_cut_into_batches_gives_the_same_answer() {
    let answer = |batch: usize| {
        let mut list = input();
        list.batch = batch;
        let sql = "select sensor_id, sum(record_count), avg(max_amplitude) from input group by 1";
        ask(&engine(vec![list]), sql).unwrap()
    };
    assert!((2..7).all(|batch| answer(batch) == answer(1)));
}

/// A lookup may find more than SQLite takes for equal, and never a row twice.
#[test]
fn a_join_finds_what_is_equal_whatever_the_types_and_nothing_twice() {
    let one = |name, kind, values: &[Val]| {
        List::new(name, &[("x", kind)], values.iter().map(|value| vec![value.clone()]).collect())
    };
    let a = [1.into(), 2.into(), Val::Null, 5.into(), 5.into()];
    let a = one("a", Kind::Integer, &a.iter().cycle().take(50).cloned().collect::<Vec<_>>());
    let b = one("b", Kind::Text, &["1".into(), "5".into(), "5.0".into(), " 2".into(), "x".into()]);
    let c = one("c", Kind::Real, &[Val::Real(5.0), Val::Real(1.0), Val::Null, Val::Real(5.5)]);
    let engine = engine(vec![a, b, c]);
    for (sql, count) in [
        // Numbers are compared: 1, 2 and both texts of 5.
        ("select count(*) from a join b on a.x = b.x", 10 + 10 + 20 * 2),
        ("select count(*) from a join c on a.x = c.x", 10 + 20),
        ("select count(*) from a where a.x in (select x from c)", 10 + 20),
        ("select count(*) from a where exists (select 1 from c where c.x = a.x)", 10 + 20),
        ("select count(*) from a left join c on a.x = c.x", 50),
        ("select count(*) from a join b using (x) join c using (x)", 10 + 20 * 2),
    ] {
        assert_eq!(ask(&engine, sql).unwrap(), [[Val::Int(count)]], "{sql}");
    }
}
