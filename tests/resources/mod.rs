//! Resources of a server: files that jobs and tests name, pinned by versions, across deaths of the
//! server, and against those who try to get in.

mod attacks;
mod deaths;
#[cfg(feature = "wasm")]
mod functions;
mod pins;
mod trial;

use std::collections::BTreeSet;
use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::http::client::{Answer, Client};
use crate::serve::{ServeStage, url_of};
use crate::stage::{Running, STOP, Stage};

/// A server that everyone on this machine may ask.
struct Server {
    running: Running,
    url: String,
}

impl Server {
    fn start(stage: &Stage) -> Server {
        Server::start_with(stage, "")
    }

    /// One that dies at named places.
    fn start_with(stage: &Stage, failpoints: &str) -> Server {
        let args = ["serve", "--http", "127.0.0.1:0,requests_per_s=100000"];
        let mut command = stage.command(&args);
        command.env("FAILPOINTS", failpoints);
        let running = stage.start(command);
        let url = url_of(&running);
        Server { running, url }
    }

    fn client(&self) -> Client {
        let address = self.url.trim_start_matches("http://").parse().unwrap();
        Client::new(address).with("X-Seismic-Request", "1")
    }

    fn put(&self, name: &str, content: &str) -> Answer {
        self.client().ask("PUT", &format!("/api/v1/resources/{name}"), content)
    }

    fn names(&self) -> Vec<(String, String)> {
        let all = self.client().get("/api/v1/resources").json(200);
        let all = all["resources"].as_array().unwrap().iter();
        let text = |it: &Value, key: &str| it[key].as_str().unwrap().to_owned();
        all.map(|it| (text(it, "name"), text(it, "sha256"))).collect()
    }

    fn stop(self) {
        self.running.stop_within(Signal::TERM, STOP).ok();
    }
}

/// The files of contents.
fn contents(stage: &Stage) -> BTreeSet<String> {
    let Ok(folder) = fs::read_dir(stage.path("output/serve.db.resources")) else {
        return BTreeSet::new();
    };
    folder.map(|it| it.unwrap().file_name().into_string().unwrap()).collect()
}

/// A stage whose workers are ended with it.
fn served(stage: Stage) -> ServeStage {
    ServeStage { stage }
}
