//! Who may do what on a server: tokens, roles, projects and encryption; and what is tried to get in.

mod approvals;
mod archive;
mod attacks;
mod environments;
mod promotion;
mod requests;
mod routes;
mod story;
mod tls;
mod topic_attacks;
mod topics;
mod webhooks;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{ServeStage, url_of};
use crate::http::client::Client;
use crate::stage::{Done, Running, STOP};

pub const JOB: &str = "name = 'coast'\nsink = ['csv:rows']\nidle_timeout = '0'\n";

/// A server that lets nobody in without a token, and the token of its admin.
pub struct Guarded {
    pub stage: ServeStage,
    pub server: Running,
    pub url: String,
    root: String,
}

impl Guarded {
    pub fn start() -> Guarded {
        Guarded::start_with("", &["--http-require-token"])
    }

    /// The same with what its file says, and with further options.
    pub fn start_with(config: &str, options: &[&str]) -> Guarded {
        let stage = ServeStage::with_records(&["--records", "500"]);
        make_root(&stage);
        std::fs::write(stage.stage.path("serve.toml"), config).unwrap();
        Guarded::again(stage, options)
    }

    /// The next server of such a stage.
    pub fn again(stage: ServeStage, options: &[&str]) -> Guarded {
        let root = std::fs::read_to_string(stage.stage.path("root.token")).unwrap();
        let root = root.trim().to_owned();
        let http = "127.0.0.1:0,requests_per_s=100000";
        let args = ["serve", "--http", http, "--config", "serve.toml"];
        let server = stage.stage.spawn(&[&args[..], options].concat());
        let url = url_of(&server);
        Guarded { stage, server, url, root }
    }

    /// Whoever has no token.
    pub fn nobody(&self) -> Client {
        Client::new(self.url.trim_start_matches("http://").parse().unwrap())
    }

    /// Whoever has this token.
    pub fn with(&self, token: &str) -> Client {
        self.nobody().with("Authorization", &format!("Bearer {token}"))
    }

    pub fn root(&self) -> Client {
        self.with(&self.root)
    }

    /// A new token for all jobs.
    pub fn token(&self, name: &str, roles: &[&str]) -> String {
        self.token_for(&json!({ "name": name, "roles": roles }))
    }

    /// A new token as it is wanted.
    pub fn token_for(&self, wanted: &Value) -> String {
        let made = self.root().post("/api/v1/tokens", &wanted.to_string()).json(201);
        made["token"].as_str().unwrap().to_owned()
    }

    /// A job that is submitted, and not started.
    pub fn submit(&self, text: &str) {
        self.root().post("/api/v1/jobs", &json!({ "text": text }).to_string()).json(201);
    }

    /// The audit log, the newest entry first.
    pub fn audit(&self, query: &str) -> Vec<Value> {
        let all = self.root().get(&format!("/api/v1/audit{query}")).json(200);
        all["entries"].as_array().unwrap().clone()
    }

    pub fn end(self) {
        self.server.stop_within(Signal::TERM, STOP).ok();
    }
}

/// A command of somebody whose token is in a file.
pub fn as_one(guarded: &Guarded, who: &str, args: &[&str]) -> Done {
    let file = format!("{who}.token");
    guarded.stage.stage.run(&[args, &["--server", &guarded.url, "--token-file", &file]].concat())
}

/// The token of an admin, made before the server has ever run.
pub fn make_root(stage: &ServeStage) -> String {
    let state = "sqlite:output/serve.db";
    let made =
        ["token", "create", "root", "--role", "admin", "--state", state, "--out", "root.token"];
    stage.stage.ok(&made);
    std::fs::read_to_string(stage.stage.path("root.token")).unwrap().trim().to_owned()
}

/// Every operation that the server describes: method, path, and what is said of it.
pub fn operations(guarded: &Guarded) -> Vec<(String, String, Value)> {
    let document = guarded.root().get("/api/v1/openapi.json").json(200);
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, said)| (method.to_uppercase(), path.clone(), said.clone()))
    });
    all.collect()
}
