//! Rows that come back to RocketMQ, as its own tools and clients see them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use seismic_brokers::{Flush, RocketMq};
use serde_json::Value;

use crate::faults::line::Line;
use crate::stage::{ROWS, Stage, wait_until};

/// A stage whose queue is the shared broker, with topics of its own.
struct Cluster {
    stage: Stage,
    data: String,
    rows: String,
    rocketmq: Arc<RocketMq>,
}

impl Cluster {
    fn new() -> Option<Cluster> {
        RocketMq::shared().map(Cluster::on)
    }

    fn on(rocketmq: Arc<RocketMq>) -> Cluster {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut stage = Stage::new();
        stage.place = vec!["--queue".to_owned(), rocketmq.url()];
        let (data, rows) = (format!("data-{number}"), format!("rows-{number}"));
        Cluster { stage, data, rows, rocketmq }
    }

    fn sink(&self) -> String {
        format!("rocketmq:{}", self.rows)
    }

    fn generate(&self, options: &[&str]) -> Value {
        self.stage.generate(&[&["--topic", &*self.data], options].concat())
    }

    fn run<'a>(&'a self, sink: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [&["run", "--topic", &*self.data, "--sink", sink, "--quiet"], more].concat()
    }

    fn verify(&self) -> Value {
        self.stage.json(&["verify", "--complete", "--sink", &self.sink(), "--json"])
    }

    /// What consumers of the topic see by the readers' rule.
    fn rows(&self) -> Vec<Value> {
        let text = self.stage.ok(&["read", &self.rows, "--in", "queue", "--format", "json"]);
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn rows_of_a_run_come_back_to_rocketmq_each_once() {
    let Some(cluster) = Cluster::new() else { return };
    cluster.generate(&["--records", "20000", "--sensors", "40", "--pack", "7"]);
    cluster.stage.ok(&cluster.run(&cluster.sink(), &["--drain"]));
    let report = cluster.verify();
    let windows = report["windows"].as_u64().unwrap();
    assert!(windows > 400, "{report}");
    assert_eq!(report["sinks"][0]["rows"], windows);
    assert_eq!(cluster.rows().len() as u64, windows);
    cluster.stage.ok(&cluster.run(&cluster.sink(), &["--drain"]));
    assert_eq!(cluster.verify()["sinks"][0]["rows"], windows, "a second run adds nothing");
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_sink_ahead_of_a_store_that_was_put_back_waits_compares_and_goes_on() {
    let what = "an older store put back beside the topic of its RocketMQ sink";
    let mut line = Line { place: "RocketMQ", ..Line::new(27, what) };
    let Some(mut cluster) = Cluster::new() else { return };
    cluster.stage.place.extend(["--store", "sqlite:store.db"].map(str::to_owned));
    let sink = cluster.sink();
    let records = |seed: &str, start: &str| {
        cluster.generate(&["--records", "3000", "--seed", seed, "--start", start]);
    };
    records("1", "2026-01-01T00:00:00Z");
    cluster.stage.ok(&cluster.run(&sink, &["--until-caught-up"]));
    let store = cluster.stage.path("store.db");
    let older = std::fs::read(&store).unwrap();
    records("2", "2026-01-01T00:02:00Z");
    cluster.stage.ok(&cluster.run(&sink, &["--until-caught-up"]));
    let rows = cluster.rows().len();
    std::fs::write(&store, older).unwrap();
    // Whoever looks is told.
    let told = cluster.stage.ok(&["status"]);
    assert!(told.contains("is ahead of its store"), "{told}");
    for args in [&["doctor"][..], &["doctor", "--sink", &sink]] {
        let found = cluster.stage.run(args);
        assert_eq!(found.code, Some(3), "{found}");
        assert!(found.stdout.contains("is ahead of its store"), "{found}");
    }
    // The store has not made these rows again, and nothing but the sink is asked for.
    let refused = cluster.stage.refused(&["sink", &sink, "--until-caught-up"], 1);
    assert!(refused.contains("is ahead of its store"), "{refused}");
    assert!(refused.contains("up to offset") && refused.contains("--sink rocketmq:"), "{refused}");
    let done = cluster.stage.run(&cluster.run(&sink, &["--until-caught-up"])).ok();
    assert!(done.stderr.contains("compares them"), "{done}");
    assert_eq!(cluster.rows().len(), rows, "none was written twice");
    records("3", "2026-01-01T00:04:00Z");
    cluster.stage.ok(&cluster.run(&sink, &["--drain"]));
    assert_eq!(cluster.verify()["sinks"][0]["rows"].as_u64().unwrap(), cluster.rows().len() as u64);
    line.tries += 1;
    line.print();
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn retention_shows_who_needs_what_and_not_what_a_sink_remembers() {
    let Some(cluster) = Cluster::new() else { return };
    cluster.generate(&["--records", "4000", "--partitions", "2"]);
    let sink = cluster.sink();
    cluster.stage.ok(&cluster.run(&sink, &["--drain"]));
    let of_rows = cluster.stage.ok(&["retention", ROWS, "--in", "home"]);
    let needs = of_rows.lines().filter(|line| line.contains(" holds partition ")).count();
    assert_eq!(needs, 2, "the sink, in each partition: {of_rows}");
    assert!(of_rows.contains(&sink) && !of_rows.contains('#'), "{of_rows}");
    // What the broker keeps is not ours to say, nor to change.
    let of_records = cluster.stage.ok(&["retention", &cluster.data]);
    assert!(of_records.contains("the brokers decide how much"), "{of_records}");
    for change in [["--max-bytes", "1"].as_slice(), &["--past-holds"]] {
        let refused = [&["retention", &*cluster.data], change].concat();
        let stderr = cluster.stage.refused(&refused, 2);
        assert!(stderr.contains("fileReservedTime"), "{stderr}");
    }
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn the_brokers_own_tools_show_where_the_group_is() {
    let Some(cluster) = Cluster::new() else { return };
    cluster.generate(&["--records", "400", "--partitions", "2"]);
    let sink = cluster.sink();
    let job = cluster.stage.spawn(&cluster.run(&sink, &["--group", "lag-test"]));
    wait_until("the broker shows no lag", || {
        let shown = cluster.rocketmq.admin(&["consumerProgress", "-g", "lag-test"]);
        shown.contains("Consume Diff Total: 0") && shown.contains(&cluster.data)
    });
    job.kill();
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn the_java_reference_consumer_sees_the_rows_that_verify_proves() {
    let Some(cluster) = Cluster::new() else { return };
    cluster.generate(&["--records", "4000"]);
    let sink = cluster.sink();
    for _ in 0..2 {
        cluster.stage.ok(&cluster.run(&sink, &["--until-caught-up", "--max-records", "2000"]));
    }
    let rows = cluster.verify()["sinks"][0]["rows"].as_u64().unwrap();
    let said = cluster.rocketmq.java("ReadRows", &[&cluster.rows, &rows.to_string()]);
    let mut seen: Vec<_> = said.lines().filter(|line| line.starts_with("row ")).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len() as u64, rows, "{said}");
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_broker_with_access_control_takes_signed_requests_alone() {
    let settings = r#"authenticationEnabled=true
authenticationProvider=org.apache.rocketmq.auth.authentication.provider.DefaultAuthenticationProvider
authenticationMetadataProvider=org.apache.rocketmq.auth.authentication.provider.LocalAuthenticationMetadataProvider
initAuthenticationUser={"username":"seismic","password":"not-shown"}
innerClientAuthenticationCredentials={"accessKey":"seismic","secretKey":"not-shown"}"#;
    let Some(rocketmq) = RocketMq::with(Flush::Async, settings) else { return };
    let cluster = Cluster::on(Arc::new(rocketmq));
    let generate = ["generate", "--topic", &*cluster.data, "--records", "300"];
    let signed = |args: &[&str], key: &str| {
        let mut command = cluster.stage.command(args);
        command.env("ROCKETMQ_ACCESS_KEY", "seismic").env("ROCKETMQ_SECRET_KEY", key);
        cluster.stage.start(command).wait()
    };
    let refused = cluster.stage.refused(&generate, 2);
    assert!(refused.contains("refused making a topic"), "{refused}");
    let wrong = signed(&generate, "wrong-secret");
    assert_eq!(wrong.code, Some(2), "{wrong}");
    assert!(!wrong.stderr.contains("wrong-secret"), "{wrong}");
    signed(&generate, "not-shown").ok();
    let sink = cluster.sink();
    signed(&cluster.run(&sink, &["--drain"]), "not-shown").ok();
    let report = signed(&["verify", "--sink", &sink, "--json"], "not-shown").ok().stdout;
    assert!(report.contains("\"verified\":true"), "{report}");
}
