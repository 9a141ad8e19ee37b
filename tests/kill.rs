//! `kill -9`, again and again, at random moments under load. At the end the result topic, the dead
//! letters and the CSV files are complete and unique, by a reckoning that shares nothing with
//! `verify`, and `verify` says so too; a reader that ran throughout has seen just the rows that
//! one sees who comes later.
//!
//! Moments are drawn from a seed that is printed; set `KILL_SEED` to draw the same ones again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Range;
use std::time::Duration;

use crate::stage::{DATA, ROWS, Running, Stage, let_it_work, sorted, wait_until};
use crate::truth::{self, Reasons, int};

/// Consumer with both sinks that can be compared: the CSV folder, and the console for company.
const RUN: [&str; 6] = ["run", "--quiet", "--sink", "csv:csv", "--sink", "console"];

#[test]
fn consumers_killed_under_live_load_lose_and_double_nothing() {
    let stage = Stage::new();
    // All sensors are heard of all the time; only a stalled machine would make one look idle.
    let job = [&RUN[..], &["--idle-timeout-ms", "0"]].concat();
    let load = ["generate", "--rate", "20000", "--forever", "--anomaly-percent", "0", "--json"];
    let generator = stage.spawn(&load);
    wait_until("the topic", || stage.run(&["read", DATA, "--max", "1"]).stdout.lines().count() > 0);

    let reader = kill_consumers(&stage, &job, 8, 100..900);

    let published = generator.stop(rustix::process::Signal::TERM).ok().stdout;
    let published = int(&serde_json::from_str(&published).unwrap(), "published");
    let reasons = settle(&stage, &job, reader);
    assert_eq!(reasons, Reasons::new());
    assert_eq!(int(&stage.status(), "closed"), published);
}

#[test]
fn consumers_killed_while_sensors_fall_silent_lose_and_double_nothing() {
    let stage = Stage::new();
    // Each sensor speaks every 2 s and is idle after 300 ms: most windows are closed for that.
    let job = [&RUN[..], &["--idle-timeout-ms", "300"]].concat();
    let generator = stage.spawn(&["generate", "--rate", "200", "--sensors", "400", "--forever"]);
    wait_until("the topic", || stage.run(&["read", DATA, "--max", "1"]).stdout.lines().count() > 0);

    let reader = kill_consumers(&stage, &job, 5, 400..1_200);

    generator.stop(rustix::process::Signal::TERM).ok();
    settle(&stage, &job, reader);
    let idle = stage.read(ROWS).iter().filter(|row| row["value"]["closed_by"] == "idle").count();
    assert!(idle > 0, "windows were closed for idleness");
}

#[test]
fn a_killed_generator_repeats_its_run_and_adds_nothing_twice() {
    let stage = Stage::new();
    let load: Vec<&str> = "generate --seed 7 --start 2020-06-23T15:29:00Z --records 300000 \
        --sensors 200 --anomaly-percent 10 --pack 7 --json"
        .split_whitespace()
        .collect();
    let consumer = stage.spawn(&[&RUN[..], &["--idle-timeout-ms", "0"]].concat());
    let mut moments = Moments::new(20..200);
    let mut kills = 0;
    for _ in 0..6 {
        let generator = stage.spawn(&load);
        let_it_work(moments.draw());
        kills += u32::from(generator.kill());
    }
    assert!(kills > 0, "the generator was always faster");
    let summary = stage.json(&load);
    assert!(consumer.kill(), "the consumer went on all the time");

    // The repeated run says what is there, also what the killed ones had published.
    assert_eq!(int(&summary, "published"), 300_000);
    let reasons = settle(&stage, &RUN, None);
    assert_eq!(reasons, crate::counts::expected_reasons(&summary));
    assert_eq!(int(&stage.status(), "read"), 300_000);
}

/// Kills the consumer so often, each time at another moment. Returns a reader of the result topic
/// that ran meanwhile.
fn kill_consumers(
    stage: &Stage,
    job: &[&str],
    kills: usize,
    millis: Range<u64>,
) -> Option<Running> {
    let mut moments = Moments::new(millis);
    let mut reader = None;
    for _ in 0..kills {
        let consumer = stage.spawn(job);
        if reader.is_none() {
            stage.wait_for_job(|_| true);
            reader = Some(stage.spawn(&["read", ROWS, "--follow", "--format", "json"]));
        }
        let_it_work(moments.draw());
        assert!(consumer.kill(), "the consumer ended by itself");
        let uncommitted = truth::csv_rows_not_in_the_topic(stage, "csv");
        assert_eq!(uncommitted, Vec::<Vec<String>>::new(), "only what is committed is in CSV");
    }
    reader
}

/// Drains what is left and checks everything. Returns the dead letters by reason.
fn settle(stage: &Stage, job: &[&str], reader: Option<Running>) -> Reasons {
    stage.ok(&[job, &["--drain"]].concat());
    let reasons = truth::check(stage);
    truth::check_csv(stage, "csv");
    stage.verify(&["csv"]);
    if let Some(reader) = reader {
        let later = stage.ok(&["read", ROWS, "--format", "json"]);
        let rows = later.lines().count();
        wait_until("the reader has seen every row", || reader.stdout().lines().count() >= rows);
        let throughout = reader.stop(rustix::process::Signal::TERM).ok().stdout;
        assert_eq!(sorted(&throughout), sorted(&later));
    }
    reasons
}

/// Random moments within a range of ms.
struct Moments {
    state: u64,
    millis: Range<u64>,
}

impl Moments {
    fn new(millis: Range<u64>) -> Self {
        let seed = match std::env::var("KILL_SEED") {
            Ok(seed) => seed.parse().expect("KILL_SEED is a number"),
            Err(_) => RandomState::new().build_hasher().finish() >> 32,
        };
        eprintln!("KILL_SEED={seed}");
        Moments { state: seed, millis }
    }

    /// SplitMix64, which is enough to be arbitrary.
    fn draw(&mut self) -> Duration {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let span = self.millis.end - self.millis.start;
        Duration::from_millis(self.millis.start + (z ^ (z >> 31)) % span)
    }
}
