//! The server: runs jobs as processes of their own, restarts them by their policies, and tells
//! what they do.

pub mod life;
pub mod limits;
pub mod worker;
