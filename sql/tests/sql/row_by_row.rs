//! Which statements are row by row, and that each row of their answer says which row it was made of.

use std::sync::Arc;

use seismic_sql::{Engine, Kind, Table};

use crate::lists::{List, Val};

/// Input rows first, and a list of thresholds beside them.
fn engine(rows: usize) -> Engine {
    let columns = [("Name", Kind::Text), ("used", Kind::Real), ("type", Kind::Integer)];
    let row =
        |i: usize| vec![format!("n{i}").as_str().into(), (i as f64).into(), Val::Int(i as i64 % 3)];
    let input = List::new("MoniteSource", &columns, (0..rows).map(row).collect());
    let columns = [("type", Kind::Integer), ("value", Kind::Real)];
    let rows = vec![
        vec![Val::Int(0), 5.0.into()],
        vec![Val::Int(1), 7.0.into()],
        vec![Val::Int(1), 8.0.into()],
    ];
    let thresholds = List::new("threshold", &columns, rows);
    let tables: Vec<Arc<dyn Table>> = vec![Arc::new(input), Arc::new(thresholds)];
    Engine::new(tables).unwrap()
}

fn check(sql: &str) -> Result<(), String> {
    let engine = engine(0);
    engine.prepare(sql).map_err(|error| error.to_string())?;
    engine.check_row_by_row(sql, 0).map_err(|error| error.to_string())
}

#[test]
fn filters_projections_and_joins_with_other_tables_are_row_by_row() {
    for sql in [
        "select * from monitesource",
        "select Name, used * 1.0 / 3 from MONITESOURCE where used > 1 and type in (1, 2, 3, 4, 5)",
        "select case when used > 1 then 1 when used is null then 2 else 0 end from MoniteSource as a",
        "select upper(Name) || '!', round(used, 2), coalesce(type, 0), max(used, 3) from MoniteSource",
        "select case type when 1 then 'a' when 2 then 'b' end from MoniteSource where Name like 'n%'",
        "select Name from MoniteSource where used between 1 and 2 or Name glob 'a*' or not type",
        "select a.Name, b.value from MoniteSource as a, threshold as b where a.type = b.type",
        "select a.Name, b.value from MoniteSource a left join threshold b on a.type = b.type and b.value > 5",
        "select Name from MoniteSource where type in (select type from threshold)",
        "select Name from MoniteSource where type not in (select type from threshold where value > 5)",
        "with x as (select Name, used * 2 as d from MoniteSource) select Name, d from x where d > 1",
        "select Name from (select Name, used from MoniteSource) where used > 1",
        "select haversine_km(used, used, 1, 2), nslc(Name, 'station') from MoniteSource",
        "select cast(used as integer), -type, type % 2, type & 1, ~type, type << 1 from MoniteSource",
        "select Name from MoniteSource where Name in (Name, 'b')",
    ] {
        check(sql).unwrap_or_else(|why| panic!("{sql}: {why}"));
    }
}

#[test]
fn what_looks_at_several_rows_is_refused_with_its_place_and_the_reason() {
    for (sql, why) in [
        (
            "select count(*) from MoniteSource",
            "line 1, column 8: the statement is not row by row over MoniteSource: an aggregate",
        ),
        ("select type, sum(used) from MoniteSource\ngroup by 1", "line 2, column 1"),
        ("select Name from MoniteSource order by used", "ORDER BY and GROUP BY need all rows"),
        (
            "select distinct type from MoniteSource",
            "line 1, column 8: the statement is not row by row",
        ),
        ("select Name from MoniteSource limit 5", "LIMIT and a sub-select"),
        ("select Name from MoniteSource limit -1 offset 5", "LIMIT and a sub-select"),
        ("select sum(used) over () from MoniteSource", "window functions"),
        (
            "select a.Name from MoniteSource a join MoniteSource b on a.type = b.type",
            "reads MoniteSource more than once",
        ),
        (
            "select Name from MoniteSource union all select Name from MoniteSource",
            "line 1, column 31: the statement reads MoniteSource more than once",
        ),
        (
            "select Name from MoniteSource union all select 'x'",
            "made of none of the rows of MoniteSource",
        ),
        (
            "select Name from MoniteSource where used > (select max(used) from MoniteSource)",
            "more than once",
        ),
        (
            "select Name from MoniteSource where used = (select value from threshold where threshold.type = MoniteSource.type)",
            "LIMIT and a sub-select that gives one value",
        ),
        ("select value from threshold", "does not read MoniteSource"),
        (
            "select value from threshold where type in (select type from MoniteSource)",
            "more than once",
        ),
        (
            "select a.Name, b.value from MoniteSource a right join threshold b on a.type = b.type",
            "RIGHT and FULL JOIN",
        ),
        (
            "select a.Name, b.value from MoniteSource a full join threshold b on a.type = b.type",
            "RIGHT and FULL JOIN",
        ),
        (
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < 5) select i, Name from n, MoniteSource",
            "not row by row",
        ),
        (
            "with x as materialized (select Name, used from MoniteSource) select Name from x",
            "more than once",
        ),
        ("select 1", "does not read MoniteSource"),
        (
            "select b.value, a.Name from threshold b left join MoniteSource a on a.type = b.type",
            "MoniteSource stands at the right of LEFT JOIN",
        ),
        ("select x from (select Name as x from MoniteSource union all select 'c')", "MoniteSource"),
    ] {
        let found = check(sql).expect_err(sql);
        assert!(found.contains(why), "{sql}: {found}");
    }
}

#[test]
fn a_table_and_a_function_that_are_misspelt_are_named_with_what_may_be_meant() {
    for (sql, why) in [
        ("select Name from MoniteSourc_", "did you mean MoniteSource?"),
        ("select Nam from MoniteSource", "there is no column Nam; did you mean Name?"),
        ("select ronud(used) from MoniteSource", "did you mean round?"),
    ] {
        let found = check(sql).expect_err(sql);
        assert!(found.contains(why), "{sql}: {found}");
    }
}

#[test]
fn each_row_says_which_row_it_was_made_of() {
    let engine = engine(500);
    for (sql, of) in [
        ("select used from MoniteSource where type = 1", 167),
        (
            "select a.used, b.value from MoniteSource as a, threshold as b where a.type = b.type",
            501,
        ),
        (
            "select a.used, b.value from MoniteSource a left join threshold b on a.type = b.type",
            667,
        ),
    ] {
        engine.prepare(sql).unwrap();
        engine.check_row_by_row(sql, 0).unwrap();
        // As it was compiled, again and again.
        for _ in 0..2 {
            let mut query = engine.again(sql).unwrap();
            let (mut rows, mut count) = (query.run(), 0);
            while let Some(row) = rows.next().unwrap() {
                let used = match row.cell(0).unwrap() {
                    seismic_sql::Cell::Real(used) => used,
                    other => panic!("{other:?}"),
                };
                assert_eq!(row.place(0) as f64, used, "{sql}");
                count += 1;
            }
            assert_eq!(count, of, "{sql}");
        }
    }
}
