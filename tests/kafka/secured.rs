//! A cluster with TLS, logins by SCRAM that must be renewed every 5 s, and rights.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use seismic_brokers::Kafka;

use super::trial::{STOP_LIMIT, ended_with};
use crate::faults::line::Line;
use crate::stage::{DATA, Done, ROWS, Running, Stage, let_it_work, wait_until};
use crate::truth::int;

const CONFIGS: &str = "kafka.admin.ConfigCommand";
const ACLS: &str = "kafka.admin.AclCommand";
pub const PASSWORD: (&str, &str) = ("SEISMIC_KAFKA_SASL_PASSWORD", "alice-secret");

/// What every command is told besides.
type Settings = Vec<String>;

/// A secured broker; `None` where there can be none, or where the program has no TLS, after saying
/// so. `.ci/run` builds it with TLS.
pub struct Secured {
    kafka: Kafka,
    stage: Stage,
}

fn settings(all: &[&str]) -> Settings {
    all.iter().flat_map(|setting| ["--kafka".to_owned(), (*setting).to_owned()]).collect()
}

impl Secured {
    #[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
    pub fn new() -> Option<Secured> {
        if !cfg!(feature = "kafka-tls") {
            eprintln!("SKIPPED: this test needs a program built with --features kafka-tls");
            return None;
        }
        let kafka = Kafka::secured()?;
        Some(Secured { kafka, stage: Stage::new() })
    }

    /// The place of commands that come in with TLS and SCRAM.
    pub fn scram(&self) -> Vec<String> {
        scram_place(&self.kafka)
    }

    fn command(&self, place: &[String], args: &str) -> Command {
        let args: Vec<_> = args.split_whitespace().collect();
        let mut command = self.stage.command_at(&args, place);
        command.env(PASSWORD.0, PASSWORD.1);
        command
    }

    pub fn start(&self, place: &[String], args: &str) -> Running {
        self.stage.start(self.command(place, args))
    }

    pub fn run(&self, place: &[String], args: &str) -> Done {
        self.start(place, args).wait()
    }

    /// Gives a user rights, by words of Kafka's tool.
    fn grant(&self, user: &str, rights: &str) {
        grant(&self.kafka, user, rights);
    }

    /// All rights on whatever has a name that begins with `seismic`.
    pub fn grant_all(&self, user: &str) {
        grant_all(&self.kafka, user);
    }
}

/// The place of commands that come in with TLS and SCRAM.
pub fn scram_place(kafka: &Kafka) -> Vec<String> {
    let ca = kafka.certificates().join("ca.pem");
    let mut place = vec!["--queue".to_owned(), format!("kafka://{}", kafka.scram_address())];
    place.extend(settings(&[
        "security.protocol=SASL_SSL",
        "sasl.mechanisms=SCRAM-SHA-512",
        "sasl.username=alice",
        &format!("ssl.ca.location={}", ca.display()),
    ]));
    place
}

fn grant(kafka: &Kafka, user: &str, rights: &str) {
    let rights = rights.split_whitespace();
    let args = ["--add", "--force", "--allow-principal", user].into_iter().chain(rights);
    kafka.run(ACLS, &args.collect::<Vec<_>>());
}

