//! Modules in place of a statement: what they give is what the statement gives that says the same,
//! however messages are cut and wherever the job is stopped; what fails is a dead letter; and a module
//! that reaches further is refused.

use proptest::collection::vec;
use proptest::prelude::*;
use seismic_derived::{
    Definition, FunctionDefinition, Missing, Module, Param, RowOperatorDefinition, StatementKind,
    limits,
};
use seismic_pipeline::{Finish, OperatorKind as _};
use seismic_queue::memory::MemoryStore;
use seismic_queue::{Commit, JobStore, partition_of};
use sha2::{Digest as _, Sha256};

use crate::faulty::{Fate, FaultyStore};
use crate::stage::{JOIN, PARTITIONS, RATIO, Stage, line, table, thresholds, usage};
use crate::window_oracle::{line as reading, readings};

/// What a module may call, under the names of the host, and a text that it copies.
const HOST: &str = r#"
    (import "seismic" "int" (func $int (param i32 i32) (result i64)))
    (import "seismic" "real" (func $real (param i32 i32) (result f64)))
    (import "seismic" "text" (func $text (param i32 i32 i32 i32) (result i32)))
    (import "seismic" "is_null" (func $is_null (param i32 i32) (result i32)))
    (import "seismic" "find" (func $find (param i32) (result i32)))
    (import "seismic" "go_to" (func $go_to (param i32 i32)))
    (import "seismic" "set_int" (func $set_int (param i32 i64)))
    (import "seismic" "set_real" (func $set_real (param i32 f64)))
    (import "seismic" "set_text" (func $set_text (param i32 i32 i32)))
    (import "seismic" "emit" (func $emit))
    (import "seismic" "param_int" (func $param_int (param i32 i32) (result i64)))
    (import "seismic" "param_real" (func $param_real (param i32 i32) (result f64)))
    (import "seismic" "param_text" (func $param_text (param i32 i32 i32 i32) (result i32)))
    (import "seismic" "has_param" (func $has_param (param i32 i32) (result i32)))
    (import "seismic" "log" (func $log (param i32 i32)))
    (import "seismic" "fail" (func $fail (param i32 i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "least  it is not enough")
    (func $copy (param $from i32) (param $to i32) (local $bytes i32)
        (local.set $bytes (call $text (i32.const 0) (local.get $from) (i32.const 100) (i32.const 60000)))
        (if (i32.ge_s (local.get $bytes) (i32.const 0))
            (then (call $set_text (local.get $to) (i32.const 100) (local.get $bytes)))))"#;

/// The statement RATIO.
pub const USED_BY_TOTAL: &str = r#"(func (export "on_row")
    (if (call $is_null (i32.const 0) (i32.const 1)) (then return))
    (if (f64.lt (call $real (i32.const 0) (i32.const 1)) (f64.const 0)) (then return))
    (call $copy (i32.const 0) (i32.const 0))
    (if (i32.eqz (call $is_null (i32.const 0) (i32.const 2)))
        (then (call $set_real (i32.const 1)
            (f64.div (call $real (i32.const 0) (i32.const 1)) (call $real (i32.const 0) (i32.const 2))))))
    (if (i32.eqz (call $is_null (i32.const 0) (i32.const 3)))
        (then (call $set_int (i32.const 2) (call $int (i32.const 0) (i32.const 3)))))
    (call $emit))"#;

/// Sum, number and key of a window, from globals.
const SUMS: &str = r#"
    (global $sum (mut f64) (f64.const 0)) (global $n (mut i64) (i64.const 0))
    (global $start (mut i64) (i64.const 0)) (global $bytes (mut i32) (i32.const 0))
    (func (export "on_row")
        (global.set $bytes (call $text (i32.const 0) (i32.const 0) (i32.const 100) (i32.const 60000)))
        (global.set $start (call $int (i32.const 0) (i32.const 4)))
        (global.set $n (i64.add (global.get $n) (i64.const 1)))
        (global.set $sum (f64.add (global.get $sum) (call $real (i32.const 0) (i32.const 2)))))
    (func (export "on_end")
        (call $set_text (i32.const 0) (i32.const 100) (global.get $bytes))
        (call $set_int (i32.const 1) (global.get $start))
        (call $set_real (i32.const 2) (global.get $sum))
        (call $set_int (i32.const 3) (global.get $n))
        (call $emit))"#;

/// The same as a statement.
const SUMS_IN_SQL: &str = "select sensor, window_start, sum(value) as peak, count(*) as n from rows \
    group by sensor, window_start";

fn module(text: &str) -> (FunctionDefinition, Vec<u8>) {
    let content = wat::parse_str(format!("(module {HOST} {text})")).unwrap();
    (of(&content), content)
}

fn of(content: &[u8]) -> FunctionDefinition {
    let sha256 = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    RowOperatorDefinition::module(sha256, 10_000, 2 << 20)
}

/// The definition with a module in place of its statement.
fn operated(definition: Definition, module: &FunctionDefinition) -> Definition {
    let params = [("least", Param::Int(2)), ("unit", Param::Text("gal".into()))];
    let params = params.map(|(name, value)| (name.to_owned(), value)).into();
    let mut definition = definition;
    definition.sql.clear();
    definition.with_functions(vec![module.clone()]).operated(RowOperatorDefinition { params })
}

/// A job whose module is stored.
fn stage_in(definition: Definition, text: &str, store: Box<dyn JobStore>) -> Stage {
    stored(definition, module(text), store)
}

fn stored(
    definition: Definition,
    (module, content): (FunctionDefinition, Vec<u8>),
    store: Box<dyn JobStore>,
) -> Stage {
    let stage = Stage::new(operated(definition, &module), store);
    drop(stage.store.acquire(&stage.job).unwrap());
    stage.tables.put_module(&module, &content).unwrap();
    stage
}

fn stage(definition: Definition, text: &str) -> Stage {
    stage_in(definition, text, Box::new(MemoryStore::new()))
}

/// A job whose module begins with so many pages of memory.
pub fn stage_of_pages(pages: u32, text: &str) -> Stage {
    let host = HOST.replace("\"memory\") 1", &format!("\"memory\") {pages}"));
    let content = wat::parse_str(format!("(module {host} {text})")).unwrap();
    stored(usage(""), (of(&content), content), Box::new(MemoryStore::new()))
}

#[test]
fn a_module_gives_what_the_statement_gives_that_says_the_same() {
    let mut number = 0;
    let decide = move |_: &mut Commit| {
        number += 1;
        [Fate::Made, Fate::Busy, Fate::Made, Fate::MadeUnheard, Fate::LostUnheard][number % 5]
    };
    let (operated, plain) =
        (stage_in(usage(""), USED_BY_TOTAL, Box::new(FaultyStore::new(decide))), Stage::of(RATIO));
    for round in 0..4 {
        for stage in [&operated, &plain] {
            stage.publish(round * 150, (round + 1) * 150);
            stage.run().unwrap();
        }
    }
    assert!(operated.rows().len() > 300 && operated.rows() == plain.rows());
    assert_eq!(operated.letters(), plain.letters());
    assert_eq!(operated.differences(), [""; 0]);
}

/// What a job gives for these records, in so many runs, the last of which is drained.
fn given(mut stage: Stage, rounds: &[Vec<(u8, i64, i64)>]) -> (Vec<(String, String)>, Vec<String>) {
    for (round, all) in (1..).zip(rounds) {
        for (key, at, value) in all {
            let record = (format!("S{key}"), *at, *value);
            stage.send(&record.0, &reading(&record));
        }
        if round == rounds.len() {
            stage.settings.finish = Finish::Drain;
        }
        stage.run().unwrap();
    }
    assert_eq!(stage.differences(), [""; 0]);
    (stage.rows(), stage.letters())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn windows_of_a_module_are_those_of_the_statement_through_restarts(
        rounds in vec(vec((0..4_u8, 0..900_i64, -50..50_i64), 1..40), 1..4),
    ) {
        let operated = stage(readings("", Some(100), 60), SUMS);
        let plain = readings(SUMS_IN_SQL, Some(100), 60);
        let plain = Stage::new(plain, Box::new(MemoryStore::new()));
        prop_assert_eq!(given(operated, &rounds), given(plain, &rounds));
    }
}

#[test]
fn each_row_has_an_instance_of_its_own_and_may_give_several_rows() {
    let counter = r#"(global $n (mut i64) (i64.const 0))
        (func (export "on_row") (local $i i64)
            (global.set $n (i64.add (global.get $n) (i64.const 1)))
            (loop $more
                (call $copy (i32.const 0) (i32.const 0))
                (call $set_real (i32.const 1) (f64.convert_i64_s (local.get $i)))
                (call $set_int (i32.const 2) (global.get $n))
                (call $emit)
                (local.set $i (i64.add (local.get $i) (i64.const 1)))
                (br_if $more (i64.lt_s (local.get $i) (call $int (i32.const 0) (i32.const 3))))))"#;
    let stage = stage(usage(""), counter);
    let line = |kind| line("a", 1.0, 1.0, kind);
    stage.send("a", &[line("3"), line("1"), line("2")].concat());
    stage.run().unwrap();
    let rows: Vec<String> = stage.rows().into_iter().map(|(_, json)| json).collect();
    let partition = partition_of(b"a", PARTITIONS);
    let ids = ["0/0/0", "0/0/1", "0/0/2", "0/1/0", "0/2/0", "0/2/1"];
    assert_eq!(rows.len(), ids.len());
    for (row, id) in rows.iter().zip(ids) {
        assert!(row.ends_with(&format!("\"_id\":\"{partition}/{id}\"}}")), "{row}");
    }
    assert!(rows.iter().all(|row| row.contains("\"Kind\":1,")), "{rows:?}");
    assert_eq!(stage.differences(), [""; 0]);
}

/// What a state in each of these makes of a row: a global, a place in memory, pages of it, what the
/// host wrote there for another row, and a table.
const STATES: [(&str, bool); 5] = [
    (
        "(global.set $n (i64.add (global.get $n) (i64.const 1))) (local.set $seen (global.get $n))",
        false,
    ),
    (
        "(i64.store (i32.const 200) (i64.add (i64.load (i32.const 200)) (i64.const 1)))
         (local.set $seen (i64.load (i32.const 200)))",
        false,
    ),
    ("(local.set $seen (i64.extend_i32_s (memory.grow (i32.const 1))))", false),
    (
        "(local.set $seen (i64.load (i32.const 100)))
         (drop (call $text (i32.const 0) (i32.const 0) (i32.const 98) (i32.const 60000)))
         (drop (call $text (i32.const 0) (i32.const 0) (i32.const 104) (i32.const 60000)))
         (local.set $seen (i64.add (local.get $seen) (i64.load (i32.const 100))))",
        true,
    ),
    (
        "(if (i32.eq (table.size $t) (i32.const 1)) (then (local.set $seen (i64.const 1))))
         (drop (table.grow $t (ref.null func) (i32.const 1)))",
        false,
    ),
];

#[test]
fn no_state_is_left_for_the_next_row_whatever_the_cuts_and_what_writes_nothing_keeps_its_instance()
{
    for (state, is_kept) in STATES {
        let text = format!(
            r#"(table $t 1 funcref) (global $n (mut i64) (i64.const 0))
            (func (export "on_row") (local $seen i64)
                {state}
                (call $set_int (i32.const 2) (local.get $seen))
                (call $copy (i32.const 0) (i32.const 0))
                (if (i64.eq (call $int (i32.const 0) (i32.const 3)) (i64.const 9)) (then unreachable))
                (call $emit))"#
        );
        let (definition, content) = module(&text);
        assert_eq!(
            Module::new(&definition, &content).unwrap().writes_nothing(),
            is_kept,
            "{state}"
        );
        let lines: Vec<String> = ["first", "second", "third, longer", "4", "fifth", "a"]
            .iter()
            .zip(["1", "2", "9", "3", "4", "5"])
            .map(|(name, kind)| line(name, 1.0, 1.0, kind))
            .collect();
        let all_at_once = stage(usage(""), &text);
        all_at_once.send("a", &lines.concat());
        all_at_once.run().unwrap();
        let one_by_one = stage(usage(""), &text);
        for line in &lines {
            one_by_one.send("a", line);
            one_by_one.run().unwrap();
        }
        let seen = |stage: &Stage| {
            assert_eq!((stage.letters().len(), stage.differences()), (1, Vec::new()), "{state}");
            let without_id =
                |(_, row): (String, String)| row.split(",\"_id\"").next().unwrap().to_owned();
            stage.rows().into_iter().map(without_id).collect::<Vec<_>>()
        };
        assert_eq!(seen(&all_at_once), seen(&one_by_one), "{state}");
        assert_eq!(seen(&one_by_one).len(), 5, "{state}");
    }
}

#[test]
fn what_the_steps_of_a_row_may_be_does_not_depend_on_the_rows_before_it() {
    // 10,000 steps are enough for one row of 3,000 turns, and not for another one on top.
    let text = r#"(func (export "on_row") (local $i i64)
        (loop $l (local.set $i (i64.add (local.get $i) (i64.const 1)))
            (br_if $l (i64.lt_s (local.get $i) (call $int (i32.const 0) (i32.const 3)))))
        (call $copy (i32.const 0) (i32.const 0)) (call $emit))"#;
    let (definition, content) = module(text);
    assert!(Module::new(&definition, &content).unwrap().writes_nothing());
    let most = |first: &str| {
        let works = |turns: i64| {
            let stage = stage(usage(""), text);
            stage.send(
                "a",
                &[line("a", 1.0, 1.0, first), line("a", 1.0, 1.0, &turns.to_string())].concat(),
            );
            stage.run().unwrap();
            stage.letters().is_empty()
        };
        let (mut least, mut over) = (1, 10_000);
        while over - least > 1 {
            let middle = i64::midpoint(least, over);
            if works(middle) { least = middle } else { over = middle }
        }
        least
    };
    assert_eq!(most("1"), most("100"));
}

