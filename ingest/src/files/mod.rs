//! Real data, one file per source of it. An import is a pure function of its files; publishing
//! again what it published before adds nothing.

mod file_digest;
mod lines;
pub mod openeew;
pub mod records;
