//! Fault 25 on Kafka: everything at random, for an hour. `.ci/run --long` runs it;
//! `SEISMIC_SOAK_SECONDS` says how long; with `SEISMIC_SOAK_BROKERS=1` a machine that has other work
//! runs one broker only.
//!
//! Three brokers with TLS, SCRAM and rights, a topic of 64 partitions, zstd, and three workers that
//! come and go. It goes in stretches. In each one random harm is done under load to workers, to the
//! producer and to one broker at a time; then load and workers stop, the log is drained, and the
//! stretch is proved by the plain reckoning. At the end `verify` proves all of it, and a reader of
//! committed rows, which ran throughout, must have seen every row once. The workers' memory must not
//! grow.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use seismic_brokers::Kafka;

use super::dice::Dice;
use super::line::Line;
use super::soak::seconds;
use crate::findings::{Findings, compare};
use crate::kafka::secured::{PASSWORD, grant_all, scram_place};
use crate::lines::{LineCount, fingerprints};
use crate::stage::{ROWS, Running, Stage, let_it_work, wait_until};
use crate::truth;

const LOAD: &str = "generate --forever --json --rate 200 --sensors 128 --pack 5 --partitions 64";
const JOB: &str = "run --quiet --window-ms 5000 --lateness-ms 1000 --idle-timeout-ms 4000";
const WINDOW_MS: i64 = 5_000;
/// A name for one of the workers; the others have the machine's.
const WORKERS: [&str; 3] = ["--slots 1 --slot alpha", "--slots 1", "--slots 1"];
/// How long harm is done before a proof.
const STRETCH: Duration = Duration::from_secs(240);
/// What `verify` may take of an hour.
const VERIFY: Duration = Duration::from_secs(1_200);
/// Code of a worker whose place another has taken: it was suspended longer than its session.
const FENCED: Option<i32> = Some(4);

#[test]
#[ignore = "an hour: .ci/run --long"]
fn a_secured_cluster_with_workers_and_brokers_that_come_and_go_loses_and_doubles_nothing() {
    if !cfg!(feature = "kafka-tls") {
        eprintln!("SKIPPED: this test needs a program built with --features kafka-tls");
        return;
    }
    let is_small = std::env::var("SEISMIC_SOAK_BROKERS").is_ok_and(|brokers| brokers == "1");
    let kafka = if is_small { Kafka::secured() } else { Kafka::secured_three() };
    let Some(kafka) = kafka else { return };
    let mut soak = Soak::begin(kafka);
    let (began, length) = (Instant::now(), Duration::from_secs(seconds()));
    while began.elapsed() < length {
        soak.stretch(began + length);
    }
    soak.end(began.elapsed());
}

/// How often each was done.
#[derive(Debug, Default)]
struct Tally {
    killed: u64,
    stopped: u64,
    suspended: u64,
    fenced: u64,
    producers: u64,
    brokers_killed: u64,
    brokers_stopped: u64,
}

struct Soak {
    // Processes end before their brokers do.
    workers: Vec<Running>,
    load: Running,
    reader: Running,
    seen: LineCount,
    stage: Stage,
    dice: Dice,
    line: Line,
    tally: Tally,
    findings: Findings,
    /// Append time from which the stretch counts.
    moment: String,
    memory_kib: Vec<u64>,
    kafka: Kafka,
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
}

fn work(stage: &Stage, worker: usize) -> Running {
    stage.spawn(&words(&format!("{JOB} {}", WORKERS[worker])))
}

impl Soak {
    fn begin(kafka: Kafka) -> Soak {
        grant_all(&kafka, "User:alice");
        let mut stage = Stage::new();
        stage.place = scram_place(&kafka);
        stage.place.extend(["--kafka", "compression.codec=zstd"].map(str::to_owned));
        stage.variables.push(PASSWORD);
        let (moment, dice) = (now(), Dice::new());
        let load = stage.spawn(&words(LOAD));
        stage.wait_for_records();
        let workers = (0..WORKERS.len()).map(|worker| work(&stage, worker)).collect();
        let first = ["read", ROWS, "--in", "store", "--max", "1"];
        wait_until("the result topic", || !stage.run(&first).stdout.is_empty());
        let reader = stage.spawn(&["read", ROWS, "--in", "store", "--format", "json", "--follow"]);
        let brokers = kafka.nodes.len();
        let what = format!(
            "everything at random: TLS, SCRAM, zstd, 64 partitions, three workers, brokers: {brokers}"
        );
        let line = Line { place: "Kafka", ..Line::new(25, &what) };
        let (seen, tally, findings) = (reader.lines(), Tally::default(), Findings::default());
        let memory_kib = Vec::new();
        Soak {
            workers,
            load,
            reader,
            seen,
            stage,
            dice,
            line,
            tally,
            findings,
            moment,
            memory_kib,
            kafka,
        }
    }

    /// Does harm for a while, and proves that none was done.
    fn stretch(&mut self, until: Instant) {
        let began = Instant::now();
        while began.elapsed() < STRETCH && Instant::now() < until {
            self.harm();
            self.line.tries += 1;
            let millis = self.dice.millis(500..8_000);
            let_it_work(millis);
            self.look();
        }
        self.prove();
        self.moment = now();
        self.load = self.stage.spawn(&words(LOAD));
        self.workers = (0..WORKERS.len()).map(|worker| work(&self.stage, worker)).collect();
        self.flows();
    }

