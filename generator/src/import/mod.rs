//! Real data, one file per source of it. An import is a pure function of its files; publishing
//! again what it published before adds nothing.

mod csv;
mod digest;
mod field;
mod float;
mod jsonl;
mod lines;
mod locations;
mod merge;
mod message;
pub mod openeew;
pub mod records;
mod refusals;
mod row;
mod vector;
