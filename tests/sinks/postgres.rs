//! Rows in PostgreSQL, as a user meets them: a real server, the real program.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use seismic_brokers::Postgres;
use seismic_sinks::failpoints;
use serde_json::Value;

use crate::job::clock_jumps::{START, drained};
use crate::stage::{Stage, wait_until};
use crate::truth::int;

/// A stage with a job that has run, and the sink of its rows.
struct Scene {
    server: Postgres,
    stage: Stage,
    sink: String,
}

impl Scene {
    fn new() -> Option<Scene> {
        let server = Postgres::start(&[])?;
        let sink = format!("{},create=true", server.database("seismic"));
        let stage = Stage::with_records(&["--records", "2000", "--seed", "1"]);
        Some(Scene { server, stage, sink })
    }

    fn sql(&self, sql: &str) -> String {
        self.server.sql("seismic", sql).trim().to_owned()
    }

    fn rows(&self) -> u64 {
        let is_made = self.sql("SELECT to_regclass('seismic_windows') IS NOT NULL");
        let count = || self.sql("SELECT count(*) FROM seismic_windows").parse().unwrap();
        if is_made == "t" { count() } else { 0 }
    }

    fn is_whole(&self) {
        self.stage.ok(&["verify", "--sink", &self.sink]);
        let in_topic = self.stage.read("seismic-agg-topic").len() as u64;
        assert_eq!(self.rows(), in_topic);
    }
}

#[test]
fn a_job_writes_to_postgres_and_verify_finds_every_change_there() {
    let Some(scene) = Scene::new() else { return };
    let stage = &scene.stage;
    stage.ok(&["run", "--drain", "--sink", &scene.sink]);
    scene.is_whole();
    // Several sinks at once, each at its own pace, and one of them as a process of its own.
    let chosen = format!("{},table=chosen,columns=sensor_id:station,rsam", scene.sink);
    stage.ok(&["sink", &chosen, "--until-caught-up"]);
    stage.ok(&["verify", "--sink", &chosen, "--sink", &scene.sink]);
    assert!(scene.sql("SELECT DISTINCT station FROM chosen").contains('S'));
    for change in [
        "UPDATE seismic_windows SET rsam = rsam + 1 WHERE ctid = '(0,1)'",
        "DELETE FROM seismic_windows WHERE ctid = '(0,2)'",
        "UPDATE seismic_windows SET result_offset = result_offset + 100000 WHERE ctid = '(0,3)'",
    ] {
        scene.sql(change);
        let found = stage.run(&["verify", "--sink", &scene.sink]);
        assert_eq!(found.code, Some(3), "{change}");
    }
}

#[test]
fn a_job_does_not_wait_for_a_server_that_is_down_and_its_sink_catches_up() {
    let Some(mut scene) = Scene::new() else { return };
    scene.server.kill();
    let job = scene.stage.spawn(&["run", "--sink", &scene.sink, "--sink", "csv:rows"]);
    scene.stage.wait_for_job(|job| job["lag"] == 0);
    wait_until("the sink says that it cannot", || job.stderr().contains("sink does not work"));
    scene.server.restart();
    wait_until("it catches up", || scene.rows() > 0);
    // And again while it runs, with a sink that is open.
    scene.server.kill();
    scene.stage.generate(&["--records", "2000", "--seed", "2"]);
    scene.stage.wait_for_job(|job| job["lag"] == 0);
    scene.server.restart();
    job.stop(Signal::TERM).ok();
    scene.stage.ok(&["run", "--drain", "--sink", &scene.sink, "--sink", "csv:rows"]);
    scene.is_whole();
    scene.stage.verify(&["rows"]);
}

