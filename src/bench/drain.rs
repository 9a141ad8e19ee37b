//! **drain**: a prepared backlog, from the start of the process that drains it to its end: queue,
//! windows, committed rows, CSV. Each result is verified, so that no figure comes from an incorrect
//! run.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::context::Bench;
use super::host::{self, Memory};
use super::report::{Cell, Column, Table, median};
use super::workload::{Backlog, Limit};
use super::workspace::TestTopic;

/// A drain that takes longer is not measured: the bench is bounded.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often memory is looked at. The peak only rises, so only growth in the last of these is
/// missed.
const LOOK: Duration = Duration::from_millis(1);

const COLUMNS: &[Column] = &[
    Column { name: "sensors", title: "sensors", decimals: 0 },
    Column { name: "records_per_message", title: "records/message", decimals: 0 },
    Column { name: "anomaly_percent", title: "anomalies %", decimals: 0 },
    Column { name: "slots", title: "slots", decimals: 0 },
    Column { name: "records_per_s", title: "records/s", decimals: 0 },
    Column { name: "ratio_to_limit", title: "× limit", decimals: 2 },
    Column { name: "wall_s", title: "wall s", decimals: 2 },
    Column { name: "cpu_s", title: "CPU s", decimals: 2 },
    Column { name: "peak_mb", title: "peak MB", decimals: 0 },
    Column { name: "windows", title: "windows", decimals: 0 },
    Column { name: "dead_letters", title: "dead letters", decimals: 0 },
];

/// An empty table.
pub fn table() -> Table {
    let about = "a backlog, from process start to exit: queue, windows, committed rows, CSV; each \
                 result verified";
    Table::new("drain", about, COLUMNS)
}

/// The numbers of slots that a backlog is drained with.
pub fn slots(bench: &Bench<'_>) -> Vec<usize> {
    let fewer = if bench.workload.every_slots { doubled(bench.cores) } else { Vec::new() };
    fewer.into_iter().chain([bench.cores]).collect()
}

/// 1, 2, 4, … below the cores.
fn doubled(cores: usize) -> Vec<usize> {
    std::iter::successors(Some(1), |slots| Some(slots * 2)).take_while(|&n| n < cores).collect()
}

/// Drains a backlog with each number of slots; a row for each.
pub fn measure(
    bench: &Bench<'_>,
    test: &TestTopic,
    load: &Backlog,
    limit: &Limit,
) -> anyhow::Result<Vec<Vec<Cell>>> {
    let mut rows = Vec::new();
    for slots in slots(bench) {
        bench.step(format_args!("drain, {} sensors, {slots} slots", load.sensors))?;
        let mut drains = Vec::new();
        for _ in 0..bench.workload.repeats {
            drains.push(drain(bench, test, load, &["--slots", &slots.to_string()])?);
        }
        let of = |figure: fn(&Drain) -> f64| median(drains.iter().map(figure).collect());
        let wall_s = of(|drain| drain.wall.as_secs_f64());
        let records_per_s = load.records as f64 / wall_s;
        let is_known = drains.iter().all(|drain| drain.cpu_s.is_some() && drain.peak > 0);
        let mut cells = load.cells(slots, records_per_s, limit);
        cells.extend::<[Cell; 5]>([
            wall_s.into(),
            is_known.then(|| of(|drain| drain.cpu_s.unwrap_or_default())).into(),
            is_known.then(|| of(|drain| drain.peak as f64 / 1e6)).into(),
            drains[0].windows.into(),
            drains[0].dead_letters.into(),
        ]);
        rows.push(cells);
    }
    Ok(rows)
}

/// What one drain took and made.
pub struct Drain {
    pub wall: Duration,
    pub cpu_s: Option<f64>,
    /// Bytes; 0 when the machine does not tell.
    peak: u64,
    windows: u64,
    dead_letters: u64,
}

/// Drains a backlog once, with further options of `run`, and verifies what came of it.
pub fn drain(
    bench: &Bench<'_>,
    test: &TestTopic,
    load: &Backlog,
    options: &[&str],
) -> anyhow::Result<Drain> {
    let job = test.job()?;
    let began = Instant::now();
    let mut consumer = job.start(&[&["--drain"], options].concat())?;
    let peak = until_its_end(bench, consumer.pid())?.peak;
    let wall = began.elapsed();
    let cpu_s = host::cpu_s(consumer.pid());
    consumer.end().context("draining")?;
    bench.check()?;
    let counters = test.verify(&job)?;
    let (read, expected) = (counters.read, load.records);
    ensure!(read == expected, "{read} of {expected} records were drained");
    Ok(Drain {
        wall,
        cpu_s,
        peak,
        windows: counters.windows,
        dead_letters: counters.rejected() + counters.late(),
    })
}

/// Waits for the end of a process, but leaves it there for whoever asks how it was. Its memory when
/// it was last seen.
fn until_its_end(bench: &Bench<'_>, pid: Pid) -> anyhow::Result<Memory> {
    let began = Instant::now();
    let mut memory = Memory::default();
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    while waitid(WaitId::Pid(pid), options)?.is_none() {
        bench.check()?;
        ensure!(began.elapsed() < PATIENCE, "a drain takes longer than {} s", PATIENCE.as_secs());
        memory = host::memory(pid).unwrap_or(memory);
        std::thread::sleep(LOOK);
    }
    Ok(memory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_double_below_the_cores() {
        assert!(doubled(1).is_empty());
        assert_eq!(doubled(2), [1]);
        assert_eq!(doubled(6), [1, 2, 4]);
    }
}
