//! Tests of sinks against real folders and stores; one target, so that the libraries are linked once.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod crash_images;
mod csv_conformance;
mod csv_folder;
mod hostile;
mod hostile_marks;
mod places;
mod relay;
#[cfg(feature = "rocketmq")]
mod rocketmq;
