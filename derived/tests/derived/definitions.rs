//! What is refused before a job runs, with its place and what may be meant.

use seismic_derived::{Definition, InputFormat, Missing, StatementKind};

use crate::stage::{JOIN, RATIO, columns, thresholds, usage};

fn faults(definition: Definition) -> String {
    let faults = StatementKind::new(definition).map(|_| ()).unwrap_err();
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_statement_that_cannot_be_is_refused_with_its_place() {
    for (sql, why) in [
        (
            "insert into MoniteSink select 1, 2, 3 from MoniteSource_1",
            "sql: line 1, column 44: there is no table MoniteSource_1; did you mean MoniteDataSource_1?",
        ),
        (
            "insert into MonitSink select JobName, 1.0, 2 from MoniteDataSource_1",
            "sql: line 1, column 13: there is no output MonitSink; did you mean MoniteSink?",
        ),
        (
            "insert into Elsewhere select JobName, 1.0, 2 from MoniteDataSource_1",
            "there is no output Elsewhere; the output is MoniteSink",
        ),
        (
            "select JobNam from MoniteDataSource_1",
            "line 1, column 8: there is no column JobNam; did you mean JobName?",
        ),
        ("select JobName, 1.0 as UsedRatio,\n now() as Kind from MoniteDataSource_1", "line 2"),
        (
            "select JobName, 1.0 as UsedRati, 2 as Kind from MoniteDataSource_1",
            "the output has no column UsedRati; did you mean UsedRatio?",
        ),
        (
            "select JobName, 1.0 as UsedRatio from MoniteDataSource_1",
            "the output has a column Kind, which the statement does not give",
        ),
        (
            "select JobName, 1.0 as UsedRatio, 2 as Kind, 3 as kind from MoniteDataSource_1",
            "two columns kind",
        ),
        (
            "insert into MoniteSink select JobName, 1.0 from MoniteDataSource_1",
            "the statement gives 2 columns, and 3 are inserted",
        ),
        (
            "insert into MoniteSink select JobName, 1 as Kind, 1.0 as UsedRatio from MoniteDataSource_1",
            "these stand otherwise",
        ),
        (
            "insert into MoniteSink (JobName, Ratio, Kind) select JobName, 1.0, 1 from MoniteDataSource_1",
            "line 1, column 34: the output has no column Ratio",
        ),
        (
            "select JobName, sum(UsedGB) as UsedRatio, Type as Kind from MoniteDataSource_1 group by 1, 3",
            "not row by row over MoniteDataSource_1",
        ),
        ("delete from MoniteDataSource_1", "may not be modified"),
        (
            "select JobName, 1.0 as UsedRatio, random() as Kind from MoniteDataSource_1",
            "gives another answer each time",
        ),
        ("", "there is no statement"),
    ] {
        let found = faults(usage(sql));
        assert!(found.contains(why), "{sql}: {found}");
    }
}

#[test]
fn a_definition_that_cannot_be_is_refused_by_its_key() {
    let with = |change: fn(&mut Definition)| {
        let mut definition = usage(RATIO);
        change(&mut definition);
        faults(definition)
    };
    for (change, why) in [
        ((|it| it.input.columns.clear()) as fn(&mut Definition), "input: JSON lines have columns"),
        (
            |it| it.input.format = InputFormat::Windows,
            "input: columns: those of window rows are known",
        ),
        (|it| it.output.columns.clear(), "output: an output has columns"),
        (
            |it| it.output.key = Some("JobNam".to_owned()),
            "output: key: there is no column JobNam; did you mean JobName?",
        ),
        (|it| it.input.name = "a b".to_owned(), "input: name: \"a b\" is no name"),
        (
            |it| it.input.columns = columns(&["a int", "A text"]),
            "input: columns: a and A are one name in SQL",
        ),
        (|it| it.output.columns = columns(&["_id text"]), "output: columns: _id says"),
        (|it| it.input.name = "sqlite_schema".to_owned(), "names of SQLite"),
        (|it| it.sql = format!("select '{}'", "x".repeat(70_000)), "more than 64 KiB"),
    ] {
        let found = with(change);
        assert!(found.contains(why), "{found}");
    }
}

#[test]
fn the_statement_of_the_example_is_taken_in_all_its_forms() {
    for sql in [
        RATIO,
        "select JobName, Type as Kind, UsedGB as UsedRatio from MoniteDataSource_1",
        "INSERT INTO monitesink (Kind, JobName, UsedRatio)\nselect type, jobname, usedgb from monitedatasource_1",
        "insert into MoniteSink select a.JobName, a.UsedGB, 1 from MoniteDataSource_1 as a",
        "insert into MoniteSink with x as (select * from MoniteDataSource_1) select JobName, UsedGB, Type from x;",
    ] {
        StatementKind::new(usage(sql)).unwrap_or_else(|faults| panic!("{sql}: {faults:?}"));
    }
}

#[test]
fn a_table_that_cannot_be_is_refused_by_its_name() {
    let with = |change: fn(&mut Definition)| {
        let mut definition = thresholds(JOIN, true, Missing::DeadLetter);
        change(&mut definition);
        faults(definition)
    };
    for (change, why) in [
        (
            (|it| it.dimensions[0].key = vec!["Typ".to_owned()]) as fn(&mut Definition),
            "dimension: Threshold: key: there is no column Typ; did you mean Type?",
        ),
        (|it| it.dimensions[0].key.clear(), "Threshold: key is missing"),
        (|it| it.dimensions[0].columns.clear(), "Threshold: a table has columns"),
        (
            |it| it.dimensions[0].on = vec!["Typ".to_owned()],
            "Threshold: on: the input has no column Typ; did you mean Type?",
        ),
        (
            |it| it.dimensions[0].on = vec!["JobName".to_owned()],
            "on: Type is int and JobName of the input is text: text and numbers are never equal",
        ),
        (
            |it| it.dimensions[0].name = "monitedatasource_1".to_owned(),
            "monitedatasource_1 and MoniteDataSource_1 are one name in SQL",
        ),
        (
            |it| it.dimensions = vec![it.dimensions[0].clone(); 9],
            "9 tables are more than 8, each of which is in memory",
        ),
        (
            |it| it.dimensions[0].missing = Missing::Null,
            "missing = \"null\" is for a statement with LEFT JOIN Threshold ON",
        ),
        (
            |it| it.sql = JOIN.replace("Threshold as b", "Threshhold as b"),
            "there is no table Threshhold; did you mean Threshold?",
        ),
        (
            |it| it.sql = JOIN.replace("b.Value", "b.Valu"),
            "there is no column b.Valu; did you mean Value?",
        ),
        (
            |it| {
                it.sql = "insert into MoniteSink select JobName, 1.0, 2.0 from MoniteDataSource_1"
                    .to_owned();
            },
            "Threshold: the statement does not read it: join it, or leave the table out",
        ),
    ] {
        let found = with(change);
        assert!(found.contains(why), "{why}: {found}");
    }
}

#[test]
fn a_table_is_part_of_the_job_and_one_without_tables_is_what_it_was() {
    let join = thresholds(JOIN, true, Missing::DeadLetter);
    let other = thresholds(JOIN, false, Missing::DeadLetter);
    assert!(join.differences(&other)[0].starts_with("dimension (was [{\"name\":\"Threshold\""));
    assert_ne!(join.hash(), other.hash());
    assert!(!usage(RATIO).to_json().contains("dimension"));
}