#[test]
fn a_row_that_fails_is_a_dead_letter_with_words_and_the_others_go_on() {
    let many = limits::OPERATOR_ROWS;
    let cases: [(&str, String); 12] = [
        (
            "(call $fail (i32.const 7) (i32.const 16))",
            "sql_error 0/0: on_row: it is not enough".into(),
        ),
        ("unreachable", "on_row: it gave up (unreachable)".into()),
        ("(loop $l (br $l))", "on_row: the call was ended after 10000 steps".into()),
        (
            "(loop $l (drop (call $int (i32.const 0) (i32.const 3))) (br $l))",
            "on_row: the call was ended after 10000 steps".into(),
        ),
        (
            "(call $set_text (i32.const 0) (i32.const -9) (i32.const 20))",
            "a text outside of its memory".into(),
        ),
        ("(call $set_int (i32.const 3) (i64.const 1))", "the output has no column 3".into()),
        (
            "(drop (call $real (i32.const 0) (i32.const 0)))",
            "JobName is text, and is read as real".into(),
        ),
        (
            "(drop (call $int (i32.const 0) (i32.const 9)))",
            "MoniteDataSource_1 has no column 9: from 0 on".into(),
        ),
        ("(drop (call $find (i32.const 1)))", "there is no table 1".into()),
        (
            "(drop (call $param_int (i32.const 0) (i32.const 4)))",
            "no parameter leas; did you mean least?".into(),
        ),
        (
            "(call $set_int (i32.const 0) (i64.const 1)) (call $emit)",
            "wrong_output 0/0: JobName is to be text, and the statement gives the integer 1".into(),
        ),
        ("(call $emit)", "null_key 0/0: JobName is NULL, and is the key".into()),
    ];
    for (fault, why) in cases {
        let text = format!(
            r#"(func (export "on_row")
                (if (i64.eq (call $int (i32.const 0) (i32.const 3)) (i64.const 1)) (then {fault}))
                (call $copy (i32.const 0) (i32.const 0)) (call $emit))"#
        );
        let stage = stage(usage(""), &text);
        stage.send("a", &[line("a", 1.0, 1.0, "1"), line("a", 1.0, 1.0, "2")].concat());
        stage.run().unwrap();
        let letters = stage.letters();
        assert!(letters.len() == 1 && letters[0].contains(&why), "{why}: {letters:?}");
        assert_eq!(stage.rows().len(), 1, "{why}");
        assert_eq!(stage.differences(), [""; 0], "{why}");
    }
    let endless = r#"(func (export "on_row") (loop $l (call $emit) (br $l)))"#;
    let (module, content) = module(endless);
    let module = FunctionDefinition { fuel: *limits::FUEL.end(), ..module };
    let stage = Stage::new(operated(usage(""), &module), Box::new(MemoryStore::new()));
    drop(stage.store.acquire(&stage.job).unwrap());
    stage.tables.put_module(&module, &content).unwrap();
    stage.send("a", &line("a", 1.0, 1.0, "1"));
    stage.run().unwrap();
    let letters = stage.letters();
    assert!(letters[0].contains(&format!("it gives more than {many} rows")), "{letters:?}");
}

