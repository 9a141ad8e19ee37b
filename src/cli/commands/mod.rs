//! One file for each command: its options, and what it does with them.

pub mod checkpoint;
pub mod doctor;
pub mod generate;
pub mod group;
pub mod import;
pub mod read;
pub mod replay;
pub mod retention;
pub mod run;
pub mod sink;
pub mod status;
pub mod verify;