#[test]
fn a_job_begins_while_the_server_takes_connections_and_says_nothing() {
    let Some(scene) = Scene::new() else { return };
    scene.server.freeze();
    let job = scene.stage.spawn(&["run", "--sink", &scene.sink]);
    scene.stage.wait_for_job(|job| job["lag"] == 0);
    wait_until("the sink says so", || job.stderr().contains("answers nothing within"));
    // Those who look are not kept waiting either.
    let examined = scene.stage.run(&["doctor", "--sink", &scene.sink]);
    assert!(examined.stdout.contains("answers nothing within"), "{}", examined.stdout);
    let compared = scene.stage.run(&["verify", "--sink", &scene.sink]);
    assert!(compared.stderr.contains("answers nothing within"), "{}", compared.stderr);
    scene.stage.ok(&["status"]);
    scene.server.thaw();
    wait_until("it catches up", || scene.rows() > 0);
    job.stop(Signal::TERM).ok();
    scene.stage.ok(&["run", "--drain", "--sink", &scene.sink]);
    scene.is_whole();
}

#[test]
fn a_stop_ends_what_waits_for_a_server_that_says_nothing() {
    let stage = Stage::with_records(&["--records", "100", "--seed", "1"]);
    stage.ok(&["run", "--drain", "--sink", "console"]);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    silent.set_nonblocking(true).unwrap();
    let sink = format!("postgres://me@{}/seismic", silent.local_addr().unwrap());
    for args in [&["run", "--sink", &sink][..], &["sink", &sink], &["doctor", "--sink", &sink]] {
        let waiting = stage.spawn(args);
        let mut connection = None;
        wait_until("it connects", || {
            connection = silent.accept().ok();
            connection.is_some()
        });
        let begun = Instant::now();
        waiting.stop(Signal::TERM);
        // A busy machine takes seconds for it.
        assert!(begun.elapsed() < Duration::from_secs(20), "{args:?}");
        drop(connection);
    }
}

#[test]
fn windows_do_not_wait_for_a_server_that_stands_still() {
    let Some(scene) = Scene::new() else { return };
    let job = scene.stage.spawn(&["run", "--sink", &scene.sink]);
    wait_until("rows", || scene.rows() > 0);
    scene.server.freeze();
    scene.stage.generate(&["--records", "3000", "--seed", "3"]);
    scene.stage.wait_for_job(|job| job["lag"] == 0);
    scene.server.thaw();
    job.stop(Signal::TERM).ok();
    scene.stage.ok(&["run", "--drain", "--sink", &scene.sink]);
    scene.is_whole();
}

#[test]
fn a_process_that_dies_at_each_named_place_of_the_postgres_sink_loses_and_doubles_no_row() {
    for place in seismic_sinks::failpoints::POSTGRES {
        let Some(scene) = Scene::new() else { return };
        scene.stage.ok(&["run", "--drain", "--sink", "console"]);
        for passes in [0, 1] {
            // Once with one connection, and once with several.
            let sink = format!("{},parallelism={}", scene.sink, 1 + 2 * passes);
            let mut dying = scene.stage.command(&["sink", &sink, "--until-caught-up"]);
            dying.arg("--quiet").env("FAILPOINTS", format!("{place}={passes}*off->return(abort)"));
            let ended = dying.output().unwrap();
            assert!(!ended.status.success() || passes > 0, "{place}");
        }
        scene.stage.ok(&["sink", &scene.sink, "--until-caught-up"]);
        scene.is_whole();
    }
}

#[test]
fn a_second_sink_on_a_table_is_refused_and_so_are_an_older_store_and_another_one() {
    let Some(scene) = Scene::new() else { return };
    let stage = &scene.stage;
    stage.ok(&["run", "--drain", "--sink", "console"]);
    let older = fs::read_dir(stage.path("output")).unwrap().flatten().map(|entry| entry.path());
    let older: Vec<_> = older.filter(|path| path.is_file()).collect();
    let older: Vec<_> = older.iter().map(|path| (path, fs::read(path).unwrap())).collect();
    let first = stage.spawn(&["sink", &scene.sink]);
    wait_until("rows", || scene.rows() > 0);
    let refused = stage.refused(&["sink", &scene.sink, "--until-caught-up"], 4);
    assert!(refused.contains("process"), "{refused}");
    first.stop(Signal::TERM).ok();
    stage.generate(&["--records", "2000", "--seed", "2"]);
    stage.ok(&["run", "--drain", "--sink", &scene.sink]);
    scene.is_whole();
    let other = Stage::with_records(&["--records", "1000", "--seed", "1"]);
    let refused = other.refused(&["run", "--drain", "--sink", &scene.sink], 2);
    assert!(refused.contains("of store"), "{refused}");
    for (path, bytes) in older {
        fs::write(path, bytes).unwrap();
        for end in ["-wal", "-shm"] {
            // They go with the file.
            let _ = fs::remove_file(format!("{}{end}", path.display()));
        }
    }
    let refused = stage.refused(&["sink", &scene.sink, "--until-caught-up"], 1);
    assert!(refused.contains("ahead of its store"), "{refused}");
    let examined = stage.run(&["doctor", "--sink", &scene.sink]);
    assert!(examined.stdout.contains("ahead of its store"), "{}", examined.stdout);
}

