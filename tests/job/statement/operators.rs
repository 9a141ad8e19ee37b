//! Modules in place of a statement, as a user has them: the skeletons of `seismic function new`, what
//! each command says of such a job, and what is refused before it runs.

use std::fs;

use serde_json::json;

use crate::job::functions::built_at;
use crate::job::statement::{append, rows};
use crate::stage::Stage;

/// Words of lines, by the Rust skeleton.
pub const WORDS: &str = r#"group = "words"
dead_topic = "words-dead"
operator = "wasm"

[module]
wasm = "file:words/words.wasm"

[params]
least = 3

[input]
topic = "demo-source"
columns = { line = "text" }

[output]
topic = "words"
key = "word"
columns = { word = "text", count = "int" }
"#;

/// A stage with the job and its module.
pub fn stage() -> Stage {
    let stage = Stage::new();
    let said = stage.ok(&["function", "new", "words", "--operator"]);
    assert!(said.contains("operator = \"wasm\""), "{said}");
    let stored = include_bytes!("../../data/functions/words.wasm");
    let module = built_at(&stage, "words", stored);
    fs::write(stage.path("words/words.wasm"), module).unwrap();
    fs::write(stage.path("words.toml"), WORDS).unwrap();
    stage.ok(&["topic", "create", "demo-source", "--partitions", "2"]);
    stage
}

fn words(stage: &Stage) -> Vec<String> {
    let of = |row: &serde_json::Value| format!("{} {}", row["word"], row["count"]);
    let mut all: Vec<String> = rows(stage, "words", "words").iter().map(of).collect();
    all.sort();
    all
}

#[test]
fn words_of_lines_are_counted_by_a_module_and_proved_without_its_file() {
    let stage = stage();
    stage.ok(&["job", "check", "words.toml"]);
    let long = "x".repeat(70_000);
    append(
        &stage,
        &[
            json!({ "JobName": "a", "line": "to shake, or not to shake" }),
            json!({ "JobName": "b", "line": null }),
            json!({ "JobName": "a", "line": long }),
        ],
    );
    stage.ok(&["run", "--job", "words.toml", "--until-caught-up"]);
    assert_eq!(words(&stage), ["\"not\" 1", "\"shake\" 2"]);
    let letters = stage.ok(&["read", "words-dead", "--group", "words"]);
    assert!(letters.contains("on_row: the text is longer than the room for it"), "{letters}");
    let status = stage.ok(&["status", "--group", "words"]);
    assert!(status.contains("operator wasm ") && status.contains("least is the int 3"), "{status}");
    // The store has the module, so nothing else is needed.
    fs::remove_file(stage.path("words/words.wasm")).unwrap();
    let proof = stage.ok(&["verify", "--complete", "--group", "words"]);
    assert!(proof.starts_with("verified: "), "{proof}");
    let refused = stage.refused(&["run", "--job", "words.toml", "--until-caught-up"], 2);
    assert!(refused.contains("module: file:words/words.wasm: it cannot be read"), "{refused}");
}

#[test]
fn an_operator_is_tried_shown_and_examined_as_it_runs() {
    let stage = stage();
    fs::write(stage.path("lines.jsonl"), "{\"line\":\"one two one\"}\n").unwrap();
    let tried = stage.ok(&["test", "--job", "words.toml", "--input", "lines.jsonl"]);
    assert!(tried.contains("\"count\":2,\"word\":\"one\""), "{tried}");
    let shown = stage.ok(&["job", "show", "words.toml"]);
    for part in ["operator = \"wasm\"", "\"wasm\" = \"file:words/words.wasm\"", "\"least\" = 3"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("sql ="), "{shown}");
    // What is shown is the same job.
    fs::write(stage.path("again.toml"), &shown).unwrap();
    let rules = |file: &str| {
        let said = stage.ok(&["job", "check", file]);
        said.rsplit_once("(rules ").unwrap().1.to_owned()
    };
    assert_eq!(rules("again.toml"), rules("words.toml"));
    let found = stage.run(&["doctor", "--job", "words.toml"]).stdout;
    assert!(found.contains("module of the operator (file:words/words.wasm)"), "{found}");
    assert!(found.contains("one instance serves all rows, and each window has"), "{found}");
}

#[test]
fn lines_that_an_operator_logs_are_in_the_log_and_change_nothing() {
    let stage = stage();
    let module = wat::parse_str(
        r#"(module (import "seismic" "log" (func $log (param i32 i32)))
            (memory (export "memory") 1) (data (i32.const 0) "seen\0aone")
            (func (export "on_row") (call $log (i32.const 0) (i32.const 8))))"#,
    );
    fs::write(stage.path("words/words.wasm"), module.unwrap()).unwrap();
    fs::write(stage.path("lines.jsonl"), "{\"line\":\"one\"}\n".repeat(1_500)).unwrap();
    let ran = stage.run(&["test", "--job", "words.toml", "--input", "lines.jsonl"]).ok();
    assert_eq!(ran.stderr.matches("seen\\none").count(), 1_000, "{}", ran.stderr);
    assert!(ran.stderr.contains("1000 lines were logged; no more are"), "{}", ran.stderr);
    assert!(
        ran.stdout.contains("read 1,500 records: 0 gave 0 rows, 1,500 gave none"),
        "{}",
        ran.stdout
    );
}

#[test]
fn keys_of_an_operator_that_cannot_be_are_named_with_their_line() {
    let stage = stage();
    for (from, to, why) in [
        ("\"wasm\"\n", "\"wsm\"\n", "words.toml:3: operator: there is no operator \"wsm\""),
        (
            "operator = \"wasm\"",
            "",
            "[module] is of a job with operator = \"wasm\", which is missing",
        ),
        (
            "[module]\nwasm = \"file:words/words.wasm\"",
            "",
            "operator = \"wasm\" has [module] with wasm",
        ),
        (
            "wasm = \"file",
            "wsam = \"file",
            "module.wsam: there is no such key; did you mean \"wasm\"?",
        ),
        ("least = 3", "least = [3]", "params.least: write a number or a text"),
        ("operator =", "sql = \"select 1\"\noperator =", "leave one of them out"),
        ("least = 3", "least = 3\n[function.f]\nsql = \"1\"", "and no functions beside that"),
        (
            "operator =",
            "dedupe = \"time\"\noperator =",
            "and this one has an operator: leave it out",
        ),
    ] {
        assert!(WORDS.contains(from), "{from}");
        fs::write(stage.path("words.toml"), WORDS.replacen(from, to, 1)).unwrap();
        let refused = stage.refused(&["job", "check", "words.toml"], 2);
        assert!(refused.contains(why), "{why}: {refused}");
    }
    // One of other parameters is another job.
    fs::write(stage.path("words.toml"), WORDS).unwrap();
    append(&stage, &[json!({ "JobName": "a", "line": "one" })]);
    stage.ok(&["run", "--job", "words.toml", "--until-caught-up"]);
    fs::write(stage.path("words.toml"), WORDS.replace("least = 3", "least = 4")).unwrap();
    let refused = stage.refused(&["run", "--job", "words.toml", "--until-caught-up"], 2);
    assert!(refused.contains("operator and params (was "), "{refused}");
}
