//! Rows in Redis, as a user meets them: a real server, the real program.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use seismic_brokers::Redis;
use serde_json::Value;

use crate::job::clock_jumps::{START, drained};
use crate::stage::{Stage, wait_until};

/// A server and a stage with records.
fn scene() -> Option<(Redis, Stage)> {
    let server = Redis::start(&[])?;
    Some((server, Stage::with_records(&["--records", "2000", "--seed", "1"])))
}

#[test]
fn a_job_writes_to_redis_and_verify_finds_every_change_there() {
    let Some((server, stage)) = scene() else { return };
    let address = format!("redis://{}/0", server.address());
    let hashes = format!("{address},name=hashes");
    let counts = format!("{address},name=counts,operation=incr,key=count:{{sensor_id}}");
    let lists = format!("{address},name=lists,operation=rpush,key=rows:{{sensor_id}}");
    stage.ok(&["run", "--drain", "--sink", &hashes, "--sink", &counts, "--sink", &lists]);
    stage.ok(&["verify", "--sink", &hashes, "--sink", &counts, "--sink", &lists]);
    let rows = stage.read("seismic-agg-topic");
    let keys = server.call(0, &["KEYS", "seismic:S*"]);
    assert_eq!(keys.len(), rows.len());
    let sensor = rows[0]["value"]["sensor_id"].as_str().unwrap();
    let of_sensor = rows.iter().filter(|row| row["value"]["sensor_id"] == sensor).count();
    let count = server.call(0, &["GET", &format!("count:{sensor}")]);
    assert_eq!(count, [of_sensor.to_string()]);
    for (change, sink) in [
        (["HSET", &keys[0], "rsam", "-1"].as_slice(), &hashes),
        (["INCR", &format!("count:{sensor}")].as_slice(), &counts),
        (["RPOP", &format!("rows:{sensor}")].as_slice(), &lists),
    ] {
        server.call(0, change);
        assert_eq!(stage.run(&["verify", "--sink", sink]).code, Some(3), "{change:?}");
    }
    let examined = stage.ok(&["doctor", "--sink", &hashes]);
    assert!(examined.contains("Redis 7") || examined.contains("Redis "), "{examined}");
    server.call(0, &["CONFIG", "SET", "appendonly", "no"]);
    let examined = stage.run(&["doctor", "--sink", &hashes]);
    assert!(examined.stdout.contains("set appendonly yes"), "{}", examined.stdout);
}

#[test]
fn a_job_does_not_wait_for_a_redis_that_is_down_or_silent_and_its_sink_catches_up() {
    let Some((mut server, stage)) = scene() else { return };
    let sink = format!("redis://{}/0,operation=incr,key=all:{{pane}}", server.address());
    server.freeze();
    let job = stage.spawn(&["run", "--sink", &sink]);
    stage.wait_for_job(|job| job["lag"] == 0);
    wait_until("the sink says so", || job.stderr().contains("answers nothing"));
    server.thaw();
    let has_rows = || !server.call(0, &["KEYS", "all:*"]).is_empty();
    wait_until("it catches up", has_rows);
    server.kill();
    stage.generate(&["--records", "2000", "--seed", "2"]);
    stage.wait_for_job(|job| job["lag"] == 0);
    server.restart();
    job.stop(Signal::TERM).ok();
    stage.ok(&["run", "--drain", "--sink", &sink]);
    stage.ok(&["verify", "--sink", &sink]);
}

#[test]
fn a_process_that_dies_at_each_named_place_of_the_redis_sink_adds_nothing_up_twice() {
    for place in seismic_sinks::failpoints::REDIS {
        let Some((server, stage)) = scene() else { return };
        let sink =
            format!("redis://{}/0,operation=incr,key=all:{{pane}},batch_rows=20", server.address());
        stage.ok(&["run", "--drain", "--sink", "console"]);
        for passes in [0, 1] {
            let mut dying = stage.command(&["sink", &sink, "--until-caught-up", "--quiet"]);
            dying.env("FAILPOINTS", format!("{place}={passes}*off->return(abort)"));
            let ended = dying.output().unwrap();
            assert!(!ended.status.success(), "{place}");
        }
        stage.ok(&["sink", &sink, "--until-caught-up"]);
        stage.ok(&["verify", "--sink", &sink]);
    }
}

#[test]
fn rows_that_redis_does_not_take_are_passed_over_where_that_is_wanted_and_a_second_sink_is_refused()
{
    let Some((server, stage)) = scene() else { return };
    stage.ok(&["run", "--drain", "--sink", "console"]);
    let rows = stage.read("seismic-agg-topic");
    let sensor = rows[0]["value"]["sensor_id"].as_str().unwrap();
    let key = format!("count:{sensor}");
    server.call(0, &["RPUSH", &key, "x"]);
    let sink = format!("redis://{}/0,operation=incr,key=count:{{sensor_id}}", server.address());
    let refused = stage.refused(&["sink", &sink, "--until-caught-up"], 1);
    assert!(refused.contains("WRONGTYPE") && refused.contains("seismic sink skip"), "{refused}");
    let keeps = format!("{sink},on_data_error=dead-letter");
    let first = stage.spawn(&["sink", &keeps]);
    // Then it has the place: the run before has counted some already.
    wait_until("a row is passed over", || first.stderr().contains("passed over"));
    let begun = Instant::now();
    let second = stage.refused(&["sink", &keeps, "--until-caught-up"], 4);
    assert!(second.contains("process"), "{second}");
    assert!(begun.elapsed() < Duration::from_secs(50));
    first.stop(Signal::TERM).ok();
    stage.ok(&["sink", &keeps, "--until-caught-up"]);
    stage.ok(&["verify", "--sink", &keeps]);
}

