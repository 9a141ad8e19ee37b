//! A function whose module the server keeps: a version of a job has the content of then, on which the
//! server looks when it is submitted.

use std::fs;

use super::{Server, served};
use crate::job::dimension::{self, measured};
use crate::job::functions::{USAGE, write_fill, write_module};
use crate::job::statement::append;
use crate::job::statement::operators::{self, WORDS};
use crate::stage::wait_until;

#[test]
fn a_job_of_a_server_calls_a_function_of_a_resource() {
    let stage = dimension::stage();
    let job = USAGE.replace("file:fill.wasm", "resource:fill.wasm");
    fs::write(stage.path("usage.toml"), format!("name = \"usage\"\n{job}")).unwrap();
    let serve = served(stage);
    let stage = &serve.stage;
    stage.ok(&["job", "check", "usage.toml"]);
    let refused = stage.refused(&["run", "--job", "usage.toml", "--until-caught-up"], 2);
    assert!(
        refused.contains("function.fill: resource:fill.wasm: the resource fill.wasm"),
        "{refused}"
    );
    let server = Server::start(stage);
    let ask = |args: &[&str]| stage.ok(&[args, &["--server", &server.url]].concat());
    let submit = ["job", "submit", "usage.toml", "--server", &server.url];
    let refused = stage.refused(&submit, 2);
    assert!(refused.contains("function.fill: this server has no resource fill.wasm"), "{refused}");
    // One that reads a clock is refused when the job is submitted.
    write_module(
        stage,
        r#"(module (import "env" "now" (func $now (result f64)))
            (func (export "fill") (param f64 f64) (result f64) call $now))"#,
    );
    ask(&["resource", "put", "fill.wasm"]);
    let refused = stage.refused(&submit, 2);
    assert!(refused.contains("the module imports env.now"), "{refused}");
    write_fill(stage);
    ask(&["resource", "put", "fill.wasm"]);
    ask(&["job", "submit", "usage.toml", "--start"]);
    append(stage, &[measured("web", 90.0, 1)]);
    wait_until("the row is there", || {
        let done = stage.run(&["read", "demo-sink", "--group", "usage", "--format", "json"]);
        done.stdout.contains("\"UsedRatio\":0.9")
    });
    ask(&["job", "stop", "usage"]);
    let proof = stage.ok(&["verify", "--group", "usage"]);
    assert!(proof.starts_with("verified: "), "{proof}");
}

#[test]
fn a_job_of_a_server_has_an_operator_of_a_resource() {
    let stage = operators::stage();
    let job = WORDS.replace("file:words/words.wasm", "resource:words.wasm");
    fs::write(stage.path("words.toml"), format!("name = \"words\"\n{job}")).unwrap();
    fs::copy(stage.path("words/words.wasm"), stage.path("words.wasm")).unwrap();
    let serve = served(stage);
    let stage = &serve.stage;
    let server = Server::start(stage);
    let ask = |args: &[&str]| stage.ok(&[args, &["--server", &server.url]].concat());
    let refused = stage.refused(&["job", "submit", "words.toml", "--server", &server.url], 2);
    assert!(refused.contains("module: this server has no resource words.wasm"), "{refused}");
    ask(&["resource", "put", "words.wasm"]);
    ask(&["job", "submit", "words.toml", "--start"]);
    append(stage, &[serde_json::json!({ "JobName": "a", "line": "shake and shake" })]);
    wait_until("the row is there", || {
        let done = stage.run(&["read", "words", "--group", "words", "--format", "json"]);
        done.stdout.contains("\"word\":\"shake\",\"count\":2")
    });
    ask(&["job", "stop", "words"]);
    let proof = stage.ok(&["verify", "--group", "words"]);
    assert!(proof.starts_with("verified: "), "{proof}");
}
