//! Fault 25 on Kafka: everything at random, for an hour. `.ci/run --long` runs it;
//! `SEISMIC_SOAK_SECONDS` says how long; with `SEISMIC_SOAK_BROKERS=1` a machine that has other
//! work runs one broker only.
//!
//! Three brokers with TLS, SCRAM and rights, a topic of 64 partitions, zstd, and three workers that
//! come and go. It goes in stretches. In each one random harm is done under load to workers, to the
//! producer and to one broker at a time; then load and workers stop, the log is drained, and the
//! stretch is proved by the plain reckoning. At the end `verify` proves all of it, and a reader of
//! committed rows, which ran throughout, must have seen every row once. In between `status` and
//! `doctor` must answer. A worker that is stopped must end well, and neither the workers' memory
//! nor the reader's may grow: that of a worker from when it has warmed up to its end, that of the
//! reader from the first proof to the last.

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
/// After so long a worker has whatever it needs: its partitions, its clients, its checkpoints.
const WARM: Duration = Duration::from_secs(20);
/// What memory may grow by: allocators keep some, and brokers that come and go take buffers.
const SLACK_KIB: u64 = 64 << 10;

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

/// The memory of a process over its life.
struct Memory {
    began: Instant,
    warm_kib: Option<u64>,
    most_kib: u64,
}

impl Memory {
    fn new() -> Memory {
        Memory { began: Instant::now(), warm_kib: None, most_kib: 0 }
    }

    /// Notes what it is now, once it has warmed up.
    fn look(&mut self, of: &Running, warm: Duration) {
        if self.began.elapsed() < warm {
            return;
        }
        let now = of.memory_kib();
        self.warm_kib.get_or_insert(now);
        self.most_kib = self.most_kib.max(now);
    }

    fn grown_kib(&self) -> u64 {
        self.most_kib.saturating_sub(self.warm_kib.unwrap_or(self.most_kib))
    }
}

/// A worker in one of its lives.
struct Worker {
    running: Running,
    memory: Memory,
    was_suspended: bool,
}

impl Worker {
    fn start(stage: &Stage, place: usize) -> Worker {
        let running = stage.spawn(&words(&format!("{JOB} {}", WORKERS[place])));
        Worker { running, memory: Memory::new(), was_suspended: false }
    }

    /// Its end, after a signal: one that was stopped has done its work, or was fenced after a
    /// sleep.
    fn end(self, signal: Signal) -> Memory {
        let Worker { mut running, memory, was_suspended } = self;
        // It may have been started a moment ago.
        running.wait_until_it_catches(Signal::TERM);
        running.signal(signal);
        let done = running.wait();
        if signal == Signal::TERM {
            let is_fenced = was_suspended && done.code == FENCED;
            assert!(done.code == Some(0) || is_fenced, "it was stopped: {done}");
        }
        memory
    }
}

