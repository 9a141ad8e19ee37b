//! Functions of one's own: what is refused before anything of them runs, what becomes of calls that
//! fail, and that an answer depends on the arguments alone.

use seismic_derived::{
    ColumnKind, Definition, FUNCTION_ENGINE, FunctionDefinition, MacroDefinition, Module,
    StatementKind, limits,
};
use seismic_pipeline::Error;
use seismic_queue::memory::MemoryStore;
use sha2::{Digest as _, Sha256};

use crate::stage::{Stage, line, usage};

/// Peak by mean, or 0 where there is none.
const CREST: &str = r#"(module (func (export "crest") (param f64 f64) (result f64)
    local.get 0 local.get 1 f64.div f64.const 0 local.get 1 f64.const 1e-9 f64.gt select))"#;

/// How often it was called before: of a module that keeps it.
const COUNTER: &str = r#"(module (global $n (mut i64) (i64.const 0))
    (func (export "calls") (param f64) (result i64)
        global.get $n i64.const 1 i64.add global.set $n global.get $n))"#;

/// A text with `!` behind it, as often as it is called in an instance.
const SHOUT: &str = r#"(module (memory (export "memory") 1) (global $free (mut i32) (i32.const 16))
    (func (export "alloc") (param i32) (result i32)
        global.get $free global.get $free local.get 0 i32.add i32.const 8 i32.add global.set $free)
    (func (export "shout") (param i32 i32) (result i64)
        local.get 0 local.get 1 i32.add i32.const 33 i32.store8
        local.get 0 i64.extend_i32_u i64.const 32 i64.shl
        local.get 1 i32.const 1 i32.add i64.extend_i32_u i64.or))"#;

fn function(name: &str, args: &[ColumnKind], returns: ColumnKind) -> FunctionDefinition {
    FunctionDefinition {
        name: name.to_owned(),
        engine: FUNCTION_ENGINE.to_owned(),
        sha256: String::new(),
        export: name.to_owned(),
        args: args.to_vec(),
        returns,
        fuel: 10_000,
        memory_bytes: 2 << 20,
        is_operator: false,
    }
}

/// The same with the hash of a module.
fn with(function: FunctionDefinition, content: &[u8]) -> FunctionDefinition {
    let sha256 = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    FunctionDefinition { sha256, ..function }
}

/// Disk usage whose ratio and kind are made by a statement with a function.
fn job(sql: &str, function: FunctionDefinition) -> Definition {
    usage(sql).with_functions(vec![function])
}

/// A job whose module is stored.
fn stage(sql: &str, text: &str, of: FunctionDefinition) -> Stage {
    let content = wat::parse_str(text).unwrap();
    let function = with(of, &content);
    let stage = Stage::new(job(sql, function.clone()), Box::new(MemoryStore::new()));
    drop(stage.store.acquire(&stage.job).unwrap());
    stage.tables.put_module(&function, &content).unwrap();
    stage
}

fn crest() -> Stage {
    let sql = "insert into MoniteSink select JobName, Crest(UsedGB, TotalGB), Type + 0 \
               from MoniteDataSource_1 where UsedGB >= 0";
    stage(sql, CREST, function("crest", &[ColumnKind::Real; 2], ColumnKind::Real))
}

#[test]
fn a_function_is_called_for_each_row_and_everything_is_proved() {
    let stage = crest();
    stage.publish(0, 200);
    stage.run().unwrap();
    let first = stage.rows();
    stage.publish(200, 400);
    stage.run().unwrap();
    assert_eq!(stage.differences(), [""; 0]);
    let plain = Stage::of(
        "insert into MoniteSink select JobName, UsedGB / TotalGB, Type + 0 \
         from MoniteDataSource_1 where UsedGB >= 0",
    );
    plain.publish(0, 400);
    plain.run().unwrap();
    assert!(first.len() > 130 && stage.rows() == plain.rows());
}

#[test]
fn null_in_gives_null_out_and_nan_is_null() {
    let stage = crest();
    for (used, total) in [("null", "2.0"), ("0.0", "1e-12"), ("9.0", "2.0")] {
        stage
            .send("x", &format!(r#"{{"JobName":"x","UsedGB":{used},"TotalGB":{total},"Type":1}}"#));
    }
    stage.run().unwrap();
    let rows: Vec<_> = stage.rows().into_iter().map(|(_, json)| json).collect();
    // NULL is not at least 0.
    assert_eq!(rows.len(), 2);
    assert!(rows[0].contains("\"UsedRatio\":0.0") && rows[1].contains("\"UsedRatio\":4.5"));
    let nan = r#"(module (func (export "crest") (param f64 f64) (result f64)
        local.get 0 local.get 0 f64.sub f64.const 0 f64.div))"#;
    let nan = self::stage(
        "insert into MoniteSink select JobName, crest(UsedGB, 1), 1 from MoniteDataSource_1",
        nan,
        function("crest", &[ColumnKind::Real; 2], ColumnKind::Real),
    );
    nan.send("x", &line("x", 1.0, 1.0, "1"));
    nan.run().unwrap();
    assert!(nan.rows()[0].1.contains("\"UsedRatio\":null"), "{:?}", nan.rows());
}

