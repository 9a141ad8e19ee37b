//! Functions of one's own, as a user has them: a module in the job file, what is refused before it
//! runs, and the skeletons of `seismic function new`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::job::dimension::measured;
use crate::job::statement::{append, rows};
use crate::stage::Stage;

/// Disk usage whose ratio a function of a module makes.
pub const USAGE: &str = r#"group = "usage"
dead_topic = "usage-dead"
sql = """
insert into MoniteSink
select a.JobName, Fill(a.UsedGB, a.TotalGB) as UsedRatio, a.Type from MoniteDataSource_1 as a
"""

[input]
name = "MoniteDataSource_1"
topic = "demo-source"
columns = { JobName = "text", UsedGB = "real", TotalGB = "real", Type = "int" }

[function.fill]
wasm = "file:fill.wasm"
args = ["real", "real"]
returns = "real"

[output]
name = "MoniteSink"
topic = "demo-sink"
key = "JobName"
columns = { JobName = "text", UsedRatio = "real", Kind = "int" }
"#;

/// Used by total; more than all is a fault.
const FILL: &str = r#"(module (func (export "fill") (param f64 f64) (result f64)
    (if (f64.gt (local.get 0) (local.get 1)) (then unreachable))
    local.get 0 local.get 1 f64.div))"#;

/// Writes a module.
pub fn write_module(stage: &Stage, text: &str) {
    fs::write(stage.path("fill.wasm"), wat::parse_str(text).unwrap()).unwrap();
}

/// The module, as `fill.wasm`.
pub fn write_fill(stage: &Stage) {
    write_module(stage, FILL);
}

fn stage() -> Stage {
    let stage = Stage::new();
    fs::write(stage.path("usage.toml"), USAGE).unwrap();
    write_fill(&stage);
    stage.ok(&["topic", "create", "demo-source", "--partitions", "2"]);
    stage
}

fn ratios(stage: &Stage) -> Vec<String> {
    let of = |row: &serde_json::Value| format!("{} {}", row["JobName"], row["UsedRatio"]);
    let mut all: Vec<String> = rows(stage, "usage", "demo-sink").iter().map(of).collect();
    all.sort();
    all
}

#[test]
fn a_function_makes_rows_and_dead_letters_that_are_proved_without_its_file() {
    let stage = stage();
    stage.ok(&["job", "check", "usage.toml"]);
    append(
        &stage,
        &[measured("web", 90.0, 1), measured("full", 190.0, 1), measured("db", 10.0, 2)],
    );
    stage.ok(&["run", "--job", "usage.toml", "--until-caught-up"]);
    assert_eq!(ratios(&stage), ["\"db\" 0.1", "\"web\" 0.9"]);
    let letters = stage.ok(&["read", "usage-dead", "--group", "usage"]);
    assert!(letters.contains("fill: it gave up (unreachable)"), "{letters}");
    let asked = ["sql", "select Fill(length(row), 1000) < 1 from rows limit 1"];
    let asked = stage.ok(&[&asked[..], &["--job", "usage.toml", "--format", "csv"]].concat());
    assert!(asked.ends_with("\n1\n"), "{asked}");
    // The store has the module, so nothing else is needed.
    fs::remove_file(stage.path("fill.wasm")).unwrap();
    let proof = stage.ok(&["verify", "--complete", "--group", "usage"]);
    assert!(proof.starts_with("verified: "), "{proof}");
    let journal = ["sql", "select detail from journal where kind = 'own'", "--group", "usage"];
    assert!(stage.ok(&journal).contains("fill()"), "{}", stage.ok(&journal));
    let refused = stage.refused(&["run", "--job", "usage.toml", "--until-caught-up"], 2);
    assert!(refused.contains("function.fill: file:fill.wasm: it cannot be read"), "{refused}");
}

#[test]
fn a_statement_with_a_function_is_tried_and_examined_as_it_runs() {
    let stage = stage();
    let lines = [measured("web", 90.0, 1), measured("full", 190.0, 1)];
    let text = lines.each_ref().map(ToString::to_string).join("\n");
    fs::write(stage.path("lines.jsonl"), text).unwrap();
    let tried = stage.ok(&["test", "--job", "usage.toml", "--input", "lines.jsonl"]);
    assert!(tried.contains("\"UsedRatio\":0.9") && tried.contains("fill: it gave up"), "{tried}");
    append(&stage, &lines);
    let found = stage.run(&["doctor", "--job", "usage.toml"]).stdout;
    assert!(found.contains("function fill (file:fill.wasm)"), "{found}");
    assert!(found.contains("it writes nothing, so one instance serves all calls"), "{found}");
    let shown = stage.ok(&["job", "show", "usage.toml"]);
    assert!(shown.contains("\"wasm\" = \"file:fill.wasm\""), "{shown}");
}

