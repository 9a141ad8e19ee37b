//! One Redis server: a database of its own for each test, in a folder that goes with it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, thread};

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::process::Process;
use crate::proxy::{Protocol, Proxy};
use crate::server::show_end;
use crate::{ports, room};

/// What a test is skipped without.
const INSTALL: &str = "apt-get install --no-install-recommends redis-server";

/// A start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Databases of a server: each test takes some.
const DATABASES: u32 = 4_096;

/// A server. It ends with this value.
#[derive(Debug)]
pub struct Redis {
    folder: TempDir,
    port: u16,
    settings: Vec<String>,
    process: Option<Process>,
    given: AtomicU32,
}

impl Redis {
    /// A running server with these settings (`--name value`), which has what it acknowledged after
    /// a crash; `None` where Redis is missing, after a loud word.
    ///
    /// # Panics
    /// With `CI=true` where it is missing, and when it does not start.
    #[must_use]
    pub fn start(settings: &[&str]) -> Option<Redis> {
        if Command::new("redis-server").arg("--version").output().is_err() {
            assert!(!env::var("CI").is_ok_and(|ci| ci == "true"), "Redis is missing: {INSTALL}");
            eprintln!("SKIPPED: Redis is missing; to run this test: {INSTALL}");
            return None;
        }
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let (folder, port) = (room::folder(), ports::free(1)[0]);
        let mut server = Redis { folder, port, settings, process: None, given: AtomicU32::new(0) };
        server.restart();
        Some(server)
    }

    /// One that speaks TLS too, and where, with certificates of its own: `ca.pem` has signed the
    /// server's, and `stranger.pem` has signed nothing.
    #[must_use]
    pub fn with_tls() -> Option<(Redis, String, PathBuf)> {
        let mut server = Redis::start(&[])?;
        let folder = server.folder.path().join("certificates");
        Certificates::make(&folder);
        let port = ports::free(1)[0];
        server.settings.push(format!("--tls-port {port} --tls-auth-clients no"));
        for (setting, name) in
            [("cert-file", "server.pem"), ("key-file", "server.key"), ("ca-cert-file", "ca.pem")]
        {
            let path = folder.join(name);
            server.settings.push(format!("--tls-{setting} {}", path.display()));
        }
        server.kill();
        server.restart();
        Some((server, format!("127.0.0.1:{port}"), folder))
    }

    /// The number of a database that no one was given.
    pub fn database(&self) -> u32 {
        self.given.fetch_add(1, Ordering::Relaxed)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A wire to it.
    #[must_use]
    pub fn proxy(&self) -> Proxy {
        Proxy::start(ports::free(1)[0], self.port, Protocol::Redis)
    }

    /// Has a command done in a database: the texts and numbers of its answer, in order.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn call(&self, database: u32, args: &[&str]) -> Vec<String> {
        self.ask(database, args).unwrap_or_else(|what| panic!("{args:?}: {what}"))
    }

    fn ask(&self, database: u32, args: &[&str]) -> Result<Vec<String>, String> {
        let (mut said, number) = (Vec::new(), database.to_string());
        let stream = TcpStream::connect(("127.0.0.1", self.port));
        let mut stream = stream.map_err(|error| error.to_string())?;
        for args in [&["SELECT", &number][..], args] {
            let mut request = format!("*{}\r\n", args.len());
            for arg in args {
                request += &format!("${}\r\n{arg}\r\n", arg.len());
            }
            stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
            said.clear();
            let mut from = BufReader::new(stream.try_clone().expect("a handle can be copied"));
            read(&mut from, &mut said)?;
        }
        Ok(said)
    }

    /// A copy of a database, in one that no one was given.
    pub fn copy(&self, database: u32) -> u32 {
        let into = self.database();
        for key in self.call(database, &["KEYS", "*"]) {
            self.call(database, &["COPY", &key, &key, "DB", &into.to_string()]);
        }
        into
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Has it answer nothing until [`Redis::thaw`].
    pub fn freeze(&self) {
        self.process.as_ref().expect("it runs").signal("STOP");
    }

    /// Lets it continue.
    pub fn thaw(&self) {
        self.process.as_ref().expect("it runs").signal("CONT");
    }

    /// Starts it, again if it was ended, and waits until it has loaded its file.
    ///
    /// # Panics
    /// When it does not within a minute; then it shows what it said.
    pub fn restart(&mut self) {
        let folder = self.folder.path().display().to_string();
        let (port, databases) = (self.port.to_string(), DATABASES.to_string());
        // Without a configuration file, so with nothing of the machine's own.
        let mut args = ["--bind", "127.0.0.1", "--port", &port, "--dir", &folder].to_vec();
        args.extend(["--daemonize", "no", "--save", "", "--databases", &databases]);
        args.extend(["--appendonly", "yes"]);
        let mut args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        for setting in &self.settings {
            args.extend(setting.split(' ').map(str::to_owned));
        }
        let log = self.folder.path().join("log");
        let mut process = Process::start("redis-server", &args, &log);
        let begun = Instant::now();
        while self.ask(0, &["PING"]).is_err() {
            if process.ended().is_some() || begun.elapsed() > PATIENCE {
                show_end(&log);
                panic!("Redis did not start");
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.process = Some(process);
    }
}

/// Reads an answer of the server: see "Redis serialization protocol" in its manual.
fn read(from: &mut BufReader<TcpStream>, said: &mut Vec<String>) -> Result<(), String> {
    let mut line = String::new();
    from.read_line(&mut line).map_err(|error| error.to_string())?;
    let (kind, rest) = line.trim_end().split_at_checked(1).ok_or("no answer")?;
    let number = || rest.parse::<i64>().map_err(|_| rest.to_owned());
    match kind {
        "-" => return Err(rest.to_owned()),
        "$" => {
            if let Ok(length) = usize::try_from(number()?) {
                let mut bytes = vec![0; length + 2];
                from.read_exact(&mut bytes).map_err(|error| error.to_string())?;
                said.push(String::from_utf8_lossy(&bytes[..length]).into_owned());
            }
        }
        "*" => {
            for _ in 0..number()? {
                read(from, said)?;
            }
        }
        _ => said.push(rest.to_owned()),
    }
    Ok(())
}
