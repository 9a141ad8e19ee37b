//! A job over HTTP: the API as described, the same numbers as `status`, and refused requests.

pub mod client;
mod documents;
mod guards;
mod limits;
mod logs;
mod numbers;
pub mod openapi;
mod probes;
mod schema;
mod top;

use std::net::SocketAddr;

use self::client::Client;
use crate::stage::{Running, Stage, wait_until};

/// A job that is served, and whom to ask.
struct ServedJob {
    job: Running,
    client: Client,
}

impl ServedJob {
    /// Runs the stage's job with these options, beside `--http` on a free port.
    fn start(stage: &Stage, options: &[&str]) -> ServedJob {
        // A test asks again and again.
        ServedJob::at(stage, "127.0.0.1:0,requests_per_s=100000", options)
    }

    /// The same, with what `--http` says.
    fn at(stage: &Stage, http: &str, options: &[&str]) -> ServedJob {
        let mut job = stage.spawn(&[&["run", "--http", http], options].concat());
        let mut address: Option<SocketAddr> = None;
        wait_until("the address that is served", || {
            let text = job.stderr();
            address = address_in(&text);
            assert!(address.is_some() || job.is_running(), "{text}");
            address.is_some()
        });
        ServedJob { job, client: Client::new(address.unwrap()) }
    }

    /// Waits until everything that the input has is committed.
    fn until_ready(&self) {
        wait_until("a job that is ready", || self.client.get("/readyz").status == 200);
    }
}

pub fn address_in(stderr: &str) -> Option<SocketAddr> {
    let (_, behind) = stderr.split_once("serving http://")?;
    behind.split_once('/')?.0.parse().ok()
}
