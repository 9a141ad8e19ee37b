//! Imports of standard input while whoever writes to it keeps it open.

use std::io::Write;
use std::process::{ChildStdin, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use seismic_queue::Queue;
use seismic_sqlite::SqliteQueue;

use crate::faults::line::Line;
use crate::stage::{DATA, Running, Stage, wait_until};
use crate::truth::int;

/// What a loaded machine may take beyond what is promised.
const ROOM: Duration = Duration::from_secs(5);

const FIRST_MS: u64 = 1_767_225_600_000;

const HEADER: &str = "sensor_id,collect_timestamp,seismic_amplitude\n";

/// A row whose beginnings are other records, or none.
fn row(number: u64) -> String {
    format!("S1,{},{}.25\n", FIRST_MS + number, 100_000 + number)
}

/// An import of a pipe, which stays open as long as what is returned beside it.
fn import(stage: &Stage, args: &[&str]) -> (Running, ChildStdin) {
    let mut command = stage.command(&[&["import"], args].concat());
    command.stdin(Stdio::piped());
    let mut import = stage.start(command);
    let pipe = import.stdin();
    (import, pipe)
}

/// Messages in the queue, asked for without another process.
struct Published(SqliteQueue);

impl Published {
    fn of(stage: &Stage) -> Self {
        Published(SqliteQueue::open(&stage.path("output/queue.db")).unwrap())
    }

    fn count(&self) -> u64 {
        let spans = self.0.topic(DATA).and_then(|topic| self.0.spans(&topic));
        spans.map_or(0, |spans| spans.iter().map(|span| span.end.0).sum())
    }

    /// Waits until there are so many, and says how long that took.
    fn wait_for(&self, messages: u64) -> Duration {
        let began = Instant::now();
        wait_until("messages", || self.count() >= messages);
        assert_eq!(self.count(), messages);
        began.elapsed()
    }
}

/// Waits until all that was written to a pipe was read from it.
fn wait_until_read(pipe: &ChildStdin) {
    wait_until("the pipe is empty", || rustix::io::ioctl_fionread(pipe).unwrap() == 0);
}

/// The same record as a line of JSON.
fn object(number: u64) -> String {
    let (time, amplitude) = (FIRST_MS + number, 100_000 + number);
    format!(
        "{{\"sensor_id\":\"S1\",\"collect_timestamp\":{time},\
         \"seismic_amplitude\":{amplitude}.25}}\n"
    )
}

#[test]
fn each_row_of_a_pipe_is_published_soon_although_the_pipe_stays_open() {
    published_soon(&["csv", "--follow", "-"], HEADER, row);
}

#[test]
fn each_object_of_a_pipe_is_published_soon_although_the_pipe_stays_open() {
    published_soon(&["jsonl", "--follow", "-"], "", object);
}

#[test]
fn a_pack_that_is_not_full_waits_no_longer_for_a_pipe_that_stays_open() {
    published_soon(&["csv", "-", "--pack", "100"], HEADER, row);
}

fn published_soon(args: &[&str], header: &str, line: fn(u64) -> String) {
    let stage = Stage::new();
    let published = Published::of(&stage);
    let (mut import, mut pipe) = import(&stage, args);
    pipe.write_all(format!("{header}{}", line(0)).as_bytes()).unwrap();
    // How long the program takes to start is not promised.
    published.wait_for(1);
    for number in 1..6 {
        let line = line(number);
        // The beginning of a line waits for its rest.
        let (beginning, rest) = line.split_at(line.len() / 2);
        pipe.write_all(beginning.as_bytes()).unwrap();
        wait_until_read(&pipe);
        assert_eq!(published.count(), number);
        pipe.write_all(rest.as_bytes()).unwrap();
        let took = published.wait_for(number + 1);
        assert!(took < seismic_ingest::limits::LIVE_PUBLISHED + ROOM, "{took:?}");
    }
    assert!(import.is_running());
    drop(pipe);
    let done = import.wait().ok();
    assert!(done.stdout.contains("6 records"), "{done}");
    assert_eq!(stage.read(DATA).len(), 6);
}

#[test]
fn sigterm_ends_an_import_of_an_open_pipe_with_all_that_it_read_published() {
    let mut line = Line::new(3, "SIGTERM of an import whose pipe stays open");
    let mut slowest = Duration::ZERO;
    for follow in [&["--follow"][..], &[]] {
        let stage = Stage::new();
        let (import, mut pipe) = import(&stage, &[&["csv", "-", "--json"], follow].concat());
        let rows = 3_000;
        let text = (0..rows).map(row).collect::<String>();
        pipe.write_all(format!("{HEADER}{text}S1,17672256").as_bytes()).unwrap();
        wait_until_read(&pipe);
        let began = Instant::now();
        let done = import.stop_within(Signal::TERM, seismic_ingest::limits::LIVE_STOPPED + ROOM);
        slowest = slowest.max(began.elapsed());
        let done = done.ok();
        let summary = serde_json::from_str(&done.stdout).unwrap();
        assert_eq!(int(&summary, "published"), rows, "{done}");
        assert_eq!(summary["stopped"], true, "{done}");
        assert!(done.stdout.contains("11 bytes of a line that had begun"), "{done}");
        assert_eq!(times(&stage), (FIRST_MS..FIRST_MS + rows).collect::<Vec<_>>());
        line.tries += 1;
    }
    line.measured.push(format!("slowest stop {} ms", slowest.as_millis()));
    line.print();
}

#[test]
fn sigterm_in_the_middle_of_a_stream_publishes_a_beginning_of_it_in_whole_lines() {
    let stage = Stage::new();
    let published = Published::of(&stage);
    let (import, mut pipe) = import(&stage, &["csv", "--follow", "-"]);
    let stream = thread::spawn(move || {
        pipe.write_all(HEADER.as_bytes()).unwrap();
        // Until the program has ended and nobody reads any more.
        (0..).map_while(|number| pipe.write_all(row(number).as_bytes()).ok()).count()
    });
    wait_until("some are published", || published.count() > 1_000);
    let limit = seismic_ingest::limits::LIVE_STOPPED + ROOM;
    import.stop_within(Signal::TERM, limit).ok();
    let written = stream.join().unwrap();
    let found = times(&stage);
    assert!(found.len() <= written + 1);
    assert_eq!(found, (FIRST_MS..).take(found.len()).collect::<Vec<_>>());
    for value in stage.read(DATA) {
        let (time, amplitude) = (int(&value["value"], "collect_timestamp"), amplitude(&value));
        assert_eq!(amplitude, (time - FIRST_MS + 100_000) as f64 + 0.25);
    }
}

/// Times of all records, in order.
fn times(stage: &Stage) -> Vec<u64> {
    let all = stage.read(DATA);
    let mut times: Vec<_> =
        all.iter().map(|message| int(&message["value"], "collect_timestamp")).collect();
    times.sort_unstable();
    times
}

fn amplitude(message: &serde_json::Value) -> f64 {
    message["value"]["seismic_amplitude"].as_f64().unwrap()
}
