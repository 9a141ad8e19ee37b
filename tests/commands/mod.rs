//! Each command as a user meets it: options, exit codes, what it prints.

mod autoscale;
mod backup;
mod bench;
mod checkpoint;
mod demo;
mod doctor;
mod endings;
mod exit_codes;
mod generate;
mod group;
mod import;
mod live_import;
mod look;
mod preview;
mod read;
mod run;
mod signals;
mod sink;
mod sql;
mod test;
mod topic;
