//! Rows that are kept though a sink has written them: its server may lose what it wrote last.

use crate::stage::{ROWS, Stage};

/// Deletes every row that no one holds.
fn delete_what_is_not_held(stage: &Stage) -> String {
    stage.ok(&["retention", ROWS, "--in", "store", "--max-bytes", "0", "--yes"])
}

/// First offset of each partition that is still there.
fn firsts(stage: &Stage) -> u64 {
    let shown = stage.ok(&["retention", ROWS, "--in", "store"]);
    let first = |line: &str| line.split("offsets ").nth(1)?.split(' ').next()?.parse::<u64>().ok();
    shown.lines().filter_map(first).sum()
}

#[test]
fn a_topic_keeps_rows_that_are_written_for_as_long_as_a_sink_says_and_status_says_so() {
    let stage = Stage::with_records(&["--records", "2000", "--seed", "1"]);
    stage.ok(&["run", "--drain", "--quiet", "--sink", "csv:rows,hold_behind=1h"]);
    let retained = delete_what_is_not_held(&stage);
    assert!(retained.contains("rows (hold_behind) still needs offset 0"), "{retained}");
    assert_eq!(firsts(&stage), 0);
    let sink = &stage.status()["sinks"][0];
    assert_eq!(
        (&sink["lag"], sink["kept"].as_u64()),
        (&0.into(), Some(stage.read(ROWS).len() as u64))
    );
    let said = stage.ok(&["status"]);
    assert!(
        said.contains("0 rows behind; ") && said.contains(" rows before its position are kept"),
        "{said}"
    );
    // One that asks for nothing has it let go, and so does who releases the sink.
    stage.ok(&["sink", "csv:rows", "--until-caught-up", "--quiet"]);
    delete_what_is_not_held(&stage);
    assert!(firsts(&stage) > 0);
    assert_eq!(stage.status()["sinks"][0].get("kept"), None);
}

#[test]
fn who_releases_a_sink_releases_what_is_kept_for_it() {
    let stage = Stage::with_records(&["--records", "2000", "--seed", "1"]);
    stage.ok(&["run", "--drain", "--quiet", "--sink", "csv:rows,hold_behind=1h"]);
    let sink = stage.status()["sinks"][0]["sink"].as_str().unwrap().to_owned();
    stage.ok(&["retention", ROWS, "--in", "store", "--release", &sink]);
    delete_what_is_not_held(&stage);
    assert!(firsts(&stage) > 0);
}

#[cfg(feature = "redis")]
mod redis {
    use seismic_brokers::Redis;

    use super::*;

    #[test]
    fn a_redis_that_goes_back_to_its_last_snapshot_gets_the_rows_since_again_though_retention_ran()
    {
        let Some(mut server) = Redis::start(&["--appendonly no"]) else { return };
        let stage = Stage::with_records(&["--records", "2000", "--seed", "1"]);
        let sink = format!("redis://{}/0,operation=rpush,key=rows:{{pane}}", server.address());
        stage.ok(&["run", "--drain", "--quiet", "--sink", &sink]);
        server.call(0, &["SAVE"]);
        stage.generate(&["--records", "2000", "--seed", "2"]);
        stage.ok(&["run", "--drain", "--quiet", "--sink", &sink]);
        delete_what_is_not_held(&stage);
        server.kill();
        server.restart();
        stage.ok(&["sink", &sink, "--until-caught-up", "--quiet"]);
        let rows = stage.read(ROWS).len();
        let held = server.call(0, &["LLEN", "rows:0"]);
        assert!(rows > 0 && held == [rows.to_string()], "{rows} in the topic, {held:?} in Redis");
        stage.ok(&["verify", "--sink", &sink]);
        let examined = stage.run(&["doctor", "--sink", &sink]);
        let said = "hold_behind keeps the rows of the last 3600 s";
        assert!(examined.stdout.contains(said), "{}", examined.stdout);
    }
}
