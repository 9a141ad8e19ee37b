//! Log settings: options of the command line.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line, for programs
    Json,
}

/// What is said about logs on the command line.
#[derive(Args, Clone, Debug, Default)]
pub struct LogOptions {
    /// Log what the job does, state by state and once a minute, beside warnings; RUST_LOG selects
    /// more or less
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Also log into this file, which is replaced when it is large or of another day
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// With --log-file: MiB of a file before it is replaced [default: 16]
    #[arg(long, value_name = "N", requires = "log_file", value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub log_file_mib: Option<u64>,
    /// With --log-file: days that replaced files are kept [default: 14]
    #[arg(long, value_name = "N", requires = "log_file", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub log_file_days: Option<u32>,
}

impl LogOptions {
    /// Whether a service is to be logged, and not only what is wrong.
    #[must_use]
    pub fn are_set(&self) -> bool {
        self.log_format.is_some() || self.log_file.is_some()
    }
}
