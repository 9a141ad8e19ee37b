//! Rows in Redis, as a user meets them: a real server, the real program.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use seismic_brokers::Redis;

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
