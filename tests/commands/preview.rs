//! `seismic job preview`: what a topic or a sink has, also before the job has started.

use std::fs;

use serde_json::Value;

use crate::stage::{DATA, DEAD, ROWS, Stage};
use crate::truth::{COLUMNS, text};

fn names(preview: &Value) -> Vec<String> {
    preview["columns"].as_array().unwrap().iter().map(|it| text(it, "name")).collect()
}

#[test]
fn columns_are_shown_before_the_job_starts_and_messages_when_there_are_some() {
    let stage = Stage::new();
    fs::write(stage.path("job.toml"), "rollup = ['10s']\nsink = ['csv:rows']\n").unwrap();
    let preview = |what: &str| stage.json(&["job", "preview", what, "--job", "job.toml", "--json"]);
    for what in [ROWS, "seismic-agg-topic-10s", "csv:rows"] {
        let before = preview(what);
        assert_eq!(names(&before), COLUMNS, "{what}");
        assert_eq!(before["messages"].as_array().unwrap().len(), 0, "{what}");
    }
    assert!(names(&preview(DATA)).contains(&"seismic_amplitude".to_owned()));
    assert!(names(&preview(DEAD)).contains(&"reason".to_owned()));
    let told = stage.ok(&["job", "preview", DATA, "--job", "job.toml"]);
    assert!(told.contains("there are no messages yet") && told.contains("degrees"), "{told}");
    assert!(!stage.path("output").exists(), "a look makes nothing");
    stage.generate(&["--records", "2000", "--anomaly-percent", "10"]);
    stage.ok(&["run", "--job", "job.toml", "--drain", "--quiet"]);
    for (what, newest) in [(DATA, 10), (ROWS, 10), (DEAD, 10), ("csv:rows", 10)] {
        let shown = preview(what);
        assert_eq!(shown["messages"].as_array().unwrap().len(), newest, "{what}");
    }
    let rows = stage.read(ROWS);
    let newest = &preview(ROWS)["messages"][9];
    assert!(rows.contains(newest), "{newest}");
    let two = stage.ok(&["job", "preview", ROWS, "--job", "job.toml", "-n", "2"]);
    assert_eq!(two.lines().filter(|line| line.contains("closed by")).count(), 2, "{two}");
    let refused = stage.refused(&["job", "preview", "nothing", "--job", "job.toml"], 2);
    assert!(refused.contains("no topic \"nothing\""), "{refused}");
}

#[test]
fn inputs_and_rows_of_a_statement_an_operator_and_a_join_are_shown_with_their_declared_columns() {
    let stage = Stage::new();
    let output =
        "[output]\ntopic = 'out'\nkey = 'sensor'\ncolumns = { sensor = 'text', top = 'real' }\n";
    let input = |name: &str| {
        format!(
            "{name}]\ntopic = 'readings'\ncolumns = {{ sensor = 'text', at = 'int', value = 'real' }}\n"
        )
    };
    let begin = "group = 'top'\ndead_topic = 'top-dead'\n";
    let of_one = format!("{}{output}", input("[input"));
    let right = input("[input.right").replace("'readings'", "'others'");
    let statement = format!("{begin}sql = 'select sensor, value as top from rows'\n{of_one}");
    let operator = format!("{begin}operator = 'wasm'\n[module]\nwasm = 'file:top.wasm'\n{of_one}");
    let join = format!(
        "{begin}sql = 'select left_sensor as sensor, right_value as top from pairs'\n{}{right}{output}\
         [join]\nkey = 'sensor'\ntime = 'at'\nwithin = '2s'\n",
        input("[input.left")
    );
    for (name, file) in [("statement", &statement), ("operator", &operator), ("join", &join)] {
        fs::write(stage.path("job.toml"), file).unwrap();
        let preview = |what: &str| {
            let shown = stage.json(&["job", "preview", what, "--job", "job.toml", "--json"]);
            (names(&shown), shown["messages"].as_array().unwrap().len())
        };
        let columns = |all: &[&str]| all.iter().map(|&it| it.to_owned()).collect::<Vec<_>>();
        assert_eq!(preview("out"), (columns(&["sensor", "top", "_id"]), 0), "{name}");
        assert_eq!(preview("readings"), (columns(&["sensor", "at", "value"]), 0), "{name}");
        if name == "join" {
            assert_eq!(preview("others"), (columns(&["sensor", "at", "value"]), 0));
        }
    }
    assert!(!stage.path("output").exists(), "a look makes nothing");
    fs::write(stage.path("job.toml"), statement).unwrap();
    fs::write(stage.path("lines.jsonl"), r#"{"sensor":"S1","at":5,"value":2.5}"#).unwrap();
    stage.ok(&["topic", "create", "readings"]);
    stage.ok(&["topic", "append", "readings", "lines.jsonl", "--key", "sensor"]);
    stage.ok(&["run", "--job", "job.toml", "--until-caught-up", "--quiet"]);
    let shown = |what: &str| stage.ok(&["job", "preview", what, "--job", "job.toml"]);
    assert!(shown("readings").contains(r#""value":2.5"#), "{}", shown("readings"));
    assert!(shown("out").contains(r#"{"sensor":"S1","top":2.5,"_id":""#), "{}", shown("out"));
}