#[test]
fn a_condition_and_skipped_rows_leave_rows_out_and_verify_knows_it() {
    let Some(scene) = Scene::new() else { return };
    let stage = &scene.stage;
    stage.ok(&["run", "--drain", "--sink", "console"]);
    let filtered = format!("{},where=max_amplitude > 0.5 and pane = 0", scene.sink);
    stage.ok(&["sink", &filtered, "--until-caught-up"]);
    let in_topic = stage.read("seismic-agg-topic");
    let is_given = |row: &&Value| {
        row["value"]["max_amplitude"].as_f64() > Some(0.5) && row["value"]["pane"] == 0
    };
    let expected = in_topic.iter().filter(is_given).count();
    assert_eq!(scene.rows(), expected as u64);
    assert!(expected > 0 && expected < in_topic.len(), "{expected} of {}", in_topic.len());
    stage.ok(&["verify", "--sink", &filtered]);
    assert_eq!(stage.run(&["verify", "--sink", &scene.sink]).code, Some(3));
    let refused = stage.refused(&["sink", &format!("{},where=maximum > 1", scene.sink)], 2);
    assert!(refused.contains("which the rows do not have"), "{refused}");

    // A row that the table does not take stops the sink, until a person passes over it.
    let strict = format!("{},table=strict", scene.sink);
    scene.sql(&stage.ok(&["sink", "--ddl", &strict]));
    scene.sql("ALTER TABLE strict ADD CHECK (result_partition <> 0 OR result_offset <> 1)");
    let refused = stage.refused(&["sink", &strict, "--until-caught-up"], 1);
    assert!(refused.contains("does not take row 1 of partition 0"), "{refused}");
    assert!(refused.contains("seismic sink skip"), "{refused}");
    stage.refused(&["sink", "skip", &strict, "0", "1000000"], 2);
    stage.ok(&["sink", "skip", &strict, "0", "1"]);
    stage.ok(&["sink", &strict, "--until-caught-up"]);
    stage.ok(&["verify", "--sink", &strict]);
    let rows: usize = scene.sql("SELECT count(*) FROM strict").parse().unwrap();
    assert_eq!(rows + 1, in_topic.len());
    stage.refused(&["sink", "skip", "csv:elsewhere", "0", "1"], 2);
}

