//! A job on its own broker, under load, with a reader of committed rows throughout.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use seismic_brokers::Kafka;
use serde_json::Value;

use crate::faults::{self, line::Line};
use crate::findings::{Findings, compare};
use crate::lines::LineCount;
use crate::stage::{DATA, Done, ROWS, Running, Stage, parse, wait_until};
use crate::truth::{self, int};

/// A stop may have to wait for a coordinator: until it says what became of the last transaction.
pub const STOP_LIMIT: Duration = Duration::from_secs(20);

/// Short windows, so that at any moment one is about to be closed.
const JOB: &str =
    "run --quiet --window-ms 200 --lateness-ms 100 --idle-timeout-ms 0 --sink console";

pub struct Trial {
    pub kafka: Kafka,
    pub stage: Stage,
    /// What was done to it, for the table.
    pub line: Option<Line>,
    load: Option<Running>,
    reader: Option<Running>,
}

impl Trial {
    /// On one broker; `None` where there cannot be one.
    pub fn new() -> Option<Trial> {
        Kafka::one().map(Trial::on)
    }

    /// As [`Trial::new`], for a fault of the table.
    pub fn of(fault: u32, what: &str) -> Option<Trial> {
        Some(Trial::new()?.for_fault(fault, what))
    }

    /// Prints a line for the table when it is proved.
    pub fn for_fault(self, fault: u32, what: &str) -> Trial {
        Trial { line: Some(Line { place: "Kafka", ..Line::new(fault, what) }), ..self }
    }

    /// This many rounds, or more when more are asked for.
    pub fn rounds(quick: u64) -> u64 {
        faults::trial::Trial::rounds(quick)
    }

    /// Counts one more try.
    pub fn tried(&mut self) {
        self.line.as_mut().expect("the trial is of a fault").tries += 1;
    }

    /// Counts the rows that the reader has seen, which rows must have been waited for.
    pub fn seen(&self) -> LineCount {
        self.reader.as_ref().expect("rows were waited for").lines()
    }

    /// Ends a fault that lets nothing through, and notes how long it takes until a new row is
    /// there.
    pub fn flows_again<T>(&mut self, end: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.wait_for_quiet();
        let began = Instant::now();
        let ended = end(self);
        self.flows_beyond(before, began);
        ended
    }

    /// Waits until a fault lets nothing through any more, and gives how many rows were seen by
    /// then: those that were committed before the fault are no sign of its end.
    pub fn wait_for_quiet(&self) -> usize {
        let mut seen = self.seen();
        let (mut before, mut since) = (seen.now(), Instant::now());
        wait_until("the reader has nothing more", || {
            let now = seen.now();
            if now != before {
                (before, since) = (now, Instant::now());
            }
            since.elapsed() > Duration::from_millis(500)
        });
        before
    }

    /// Notes how long it takes, from `began` on, until more rows than those are seen.
    pub fn flows_beyond(&mut self, before: usize, began: Instant) {
        let mut seen = self.seen();
        wait_until("new rows", || seen.now() > before);
        let line = self.line.as_mut().expect("the trial is of a fault");
        line.back.push(began.elapsed());
        line.tries += 1;
    }

    /// Notes how long it takes from now until every partition has a row of what happens from now
    /// on.
    pub fn flows_in_all_partitions(&mut self) {
        let (began, now) = (Instant::now(), SystemTime::now());
        let now_ms = now.duration_since(UNIX_EPOCH).expect("it is later than 1970").as_millis();
        let reader = self.reader.as_ref().expect("rows were waited for");
        wait_until("rows of this moment in all partitions", || {
            let is_new = |row: &Value| u128::from(int(&row["value"], "window_end_ts")) > now_ms;
            let printed = reader.stdout();
            // The last line may be half written.
            let whole = printed.rfind('\n').map_or("", |end| &printed[..=end]);
            let rows = parse(whole);
            let new = rows.iter().filter(|row| is_new(row)).map(|row| int(row, "partition"));
            new.collect::<BTreeSet<_>>().len() == 4
        });
        let line = self.line.as_mut().expect("the trial is of a fault");
        line.back.push(began.elapsed());
        line.tries += 1;
    }

    /// On a cluster.
    pub fn on(kafka: Kafka) -> Trial {
        let mut trial = Trial { kafka, stage: Stage::new(), line: None, load: None, reader: None };
        trial.follow();
        trial
    }