#[test]
fn a_function_that_reads_a_clock_or_is_another_one_is_refused_before_it_runs() {
    let stage = stage();
    write_module(
        &stage,
        r#"(module (import "wasi_snapshot_preview1" "clock_time_get"
                (func $clock (param i32 i64 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "fill") (param f64 f64) (result f64)
                (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 0)))
                (f64.convert_i64_u (i64.load (i32.const 0)))))"#,
    );
    for command in
        [&["job", "check", "usage.toml"][..], &["run", "--job", "usage.toml", "--until-caught-up"]]
    {
        let refused = stage.refused(command, 2);
        let why = "function.fill: file:fill.wasm: the module imports \
                   wasi_snapshot_preview1.clock_time_get: a function gets its arguments and nothing else";
        assert!(refused.contains(why), "{refused}");
    }
    let found = stage.run(&["doctor", "--job", "usage.toml"]).stdout;
    assert!(found.contains("the module imports wasi_snapshot_preview1.clock_time_get"), "{found}");
    // One that the job file names by its hash is taken only if it has that.
    write_fill(&stage);
    let pinned = format!("wasm = \"file:fill.wasm\"\nsha256 = \"{}\"", "0".repeat(64));
    fs::write(stage.path("pinned.toml"), USAGE.replace("wasm = \"file:fill.wasm\"", &pinned))
        .unwrap();
    let refused = stage.refused(&["job", "check", "pinned.toml"], 2);
    assert!(refused.contains("it is another module than was meant"), "{refused}");
    // Under progress, a changed one is another job.
    append(&stage, &[measured("web", 90.0, 1)]);
    stage.ok(&["run", "--job", "usage.toml", "--until-caught-up"]);
    write_module(&stage, &FILL.replace("f64.gt", "f64.ge"));
    let refused = stage.refused(&["run", "--job", "usage.toml", "--until-caught-up"], 2);
    assert!(refused.contains("function (was "), "{refused}");
    write_fill(&stage);
    stage.ok(&["run", "--job", "usage.toml", "--until-caught-up"]);
}

#[test]
fn keys_of_a_function_that_cannot_be_are_named_with_their_line() {
    let stage = stage();
    for (from, to, why) in [
        (
            "wasm =",
            "wsam =",
            "usage.toml:14: function.fill.wsam: there is no such key; did you mean \"wasm\"?",
        ),
        ("wasm = \"file:fill.wasm\"", "fuel = 5", "fuel: 5 is not between 100 and 10000000"),
        ("args = [\"real\", \"real\"]", "", "function.fill: args is missing"),
        (
            "args = [\"real\", \"real\"]",
            "args = [\"real\"]",
            "wrong number of arguments to function Fill()",
        ),
        ("returns = \"real\"", "returns = \"float\"", "\"float\" is no type of a column"),
        ("[function.fill]", "[function.fil]", "there is no function Fill; did you mean fil?"),
        (
            "file:fill.wasm",
            "fill.wasm",
            "is no place of a module: write file:PATH or resource:NAME",
        ),
    ] {
        assert!(USAGE.contains(from), "{from}");
        fs::write(stage.path("usage.toml"), USAGE.replacen(from, to, 1)).unwrap();
        let refused = stage.refused(&["job", "check", "usage.toml"], 2);
        assert!(refused.contains(why), "{refused}");
    }
}

/// Builds the skeleton where that is possible; the module that it gave once otherwise.
fn built(stage: &Stage, language: &str) -> Vec<u8> {
    match language {
        "rust" => built_at(stage, "crest", include_bytes!("../data/functions/rust.wasm")),
        _ => include_bytes!("../data/functions/assemblyscript.wasm").to_vec(),
    }
}

/// Builds the Rust skeleton of that name where the target is installed; gives `stored` otherwise.
pub fn built_at(stage: &Stage, name: &str, stored: &[u8]) -> Vec<u8> {
    let target = ["--target", "wasm32-unknown-unknown"];
    let libraries = Command::new("rustc").args(["--print", "target-libdir"]).args(target).output();
    let is_installed = libraries.is_ok_and(|it| {
        let path = String::from_utf8(it.stdout).unwrap_or_default();
        it.status.success() && Path::new(path.trim()).exists()
    });
    if !is_installed {
        return stored.to_vec();
    }
    let out = stage.path(&format!("{name}/{name}.wasm"));
    let built = Command::new("rustc")
        .args(["--edition", "2024", "--crate-type", "cdylib", "-O", "-C", "panic=abort"])
        .args(["-C", "link-arg=-zstack-size=32768"])
        .args(target)
        .args([Path::new("-o"), &out, &stage.path(&format!("{name}/{name}.rs"))])
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    fs::read(out).unwrap()
}

