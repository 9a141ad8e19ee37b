//! One file for each command: it parses options, calls what does the work, and prints.

pub mod autoscale;
pub mod backup;
pub mod bench;
pub mod checkpoint;
pub mod demo;
pub mod doctor;
pub mod generate;
pub mod group;
pub mod import;
pub mod job;
pub mod read;
pub mod replay;
pub mod retention;
pub mod run;
pub mod serve;
pub mod sink;
pub mod sql;
pub mod status;
pub mod test;
pub mod topic;
pub mod verify;