#[test]
fn a_nan_has_the_same_bits_however_it_was_made() {
    let bits = |of: &str| {
        let text = format!(
            r#"(module (func (export "bits") (param f64) (result i64) {of} i64.reinterpret_f64))"#
        );
        let stage = stage(
            "insert into MoniteSink select JobName, null, bits(UsedGB) from MoniteDataSource_1",
            &text,
            function("bits", &[ColumnKind::Real], ColumnKind::Int),
        );
        stage.send("x", &line("x", 0.0, 1.0, "1"));
        stage.run().unwrap();
        stage.rows()[0].1.clone()
    };
    let of_division = bits("local.get 0 local.get 0 f64.div");
    assert!(of_division.contains("\"Kind\":9221120237041090560"), "{of_division}");
    assert_eq!(of_division, bits("f64.const -1 f64.sqrt"));
}

#[test]
fn a_module_that_keeps_something_begins_anew_with_each_call() {
    let stage = stage(
        "insert into MoniteSink select JobName, null, calls(UsedGB) from MoniteDataSource_1",
        COUNTER,
        function("calls", &[ColumnKind::Real], ColumnKind::Int),
    );
    stage.publish(0, 100);
    stage.run().unwrap();
    let rows = stage.rows();
    let is_first = |json: &String| json.contains("\"Kind\":1,") || json.contains("\"Kind\":null");
    assert!(rows.len() > 80 && rows.iter().all(|(_, json)| is_first(json)), "{rows:?}");
    assert_eq!(stage.differences(), [""; 0]);
}

#[test]
fn texts_go_in_and_come_out() {
    let stage = stage(
        "insert into MoniteSink select shout(JobName), null, length(shout(shout(JobName))) \
         from MoniteDataSource_1",
        SHOUT,
        function("shout", &[ColumnKind::Text], ColumnKind::Text),
    );
    for name in ["web", "", "Wien Höhe"] {
        stage.send("k", &line(name, 1.0, 1.0, "1"));
    }
    stage.run().unwrap();
    let rows: Vec<_> =
        stage.rows().into_iter().map(|(key, json)| (key, json.contains("\"Kind\":5"))).collect();
    let keys: Vec<_> = rows.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["web!", "!", "Wien Höhe!"]);
    assert!(rows[0].1 && !rows[1].1);
    assert_eq!(stage.differences(), [""; 0]);
}

#[test]
fn a_text_that_was_written_for_one_call_is_not_there_for_the_next() {
    // It reads behind its text, where a longer one was before.
    let text = r#"(module (memory (export "memory") 1)
        (func (export "alloc") (param i32) (result i32) (i32.const 1000))
        (func (export "behind") (param i32 i32) (result i64)
            (i64.load (i32.add (local.get 0) (local.get 1)))))"#;
    let of = function("behind", &[ColumnKind::Text], ColumnKind::Int);
    let content = wat::parse_str(text).unwrap();
    assert!(Module::new(&of, &content).unwrap().writes_nothing());
    let sql =
        "insert into MoniteSink select JobName, null, behind(JobName) from MoniteDataSource_1";
    let stage = stage(sql, text, of);
    for name in ["a long name of a job", "a", "abc"] {
        stage.send("k", &line(name, 1.0, 1.0, "1"));
    }
    stage.run().unwrap();
    let rows = stage.rows();
    assert!(rows.len() == 3 && rows.iter().all(|row| row.1.contains("\"Kind\":0")), "{rows:?}");
    assert_eq!(stage.differences(), [""; 0]);
}

