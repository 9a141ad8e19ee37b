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