#[test]
fn the_rows_of_a_window_become_one_and_verify_adds_them_up_too() {
    let Some(server) = Postgres::start(&[]) else { return };
    let sink = format!("{},create=true,merge_panes=true", server.database("seismic"));
    let sql = |text: &str| server.sql("seismic", text).trim().to_owned();
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
    // Panes of one window in one transaction, and over several, of which some are recreated.
    for (table, batch_rows) in [("a", 1_000_000), ("b", 7)] {
        let sink = format!("{sink},table={table},batch_rows={batch_rows}");
        for place in failpoints::POSTGRES {
            let mut dies = stage.command(&["sink", &sink, "--until-caught-up"]);
            dies.env("FAILPOINTS", format!("{place}=1*off->return(abort)"));
            stage.start(dies).wait();
        }
        stage.ok(&["sink", &sink, "--until-caught-up"]);
        stage.ok(&["verify", "--sink", &sink]);
        let of_table = sql(&format!("SELECT count(*), sum(record_count) FROM {table}"));
        assert_eq!(of_table, format!("{windows}|{}", times.len()));
    }
    // Each value is that of the merged rows, also read in another way.
    let row: Value = serde_json::from_str(merged.lines().next().unwrap()).unwrap();
    let start = int(&row["value"], "window_start_ts");
    let of_window = |column: &str| {
        sql(&format!(
            "SELECT {column} FROM a WHERE window_start_ts = to_timestamp({start} / 1000.0)"
        ))
    };
    for column in ["mean_amplitude", "rms_amplitude", "std_amplitude", "gap_fraction", "rsam"] {
        let expected = row["value"][column].as_f64().unwrap();
        assert_eq!(of_window(column).parse::<f64>().unwrap(), expected, "{column}");
    }
    assert!(of_window("pane").parse::<u64>().unwrap() > 0);
    sql("UPDATE a SET rms_amplitude = rms_amplitude + 1 WHERE pane = 1");
    let found = stage.run(&["verify", "--sink", &format!("{sink},table=a")]);
    assert_eq!(found.code, Some(3), "{found}");

    for (further, words) in [
        ("on_conflict=update", "on_conflict says nothing"),
        ("columns=sensor_id,table=c", "merge_panes also needs the columns"),
    ] {
        let refused = stage.run(&["sink", &format!("{sink},{further}"), "--until-caught-up"]);
        assert_eq!(refused.code, Some(2), "{refused}");
        assert!(refused.stderr.contains(words), "{refused}");
    }
    let refused = stage.refused(&["sink", "csv:rows,merge_panes=true", "--until-caught-up"], 2);
    assert!(refused.contains("merge_panes"), "{refused}");
}

#[test]
fn doctor_and_ddl_say_what_a_database_needs() {
    let Some(scene) = Scene::new() else { return };
    let stage = &scene.stage;
    stage.ok(&["run", "--drain", "--sink", "console"]);
    let address = scene.server.database("seismic");
    let refused = stage.refused(&["sink", &address, "--until-caught-up"], 2);
    assert!(refused.contains("no table public.seismic_windows"), "{refused}");
    assert!(refused.contains("--ddl"), "{refused}");
    let examined = stage.run(&["doctor", "--sink", &address]);
    assert_eq!(examined.code, Some(3), "{}", examined.stdout);
    scene.sql(&stage.ok(&["sink", "--ddl", &address]));
    stage.ok(&["sink", &address, "--until-caught-up"]);
    stage.ok(&["verify", "--sink", &address]);
    let examined = stage.ok(&["doctor", "--sink", &address]);
    for part in ["PostgreSQL", "takes rows", "stays on this machine"] {
        assert!(examined.contains(part), "{examined}");
    }
    scene.sql("CREATE ROLE guest LOGIN");
    let guest = address.replace("seismic@", "guest@");
    let examined = stage.run(&["doctor", "--sink", &guest]);
    assert!(examined.stdout.contains("GRANT SELECT, INSERT, UPDATE"), "{}", examined.stdout);
    let refused = stage.refused(&["sink", "--ddl", "console"], 2);
    assert!(refused.contains("no tables"), "{refused}");
}

#[test]
fn a_password_on_the_command_line_or_in_a_job_file_is_refused_and_not_shown() {
    let stage = Stage::new();
    let sink = "postgres://me:hunter2@127.0.0.1:1/db";
    let file = stage.path("job.toml");
    fs::write(&file, format!("sink = \"{sink}\"\n")).unwrap();
    let file = file.display().to_string();
    for args in [
        &["run", "--sink", sink][..],
        &["sink", sink],
        &["verify", "--sink", sink],
        &["doctor", "--sink", sink],
        &["run", "--job", &file],
        &["job", "check", &file],
    ] {
        let done = stage.run(args);
        let words = format!("{}{}", done.stdout, done.stderr);
        assert_eq!(done.code, Some(2), "{args:?}: {words}");
        assert!(!words.contains("hunter2"), "{args:?}: {words}");
        assert!(words.contains("password_file"), "{args:?}: {words}");
    }
}