#[test]
fn a_call_that_fails_makes_that_row_a_dead_letter_with_the_words() {
    let of = |body: &str| {
        let text = format!(
            r#"(module (memory 1) (func $again (export "f") (param f64) (result f64) {body}))"#
        );
        let stage = stage(
            "insert into MoniteSink select JobName, case when UsedGB > 1 then f(UsedGB) else 0.5 end, 1 \
             from MoniteDataSource_1",
            &text,
            function("f", &[ColumnKind::Real], ColumnKind::Real),
        );
        for used in [1.0, 2.0, 0.5] {
            stage.send("x", &line("x", used, 1.0, "1"));
        }
        stage.run().unwrap();
        assert_eq!(stage.rows().len(), 2, "{body}");
        assert_eq!(stage.differences(), [""; 0], "{body}");
        stage.letters().pop().unwrap()
    };
    for (body, words) in [
        (
            "unreachable",
            "sql_error 1/0: f: it gave up (unreachable), as a panic or an assertion does",
        ),
        (
            "(loop $l br $l) local.get 0",
            "sql_error 1/0: f: the call was ended after 10000 steps: a loop without end, or fuel = 10000 \
             is not enough",
        ),
        ("local.get 0 call $again", "sql_error 1/0: f: it calls itself too deep"),
        (
            "(drop (i32.div_s (i32.const 1) (i32.const 0))) local.get 0",
            "sql_error 1/0: f: it divided an integer by zero",
        ),
        (
            "(drop (f64.load (i32.const 70000))) local.get 0",
            "sql_error 1/0: f: it read or wrote outside of its memory",
        ),
        (
            "(if (i32.eq (memory.grow (i32.const 1000)) (i32.const -1)) (then unreachable)) local.get 0",
            "sql_error 1/0: f: it gave up (unreachable), as a panic or an assertion does",
        ),
    ] {
        assert_eq!(of(body), words);
    }
}

#[test]
fn an_argument_of_another_type_is_a_dead_letter_and_never_cast() {
    let stage = stage(
        "insert into MoniteSink select JobName, crest(JobName, UsedGB), 1 from MoniteDataSource_1",
        CREST,
        function("crest", &[ColumnKind::Real; 2], ColumnKind::Real),
    );
    stage.send("x", &line("x", 1.0, 1.0, "1"));
    stage.run().unwrap();
    assert_eq!(stage.letters(), ["sql_error 0/0: crest: argument 1 is to be real, and is text"]);
}

#[test]
fn a_module_with_imports_or_of_another_form_is_refused_before_it_runs() {
    let of = function("crest", &[ColumnKind::Real; 2], ColumnKind::Real);
    let refused = |text: &str, of: &FunctionDefinition| {
        Module::new(of, &wat::parse_str(text).unwrap()).map(drop).unwrap_err()
    };
    let clock = r#"(module (import "env" "now_ms" (func $now (result i64)))
        (func (export "crest") (param f64 f64) (result f64) call $now f64.convert_i64_s))"#;
    let why = refused(clock, &of);
    assert!(why.contains("the module imports env.now_ms: a function gets its arguments"), "{why}");
    let memory = r#"(module (import "env" "memory" (memory 1)) (func (export "crest")))"#;
    assert!(refused(memory, &of).contains("imports env.memory"));
    let near = CREST.replace("\"crest\"", "\"crst\"");
    assert!(refused(&near, &of).contains("exports no function crest; did you mean crst?"));
    let why = refused(CREST, &function("crest", &[ColumnKind::Real], ColumnKind::Int));
    assert!(
        why.contains("crest takes (f64, f64) and gives (f64) in the module; args = [real]"),
        "{why}"
    );
    let texts = function("crest", &[ColumnKind::Text], ColumnKind::Text);
    let bare = r#"(module (func (export "crest") (param i32 i32) (result i64) i64.const 0))"#;
    assert!(refused(bare, &texts).contains("for texts a module exports its memory"));
    let with_memory = bare.replace("(func", "(memory (export \"memory\") 1) (func");
    assert!(refused(&with_memory, &texts).contains("exports alloc(bytes: i32) -> i32"));
    let large = CREST.replace("(module", "(module (memory 100)");
    assert!(refused(&large, &of).contains("cannot begin with 2 MiB of memory"));
    let begins = CREST.replace("(module", "(module (func $go (loop br 0)) (start $go)");
    assert!(refused(&begins, &of).contains("cannot begin"), "{}", refused(&begins, &of));
    let why = Module::new(&of, b"#!/bin/sh").unwrap_err();
    assert!(why.contains("no WebAssembly module"), "{why}");
    let why = Module::new(&of, b"\0asm\x01\0\0\0\xff").unwrap_err();
    assert!(why.contains("the module is not valid"), "{why}");
    let why = Module::new(&of, &vec![0; limits::MODULE_BYTES + 1]).unwrap_err();
    assert!(why.contains("more than 1024 KiB"), "{why}");
}

