//! How the cost of a record grows with sensors, partitions, window length, lateness and backlog:
//! drains in which one of them changes and the others stay. Drawn for `docs/performance.md`.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use super::context::Bench;
use super::drain;
use super::plot::{Curve, Plot};
use super::report::median;
use super::workload::Backlog;

/// One thing that grows.
struct Growth {
    /// Name of the file, without its end.
    name: &'static str,
    title: &'static str,
    x_title: &'static str,
    cases: Vec<Case>,
}

/// One place on the axis.
#[derive(Clone)]
struct Case {
    x: u64,
    load: Backlog,
    partitions: u32,
    options: Vec<String>,
}

/// A sensor has this many records at least, so that the cost of meeting it first does not count
/// for all of them.
const RECORDS_PER_SENSOR: u64 = 20;

/// Measures all and writes an SVG for each into `folder`. How many there are.
pub fn draw(bench: &Bench<'_>, folder: &Path) -> anyhow::Result<usize> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let all = all(bench);
    bench.bar.set_length(all.iter().map(|growth| growth.cases.len() as u64).sum());
    for growth in &all {
        let file = folder.join(format!("{}.svg", growth.name));
        let plot = measure(bench, growth)?;
        fs::write(&file, plot.svg()).with_context(|| format!("writing {}", file.display()))?;
    }
    bench.bar.finish_and_clear();
    Ok(all.len())
}

fn all(bench: &Bench<'_>) -> Vec<Growth> {
    let load = bench.workload.growth;
    let base = Case { x: 0, load, partitions: bench.partitions(), options: Vec::new() };
    let growth = |name, title, x_title, cases| Growth { name, title, x_title, cases };
    let with = |option: &str, places: &[u64]| {
        let case =
            |&x: &u64| Case { x, options: vec![option.into(), x.to_string()], ..base.clone() };
        places.iter().map(case).collect()
    };
    let sensors = bench.workload.growth_sensors.iter().map(|&sensors| {
        let records = load.records.max(u64::from(sensors) * RECORDS_PER_SENSOR);
        Case { x: sensors.into(), load: Backlog { sensors, records, ..load }, ..base.clone() }
    });
    let partitions =
        [1, 4, 16, 64].map(|partitions| Case { x: partitions.into(), partitions, ..base.clone() });
    let backlog = [1, 3, 10, 30].map(|times| {
        let records = load.records / 3 * times;
        Case { x: records, load: Backlog { records, ..load }, ..base.clone() }
    });
    vec![
        growth("sensors", "Cost of a record by sensors", "sensors", sensors.collect()),
        growth("partitions", "Cost of a record by partitions", "partitions", partitions.into()),
        growth(
            "window",
            "Cost of a record by window length",
            "window, ms",
            with("--window-ms", &[100, 300, 1_000, 3_000, 10_000]),
        ),
        growth(
            "lateness",
            "Cost of a record by lateness",
            "lateness, ms",
            with("--lateness-ms", &[1, 100, 500, 2_000, 10_000]),
        ),
        growth("backlog", "Cost of a record by backlog", "records in the backlog", backlog.into()),
    ]
}

fn measure(bench: &Bench<'_>, growth: &Growth) -> anyhow::Result<Plot> {
    let (mut cpu, mut wall) = (Vec::new(), Vec::new());
    for case in &growth.cases {
        let test = bench.backlog(&case.load, case.partitions)?;
        let options: Vec<_> = case.options.iter().map(String::as_str).collect();
        let (mut cpus, mut walls) = (Vec::new(), Vec::new());
        for _ in 0..bench.workload.repeats {
            let drain = drain::drain(bench, &test, &case.load, &options)?;
            let ns = |seconds: f64| seconds * 1e9 / case.load.records as f64;
            cpus.push(ns(drain.cpu_s.context("this machine does not report CPU times")?));
            walls.push(ns(drain.wall.as_secs_f64()));
        }
        cpu.push(median(cpus));
        wall.push(median(walls));
    }
    Ok(Plot {
        title: format!("{} ({} cores)", growth.title, bench.cores),
        x_title: growth.x_title,
        y_title: "ns/record",
        x: growth.cases.iter().map(|case| case.x as f64).collect(),
        lines: vec![Curve { name: "CPU", y: cpu }, Curve { name: "wall", y: wall }],
    })
}
