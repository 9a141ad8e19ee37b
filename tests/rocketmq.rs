//! The program on a real RocketMQ broker: records come from it and rows go back to it, whatever is
//! killed in between. Skipped, loudly, where no broker can be started.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::Signal;
use seismic_brokers::{Flush, RocketMq};
use serde_json::Value;

use crate::stage::{Stage, wait_until};

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
fn a_job_killed_again_and_again_leaves_each_row_once() {
    let Some(cluster) = Cluster::new() else { return };
    let sink = cluster.sink();
    let load = ["generate", "--topic", &*cluster.data, "--rate", "4000", "--records", "40000"];
    let publisher = cluster.stage.spawn(&load);
    for kill in 0..5 {
        let job = cluster.stage.spawn(&cluster.run(&sink, &[]));
        let committed = |it: &Value| it["lag"].as_u64().is_some();
        cluster.stage.wait_for_job(committed);
        std::thread::sleep(std::time::Duration::from_millis(500 + 370 * kill));
        job.kill();
    }
    publisher.wait().ok();
    cluster.stage.ok(&cluster.run(&sink, &["--drain"]));
    let report = cluster.verify();
    assert_eq!(report["read"], 40_000);
    assert_eq!(report["sinks"][0]["rows"], report["windows"]);
}

#[test]
fn a_broker_killed_under_load_loses_and_doubles_no_row() {
    let Some(rocketmq) = RocketMq::one(Flush::Sync) else { return };
    let cluster = Cluster::on(Arc::new(rocketmq));
    let sink = cluster.sink();
    let load = ["generate", "--topic", &*cluster.data, "--rate", "4000", "--records", "60000"];
    let publisher = cluster.stage.spawn(&load);
    let job = cluster.stage.spawn(&cluster.run(&sink, &[]));
    cluster.stage.wait_for_job(|it| it["read"].as_u64().is_some_and(|n| n > 8_000));
    let Cluster { stage, data, rows, rocketmq } = cluster;
    let mut rocketmq = Arc::into_inner(rocketmq).unwrap();
    rocketmq.brokers[0].kill();
    rocketmq.brokers[0].launch();
    rocketmq.wait();
    let cluster = Cluster { stage, data, rows, rocketmq: Arc::new(rocketmq) };
    publisher.wait().ok();
    job.stop(Signal::TERM).ok();
    cluster.stage.ok(&cluster.run(&sink, &["--drain"]));
    let report = cluster.verify();
    assert_eq!(report["read"], 60_000, "no record was lost or doubled");
    assert_eq!(report["sinks"][0]["rows"], report["windows"]);
}

#[test]
fn a_job_dying_at_any_place_of_the_sink_leaves_each_row_once() {
    if !cfg!(feature = "failpoints") {
        return;
    }
    let Some(cluster) = Cluster::new() else { return };
    let sink = cluster.sink();
    let mut total = 0;
    let mut deaths = Vec::new();
    for place in ["sink-before-send", "sink-after-send", "sink-after-fence"] {
        for passes in [0, 1, 5] {
            total += 1_500;
            cluster.generate(&["--records", "1500"]);
            let mut job = cluster.stage.command(&cluster.run(&sink, &["--until-caught-up"]));
            job.env("FAILPOINTS", format!("{place}={passes}*off->return(abort)"));
            if cluster.stage.start(job).wait().code.is_none() {
                deaths.push(place);
            }
            cluster.stage.ok(&cluster.run(&sink, &["--until-caught-up"]));
            let report = cluster.verify();
            assert_eq!(report["read"], total, "{place} {passes}");
            assert_eq!(report["sinks"][0]["rows"], report["windows"], "{place} {passes}");
        }
    }
    deaths.dedup();
    assert_eq!(deaths, ["sink-before-send", "sink-after-send", "sink-after-fence"]);
}

#[test]
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
