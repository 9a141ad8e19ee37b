//! A year of load under both policies and a fixed maximum: prints the table of `docs/scale.md`, and
//! draws its charts into the folder that is named.
//!
//! ```sh
//! cargo run --release -p seismic-elastic --example year -- docs/plots
//! ```

#![allow(clippy::print_stdout, reason = "it is what an example does")]

use std::path::Path;
use std::time::Instant;

use seismic_elastic::simulate::{Plant, QUIET_SHARE, both_policies, compare};

/// The year of the documents.
const SEED: u64 = 7;

#[allow(clippy::disallowed_methods, reason = "the decision is pure, its example is not")]
fn main() -> std::io::Result<()> {
    let begin = Instant::now();
    let plant = Plant::default();
    let base = QUIET_SHARE * 24.0 * plant.slot_capacity;
    let comparison = compare(plant, base, SEED, &both_policies(base));
    print!("{}", comparison.table());
    println!("\n{:.1} s", begin.elapsed().as_secs_f64());
    if let Some(folder) = std::env::args_os().nth(1) {
        let folder = Path::new(&folder);
        std::fs::write(folder.join("elastic-year.svg"), comparison.year())?;
        std::fs::write(folder.join("elastic-m7.svg"), comparison.mainshock())?;
    }
    Ok(())
}
