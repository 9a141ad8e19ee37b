//! Databases that speak SQL: a folder for each.

pub mod postgres;
