//! Rows in a topic of another Kafka cluster, as a user meets them: a real broker, the real program.

use std::fs;

use rustix::process::Signal;
use seismic_brokers::Kafka;
use seismic_sinks::failpoints;

use crate::stage::{Stage, wait_until};

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";

/// A broker, and a stage with records whose job is on the embedded queue.
fn scene() -> Option<(Kafka, Stage)> {
    let kafka = Kafka::one()?;
    Some((kafka, Stage::with_records(&["--records", "2000", "--seed", "1"])))
}

/// How many rows a topic has, as a reader of the queue counts them.
fn count(stage: &Stage, kafka: &Kafka, topic: &str) -> usize {
    let queue = format!("kafka://{}", kafka.address());
    let read = ["read", topic, "--in", "queue", "--queue", &queue, "--format", "json"];
    stage.ok(&read).lines().count()
}

#[test]
fn a_job_writes_to_another_cluster_of_kafka_and_verify_finds_every_change_there() {
    let Some((mut kafka, stage)) = scene() else { return };
    let plain = format!("kafka://{}", kafka.address());
    let refused = stage.refused(&["run", "--drain", "--sink", &plain], 2);
    assert!(refused.contains("seismic_windows") && refused.contains("create=true"), "{refused}");
    let ddl = stage.ok(&["sink", "--ddl", &plain]);
    assert!(ddl.contains("--topic seismic_position") && ddl.contains("compact"), "{ddl}");
    let sink = format!("{plain},create=true");
    let json =
        format!("{plain},topic=chosen,create=true,format=json,columns=sensor_id:station,rsam");
    stage.ok(&["run", "--drain", "--sink", &sink, "--sink", &json]);
    let rows = stage.read("seismic-agg-topic");
    for sink in [&sink, &json] {
        stage.ok(&["verify", "--sink", sink]);
    }
    assert_eq!(count(&stage, &kafka, "seismic_windows"), rows.len());
    let examined = stage.ok(&["doctor", "--sink", &plain]);
    assert!(examined.contains("transactional id seismic-sink.seismic_windows"), "{examined}");
    assert!(examined.contains("its position is that of store"), "{examined}");

    // A broker that is down holds the job up as little as one that is slow, and its sink catches up.
    kafka.nodes[0].kill();
    stage.generate(&["--records", "2000", "--seed", "2"]);
    let job = stage.spawn(&["run", "--sink", &sink]);
    stage.wait_for_job(|job| job["lag"] == 0);
    kafka.nodes[0].restart();
    job.stop(Signal::TERM).ok();
    stage.ok(&["run", "--drain", "--sink", &sink]);
    stage.ok(&["verify", "--sink", &sink]);
    assert!(stage.read("seismic-agg-topic").len() > rows.len());

    // Two at one place: the newer one takes over, and the older one writes no row twice.
    let first = stage.spawn(&["sink", &sink]);
    let is_ours = || {
        let queue = ["--in", "queue", "--queue", &plain, "--format", "json"];
        let said = stage.run(&[&["read", "seismic_position"][..], &queue].concat());
        said.stdout.contains(&format!("process-{}-", first.pid()))
    };
    wait_until("it has the place", is_ours);
    stage.ok(&["sink", &sink, "--until-caught-up"]);
    stage.generate(&["--records", "2000", "--seed", "3"]);
    stage.ok(&["run", "--drain", "--sink", "console"]);
    let ended = first.wait();
    assert_eq!(ended.code, Some(4), "{ended}");
    assert!(ended.stderr.contains("moved by someone else"), "{ended}");
    stage.ok(&["sink", &sink, "--until-caught-up"]);
    stage.ok(&["verify", "--sink", &sink]);

    // What is lost there is found: all messages before an offset.
    let cut = stage.path("cut.json");
    let of_topic = r#"{"topic":"seismic_windows","partition":0,"offset":-1}"#;
    fs::write(&cut, format!(r#"{{"partitions":[{of_topic}],"version":1}}"#)).unwrap();
    kafka.run(
        "org.apache.kafka.tools.DeleteRecordsCommand",
        &["--offset-json-file", cut.to_str().unwrap()],
    );
    // Retention may do that, and so it is none.
    stage.ok(&["verify", "--sink", &sink]);
    kafka.run(TOPICS, &["--delete", "--topic", "seismic_windows"]);
    kafka.run(TOPICS, &["--create", "--topic", "seismic_windows", "--partitions", "1"]);
    assert_eq!(stage.run(&["verify", "--sink", &sink]).code, Some(3), "the rows are missing");
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_process_that_dies_at_each_named_place_of_the_kafka_sink_loses_and_doubles_no_row() {
    let Some((kafka, stage)) = scene() else { return };
    stage.ok(&["run", "--drain", "--sink", "console"]);
    let rows = stage.read("seismic-agg-topic").len();
    for (number, place) in failpoints::KAFKA.into_iter().enumerate() {
        let topic = format!("rows{number}");
        let sink = format!("kafka://{},topic={topic},create=true,batch_rows=20", kafka.address());
        for passes in [0, 2] {
            let mut dying = stage.command(&["sink", &sink, "--until-caught-up", "--quiet"]);
            dying.env("FAILPOINTS", format!("{place}={passes}*off->return(abort)"));
            let ended = dying.output().unwrap();
            assert!(!ended.status.success(), "{place}");
        }
        stage.ok(&["sink", &sink, "--until-caught-up"]);
        stage.ok(&["verify", "--sink", &sink]);
        assert_eq!(count(&stage, &kafka, &topic), rows, "{place}");
    }
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_sink_logs_in_to_another_cluster_of_kafka_with_its_own_secrets() {
    if !cfg!(feature = "kafka-tls") {
        return;
    }
    let Some(kafka) = Kafka::secured() else { return };
    let all = "--operation All --resource-pattern-type prefixed --topic seismic --transactional-id seismic";
    let grant = |words: &str| {
        let args = ["--add", "--force", "--allow-principal", "User:alice"];
        let words: Vec<&str> = words.split_whitespace().collect();
        kafka.run("kafka.admin.AclCommand", &[&args[..], &words].concat());
    };
    let stage = Stage::with_records(&["--records", "2000", "--seed", "1"]);
    let (settings, password) = (stage.path("client.properties"), stage.path("password"));
    let lines = [
        "security.protocol=sasl_ssl".to_owned(),
        "sasl.mechanisms=SCRAM-SHA-512".to_owned(),
        "sasl.username=alice".to_owned(),
        format!("ssl.ca.location={}", kafka.certificates().join("ca.pem").display()),
    ];
    fs::write(&settings, lines.join("\n")).unwrap();
    fs::write(&password, "alice-secret\n").unwrap();
    let open = format!(
        "kafka://{},create=true,settings_file={}",
        kafka.scram_address(),
        settings.display()
    );
    let sink = format!("{open},password_file={}", password.display());
    let without = stage.refused(&["run", "--drain", "--sink", &open], 2);
    assert!(without.contains("password_file"), "{without}");
    let denied = stage.run(&["run", "--drain", "--sink", &sink]);
    assert_ne!(denied.code, Some(0), "no right was granted: {denied}");
    let examined = stage.run(&["doctor", "--sink", &sink]);
    assert!(examined.stdout.contains("is missing: the sink writes there"), "{examined}");
    grant(all);
    stage.ok(&["run", "--drain", "--sink", &sink]);
    stage.ok(&["verify", "--sink", &sink]);
    // A wrong authority is refused.
    let wrong = kafka.certificates().join("other.pem");
    fs::write(&wrong, fs::read(kafka.certificates().join("server.pem")).unwrap()).unwrap();
    fs::write(&settings, lines.join("\n").replace("ca.pem", "other.pem")).unwrap();
    let refused = stage.run(&["doctor", "--sink", &sink]);
    assert!(refused.stdout.contains("certificate"), "{refused}");
    assert!(!format!("{refused}").contains("alice-secret"), "{refused}");
}