/// All rights on whatever has a name that begins with `seismic`.
pub fn grant_all(kafka: &Kafka, user: &str) {
    let all = "--operation All --resource-pattern-type prefixed";
    let what = "--topic seismic --group seismic --transactional-id seismic";
    grant(kafka, user, &format!("{all} {what}"));
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_job_over_tls_and_scram_renews_its_logins_and_reads_by_itself() {
    let Some(secured) = Secured::new() else { return };
    secured.grant_all("User:alice");
    let place = secured.scram();
    let load = "generate --forever --json --rate 4000 --sensors 40 --pack 5";
    let load = secured.start(&place, load);
    let read = format!("read {DATA} --in queue --max 1");
    wait_until("records", || !secured.run(&place, &read).stdout.is_empty());
    let job = "run --slot alice --window-ms 200 --lateness-ms 100 --idle-timeout-ms 0";
    let mut worker = secured.command(&place, job);
    worker.env("RUST_LOG", "info,seismic_kafka=debug");
    let worker = secured.stage.start(worker);
    wait_until("two renewals", || worker.stderr().matches("a login was renewed").count() >= 2);
    // Longer than three logins hold.
    let_it_work(Duration::from_secs(5));
    ended_with(&load.stop(Signal::TERM), 0);
    let done = worker.stop_within(Signal::TERM, STOP_LIMIT);
    ended_with(&done, 0);
    assert!(!done.stderr.contains("librdkafka reads"), "{done}");
    assert!(!done.stderr.contains("is lost"), "no connection was lost: {done}");
    assert!(!done.stderr.contains(PASSWORD.1), "{done}");
    secured.run(&place, "run --slot alice --quiet --drain --window-ms 200 --lateness-ms 100").ok();
    let verified = secured.run(&place, "verify --complete").ok();
    assert!(verified.stdout.contains("verified: "), "{verified}");
    let doctor = secured.run(&place, "doctor");
    assert!(doctor.stdout.contains("0 problems"), "{doctor}");
}

/// Takes a user's logins by SCRAM-SHA-512 away.
fn forget_login(kafka: &Kafka) {
    let user = ["--entity-type", "users", "--entity-name", "alice"];
    kafka.run(CONFIGS, &[&["--alter", "--delete-config", "SCRAM-SHA-512"], &user[..]].concat());
}

/// Lets the user come in again.
fn give_login(kafka: &Kafka, password: &str) {
    let user = ["--entity-type", "users", "--entity-name", "alice"];
    let login = format!("SCRAM-SHA-512=[password={password}]");
    kafka.run(CONFIGS, &[&["--alter", "--add-config", &login], &user[..]].concat());
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_login_that_is_refused_for_a_while_ends_neither_the_producer_nor_the_job() {
    let what = "the login of a producer and a job is refused for some seconds";
    let mut line = Line { place: "Kafka", ..Line::new(34, what) };
    let Some(secured) = Secured::new() else { return };
    secured.grant_all("User:alice");
    let place = secured.scram();
    let load = secured.start(&place, "generate --forever --json --rate 1000 --sensors 40 --pack 5");
    let read = format!("read {DATA} --in queue --max 1");
    wait_until("records", || !secured.run(&place, &read).stdout.is_empty());
    let job = "run --window-ms 200 --lateness-ms 100 --idle-timeout-ms 0";
    let mut worker = secured.command(&place, job);
    worker.env("RUST_LOG", "info,seismic_kafka=debug");
    let worker = secured.stage.start(worker);
    wait_until("rows", || !worker.stdout().is_empty());
    forget_login(&secured.kafka);
    // Logins end after 5 s, so whoever is in is asked again soon.
    wait_until("both are refused", || {
        worker.stderr().contains("uthentication") && load.stderr().contains("retrying")
    });
    give_login(&secured.kafka, PASSWORD.1);
    let rows = worker.stdout().len();
    wait_until("more rows", || worker.stdout().len() > rows);
    // Rows may be of records from before: whoever publishes goes on, too.
    let describe = format!("topic describe {DATA} --json");
    let messages = || {
        let shown = secured.run(&place, &describe).ok().stdout;
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let all = shown["partitions"].as_array().unwrap().iter();
        all.map(|it| it["end"].as_u64().unwrap()).sum::<u64>()
    };
    let before = messages();
    wait_until("more records", || messages() > before);
    line.tries += 1;
    ended_with(&load.stop(Signal::TERM), 0);
    ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    secured.run(&place, "run --quiet --drain --window-ms 200 --lateness-ms 100").ok();
    let verified = secured.run(&place, "verify --complete").ok();
    assert!(verified.stdout.contains("verified: "), "{verified}");
    line.print();
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_password_without_tls_and_a_certificate_without_a_password_let_a_job_in() {
    let Some(secured) = Secured::new() else { return };
    secured.grant_all("User:alice");
    secured.grant_all("User:CN=client");
    let tls = secured.kafka.certificates();
    let file = |name: &str| tls.join(name).display().to_string();
    let url = |door: String| vec!["--queue".to_owned(), format!("kafka://{door}")];
    let login = |mechanism: &str| {
        let mechanism = format!("sasl.mechanism={mechanism}");
        let protocol = "security.protocol=sasl_plaintext";
        let all = settings(&[protocol, &mechanism, "sasl.username=alice"]);
        [url(secured.kafka.doors().plain()), all].concat()
    };
    let certificate = settings(&[
        "security.protocol=ssl",
        &format!("ssl.ca.location={}", file("ca.pem")),
        &format!("ssl.certificate.location={}", file("client.pem")),
        &format!("ssl.key.location={}", file("client.key")),
    ]);
    let places = [
        login("PLAIN"),
        login("SCRAM-SHA-256"),
        [url(secured.kafka.doors().certificate()), certificate].concat(),
    ];
    for (round, place) in (1_u64..).zip(&places) {
        let mut command = secured.command(place, "generate --records 500 --anomaly-percent 0");
        if round == 3 {
            command.env_remove(PASSWORD.0);
        }
        let _ = command.args(["--seed", &round.to_string()]);
        secured.stage.start(command).wait().ok();
        let mut run = secured.command(place, "run --slot alice --until-caught-up --quiet");
        run.env("RUST_LOG", "info");
        if round == 3 {
            run.env_remove(PASSWORD.0);
        }
        let done = secured.stage.start(run).wait().ok();
        assert!(!done.stderr.contains("librdkafka reads"), "{done}");
    }
    let mut stage = Stage::new();
    stage.place = vec!["--queue".to_owned(), format!("kafka://{}", secured.kafka.address())];
    assert_eq!(int(&stage.status(), "read"), 1_500);
    stage.ok(&["run", "--quiet", "--drain", "--slot", "alice"]);
    stage.verify(&[]);
    assert!(!stage.read(ROWS).is_empty());
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn what_our_own_reading_does_not_honour_has_librdkafka_read() {
    let Some(secured) = Secured::new() else { return };
    secured.grant_all("User:alice");
    let place = secured.scram();
    secured.run(&place, "generate --records 500").ok();
    let unchecked = settings(&["enable.ssl.certificate.verification=false"]);
    let place = [place, unchecked].concat();
    let mut run = secured.command(&place, "run --slot alice --drain --quiet");
    run.env("RUST_LOG", "info");
    let done = secured.stage.start(run).wait().ok();
    let why = "because of enable.ssl.certificate.verification";
    assert!(done.stderr.contains("librdkafka reads") && done.stderr.contains(why), "{done}");
    secured.run(&place, "verify --complete").ok();
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn whoever_is_not_let_in_reads_the_address_and_the_cause_first_and_soon() {
    let what =
        "TLS and logins: wrong password, another authority, name or kind of listener, expired";
    let mut line = Line { place: "Kafka", ..Line::new(34, what) };
    let mut longest = Duration::ZERO;
    let Some(secured) = Secured::new() else { return };
    let doors = secured.kafka.doors();
    let (scram, plain, expired) = (doors.scram(), doors.plain(), doors.expired());
    let open = secured.kafka.address();
    let ca = format!("ssl.ca.location={}", secured.kafka.certificates().join("ca.pem").display());
    let stranger = secured.kafka.certificates().join("stranger.pem");
    let stranger = format!("ssl.ca.location={}", stranger.display());
    let tls = ["security.protocol=sasl_ssl", "sasl.mechanisms=SCRAM-SHA-512"];
    let [protocol, mechanism] = tls;
    let alice = "sasl.username=alice";
    let localhost = scram.replace("127.0.0.1", "localhost");
    let closed = "127.0.0.1:9";
    for (at, settings, password, words) in [
        (&*scram, &[protocol, mechanism, alice, &ca][..], "wrong", "invalid credentials"),
        (&*scram, &[protocol, mechanism, "sasl.username=nobody", &ca], "x", "invalid credentials"),
        (&*scram, &[protocol, mechanism, alice, &stranger], PASSWORD.1, "no authority in ssl.ca"),
        (&*expired, &[protocol, mechanism, alice, &ca], PASSWORD.1, "certificate expired"),
        (&*localhost, &[protocol, mechanism, alice, &ca], PASSWORD.1, "localhost"),
        (&*scram, &[], "", "security.protocol"),
        (&*plain, &[], "", "security.protocol"),
        (&*open, &[protocol, mechanism, alice, &ca], PASSWORD.1, "PLAINTEXT"),
        (
            &*plain,
            &["security.protocol=sasl_plaintext", "sasl.mechanisms=SCRAM-SHA-512", alice],
            PASSWORD.1,
            "SCRAM-SHA-512",
        ),
        (closed, &[], "", "Connection refused"),
        ("no-such-host.invalid:9092", &[], "", "resolve"),
    ] {
        let url = vec!["--queue".to_owned(), format!("kafka://{at}")];
        let place = [url, self::settings(settings)].concat();
        let mut command = secured.stage.command_at(&["status"], &place);
        if !password.is_empty() {
            let file = secured.stage.path("password");
            fs::write(&file, format!("{password}\n")).unwrap();
            command.env("SEISMIC_KAFKA_SASL_PASSWORD_FILE", file);
        }
        let began = Instant::now();
        let done = secured.stage.start(command).wait();
        let took = began.elapsed();
        assert!(matches!(done.code, Some(1 | 2)), "{settings:?} {done}");
        let first = done.stderr.lines().next().unwrap_or_default();
        assert!(first.contains(words), "{settings:?} {done}");
        let host = at.split(':').next().unwrap();
        assert!(first.contains(host), "{settings:?} {done}");
        assert!(took < Duration::from_secs(30), "{settings:?} took {took:?}: {done}");
        assert!(password.is_empty() || !done.stderr.contains(&format!("{password}\n")), "{done}");
        longest = longest.max(took);
        line.tries += 1;
    }
    line.measured.push(format!("named after {} ms at most", longest.as_millis()));
    line.print();
}

/// All that `run` needs, and nothing else, in the words of docs/kafka.md.
const NEEDED: &str = "\
Create --topic seismic-agg-topic
Create --topic seismic-checkpoint-topic
Create --topic seismic-dead-topic
Create --topic seismic-job-topic
Delete --topic seismic-checkpoint-topic
Describe --group seismic
Describe --topic seismic-agg-topic
Describe --topic seismic-checkpoint-topic
Describe --topic seismic-data-topic
Describe --topic seismic-dead-topic
Describe --topic seismic-job-topic
DescribeConfigs --topic seismic-agg-topic
DescribeConfigs --topic seismic-checkpoint-topic
DescribeConfigs --topic seismic-data-topic
DescribeConfigs --topic seismic-dead-topic
Read --group seismic
Read --topic seismic-agg-topic
Read --topic seismic-checkpoint-topic
Read --topic seismic-data-topic
Read --topic seismic-dead-topic
Read --topic seismic-job-topic
Write --topic seismic-agg-topic
Write --topic seismic-checkpoint-topic
Write --topic seismic-dead-topic
Write --topic seismic-job-topic
Write --transactional-id seismic.";

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn each_right_that_a_job_lacks_is_named_at_once_and_the_documents_have_all_of_them() {
    let what = "each right that a job needs missing in turn, until it has all of them";
    let mut line = Line { place: "Kafka", ..Line::new(33, what) };
    let Some(secured) = Secured::new() else { return };
    let admin = vec!["--queue".to_owned(), format!("kafka://{}", secured.kafka.address())];
    secured.run(&admin, "generate --records 500").ok();
    let place = secured.scram();
    let doctor = secured.run(&place, "doctor");
    assert!(doctor.stdout.contains("Read on topic \"seismic-data-topic\" is missing"), "{doctor}");
    let (mut granted, mut longest) = (BTreeSet::<String>::new(), Duration::ZERO);
    // Begins, continues where rows and dead letters are, and trims.
    for args in [
        "run --slot alice --slots 1 --drain --quiet",
        "run --slot alice --slots 1 --drain --quiet --accept-loss",
        "retention seismic-checkpoint-topic --keep-all",
    ] {
        loop {
            let began = Instant::now();
            let done = secured.run(&place, args);
            let took = began.elapsed();
            if done.code == Some(0) {
                break;
            }
            // 1: the sink was refused, after the job had begun.
            assert!(matches!(done.code, Some(1 | 2)), "after {granted:?}: {done}");
            // It takes 1 to 4 s on an idle machine with two cores.
            assert!(took < Duration::from_secs(25), "it took {took:?} after {granted:?}: {done}");
            longest = longest.max(took);
            let missing = missing_in(&done.stderr);
            let missing = missing.unwrap_or_else(|| panic!("after {granted:?}: {done}"));
            secured.grant("User:alice", &format!("--operation {missing}"));
            assert!(granted.insert(missing.clone()), "{missing} was granted: {done}");
            line.tries += 1;
        }
        secured.run(&admin, "generate --records 500").ok();
    }
    let named: BTreeSet<_> =
        granted.iter().map(|it| it.replace("--resource-pattern-type prefixed ", "")).collect();
    assert_eq!(Vec::from_iter(named).join("\n"), NEEDED);
    let doctor = secured.run(&place, "doctor");
    assert!(!doctor.stdout.contains("PROBLEM"), "{doctor}");
    secured.run(&place, "run --slot alice --slots 1 --drain --quiet").ok();
    secured.run(&place, "verify").ok();
    line.measured.push(format!("named after {} ms at most", longest.as_millis()));
    line.print();
}

/// A right that an error says is missing, as Kafka's tool takes it.
fn missing_in(said: &str) -> Option<String> {
    let (right, rest) = match said.split_once(" is missing") {
        Some((before, _)) => {
            let (before, resource) = before.rsplit_once(" on ")?;
            (before.rsplit(' ').next()?, resource)
        }
        // Brokers give no settings where they may not.
        None => ("DescribeConfigs", said.split_once("the settings of ")?.1),
    };
    let (kind, name) = rest.split_once(" \"")?;
    let name = name.split('"').next()?;
    Some(match kind {
        // Slots are numbered, so it is given by prefix.
        "transactional id" => {
            let prefix = name.split_inclusive('.').next()?;
            format!("{right} --resource-pattern-type prefixed --transactional-id {prefix}")
        }
        kind => format!("{right} --{kind} {name}"),
    })
}
