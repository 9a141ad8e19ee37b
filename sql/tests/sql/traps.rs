//! What surprises people in SQL and in SQLite, pinned as docs/sql.md tells it.

use seismic_sql::{Counted, Kind};

use crate::lists::{List, Val, ask, engine, input, threshold, value};

#[test]
fn nan_is_null_and_is_counted_and_negative_zero_is_zero() {
    let rows = vec![vec![Val::Real(f64::NAN)], vec![Val::Real(-0.0)], vec![Val::Real(1.0)]];
    let engine = engine(vec![List::new("input", &[("x", Kind::Real)], rows)]);
    let mut query = engine.prepare("select x from input").unwrap();
    let mut rows = query.run();
    let mut all = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        all.push(format!("{:?}", row.cell(0).unwrap()));
    }
    assert_eq!(all, ["Null", "Real(0.0)", "Real(1.0)"]);
    drop(rows);
    assert_eq!(query.counted(), Counted { rows: 3, nans: 1 });
    assert_eq!(ask(&engine, "select count(*), count(x) from input").unwrap()[0][1], Val::Int(2));
}

#[test]
fn integers_divide_to_integers_and_by_zero_to_null() {
    assert_eq!(value("select 1 / 2"), Val::Int(0));
    assert_eq!(value("select 1 * 1.0 / 2"), Val::Real(0.5));
    assert_eq!(value("select 1 / 0"), Val::Null);
    assert_eq!(value("select 1.0 / 0.0"), Val::Null);
}

#[test]
fn an_integer_that_overflows_turns_real_and_a_sum_of_integers_fails() {
    assert_eq!(value("select 9223372036854775807 + 1"), Val::Real(9_223_372_036_854_775_808.0));
    let rows = vec![vec![Val::Int(i64::MAX)], vec![Val::Int(1)]];
    let engine = engine(vec![List::new("input", &[("n", Kind::Integer)], rows)]);
    let said = ask(&engine, "select sum(n) from input").unwrap_err().to_string();
    assert!(said.ends_with("integer overflow"), "{said}");
}

/// A text is greater than every number, unless a column with a type is on the other side.
#[test]
fn a_column_has_a_type_so_that_text_is_compared_with_it_as_a_number() {
    assert_eq!(value("select '1' > 9"), Val::Int(1));
    assert_eq!(value("select count(*) from input where record_count > '9'"), Val::Int(1));
    assert_eq!(value("select count(*) from input where '9' < record_count"), Val::Int(1));
    assert_eq!(value("select count(*) from input where max_amplitude > '1'"), Val::Int(2));
}

#[test]
fn a_column_of_32_bits_is_compared_as_64_bits_and_f32_rounds_the_literal() {
    let of = |condition: &str| value(&format!("select {condition} from input where _offset = 2"));
    assert_eq!(of("max_amplitude > 0.1"), Val::Int(1));
    assert_eq!(of("max_amplitude > f32(0.1)"), Val::Int(0));
    assert_eq!(of("max_amplitude = f32(0.1)"), Val::Int(1));
    assert_eq!(of("max_amplitude"), Val::Real(0.1f32.into()));
}

/// A sensor without a threshold never alarms: NULL is neither above nor below.
#[test]
fn a_ratio_of_null_alarms_nobody_unless_it_is_asked_for() {
    let alerts = |case: &str| {
        let sql = format!(
            "select sum({case}) from input r left join threshold t using (sensor_id)
             where r.sensor_id = 'S3'"
        );
        value(&sql)
    };
    assert_eq!(alerts("case when max_amplitude - threshold > 0 then 1 else 0 end"), Val::Int(0));
    assert_eq!(alerts("threshold is null"), Val::Int(1));
    assert_eq!(value("select max_amplitude / null is null from input limit 1"), Val::Int(1));
}

#[test]
fn text_is_compared_by_its_bytes() {
    assert_eq!(value("select 's1' = 'S1'"), Val::Int(0));
    assert_eq!(value("select 'Z' < 'a'"), Val::Int(1));
    assert_eq!(value("select 's1' = 'S1' collate nocase"), Val::Int(1));
}

#[test]
fn sums_are_compensated_and_a_round_is_decimal() {
    let rows = [1e100, 1.0, -1e100].map(|x| vec![Val::Real(x)]).to_vec();
    let engine = engine(vec![List::new("input", &[("x", Kind::Real)], rows)]);
    assert_eq!(ask(&engine, "select sum(x) from input").unwrap(), [[Val::Real(1.0)]]);
    assert_eq!(value("select round(2.5)"), Val::Real(3.0));
}

#[test]
fn text_that_is_not_utf_8_is_named_and_not_mended() {
    let said = ask(&engine(vec![input()]), "select cast(x'ff' as text) as t").unwrap_err();
    assert_eq!(
        said.to_string(),
        "row 1 of the answer: column t is text that is not UTF-8; show it by hex()"
    );
}

/// `analyze` may change plans and with them the order of rows; it is refused (see attacks).
#[test]
fn the_plan_reads_the_longer_table_first() {
    let mut long = input();
    long.rows = long.rows.iter().cycle().take(1_000).cloned().collect();
    for (offset, row) in long.rows.iter_mut().enumerate() {
        row[4] = Val::Int(offset as i64);
    }
    let sql = "select _offset from threshold t join input r on r.max_amplitude > t.threshold";
    // Two scans of the short table for each row of the long one would be more than it allows.
    let said = ask(&engine(vec![long, threshold()]), sql).unwrap_err().to_string();
    assert!(said.contains("reads threshold more than 8 times"), "{said}");
}
