//! How many instructions each stage takes per record, compared with `baseline.txt`. Unlike times,
//! counts do not depend on how busy the machine is.
//!
//! ```text
//! cargo bench -p seismic-benches --bench instructions      compare; code 1 when over 5 % worse
//! … -- --record "reason"                                  make today's counts the baseline
//! ```
//!
//! Needs valgrind (`apt-get install valgrind`). This program starts itself under callgrind twice
//! for each stage: once only to prepare it, once to run it as well. The difference divided by the
//! records is the count; kernel time is not included. Before that, allocations are counted, see
//! [`allocations`].

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a bench prints")]
#![allow(missing_docs, reason = "a bench")]

mod allocations;
mod baseline;
mod count;
#[allow(dead_code, reason = "tests count with it, too")]
#[path = "../../pipeline/tests/hostile/counting.rs"]
mod counting;
mod stages;

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use baseline::{Baseline, Counts};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions/baseline.txt");

fn main() -> ExitCode {
    let args: Vec<_> = env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let words: Vec<_> = args.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        [count::PREPARE, stage] => stages::prepare(stage).map(drop),
        [count::MEASURE, stage] => stages::prepare(stage).map(|act| act()),
        ["--record", reason] if !reason.trim().is_empty() => record(reason.trim()),
        [] => allocations::check().and_then(|()| compare()),
        _ => Err("give nothing, or: --record \"the reason\"".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare() -> Result<(), String> {
    let baseline = read()?;
    let counts = counts()?;
    print!("{}", baseline.table(&counts));
    let worse = baseline.worse(&counts);
    if worse.is_empty() { Ok(()) } else { Err(baseline.verdict(&worse, &count::toolchain()?)) }
}

fn record(reason: &str) -> Result<(), String> {
    let before = if Path::new(FILE).exists() { read()? } else { Baseline::default() };
    let counts = counts()?;
    print!("{}", before.table(&counts));
    let next = before.next(counts, count::toolchain()?, reason);
    fs::write(FILE, next.to_string()).map_err(|error| format!("writing {FILE}: {error}"))
}

fn read() -> Result<Baseline, String> {
    let text = fs::read_to_string(FILE).map_err(|error| format!("reading {FILE}: {error}"))?;
    text.parse()
}

fn counts() -> Result<Counts, String> {
    stages::NAMES.iter().map(|&stage| Ok((stage.to_owned(), count::per_record(stage)?))).collect()
}
