//! What must not lose or double a row, fault by fault, on the embedded queue: each test runs the
//! real program under load, injects a fault, and proves the job as described in [`trial`]. Each
//! prints a line for docs/reliability.md and its seed; `SEISMIC_FAULT_SEED` repeats a seed,
//! `SEISMIC_FAULT_ROUNDS` runs more rounds.
//!
//! Faults below the level of processes (images of what a power cut leaves, failing system calls,
//! every damaged byte) are tested where their code is, and print the same line.

pub mod trial;

mod busy;
mod checkpoint;
mod clock;
mod cluster_soak;
mod dimensions;
pub mod kill;
pub mod kill_points;
mod many_sensors;
pub mod poison;
mod producer;
pub mod second;
mod served;
mod served_sinks;
pub mod silence;
pub mod slow_sink;
mod soak;
mod spread;
mod statements;
pub mod stop;
pub mod storage;

use storage::{disk, gone};
use trial::turn;
pub use trial::{dice, line, publisher};
