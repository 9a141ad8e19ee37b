//! What a statement must not be able to do: each thing that an attacker, or a bad day, may try.

use crate::lists::{Val, ask, engine, input, refusal, value};

/// Statements that are refused when they are compiled, and a word of why.
const REFUSED: [(&str, &str); 48] = [
    // Other databases and files.
    ("attach 'x.db' as x", "only SELECT"),
    ("attach ':memory:' as x", "only SELECT"),
    ("detach main", "only SELECT"),
    ("vacuum into 'x.db'", "only SELECT"),
    ("vacuum", "only SELECT"),
    ("select load_extension('x.so')", "load_extension"),
    ("select readfile('/etc/passwd')", "readfile"),
    ("select writefile('x', 'y')", "writefile"),
    ("select edit('x')", "edit"),
    // The engine's own settings.
    ("pragma writable_schema = on", "PRAGMA writable_schema"),
    ("pragma journal_mode", "PRAGMA journal_mode"),
    ("pragma hard_heap_limit = 1", "PRAGMA hard_heap_limit"),
    ("select * from pragma_database_list", "pragma_database_list"),
    ("select count(*) from pragma_function_list", "pragma_function_list"),
    (
        "with pragma_table_list as (select 1) select 1 from main.pragma_table_list",
        "pragma_table_list",
    ),
    ("select * from sqlite_schema", "no table sqlite_"),
    ("select 1 from sqlite_master", "sqlite_master"),
    ("select 1 from sqlite_temp_master", "sqlite_temp_master"),
    ("update sqlite_schema set sql = ''", "only SELECT|may not be"),
    ("analyze", "only SELECT"),
    ("reindex", "only SELECT"),
    // Changes.
    ("insert into input values (1)", "only SELECT|may not be|virtual table"),
    ("insert into threshold select * from threshold", "only SELECT|may not be|virtual table"),
    ("update input set sensor_id = 1", "only SELECT|may not be|virtual table"),
    ("delete from input", "only SELECT|may not be|virtual table"),
    ("drop table input", "only SELECT|may not be|virtual table"),
    ("create table x (a)", "only SELECT"),
    ("create temp table x as select * from input", "only SELECT"),
    ("create temp view x as select 1", "only SELECT"),
    ("create temp trigger x after insert on input begin select 1; end", "one statement"),
    ("create index x on input(sensor_id)", "only SELECT|may not be|virtual table"),
    ("create virtual table x using fts5(a)", "only SELECT"),
    ("create virtual table x using input", "only SELECT"),
    ("begin", "only SELECT"),
    ("savepoint x", "only SELECT"),
    // Tables that nobody declared.
    ("select * from json_each('[1]')", "json_each"),
    ("select count(*) from json_tree('[1]')", "json_tree"),
    ("select * from dbstat", "dbstat"),
    ("select * from fts5vocab", "fts5vocab"),
    ("select * from rtree", "rtree"),
    // Clock, chance and the connection.
    ("select random()", "another answer each time"),
    ("select hex(randomblob(8))", "another answer each time"),
    ("select date('now')", "the clock"),
    ("select current_timestamp", "the clock"),
    ("select strftime('%s', 'now')", "the clock"),
    ("select last_insert_rowid()", "last_insert_rowid"),
    ("select sqlite_version()", "sqlite_version"),
    ("select fts3_tokenizer('simple')", "fts3_tokenizer"),
];

#[test]
fn everything_but_reading_the_tables_is_refused() {
    for (sql, word) in REFUSED {
        let said = refusal(sql);
        assert!(word.split('|').any(|word| said.contains(word)), "{sql}: {said}");
    }
}

#[test]
fn functions_that_make_much_of_little_are_refused() {
    for sql in [
        "select zeroblob(1000000000)",
        "select randomblob(1000000000)",
        "select printf('%1000000000d', 1)",
        "select format('%.*c', 1000000000, 'x')",
        "select 'a' regexp '(a+)+$'",
        "select json_group_array(1)",
        "select '[1]' -> 0",
    ] {
        let said = refusal(sql);
        let is_refused = said.contains("is not one of the functions")
            || said.contains("there is no function")
            || said.contains("another answer each time");
        assert!(is_refused, "{sql}: {said}");
    }
}