#[test]
fn a_window_that_fails_makes_dead_letters_of_all_its_rows() {
    let text = r#"(func (export "on_row"))
        (func (export "on_end") (drop (call $int (i32.const 0) (i32.const 1))))"#;
    let mut stage = stage(readings("", Some(100), 0), text);
    for at in [1, 20, 130] {
        let record = ("S1".to_owned(), at, 1);
        stage.send("S1", &reading(&record));
    }
    stage.settings.finish = Finish::Drain;
    stage.run().unwrap();
    let letters = stage.letters();
    assert_eq!(letters.len(), 3, "{letters:?}");
    let why = "window [0, 100) of S1: on_end: behind the rows of a window there is no row to read";
    assert!(letters[0].contains(why), "{letters:?}");
    assert_eq!(stage.differences(), [""; 0]);
}

#[test]
fn things_are_found_in_tables_with_the_version_in_force() {
    let text = r#"(func (export "on_row") (local $n i32)
        (local.set $n (call $find (i32.const 1)))
        (loop $more
            (if (i32.eqz (local.get $n)) (then return))
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (call $go_to (i32.const 1) (local.get $n))
            (call $copy (i32.const 0) (i32.const 0))
            (call $set_real (i32.const 2) (call $real (i32.const 1) (i32.const 1)))
            (call $emit)
            (br $more)))"#;
    let stage = stage(thresholds(JOIN, false, Missing::DeadLetter), text);
    let dimension = stage.kind_definition().dimensions[0].clone();
    let publish = |kinds: &[&str]| {
        kinds.iter().for_each(|kind| stage.send("a", &line("a", 1.0, 1.0, kind)));
        stage.run().unwrap();
    };
    stage.tables.read(&dimension, table(&[(1, 0.5), (2, 0.7), (1, 0.25)]), 7).unwrap();
    publish(&["1", "2", "3"]);
    stage.tables.read(&dimension, table(&[(1, 9.0)]), 8).unwrap();
    publish(&["1"]);
    let value = |row: &(String, String)| {
        let row: serde_json::Value = serde_json::from_str(&row.1).unwrap();
        row["UsedThreshold"].as_f64().unwrap()
    };
    // The rows of the table are in its order, and were asked for from the last one on.
    assert_eq!(stage.rows().iter().map(value).collect::<Vec<_>>(), [0.5, 0.25, 0.7, 9.0]);
    assert!(
        stage.letters()[0].contains("no row of Threshold has Type = 3"),
        "{:?}",
        stage.letters()
    );
    assert_eq!(stage.differences(), [""; 0]);
}

