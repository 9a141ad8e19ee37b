//! A server with a table of thresholds, and the job of docs/sql.md that looks them up there.

use std::fs;

use seismic_brokers::{MariaDb, Postgres};
use serde_json::Value;

use crate::job::dimension::{self, USAGE};
use crate::stage::Stage;

/// A server of either kind.
pub enum Server {
    Postgres(Postgres),
    MariaDb(MariaDb),
}

/// Both, each with how it is started.
pub const BOTH: [fn() -> Option<Server>; 2] =
    [|| Postgres::start(&[]).map(Server::Postgres), || MariaDb::start(&[]).map(Server::MariaDb)];

/// The database of all tables.
pub const DATABASE: &str = "cloud";

impl Server {
    pub fn address(&self) -> String {
        match self {
            Server::Postgres(server) => server.database(DATABASE),
            Server::MariaDb(server) => server.database(DATABASE),
        }
    }

    pub fn sql(&self, sql: &str) -> String {
        match self {
            Server::Postgres(server) => server.sql(DATABASE, sql),
            Server::MariaDb(server) => server.sql(DATABASE, sql),
        }
    }

    pub fn kill(&mut self) {
        match self {
            Server::Postgres(server) => server.kill(),
            Server::MariaDb(server) => server.kill(),
        }
    }

    pub fn restart(&mut self) {
        match self {
            Server::Postgres(server) => server.restart(),
            Server::MariaDb(server) => server.restart(),
        }
    }

    pub fn freeze(&self) {
        match self {
            Server::Postgres(server) => server.freeze(),
            Server::MariaDb(server) => server.freeze(),
        }
    }

    pub fn thaw(&self) {
        match self {
            Server::Postgres(server) => server.thaw(),
            Server::MariaDb(server) => server.thaw(),
        }
    }
}

/// A stage, and a server with `thresholds (type, value)`: 0.8 for type 1, 0.5 for type 2.
pub struct Scene {
    pub server: Server,
    pub stage: Stage,
}

impl Scene {
    pub fn new(start: fn() -> Option<Server>) -> Option<Scene> {
        let server = start()?;
        let stage = dimension::stage();
        let scene = Scene { server, stage };
        scene.write_job("ttl = \"1s\"");
        scene.server.sql(
            "CREATE TABLE thresholds (type int PRIMARY KEY, value double precision, other text);\
             INSERT INTO thresholds VALUES (1, 0.8, 'discs'), (2, 0.5, NULL)",
        );
        Some(scene)
    }

    /// The job, with these keys in place of `ttl`.
    pub fn write_job(&self, keys: &str) {
        let source = format!("source = \"{}\"\ntable = \"thresholds\"", self.server.address());
        let job = USAGE.replace("source = \"file:thresholds.csv\"", &source);
        fs::write(self.stage.path("usage.toml"), job.replace("ttl = \"1s\"", keys)).unwrap();
    }

    /// The value for type 1 from now on.
    pub fn set(&self, value: f64) {
        self.server.sql(&format!("UPDATE thresholds SET value = {value} WHERE type = 1"));
    }

    pub fn run(&self) -> String {
        self.stage.run(&["run", "--job", "usage.toml", "--until-caught-up"]).ok().stderr
    }

    pub fn status(&self) -> Value {
        let done = self.stage.run(&["status", "--json", "--group", "usage"]);
        serde_json::from_str(&done.stdout).unwrap_or_default()
    }

    pub fn table(&self) -> Value {
        self.status()["tables"][0].clone()
    }

    pub fn is_proved(&self) {
        let proof = self.stage.ok(&["verify", "--complete", "--group", "usage"]);
        assert!(proof.starts_with("verified: "), "{proof}");
    }
}