#[test]
fn a_value_that_doubles_ends_at_its_limit() {
    let said = refusal(
        "with recursive c(x) as (select 'ab' union all select x || x from c) select length(x) from c",
    );
    assert_eq!(said, "a value or a row is longer than 4 MiB");
    let said = refusal(
        "with recursive c(x) as (select 1 union all select x + 1 from c where x < 300000)
         select length(group_concat(hex(x || '0123456789'), '0123456789')) from c",
    );
    assert_eq!(said, "a value or a row is longer than 4 MiB");
}

#[test]
fn recursion_without_end_is_ended_with_a_sentence() {
    for sql in [
        "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c",
        "with recursive c(x) as (select 1 union all select x from c) select x from c where x > 1",
        "select count(*) from input where 1 in (with recursive c(x) as (select 2 union all
         select 2 from c) select x from c)",
    ] {
        let said = refusal(sql);
        assert!(said.contains("recursion without end"), "{sql}: {said}");
    }
}

#[test]
fn expressions_and_statements_have_a_limit_of_size() {
    let deep = format!("select {}1{}", "(1 + ".repeat(5_000), ")".repeat(5_000));
    let long = format!("select '{}'", "x".repeat(70_000));
    let wide = format!("select {}1", "1, ".repeat(600));
    let many = format!("select 1{}", " union all select 1".repeat(100));
    let listed = format!("select coalesce({}1)", "null, ".repeat(100));
    for (sql, word) in [
        (deep, "parser stack overflow|too large|too deep|Recursion limit|maximum depth"),
        (long, "longer than 64 KiB"),
        (wide, "too many columns"),
        (many, "too many terms"),
        (listed, "too many arguments"),
    ] {
        let said = refusal(&sql);
        assert!(word.split('|').any(|word| said.contains(word)), "{said}");
    }
}

/// It ends at once, where a naive matcher would not end at all; and the pattern has a limit.
#[test]
fn patterns_cannot_blow_up() {
    let mut list = input();
    list.rows.truncate(1);
    list.rows[0][0] = Val::Text("a".repeat(4_000));
    let engine = engine(vec![list]);
    for pattern in ["%a".repeat(60) + "b", "_%".repeat(60) + "b", "a%".repeat(100) + "b%c"] {
        let sql = format!("select sensor_id like '{pattern}' from input");
        assert_eq!(ask(&engine, &sql).unwrap(), [[Val::Int(0)]]);
    }
    let sql = format!("select sensor_id glob '{}b' from input", "*a".repeat(60));
    assert_eq!(ask(&engine, &sql).unwrap(), [[Val::Int(0)]]);
    let sql = format!("select sensor_id like '{}' from input", "%a".repeat(200));
    let said = ask(&engine, &sql).unwrap_err().to_string();
    assert!(said.contains("pattern too complex"), "{said}");
}

#[test]
fn a_name_of_with_does_not_open_what_is_not_declared() {
    for sql in [
        "with json_each as (select 1) select 1 from json_each",
        "with json_each as (select 1) select 1 from main.json_each",
        "with json_each as (select 1) select * from json_each, json_tree",
        "with dbstat as (select 1) select count(*) from main.dbstat",
    ] {
        let said = refusal(sql);
        assert!(said.contains("there is no table"), "{sql}: {said}");
    }
    let said = refusal("select 1 from dbstat window dbstat as ()");
    assert!(said.contains("dbstat"), "{said}");
    assert_eq!(value("with input as (select 7) select count(*) from input"), Val::Int(1));
}

#[test]
fn a_refused_statement_leaves_the_engine_as_it_was() {
    let engine = engine(vec![input()]);
    for (sql, _) in REFUSED {
        assert!(engine.prepare(sql).is_err(), "{sql}");
        assert_eq!(ask(&engine, "select count(*) from input").unwrap(), [[Val::Int(5)]]);
    }
}