#[test]
fn a_module_that_reaches_further_or_lacks_something_is_refused_with_words() {
    let cases = [
        (
            r#"(module (import "env" "now" (func (result i64))) (func (export "on_row")))"#,
            "the module imports env.now: an operator has the functions of seismic, and reaches nothing else",
        ),
        (
            r#"(module (import "seismic" "emt" (func)) (func (export "on_row")))"#,
            "imports seismic.emt, which there is not; did you mean emit?",
        ),
        (
            r#"(module (import "seismic" "emit" (func (param i32))) (func (export "on_row")))"#,
            "imports seismic.emit as something else: it takes [] and gives []",
        ),
        (
            r#"(module (import "seismic" "log" (func (param i32 i32))) (func (export "on_row")))"#,
            "for which it exports its memory, and it does not",
        ),
        (
            r#"(module (func (export "on_rows")))"#,
            "exports no function on_row; did you mean on_rows?",
        ),
        (r#"(module (func (export "on_row") (param i32)))"#, "on_row is to take nothing"),
        (
            r#"(module (func (export "on_row")) (func (export "on_end") (result i32) i32.const 1))"#,
            "on_end is to take nothing",
        ),
        (
            r#"(module (memory (export "memory") 33) (func (export "on_row")))"#,
            "begins with 3 MiB of memory, and has 2",
        ),
    ];
    for (text, why) in cases {
        let definition = RowOperatorDefinition::module(String::new(), 10_000, 2 << 20);
        let refused = Module::new(&definition, &wat::parse_str(text).unwrap()).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
}

#[test]
fn an_operator_beside_what_it_cannot_have_is_refused_and_another_one_is_another_job() {
    let (of, _) = module(USED_BY_TOTAL);
    type Change = fn(&mut Definition);
    let cases: [(Change, &str); 5] = [
        (|it| it.sql = RATIO.into(), "a job has sql or operator = \"wasm\": leave one of them out"),
        (|it| it.functions.clear(), "it has one module, [module], and no functions beside that"),
        (|it| it.operator = None, "there is a module of an operator, and no operator"),
        (
            |it| {
                let params = &mut it.operator.as_mut().unwrap().params;
                params.insert("x".into(), Param::Real(f64::NAN));
            },
            "params: x: it is no finite number",
        ),
        (|it| it.functions[0].fuel = 1, "module: module: fuel: 1 is not between"),
    ];
    for (change, why) in cases {
        let mut definition = operated(usage(""), &of);
        change(&mut definition);
        let faults = StatementKind::new(definition).unwrap_err();
        let found: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert!(found.join("; ").contains(why), "{why}: {found:?}");
    }
    let mut stage = stage(usage(""), USED_BY_TOTAL);
    stage.publish(0, 20);
    stage.run().unwrap();
    let definition: Definition = serde_json::from_slice(&stage.kind.semantics()).unwrap();
    let mut other = definition.clone();
    other.operator.as_mut().unwrap().params.insert("least".into(), Param::Int(3));
    stage.kind = StatementKind::new(other).unwrap().with_tables(stage.tables.clone());
    let refused = stage.run().unwrap_err().to_string();
    assert!(refused.contains("operator and params (was {\"params\":{\"least\":2"), "{refused}");
}