    /// Has programs that are started from now on look for the brokers where they are now.
    pub fn follow(&mut self) {
        self.stage.place = vec!["--queue".to_owned(), self.url()];
    }

    /// Where the cluster is.
    pub fn url(&self) -> String {
        format!("kafka://{}", self.kafka.address())
    }

    /// Publishes until [`Trial::prove`], and has a reader see every row as it is committed.
    pub fn load(&mut self) {
        self.load_with("");
    }

    /// As [`Trial::load`], with further options of the generator.
    pub fn load_with(&mut self, further: &str) {
        let options = "generate --forever --json --rate 4000 --sensors 40 --pack 5";
        let mut load = self.stage.spawn(&words(&format!("{options} {further}")));
        wait_until("records", || {
            assert!(load.is_running(), "nobody publishes: {}", load.stderr());
            !self.stage.run(&["read", DATA, "--max", "1"]).stdout.is_empty()
        });
        self.load = Some(load);
    }

    /// Starts a worker that reaches the brokers through their wires.
    pub fn wired_worker(&self, options: &str) -> Running {
        let place = ["--queue".to_owned(), format!("kafka://{}", self.kafka.wired_address())];
        self.stage.start(self.stage.command_at(&words(&format!("{JOB} {options}")), &place))
    }

    /// Starts a worker with named places at which it fails.
    pub fn failing_worker(&self, options: &str, failpoints: &str) -> Running {
        let mut command = self.stage.command(&words(&format!("{JOB} {options}")));
        command.env("FAILPOINTS", failpoints);
        self.stage.start(command)
    }

    /// Starts a worker.
    pub fn worker(&self, options: &str) -> Running {
        self.stage.spawn(&words(&format!("{JOB} {options}")))
    }

    /// Waits until that many more rows are committed.
    pub fn wait_for_rows(&mut self, more: usize) {
        if self.reader.is_none() {
            wait_until("the result topic", || {
                self.stage.run(&["read", ROWS, "--in", "home", "--max", "1"]).code == Some(0)
            });
            let follow = ["read", ROWS, "--in", "home", "--format", "json", "--follow"];
            self.reader = Some(self.stage.spawn(&follow));
        }
        let mut seen = self.reader.as_ref().expect("it was just started").lines();
        let before = seen.now();
        wait_until("rows", || seen.now() >= before + more);
    }

    /// Ends the load, and has one worker do the rest.
    pub fn end_load(&mut self) {
        if let Some(load) = self.load.take() {
            let done = load.stop(rustix::process::Signal::TERM);
            assert_eq!(done.code, Some(0), "{done}");
        }
        self.worker("--drain").wait().ok();
    }

    /// Ends the load, has one worker do the rest, and proves the job.
    pub fn prove(self) {
        self.prove_with(&[]);
    }

    /// As [`Trial::prove`], with what these CSV folders hold once a sink of their own has caught
    /// up.
    pub fn prove_with(mut self, csv_folders: &[&str]) {
        self.end_load();
        for folder in csv_folders {
            self.stage.ok(&["sink", &format!("csv:{folder}"), "--until-caught-up"]);
        }
        self.stage.verify(csv_folders);
        let mut findings = truth::look(&self.stage, 200);
        let rows = names(&self.stage.read(ROWS), &mut findings);
        if let Some(reader) = self.reader.take() {
            let mut printed = reader.lines();
            wait_until("the reader has them all", || printed.now() >= rows.len());
            let (lost, doubled) = compare(&rows, &names(&parse(&reader.stdout()), &mut findings));
            findings.add(lost, doubled, "the reader saw other rows");
        }
        self.finish(&findings);
    }

    /// Prints the line, and fails if anything was found.
    pub fn finish(self, findings: &Findings) {
        if let Some(mut line) = self.line {
            (line.lost, line.doubled) = (findings.lost, findings.doubled);
            line.print();
            assert!(line.tries > 0, "nothing was tried");
        }
        findings.must_be_none();
    }
}

/// Place and content of each row; none stands twice.
fn names(rows: &[Value], findings: &mut Findings) -> Vec<String> {
    let names: BTreeSet<String> = rows.iter().map(Value::to_string).collect();
    findings.add(0, (rows.len() - names.len()) as u64, "a row was seen twice");
    names.into_iter().collect()
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// It must have ended with this code.
pub fn ended_with(done: &Done, code: i32) {
    assert_eq!(done.code, Some(code), "{done}");
}