struct Soak {
    // Processes end before their brokers do.
    workers: Vec<Worker>,
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
    reader_memory: Memory,
    /// Of workers whose life is over: how many, the most that one had, and grew by once it was
    /// warm.
    lives: (u64, u64, u64),
    kafka: Kafka,
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
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
        let workers = (0..WORKERS.len()).map(|place| Worker::start(&stage, place)).collect();
        let first = ["read", ROWS, "--in", "store", "--max", "1"];
        wait_until("the result topic", || !stage.run(&first).stdout.is_empty());
        let reader = stage.spawn(&["read", ROWS, "--in", "store", "--format", "json", "--follow"]);
        let brokers = kafka.nodes.len();
        let what = format!(
            "everything at random: TLS, SCRAM, zstd, 64 partitions, three workers, brokers: {brokers}"
        );
        let line = Line { place: "Kafka", ..Line::new(25, &what) };
        let (seen, tally, findings) = (reader.lines(), Tally::default(), Findings::default());
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
            reader_memory: Memory::new(),
            lives: (0, 0, 0),
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
        self.ask();
        self.prove();
        self.moment = now();
        self.load = self.stage.spawn(&words(LOAD));
        let stage = &self.stage;
        self.workers = (0..WORKERS.len()).map(|place| Worker::start(stage, place)).collect();
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
        let memory = self.workers.remove(worker).end(signal);
        self.life_ended(&memory);
        let millis = self.dice.millis(0..4_000);
        let_it_work(millis);
        self.workers.insert(worker, Worker::start(&self.stage, worker));
    }

    fn life_ended(&mut self, memory: &Memory) {
        let (lives, most, grown) = &mut self.lives;
        *lives += 1;
        *most = memory.most_kib.max(*most);
        *grown = memory.grown_kib().max(*grown);
        assert!(*grown <= SLACK_KIB, "the memory of a worker has grown by {} KiB", *grown);
    }

    /// A worker sleeps as on a frozen machine, perhaps beyond its session, and wakes up as if
    /// nothing had happened.
    fn suspend(&mut self, worker: usize) {
        self.must_run(worker);
        let millis = self.dice.millis(100..16_000);
        self.workers[worker].was_suspended = true;
        self.workers[worker].running.signal(Signal::STOP);
        let_it_work(millis);
        self.workers[worker].running.signal(Signal::CONT);
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

    /// One that was taken for dead is restarted; for any other end there is no reason.
    fn must_run(&mut self, worker: usize) {
        if self.workers[worker].running.is_running() {
            return;
        }
        let Worker { running, memory, .. } = self.workers.remove(worker);
        self.workers.insert(worker, Worker::start(&self.stage, worker));
        self.life_ended(&memory);
        let ended = running.wait();
        assert_eq!(ended.code, FENCED, "it ended by itself: {ended}");
        self.tally.fenced += 1;
    }

    fn load_ends(&mut self, signal: Signal) {
        let said = self.load.stderr();
        assert!(self.load.is_running(), "the load ended by itself: {said}");
        self.load.end(signal);
    }

    fn look(&mut self) {
        for worker in &mut self.workers {
            worker.memory.look(&worker.running, WARM);
        }
        self.reader_memory.look(&self.reader, STRETCH);
    }

    /// Who looks at the job while workers and brokers come and go is answered.
    fn ask(&self) {
        let status = self.stage.status();
        let partitions = status["partitions"].as_array().map(Vec::len);
        assert_eq!(partitions, Some(64), "{status}");
        let doctor = self.stage.run(&["doctor"]);
        assert!(matches!(doctor.code, Some(0 | 3)), "{doctor}");
        assert!(doctor.stdout.contains("problem"), "it says what it found: {doctor}");
    }

    /// Stops everything, drains the log, and proves the stretch.
    fn prove(&mut self) {
        self.load_ends(Signal::TERM);
        for worker in std::mem::take(&mut self.workers) {
            let memory = worker.end(Signal::TERM);
            self.life_ended(&memory);
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
        let (lives, most_kib, grown_kib) = self.lives;
        let Memory { warm_kib, most_kib: reader_kib, .. } = self.reader_memory;
        let reader_before_kib = warm_kib.unwrap_or(reader_kib);
        let Tally { killed, stopped, suspended, fenced, producers, .. } = self.tally;
        let Tally { brokers_killed, brokers_stopped, .. } = self.tally;
        self.line.measured = vec![
            format!("{} s, {} rows", length.as_secs(), later.len()),
            format!(
                "workers killed {killed}, stopped {stopped}, suspended {suspended} times, of which {fenced} fenced"
            ),
            format!("producer killed {producers} times"),
            format!("a broker killed {brokers_killed}, restarted {brokers_stopped} times"),
            format!(
                "memory of {lives} lives of workers at most {} MiB, grown by at most {} MiB once warm; of the reader {} MiB, then at most {} MiB",
                most_kib >> 10,
                grown_kib >> 10,
                reader_before_kib >> 10,
                reader_kib >> 10
            ),
        ];
        (self.line.lost, self.line.doubled) = (self.findings.lost, self.findings.doubled);
        self.line.print();
        self.findings.must_be_none();
        let grown = reader_kib - reader_before_kib;
        assert!(grown <= SLACK_KIB, "the memory of the reader has grown by {grown} KiB");
    }
}