#[test]
fn a_definition_names_everything_that_cannot_be() {
    let sql = "insert into MoniteSink select JobName, Crst(UsedGB, 1), 1 from MoniteDataSource_1";
    let of = function("crest", &[ColumnKind::Real; 2], ColumnKind::Real);
    let faults = |sql: &str, of: FunctionDefinition| {
        let faults = StatementKind::new(job(sql, of)).unwrap_err();
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    let why = faults(sql, of.clone());
    assert!(why.contains("there is no function Crst; did you mean crest?"), "{why}");
    let few = sql.replace("Crst(UsedGB, 1)", "crest(UsedGB)");
    assert!(
        faults(&few, of.clone()).contains("wrong number of arguments"),
        "{}",
        faults(&few, of.clone())
    );
    for (changed, why) in [
        (
            FunctionDefinition { name: "Sqrt".into(), ..of.clone() },
            "function: Sqrt: there is a function",
        ),
        (FunctionDefinition { name: "a b".into(), ..of.clone() }, "is no name"),
        (FunctionDefinition { fuel: 1, ..of.clone() }, "fuel: 1 is not between 100 and 10000000"),
        (
            FunctionDefinition { memory_bytes: 1 << 30, ..of.clone() },
            "memory_mib: it is not between",
        ),
        (FunctionDefinition { engine: "wasmi 3".into(), ..of.clone() }, "belongs to wasmi 3"),
        (FunctionDefinition { args: vec![ColumnKind::Int; 17], ..of }, "17 are more than 16"),
    ] {
        let found = faults(sql, changed);
        assert!(found.contains(why), "{found}");
    }
}

#[test]
fn another_module_is_another_job() {
    let mut stage = crest();
    stage.publish(0, 20);
    stage.run().unwrap();
    let other = wat::parse_str(CREST.replace("1e-9", "1e-8")).unwrap();
    let mut definition = stage.kind_definition();
    definition.functions[0] = with(definition.functions[0].clone(), &other);
    stage.kind = StatementKind::new(definition).unwrap().with_tables(stage.tables.clone());
    let refused = stage.run().unwrap_err();
    assert!(matches!(refused, Error::RulesDiffer(_)), "{refused}");
    assert!(refused.to_string().contains("function (was "), "{refused}");
}

#[test]
fn a_stored_module_that_was_changed_is_found_by_a_proof() {
    let stage = crest();
    stage.publish(0, 50);
    stage.run().unwrap();
    assert_eq!(stage.differences(), [""; 0]);
    let hash = stage.kind_definition().functions[0].sha256.clone();
    let other = wat::parse_str(CREST.replace("1e-9", "1e-8")).unwrap();
    stage.store.put_table("crest()", &hash, &other).unwrap();
    let found = match stage.proof() {
        Ok(report) => {
            report.differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        }
        Err(error) => format!("{error:?}"),
    };
    // A store may keep what it has under that name.
    let kept = stage.store.table("crest()", &hash).unwrap().unwrap() != other;
    assert!(kept || found.contains("its content is that of"), "{found}");
}

#[test]
fn the_engine_is_that_of_the_lock_file() {
    let lock = include_str!("../../../Cargo.lock");
    let (name, version) = FUNCTION_ENGINE.split_once(' ').unwrap();
    let both = format!("name = \"{name}\"\nversion = \"{version}\"\n");
    assert!(lock.contains(&both), "{FUNCTION_ENGINE} is not in Cargo.lock: results depend on it");
}

#[test]
fn an_expression_stands_for_a_call_and_is_checked_as_the_statement_is() {
    let one = |name: &str, args: &[&str], sql: &str| MacroDefinition {
        name: name.to_owned(),
        args: args.iter().map(|&name| name.to_owned()).collect(),
        sql: sql.to_owned(),
    };
    let of = |macros: Vec<MacroDefinition>| {
        usage(
            "insert into MoniteSink select JobName, Ratio(UsedGB, TotalGB), Type + 0 \
             from MoniteDataSource_1 where UsedGB >= 0",
        )
        .with_macros(macros)
    };
    let stage = Stage::new(
        of(vec![one("ratio", &["used", "total"], "used * one() / total"), one("one", &[], "1.0")]),
        Box::new(MemoryStore::new()),
    );
    stage.publish(0, 200);
    stage.run().unwrap();
    let plain = Stage::of(crate::stage::RATIO);
    plain.publish(0, 200);
    plain.run().unwrap();
    assert!(stage.rows().len() > 130 && stage.rows() == plain.rows());
    assert_eq!(stage.differences(), [""; 0]);
    for (macros, why) in [
        (
            vec![one("ratio", &["a"], "a")],
            "line 1, column 40: ratio takes 1 arguments, and here are 2",
        ),
        (vec![one("ratio", &["a", "b"], "a / c")], "line 1, column 40: there is no column c"),
        (vec![one("ratio", &["a", "b"], "sum(a) / b")], "not row by row"),
        (vec![one("ratio", &["a", "b"], "ratio(a, b)")], "does it call itself?"),
        (vec![one("ratio", &["a", "A"], "a")], "args: A is there twice"),
        (vec![one("ratio", &["a", "b"], " ")], "write an expression"),
        (vec![one("sqrt", &["a"], "a")], "there is a function of that name already"),
        (vec![one("ratio", &["a", "b"], "random() * a")], "function random gives another answer"),
    ] {
        let faults = StatementKind::new(of(macros)).unwrap_err();
        let found = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        assert!(found.contains(why), "{found}");
    }
}
