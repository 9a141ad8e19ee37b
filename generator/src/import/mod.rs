//! Real data, one file per source of it. An import is a pure function of its files; publishing
//! again what it published before adds nothing.

mod lines;
mod locations;
mod merge;
mod message;
pub mod openeew;
mod vector;