    fn harm(&mut self) {
        let worker = self.dice.draw(0..3) as usize;
        match self.dice.draw(0..10) {
            0..=2 => {
                self.worker_ends(worker, Signal::KILL);
                self.tally.killed += 1;
            }
            3 | 4 => {
                self.worker_ends(worker, Signal::TERM);
                self.tally.stopped += 1;
            }
            5 => self.suspend(worker),
            6 => {
                self.load_ends(Signal::KILL);
                self.load = self.stage.spawn(&words(LOAD));
                self.tally.producers += 1;
            }
            7 | 8 => {
                let (broker, millis) = (self.broker(), self.dice.millis(0..5_000));
                self.kafka.nodes[broker].kill();
                let_it_work(millis);
                self.kafka.nodes[broker].restart();
                self.tally.brokers_killed += 1;
            }
            _ => {
                let broker = self.broker();
                self.kafka.nodes[broker].stop();
                self.kafka.nodes[broker].restart();
                self.tally.brokers_stopped += 1;
            }
        }
        self.flows();
    }

    fn broker(&mut self) -> usize {
        self.dice.draw(0..self.kafka.nodes.len() as u64) as usize
    }

    /// A worker ends, and is away for a while.
    fn worker_ends(&mut self, worker: usize, signal: Signal) {
        self.must_run(worker);
        self.workers[worker].end(signal);
        let millis = self.dice.millis(0..4_000);
        let_it_work(millis);
        self.workers[worker] = work(&self.stage, worker);
    }

    /// A worker sleeps as on a frozen machine, perhaps beyond its session, and wakes up as if
    /// nothing had happened.
    fn suspend(&mut self, worker: usize) {
        self.must_run(worker);
        let millis = self.dice.millis(100..16_000);
        self.workers[worker].signal(Signal::STOP);
        let_it_work(millis);
        self.workers[worker].signal(Signal::CONT);
        self.tally.suspended += 1;
    }

    /// Notes how long it takes until new rows are there.
    fn flows(&mut self) {
        let (before, began) = (self.seen.now(), Instant::now());
        assert!(self.reader.is_running(), "the reader ended: {}", self.reader.stderr());
        wait_until("new rows", || {
            (0..WORKERS.len()).for_each(|worker| self.must_run(worker));
            self.seen.now() > before
        });
        self.line.back.push(began.elapsed());
    }

    /// One that was taken for dead is started again; for any other end there is no reason.
    fn must_run(&mut self, worker: usize) {
        if self.workers[worker].is_running() {
            return;
        }
        let ended = std::mem::replace(&mut self.workers[worker], work(&self.stage, worker)).wait();
        assert_eq!(ended.code, FENCED, "it ended by itself: {ended}");
        self.tally.fenced += 1;
    }

    fn load_ends(&mut self, signal: Signal) {
        let said = self.load.stderr();
        assert!(self.load.is_running(), "the load ended by itself: {said}");
        self.load.end(signal);
    }

    fn look(&mut self) {
        let most = self.workers.iter().map(Running::memory_kib).max();
        self.memory_kib.extend(most);
    }

    /// Stops everything, drains the log, and proves the stretch.
    fn prove(&mut self) {
        self.load_ends(Signal::TERM);
        for worker in &mut self.workers {
            worker.end(Signal::TERM);
        }
        self.stage.ok(&words(&format!("{JOB} --drain")));
        let found = truth::look_from(&self.stage, WINDOW_MS, &self.moment);
        self.findings.join(found);
        self.findings.must_be_none();
        println!("{} rows, {:?}", self.seen.now(), self.tally);
    }

    /// Proves what is left, and what the reader has seen.
    fn end(mut self, length: Duration) {
        self.prove();
        let mut verify = self.stage.spawn(&["verify"]);
        let until = Instant::now() + VERIFY;
        while verify.is_running() && Instant::now() < until {
            let_it_work(Duration::from_secs(1));
        }
        let verified = verify.wait().ok();
        assert!(verified.stdout.contains("verified: "), "{verified}");
        let later = self.stage.ok_in_file(&["read", ROWS, "--in", "store", "--format", "json"]);
        let later = fingerprints(&later);
        wait_until("the reader has seen every row", || self.seen.now() >= later.len());
        self.reader.signal(Signal::TERM);
        let seen = fingerprints(&self.reader.ended_ok());
        let (lost, doubled) = compare(&later, &seen);
        self.findings.add(lost, doubled, "the reader has seen other rows");
        let (first, second) = self.memory_kib.split_at(self.memory_kib.len() / 2);
        let most_mib = |half: &[u64]| half.iter().max().unwrap_or(&0) >> 10;
        let (before, after) = (most_mib(first), most_mib(second));
        let Tally { killed, stopped, suspended, fenced, producers, .. } = self.tally;
        let Tally { brokers_killed, brokers_stopped, .. } = self.tally;
        self.line.measured = vec![
            format!("{} s, {} rows", length.as_secs(), later.len()),
            format!(
                "workers killed {killed}, stopped {stopped}, suspended {suspended} times, of which {fenced} fenced"
            ),
            format!("producer killed {producers} times"),
            format!("a broker killed {brokers_killed}, restarted {brokers_stopped} times"),
            format!("memory of a worker at most {before} MiB, then {after} MiB"),
        ];
        (self.line.lost, self.line.doubled) = (self.findings.lost, self.findings.doubled);
        self.line.print();
        self.findings.must_be_none();
        assert!(after <= before + 64, "memory grows: {before}, then {after} MiB");
    }
}
