//! What a job does with what it reads, and what is told of it.

mod busy;
mod cleaning;
mod clock_jumps;
mod counts;
mod durable;
mod job_file;
mod jobs;
mod loss;
mod old_stores;
mod origin;
mod rejecting;
mod repartition;
mod rollup;
mod second_kind;
