//! Rows in HBase, as a user meets them: a real server, the real program.

use rustix::process::Signal;
use seismic_brokers::HBase;
use seismic_sinks::failpoints;
use serde_json::Value;

use crate::faults::line::Line;
use crate::stage::{Stage, wait_until};

/// A server, and a stage with records.
fn scene() -> Option<(HBase, Stage)> {
    let server = HBase::start()?;
    Some((server, Stage::with_records(&["--records", "2000", "--seed", "1"])))
}

/// The rows of a table, as the gateway gives them.
fn rows(server: &HBase, table: &str) -> Vec<Value> {
    let (status, said) = server.ask("GET", &format!("/{table}/*"), "");
    assert_eq!(status, 200, "{said}");
    serde_json::from_str::<Value>(&said).unwrap()["Row"].as_array().unwrap().clone()
}

/// Puts rows back, or others.
fn put(server: &HBase, table: &str, rows: &Value) {
    let body = serde_json::json!({ "Row": rows }).to_string();
    let (status, said) = server.ask("PUT", &format!("/{table}/rows"), &body);
    assert_eq!(status, 200, "{said}");
}

#[test]
fn a_job_writes_to_hbase_and_verify_finds_every_change_there() {
    let Some((mut server, stage)) = scene() else { return };
    let plain = format!("hbase:http://{}", server.address());
    let refused = stage.refused(&["run", "--drain", "--sink", &plain], 2);
    assert!(refused.contains("seismic_windows") && refused.contains("create=true"), "{refused}");
    let sink = format!("{plain},create=true");
    let chosen = format!(
        "{plain},namespace=coast,table=chosen,key={{sensor_id}}#{{window_start_ts}}#{{pane}},\
         columns=sensor_id:station,rsam,create=true"
    );
    let counters = format!(
        "{plain},table=counters,operation=incr,key=sensor_id,value=record_count:records,create=true"
    );
    let all = ["--sink", &sink, "--sink", &chosen, "--sink", &counters];
    stage.ok(&[&["run", "--drain"][..], &all].concat());
    let of_topic = stage.read("seismic-agg-topic");
    for sink in [&sink, &chosen, &counters] {
        stage.ok(&["verify", "--sink", sink]);
    }
    for table in ["seismic_windows", "coast:chosen"] {
        assert_eq!(rows(&server, table).len(), of_topic.len());
    }
    let ddl = stage.ok(&["sink", "--ddl", &chosen]);
    let made = "create 'coast:chosen', {NAME => 'w', VERSIONS => 1}";
    assert!(ddl.contains("create_namespace 'coast'") && ddl.contains(made), "{ddl}");
    let examined = stage.ok(&["doctor", "--sink", &plain]);
    assert!(examined.contains("hbase 2.6") && examined.contains("are there"), "{examined}");

    // Every change is found: a value, a row that is gone, one that is there twice, a sum.
    let is_whole = |sink: &str, code: i32| {
        assert_eq!(stage.run(&["verify", "--sink", sink]).code, Some(code), "{sink}");
    };
    let mut one = rows(&server, "seismic_windows").remove(0);
    let back = one.clone();
    let cells = one["Cell"].as_array_mut().unwrap();
    // `w:rsam`, and then 1.
    let rsam = cells.iter_mut().find(|cell| cell["column"] == "dzpyc2Ft").unwrap();
    rsam["$"] = "MQ==".into();
    rsam.as_object_mut().unwrap().remove("timestamp");
    put(&server, "seismic_windows", &serde_json::json!([one]));
    is_whole(&sink, 3);
    let of = |row: &Value, key: &str| {
        let cells = row["Cell"].as_array().unwrap().iter();
        let cells =
            cells.map(|cell| serde_json::json!({ "column": cell["column"], "$": cell["$"] }));
        serde_json::json!([{ "key": key, "Cell": cells.collect::<Vec<_>>() }])
    };
    put(&server, "seismic_windows", &of(&back, back["key"].as_str().unwrap()));
    is_whole(&sink, 0);
    // `zz`.
    put(&server, "seismic_windows", &of(&back, "eno="));
    is_whole(&sink, 3);
    assert_eq!(server.ask("DELETE", "/seismic_windows/zz", "").0, 200);
    is_whole(&sink, 0);
    let mut counter = rows(&server, "counters").remove(0);
    for cell in counter["Cell"].as_array_mut().unwrap() {
        // `w:records`, and then 2⁵⁶.
        if cell["column"] == "dzpyZWNvcmRz" {
            cell["$"] = "AQAAAAAAAAA=".into();
        }
    }
    put(&server, "counters", &of(&counter, counter["key"].as_str().unwrap()));
    is_whole(&counters, 3);

    // A server that is down holds the job up as little as one that is slow, and its sink catches up.
    server.node.kill();
    stage.generate(&["--records", "2000", "--seed", "2"]);
    let job = stage.spawn(&["run", "--sink", &sink]);
    stage.wait_for_job(|job| job["lag"] == 0);
    server.node.restart();
    job.stop(Signal::TERM).ok();
    stage.ok(&["run", "--drain", "--sink", &sink]);
    stage.ok(&["verify", "--sink", &sink]);
    assert!(stage.read("seismic-agg-topic").len() > of_topic.len());

    // Two at one place: the newer one takes over, and the older one writes no row twice.
    let first = stage.spawn(&["sink", &sink]);
    let ours = format!("process-{}-", first.pid());
    wait_until("it has the place", || {
        let position = rows(&server, "seismic_position").into_iter();
        // `seismic_windows:w`.
        let mut position = position.filter(|row| row["key"] == "c2Vpc21pY193aW5kb3dzOnc=");
        let cells = position.next().unwrap()["Cell"].take();
        let has = |cell: &Value| {
            use base64::Engine as _;
            let value = cell["$"].as_str().unwrap();
            let value = base64::engine::general_purpose::STANDARD.decode(value).unwrap();
            value.starts_with(ours.as_bytes())
        };
        cells.as_array().unwrap().iter().any(has)
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
fn a_process_that_dies_at_each_named_place_of_the_hbase_sink_loses_and_doubles_no_row() {
    let Some((server, stage)) = scene() else { return };
    stage.ok(&["run", "--drain", "--sink", "console"]);
    let mut line = Line::new(1, "death at each named place of the HBase sink, cells and counters");
    for (number, place) in failpoints::HBASE.into_iter().enumerate() {
        let (puts, counts) = ("", ",operation=incr,key=sensor_id,value=record_count:records");
        let options = if place.ends_with("put") { puts } else { counts };
        let sink = format!(
            "hbase:http://{},table=rows{number},create=true,batch_rows=20{options}",
            server.address()
        );
        for passes in [0, 1] {
            let mut dying = stage.command(&["sink", &sink, "--until-caught-up", "--quiet"]);
            dying.env("FAILPOINTS", format!("{place}={passes}*off->return(abort)"));
            let ended = dying.output().unwrap();
            assert!(!ended.status.success(), "{place}");
            line.tries += 1;
        }
        stage.ok(&["sink", &sink, "--until-caught-up"]);
        stage.ok(&["verify", "--sink", &sink]);
    }
    line.print();
}