#[test]
fn what_a_new_function_is_built_to_is_called() {
    for language in ["rust", "assemblyscript"] {
        let stage = stage();
        let said = stage.ok(&["function", "new", "crest", "--language", language]);
        assert!(said.contains("[function.crest]\n  wasm = \"file:crest/crest.wasm\""), "{said}");
        fs::write(stage.path("crest/crest.wasm"), built(&stage, language)).unwrap();
        let job = USAGE
            .replace(
                "a.JobName, Fill(a.UsedGB, a.TotalGB)",
                "first(a.JobName), crest(a.UsedGB, a.TotalGB)",
            )
            .replace("select first(a.JobName)", "select first(a.JobName) as JobName")
            .replace("[function.fill]", "[function.crest]")
            .replace("file:fill.wasm", "file:crest/crest.wasm");
        let first = "\n[function.first]\nwasm = \"file:crest/crest.wasm\"\nexport = \"first_part\"\n\
                     args = [\"text\"]\nreturns = \"text\"\n";
        fs::write(stage.path("usage.toml"), job + first).unwrap();
        append(&stage, &[measured("web.eu.1", 90.0, 1), measured("db", 10.0, 2)]);
        stage.ok(&["run", "--job", "usage.toml", "--until-caught-up"]);
        assert_eq!(ratios(&stage), ["\"db\" 0.1", "\"web\" 0.9"], "{language}");
        stage.ok(&["verify", "--complete", "--group", "usage"]);
        let found = stage.run(&["doctor", "--job", "usage.toml"]).stdout;
        assert!(
            found.contains("it writes nothing") && found.contains("each call has a new"),
            "{found}"
        );
        let refused = stage.refused(&["function", "new", "crest"], 2);
        assert!(refused.contains("crest already exists"), "{refused}");
    }
    let stage = Stage::new();
    for (name, why) in [("Crest", "is no name of a function"), ("sqrt", "there is a function sqrt")]
    {
        let refused = stage.refused(&["function", "new", name], 2);
        assert!(refused.contains(why), "{refused}");
    }
}

#[test]
fn an_expression_of_the_job_file_is_called_as_a_function_is() {
    let stage = stage();
    let of_module = "wasm = \"file:fill.wasm\"\nargs = [\"real\", \"real\"]\nreturns = \"real\"";
    assert!(USAGE.contains(of_module));
    let job = |of_sql: &str| {
        fs::write(stage.path("usage.toml"), USAGE.replace(of_module, of_sql)).unwrap();
    };
    job("args = [\"used\", \"total\"]\nsql = \"used / total\"\nfuel = 1000");
    let refused = stage.refused(&["job", "check", "usage.toml"], 2);
    assert!(refused.contains("fuel is of functions that are modules"), "{refused}");
    job("args = [\"used\", \"total\"]\nsql = \"used / totl\"");
    let refused = stage.refused(&["job", "check", "usage.toml"], 2);
    assert!(refused.contains("there is no column totl"), "{refused}");
    job("args = [\"used\", \"total\"]\nsql = \"used / total\"");
    let shown = stage.ok(&["job", "show", "usage.toml"]);
    assert!(shown.contains("\"sql\" = \"used / total\""), "{shown}");
    append(&stage, &[measured("web", 90.0, 1)]);
    stage.ok(&["run", "--job", "usage.toml", "--until-caught-up"]);
    assert_eq!(ratios(&stage), ["\"web\" 0.9"]);
    stage.ok(&["verify", "--complete", "--group", "usage"]);
    // A question calls it, too, and what is wrong is named where it was written.
    let ask = |sql: &str| stage.run(&["sql", sql, "--job", "usage.toml", "--format", "csv"]);
    let asked = ask("select fill(length(row) * 0 + 9.0, 20) as half from rows");
    assert!(asked.stdout.ends_with("half\n0.45\n"), "{asked}");
    let refused = ask("select fill(1, 2),\n  x from rows").stderr;
    assert!(refused.contains("line 2, column 3: there is no column x"), "{refused}");
}
