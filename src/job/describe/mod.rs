//! What there is to say about a job: which keys its file has, with which values, and what a job
//! that was made of file and command line holds.
//!
//! Names, words and defaults are those of the options of `seismic run`: they are written once.

mod keys;
mod resolved;
mod schema;
mod template;

pub use resolved::Resolved;
pub use schema::schema;
pub use template::{Template, template};
