//! Rows in OpenSearch, as a user meets them: a real server, the real program.

use rustix::process::Signal;
use seismic_brokers::OpenSearch;
use seismic_sinks::failpoints;
use serde_json::Value;

use crate::stage::{Stage, wait_until};

/// A server, and a stage with records.
fn scene() -> Option<(OpenSearch, Stage)> {
    let server = OpenSearch::start()?;
    Some((server, Stage::with_records(&["--records", "2000", "--seed", "1"])))
}

fn ask(server: &OpenSearch, method: &str, path: &str, body: &str) -> Value {
    let (status, said) = server.ask(method, path, body);
    assert!(status < 300, "{path}: {said}");
    serde_json::from_str(&said).unwrap()
}

/// How many documents there are that can be found.
fn count(server: &OpenSearch, indices: &str) -> u64 {
    ask(server, "POST", &format!("/{indices}/_refresh?allow_no_indices=true"), "");
    ask(server, "GET", &format!("/{indices}/_count?allow_no_indices=true"), "")["count"]
        .as_u64()
        .unwrap()
}

#[test]
fn a_job_writes_to_opensearch_and_verify_finds_every_change_there() {
    let Some((mut server, stage)) = scene() else { return };
    let plain = format!("opensearch:http://{}", server.address());
    let refused = stage.refused(&["run", "--drain", "--sink", &plain], 2);
    assert!(refused.contains("seismic_position") && refused.contains("create=true"), "{refused}");
    let sink = format!("{plain},create=true");
    let chosen = format!(
        "elasticsearch:http://{},index=chosen,columns=sensor_id:station,rsam",
        server.address()
    );
    stage.ok(&["run", "--drain", "--sink", &sink, "--sink", &chosen]);
    let rows = stage.read("seismic-agg-topic");
    for (sink, indices) in [(&sink, "seismic-*.*.*"), (&chosen, "chosen")] {
        stage.ok(&["verify", "--sink", sink]);
        assert_eq!(count(&server, indices), rows.len() as u64);
    }
    let examined = stage.ok(&["doctor", "--sink", &plain]);
    assert!(examined.contains("opensearch 2.19") && examined.contains("is there"), "{examined}");
    // Every change is found: a value, a row that is gone, one that is there twice.
    let found = ask(&server, "GET", "/seismic-*.*.*/_search?size=3", "");
    let hits = found["hits"]["hits"].as_array().unwrap();
    let path = |hit: &Value| {
        let id = hit["_id"].as_str().unwrap().replace('/', "%2F");
        format!("/{}/_doc/{id}", hit["_index"].as_str().unwrap())
    };
    let is_whole = |code: i32| assert_eq!(stage.run(&["verify", "--sink", &sink]).code, Some(code));
    for (change, back) in
        [("PUT", hits[0]["_source"].to_string()), ("DELETE", hits[1]["_source"].to_string())]
    {
        let at = path(if change == "PUT" { &hits[0] } else { &hits[1] });
        let changed = back.replacen("\"rsam\":", "\"rsam\":1", 1);
        ask(&server, change, &at, if change == "PUT" { &changed } else { "" });
        is_whole(3);
        ask(&server, "PUT", &at, &back);
        is_whole(0);
    }
    ask(&server, "POST", "/seismic-1.1.1/_doc", &hits[2]["_source"].to_string());
    is_whole(3);
    ask(&server, "DELETE", "/seismic-1.1.1", "");
    is_whole(0);

    // A server that is down holds the job up as little as one that is slow, and its sink catches up.
    server.node.kill();
    stage.generate(&["--records", "2000", "--seed", "2"]);
    let job = stage.spawn(&["run", "--sink", &sink]);
    stage.wait_for_job(|job| job["lag"] == 0);
    server.restart();
    job.stop(Signal::TERM).ok();
    stage.ok(&["run", "--drain", "--sink", &sink]);
    stage.ok(&["verify", "--sink", &sink]);
    assert!(stage.read("seismic-agg-topic").len() > rows.len());

    // Two at one place: the newer one takes over, and the older one writes no row twice.
    let first = stage.spawn(&["sink", &sink]);
    let ours = format!("process-{}-", first.pid());
    wait_until("it has the place", || {
        let position = "/seismic_position/_doc/seismic-%25Y.%25m.%25d";
        let stored = ask(&server, "GET", position, "");
        stored["_source"]["writer"].as_str().unwrap().starts_with(&ours)
    });
    stage.ok(&["sink", &sink, "--until-caught-up"]);
    stage.generate(&["--records", "2000", "--seed", "3"]);
    stage.ok(&["run", "--drain", "--sink", "console"]);
    let ended = first.wait();
    assert_eq!(ended.code, Some(4), "{ended}");
    assert!(ended.stderr.contains("moved by someone else"), "{ended}");
    stage.ok(&["sink", &sink, "--until-caught-up"]);
    stage.ok(&["verify", "--sink", &sink]);
}

#[test]
fn a_process_that_dies_at_each_named_place_of_the_opensearch_sink_loses_and_doubles_no_row() {
    let Some((server, stage)) = scene() else { return };
    stage.ok(&["run", "--drain", "--sink", "console"]);
    let rows = stage.read("seismic-agg-topic").len() as u64;
    for (number, place) in failpoints::OPENSEARCH.into_iter().enumerate() {
        let index = format!("rows{number}");
        let sink = format!(
            "opensearch:http://{},index={index},create=true,batch_rows=20",
            server.address()
        );
        for passes in [0, 1] {
            let mut dying = stage.command(&["sink", &sink, "--until-caught-up", "--quiet"]);
            dying.env("FAILPOINTS", format!("{place}={passes}*off->return(abort)"));
            let ended = dying.output().unwrap();
            assert!(!ended.status.success(), "{place}");
        }
        stage.ok(&["sink", &sink, "--until-caught-up"]);
        stage.ok(&["verify", "--sink", &sink]);
        assert_eq!(count(&server, &index), rows, "{place}");
    }
}
