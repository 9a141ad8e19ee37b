//! Fault 25: everything at random, for an hour. `.ci/run --long` runs it; `SEISMIC_SOAK_SECONDS`
//! says how long.
//!
//! It goes in stretches. In each one random harm is done under load, while retention keeps the log
//! short; then load and consumer stop, the log is drained, and the stretch is proved: by `verify`,
//! which begins at the oldest checkpoint, and by the plain reckoning, from where the stretch began.
//! The reader sees all stretches. Files, WAL and memory must not grow from the first half to the
//! second.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::disk::Disk;
use super::publisher::{Publisher, record};
use super::trial::{QUEUE, STORE, Trial};
use crate::stage::{DATA, Running, let_it_work};
use crate::truth::Ends;

const LOAD: &str = "--rate 2000 --sensors 40 --pack 5";
/// How long harm is done before a proof.
const STRETCH: Duration = Duration::from_secs(40);
/// Rows and dead letters of an hour, which no one takes away, and both WALs at their largest.
const DISK_MIB: u32 = 1_024;
/// A partition's share of some stretches, so that each is still there when it is proved.
const KEPT: [&str; 4] = ["retention", DATA, "--max-bytes", "6000000"];

pub fn seconds() -> u64 {
    let seconds = std::env::var("SEISMIC_SOAK_SECONDS").ok();
    seconds.map_or(3_600, |seconds| seconds.parse().expect("SEISMIC_SOAK_SECONDS is a number"))
}

#[test]
#[ignore = "an hour: .ci/run --long"]
fn everything_at_random_for_an_hour_loses_and_doubles_nothing_and_nothing_grows() {
    let trial = Trial::new(25, "everything at random");
    let mut soak = Soak::begin(trial.option("--idle-timeout-ms", "1000"));
    let (began, length) = (Instant::now(), Duration::from_secs(seconds()));
    while began.elapsed() < length {
        soak.stretch(began + length);
    }
    soak.end(began.elapsed());
}

/// What there is to see of the files and the process at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    queue: u64,
    wal: u64,
    memory_kib: u64,
}

struct Soak {
    trial: Trial,
    /// Where the disk may be filled.
    disk: Option<Disk>,
    consumer: Running,
    load: Running,
    publisher: Publisher,
    /// Where the stretch began.
    ends: Ends,
    sizes: Vec<Size>,
}

impl Soak {
    fn begin(mut trial: Trial) -> Soak {
        let disk = Disk::mount(&trial.stage, "output", DISK_MIB);
        let load = trial.load_with(LOAD);
        trial.stage.ok(&KEPT);
        let consumer = trial.start();
        let publisher = Publisher::new(&trial.stage);
        Soak { trial, disk, consumer, load, publisher, ends: Ends::default(), sizes: Vec::new() }
    }

    /// Does harm for a while, and proves that none was done.
    fn stretch(&mut self, until: Instant) {
        let began = Instant::now();
        while began.elapsed() < STRETCH && Instant::now() < until {
            self.harm();
            self.trial.line.tries += 1;
            self.trial.wait(100..1_500);
            self.look();
        }
        self.consumer_ends(Signal::TERM);
        self.load_ends(Signal::TERM);
        self.trial.prove_stretch(&self.ends);
        self.ends = self.trial.ends();
        self.load = self.trial.load_with(LOAD);
        self.consumer = self.trial.start();
    }

    fn harm(&mut self) {
        match self.trial.dice.draw(0..9) {
            0 | 1 => {
                self.consumer_ends(Signal::KILL);
                self.consumer = self.trial.resume();
            }
            2 => {
                self.consumer_ends(Signal::TERM);
                self.consumer = self.trial.resume();
            }
            3 => {
                self.load_ends(Signal::KILL);
                self.load = self.trial.load_with(LOAD);
            }
            4 => self.sleep(),
            5 => {
                self.consumer_ends(Signal::KILL);
                let slow = "sink-after-write=sleep(40)";
                self.consumer = self.trial.flows_again(|trial| trial.start_failing(slow));
            }
            6 => self.poison(),
            7 => drop(self.trial.stage.run(&KEPT)),
            _ => self.fill_the_disk(),
        }
    }

    /// A process sleeps as under a debugger, and wakes up as if nothing had happened.
    fn sleep(&mut self) {
        let millis = self.trial.dice.millis(100..2_500);
        let sleeper = if self.trial.dice.draw(0..2) == 0 { &self.consumer } else { &self.load };
        sleeper.signal(Signal::STOP);
        let_it_work(millis);
        sleeper.signal(Signal::CONT);
    }

    fn poison(&mut self) {
        let mut record = record("poison");
        record.collect_timestamp = self.trial.dice.draw(0..u64::MAX) as i64;
        let bytes = seismic_proto::Message::encode_to_vec(&record);
        self.publisher.bytes("poison", &bytes);
        let len = self.trial.dice.draw(0..100_000);
        let bytes = self.trial.dice.bytes(len);
        self.publisher.bytes("random", &bytes);
    }

    fn fill_the_disk(&mut self) {
        let millis = self.trial.dice.millis(100..2_000);
        if let Some(disk) = &self.disk {
            disk.fill();
            let_it_work(millis);
            disk.free();
        }
    }

    fn consumer_ends(&mut self, signal: Signal) {
        let said = self.consumer.stderr();
        assert!(self.consumer.is_running(), "the consumer ended by itself: {said}");
        self.consumer.end(signal);
    }

    fn load_ends(&mut self, signal: Signal) {
        let said = self.load.stderr();
        assert!(self.load.is_running(), "the load ended by itself: {said}");
        self.load.end(signal);
    }

    fn look(&mut self) {
        let len = |name: &str| {
            std::fs::metadata(self.trial.stage.path(name)).map_or(0, |file| file.len())
        };
        let wal = len(&format!("{QUEUE}-wal")).max(len(&format!("{STORE}-wal")));
        let (queue, memory_kib) = (len(QUEUE), self.consumer.memory_kib());
        self.sizes.push(Size { queue, wal, memory_kib });
    }

    /// Proves everything that was said in all of it.
    fn end(mut self, length: Duration) {
        self.consumer_ends(Signal::TERM);
        self.load_ends(Signal::TERM);
        let mut told = vec![format!("{} s", length.as_secs())];
        told.push(self.must_not_grow("queue file", |size| size.queue, 32));
        told.push(self.must_not_grow("WAL", |size| size.wal, 64));
        told.push(self.must_not_grow("memory", |size| size.memory_kib << 10, 64));
        self.trial.line.measured = told;
        self.trial.log_is_cut();
        self.trial.prove_records(None);
    }

    /// Compares the most of both halves.
    fn must_not_grow(&self, what: &str, of: fn(&Size) -> u64, slack_mib: u64) -> String {
        let (first, second) = self.sizes.split_at(self.sizes.len() / 2);
        let most_mib = |half: &[Size]| half.iter().map(of).max().unwrap_or(0) >> 20;
        let (before, after) = (most_mib(first), most_mib(second));
        assert!(after <= before + slack_mib, "{what} grows: {before}, then {after} MiB");
        format!("{what} at most {before} MiB, then {after} MiB")
    }
}
