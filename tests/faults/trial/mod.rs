//! A job under a fault: under load, with a reader that runs throughout, and a proof at the end.
//!
//! The proof is threefold. `seismic verify` replays the log with the engine and compares the rows
//! of the sink as well; `truth.rs` computes the results independently; and the reader must have
//! seen exactly the rows that a later reader sees.
//!
//! The log is in the embedded queue or in RocketMQ; then the sink is a topic there, and readers
//! that follow the rule must get each row once. The store is a file in both cases.

pub mod dice;
pub mod line;
pub mod memory;
pub mod publisher;
pub mod turn;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use rustix::process::Signal;
use serde_json::Value;

use crate::faults::dice::Dice;
use crate::faults::line::Line;
use crate::faults::turn::Turn;
use crate::findings::{Findings, compare};
use crate::job::counts::expected_reasons;
use crate::lines::fingerprints;
use crate::stage::{DEAD, Done, ROWS, Running, Stage, let_it_work, wait_until};
use crate::truth::{self, Ends, int};

pub const STORE: &str = "output/queue.seismic.home.db";
pub const QUEUE: &str = "output/queue.db";

/// The consumer: short windows, so that at any moment one is about to be closed.
const JOB: [&str; 9] = [
    "run",
    "--window-ms",
    "200",
    "--lateness-ms",
    "100",
    "--idle-timeout-ms",
    "0",
    "--sink",
    "csv:csv",
];

/// One fault, tried on one job.
pub struct Trial {
    pub stage: Stage,
    pub dice: Dice,
    pub line: Line,
    /// The store's file.
    pub store: String,
    /// URL at which the consumer finds the queue, where that is another way than everyone's.
    way: Option<String>,
    job: Vec<String>,
    reader: Option<Running>,
    /// Findings so far: what readers before the last one have seen.
    findings: Findings,
    /// Whether the log is still there from where the job began.
    is_log_whole: bool,
    /// Whether there are that many records that only `verify` reckons them again, the sink's too.
    is_too_large: bool,
    /// Held, not read, where the log is in the embedded queue; brokers have turns of their own.
    _turn: Option<Turn>,
}

impl Trial {
    /// The fault's number in the list, and what is done, as text for the table.
    pub fn new(fault: u32, what: &str) -> Self {
        Trial {
            stage: Stage::new(),
            dice: Dice::new(),
            line: Line::new(fault, what),
            store: STORE.to_owned(),
            way: None,
            job: JOB.map(str::to_owned).to_vec(),
            reader: None,
            findings: Findings::default(),
            is_log_whole: true,
            is_too_large: false,
            _turn: Some(Turn::wait()),
        }
    }

    /// The log is the topic `data` of the queue at that URL, and the sink is `sink`.
    pub fn on(mut self, url: &str, data: &str, sink: &str) -> Self {
        let store = format!("sqlite:{STORE}");
        self.stage.place = ["--queue", url, "--store", &store].map(str::to_owned).to_vec();
        self.stage.data = data.to_owned();
        self._turn = None;
        self.option("--topic", data).option("--sink", sink)
    }

    /// Has the consumer find the queue at this URL.
    pub fn by_way_of(mut self, url: &str) -> Self {
        self.way = Some(url.to_owned());
        self
    }

    /// Gives the consumer this option too, or with another value.
    pub fn option(mut self, name: &str, value: &str) -> Self {
        match self.job.iter().position(|option| option == name) {
            Some(at) => self.job[at + 1] = value.to_owned(),
            None => self.job.extend([name.to_owned(), value.to_owned()]),
        }
        self
    }

    /// There will be more records than the plain reckoning has time for.
    pub fn too_large(self) -> Self {
        Trial { is_too_large: true, ..self }
    }

    /// So many rounds, or more when more are asked for.
    pub fn rounds(quick: u64) -> u64 {
        quick * rounds()
    }

    /// Publishes 10,000 records/s, faulty ones among them, until it is stopped.
    pub fn load(&self) -> Running {
        self.load_with("--rate 10000 --sensors 50 --pack 5")
    }

    /// Publishes as these options say until it is stopped. Returns when the topic is there.
    pub fn load_with(&self, options: &str) -> Running {
        let mut args = vec!["generate", "--forever", "--json", "--topic", &self.stage.data];
        args.extend(options.split_whitespace());
        let load = self.stage.spawn(&args);
        self.stage.wait_for_records();
        load
    }