#[test]
fn the_rows_of_a_window_become_one_hash_and_verify_adds_them_up_too() {
    let Some(server) = Redis::start(&[]) else { return };
    let sink = format!("redis://{}/0,merge_panes=true", server.address());
    // What was missing in two minutes comes ten minutes later, mixed with live records.
    let live = |i: i64| START + 600_000 + 1_000 * i;
    let mut times: Vec<i64> = (0..120).map(|i| START + 1_000 * i).collect();
    times.push(live(0));
    for i in 0..120 {
        times.extend([START + 1_000 * i + 100, START + 1_000 * i + 640, live(i) + 100]);
    }
    let (stage, _) = drained(&times, &["--allowed-lateness-ms", "7200000"]);
    let in_topic = stage.read("seismic-agg-topic").len();
    let merged = stage.ok(&["read", "seismic-agg-topic", "--merged", "--format", "json"]);
    let windows = merged.lines().count();
    assert!(windows + 100 < in_topic, "{windows} of {in_topic}");
    // Panes of one window in one script, and over several, of which some come again.
    for (name, batch_rows) in [("a", 1_000_000), ("b", 7)] {
        let prefix = format!("{name}:{{sensor_id}}:{{window_start_ts}}:{{window_end_ts}}");
        let key = format!("{prefix}:{{clock_era}}");
        let sink = format!("{sink},name={name},key={key},batch_rows={batch_rows}");
        for place in seismic_sinks::failpoints::REDIS {
            let mut dies = stage.command(&["sink", &sink, "--until-caught-up"]);
            dies.env("FAILPOINTS", format!("{place}=1*off->return(abort)"));
            stage.start(dies).wait();
        }
        stage.ok(&["sink", &sink, "--until-caught-up"]);
        stage.ok(&["verify", "--sink", &sink]);
        let keys = server.call(0, &["KEYS", &format!("{name}:*")]);
        assert_eq!(keys.len(), windows);
    }
    // Each value is that of the merged rows, to the bit.
    let mut panes = 0;
    for line in merged.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let Value::Object(fields) = &row["value"] else { panic!("{row}") };
        let text = |name: &str| fields[name].to_string().trim_matches('"').to_owned();
        let place = ["sensor_id", "window_start_ts", "window_end_ts", "clock_era"].map(text);
        let key = format!("a:{}", place.join(":"));
        panes += u64::from(fields["pane"] != 0);
        for (name, value) in fields.iter().filter(|(_, value)| value.is_number()) {
            let found = server.call(0, &["HGET", &key, name]).concat();
            let found: f64 = found.parse().unwrap_or_else(|_| panic!("{key} {name}: {found}"));
            assert_eq!(Some(found), value.as_f64(), "{key} {name}");
        }
    }
    assert!(panes > 100);
    // All over again, as when the position is lost: nothing is added twice.
    server.call(0, &["DEL", "seismic:sink:b"]);
    let again = format!(
        "{sink},name=b,key=b:{{sensor_id}}:{{window_start_ts}}:{{window_end_ts}}:{{clock_era}}"
    );
    stage.ok(&["sink", &again, "--until-caught-up"]);
    stage.ok(&["verify", "--sink", &again]);

    let of_first = server.call(0, &["KEYS", "b:*"]).swap_remove(0);
    server.call(0, &["HINCRBYFLOAT", &of_first, "rms_amplitude", "0.0001"]);
    assert_eq!(stage.run(&["verify", "--sink", &again]).code, Some(3));

    for (further, words) in [
        ("operation=set", "needs operation=hset"),
        ("key={sensor_id}", "merge_panes also needs window_start_ts, window_end_ts, clock_era"),
        ("value=pane", "merge_panes also needs the fields record_count"),
    ] {
        let sink = format!("{sink},name=c,{further}");
        let refused = stage.refused(&["sink", &sink, "--until-caught-up"], 2);
        assert!(refused.contains(words), "{refused}");
    }
    // What is there and is no row is not added to.
    server.call(0, &["FLUSHALL"]);
    for key in stage.read("seismic-agg-topic").iter().map(|row| {
        let row = &row["value"];
        let part = |name: &str| row[name].to_string().trim_matches('"').to_owned();
        ["sensor_id", "window_start_ts", "window_end_ts", "clock_era", "input_partition"].map(part)
    }) {
        server.call(0, &["SET", &format!("seismic:{}", key.join(":")), "x"]);
    }
    let refused = stage.refused(&["sink", &sink, "--until-caught-up"], 1);
    assert!(refused.contains("WRONGTYPE"), "{refused}");
}
