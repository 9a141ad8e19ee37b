//! Imports of recorded data, one module per kind of file. The messages of an import are a pure
//! function of its files; repeating it adds nothing.

mod file_digest;
mod lines;
pub mod openeew;
pub mod records;