    /// The consumer's arguments, and these.
    pub fn job<'a>(&'a self, also: &[&'a str]) -> Vec<&'a str> {
        self.job.iter().map(String::as_str).chain(also.iter().copied()).collect()
    }

    /// Starts the consumer and waits for a new row. With the first comes the reader.
    pub fn start(&mut self) -> Running {
        let before = self.rows();
        let mut consumer = self.spawn(&[]);
        self.wait_for_rows(&mut consumer, before);
        consumer
    }

    /// Starts the consumer; waits for nothing.
    pub fn spawn(&self, also: &[&str]) -> Running {
        self.stage.start(self.command(also))
    }

    fn command(&self, also: &[&str]) -> Command {
        let mut place = self.stage.place.clone();
        if let Some(way) = &self.way {
            place[1].clone_from(way);
        }
        self.stage.command_at(&self.job(also), &place)
    }

    /// Starts the consumer with named places at which it fails; waits for nothing.
    pub fn start_failing(&self, failpoints: &str) -> Running {
        let mut command = self.command(&[]);
        command.env("FAILPOINTS", failpoints);
        self.stage.start(command)
    }

    /// Starts the consumer after a fault, and notes how long it takes until a new row is there.
    pub fn resume(&mut self) -> Running {
        self.flows_again(|trial| trial.spawn(&[]))
    }

    /// Ends a fault, which gives the consumer, and notes how long it takes until a new row is
    /// there.
    pub fn flows_again(&mut self, end: impl FnOnce(&mut Self) -> Running) -> Running {
        let before = self.rows();
        let began = Instant::now();
        let mut consumer = end(self);
        self.wait_for_rows(&mut consumer, before);
        self.line.back.push(began.elapsed());
        consumer
    }

    /// Waits until there are more rows than that many.
    pub fn wait_for_rows(&mut self, consumer: &mut Running, before: u64) {
        wait_until("new rows", || {
            assert!(consumer.is_running(), "it ended: {}", consumer.stderr());
            self.rows() > before
        });
        if self.reader.is_none() {
            let read = ["read", ROWS, "--follow", "--format", "json"];
            self.reader = Some(self.stage.spawn(&read));
        }
    }

    /// Rows committed so far, as the file says.
    pub fn rows(&self) -> u64 {
        let count = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
            let db = Connection::open_with_flags(self.stage.path(&self.store), flags)?;
            db.busy_timeout(Duration::from_secs(60))?;
            let sql = "SELECT sum(p.next) FROM partition p JOIN topic t ON p.topic = t.id
                       WHERE t.name = ?1";
            db.query_row(sql, [ROWS], |row| row.get(0))
        };
        // There is no store yet, or nothing in it.
        count().unwrap_or(0)
    }

    /// Lets the job work until a random moment.
    pub fn wait(&mut self, millis: std::ops::Range<u64>) {
        let_it_work(self.dice.millis(millis));
    }

    /// `kill -9` of a process that must still be there; one try more.
    pub fn kill(&mut self, process: Running) {
        let said = process.stderr();
        assert!(process.kill(), "it ended by itself: {said}");
        self.line.tries += 1;
    }

    /// From here on the log does not reach back to the job's start any more.
    pub fn log_is_cut(&mut self) {
        self.is_log_whole = false;
    }

    /// Ends the reader early, as when its file is to be handled alone. What it has seen must still
    /// be there at the end; the next reader starts from the beginning.
    pub fn stop_reader(&mut self) {
        let Some(reader) = self.reader.take() else { return };
        reader.signal(Signal::TERM);
        let seen = fingerprints(&reader.ended_ok());
        let (_, unknown) = compare(&fingerprints(&self.later()), &seen);
        self.findings.add(0, unknown, "rows that a reader saw are not there later");
    }

    /// Stops the load, reads the rest, and proves all of it.
    pub fn prove(self, load: Running) {
        let published = load.stop(Signal::TERM).ok().stdout;
        let published = serde_json::from_str(&published).unwrap();
        self.prove_records(Some(&published));
    }

    /// Reads the rest and proves all of it; with the generator's summary also that each record
    /// ended as it was meant to.
    pub fn prove_records(mut self, published: Option<&Value>) {
        self.stage.ok(&self.job(&["--drain"]));
        self.verify();
        if self.is_log_whole && !self.is_too_large {
            self.ask_the_oracle(published);
        }
        self.ask_the_reader();
        if !self.is_too_large {
            self.ask_the_sink();
        }
        self.finish();
    }

    /// Compares what is in the sink with the result topic.
    pub fn ask_the_sink(&mut self) {
        let (lost, doubled) = match self.sink() {
            ("rocketmq", topic) => truth::difference_of_topic(&self.stage, topic),
            (_, folder) => truth::difference_of_csv(&self.stage, folder),
        };
        self.findings.add(lost, doubled, "the sink and the result topic differ");
    }

    /// Prints the line, and fails if anything was found.
    pub fn finish(mut self) {
        self.line.lost += self.findings.lost;
        self.line.doubled += self.findings.doubled;
        self.line.print();
        self.findings.must_be_none();
        assert!(self.line.tries > 0, "nothing was tried");
    }

    /// Drains the log, and proves what came since a proof before; `ends` are those of then.
    pub fn prove_stretch(&mut self, ends: &Ends) {
        self.stage.ok(&self.job(&["--drain"]));
        self.is_log_whole = false;
        self.verify();
        let found = truth::look_since(&self.stage, self.window_ms(), ends);
        self.findings.join(found);
        self.findings.must_be_none();
    }

    /// How far the topics reach, when all of the log is drained.
    pub fn ends(&self) -> Ends {
        let of = |topic| {
            let lines = self.stage.read(topic);
            let mut ends = BTreeMap::new();
            for line in lines {
                let end = ends.entry(int(&line, "partition")).or_default();
                *end = int(&line, "offset") + 1;
            }
            ends
        };
        Ends { data: of(&self.stage.data), rows: of(ROWS), dead: of(DEAD) }
    }

    /// Nothing may be in the sink that is not committed.
    pub fn sink_must_be_committed(&self) {
        let uncommitted = match self.sink() {
            ("rocketmq", topic) => truth::rows_by_the_rule_not_in_the_topic(&self.stage, topic),
            (_, folder) => {
                let rows = truth::csv_rows_not_in_the_topic(&self.stage, folder);
                rows.iter().map(|row| row.join(",")).collect()
            }
        };
        assert_eq!(uncommitted, Vec::<String>::new(), "only what is committed is in the sink");
    }

    fn window_ms(&self) -> i64 {
        self.value("--window-ms").parse().unwrap()
    }

    /// Kind and place of the sink.
    fn sink(&self) -> (&str, &str) {
        self.value("--sink").split_once(':').unwrap()
    }

    fn value(&self, option: &str) -> &str {
        let at = self.job.iter().position(|it| it == option).unwrap() + 1;
        &self.job[at]
    }

    fn verify(&mut self) {
        let mut args = vec!["verify", "--json", "--sink", self.value("--sink")];
        if self.is_log_whole {
            args.push("--complete");
        }
        let done = self.stage.run(&args);
        assert!(matches!(done.code, Some(0 | 3)), "{done}");
        let report: Value = serde_json::from_str(&done.stdout).unwrap();
        for difference in report["differences"].as_array().unwrap() {
            let kind = difference["kind"].as_str().unwrap();
            let is_doubled = kind.ends_with("doubled") || kind.ends_with("unexpected");
            let (lost, doubled) = if is_doubled { (0, 1) } else { (1, 0) };
            self.findings.add(lost, doubled, &difference.to_string());
        }
        assert_eq!(report["verified"], done.code == Some(0), "{done}");
    }

    fn ask_the_oracle(&mut self, published: Option<&Value>) {
        let found = truth::look(&self.stage, self.window_ms());
        if let Some(published) = published {
            assert_eq!(found.reasons, expected_reasons(published));
            assert_eq!(int(&self.stage.status(), "read"), int(published, "published"));
        }
        self.findings.join(found);
    }

    fn ask_the_reader(&mut self) {
        let reader = self.reader.take().expect("a reader ran throughout");
        let later = fingerprints(&self.later());
        let mut printed = reader.lines();
        wait_until("the reader has seen every row", || printed.now() >= later.len());
        reader.signal(Signal::TERM);
        let seen = fingerprints(&reader.ended_ok());
        let (lost, doubled) = compare(&later, &seen);
        self.findings.add(lost, doubled, "the reader has seen other rows");
    }

    /// The file of the rows that one sees who comes now.
    fn later(&self) -> PathBuf {
        self.stage.ok_in_file(&["read", ROWS, "--format", "json"])
    }
}

/// How many times as long as in the quick form.
pub fn rounds() -> u64 {
    let rounds = std::env::var("SEISMIC_FAULT_ROUNDS").ok();
    rounds.map_or(1, |rounds| rounds.parse().expect("SEISMIC_FAULT_ROUNDS is a number"))
}

/// It must have ended by its own abort, at a named place.
pub fn assert_aborted(done: &Done) {
    assert_eq!(done.code, None, "it did not die: {done}");
    assert!(!done.stderr.contains("panicked"), "{done}");
}
