//! Delivers alarms on a separate thread, so that nothing else waits for a target.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rusqlite::Connection;
use seismic_queue::{Append, Block, Partition};

use super::message::signature;
use super::webhook_hosts::{Unreachable, WebhookHosts};
use crate::job::location::Location;
use crate::job::service::JobName;
use crate::serve::limits;
use crate::serve::state::alarms::{Delivery, Target, delivered, due, failed};
use crate::serve::state::jobs::location_of;
use crate::time::now_ms;

/// Commands that alarms may run, by name: each a program and its arguments.
pub type Commands = BTreeMap<String, Vec<String>>;

/// The same, which a server may replace while it serves.
pub type SharedCommands = Arc<RwLock<Commands>>;

/// The thread's other end: sending wakes it.
pub type Wake = Sender<()>;

/// What it delivers with.
#[derive(Clone, Debug, Default)]
pub struct Means {
    /// Commands that it may run.
    pub commands: SharedCommands,
    /// Hosts that webhooks reach.
    pub hosts: WebhookHosts,
}

/// Starts the thread, which delivers what is stored in `db`; `to_topics`: to topics, or to all
/// else.
///
/// # Errors
/// When no thread can be started.
pub fn start(db: Connection, means: Means, to_topics: bool) -> std::io::Result<Wake> {
    let (wake, woken) = channel();
    let work = move || deliver_until_dropped(&db, &means, to_topics, &woken);
    let name = if to_topics { "alarm topics" } else { "alarms" };
    thread::Builder::new().name(name.to_owned()).spawn(work)?;
    Ok(wake)
}

fn deliver_until_dropped(db: &Connection, means: &Means, to_topics: bool, woken: &Receiver<()>) {
    loop {
        match woken.recv_timeout(limits::DELIVER_EVERY) {
            Err(RecvTimeoutError::Disconnected) => return,
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
        }
        loop {
            match due(db, now_ms(), to_topics) {
                Ok(None) => break,
                Ok(Some(delivery)) => {
                    if let Err(error) = try_one(db, means, &delivery) {
                        tracing::error!("the delivery of an alarm cannot be stored: {error:#}");
                        break;
                    }
                }
                Err(error) => {
                    tracing::error!("alarms cannot be read: {error:#}");
                    break;
                }
            }
        }
    }
}

fn try_one(db: &Connection, means: &Means, it: &Delivery) -> anyhow::Result<()> {
    let Err(error) = deliver(db, means, it) else { return delivered(db, it.id) };
    let tries = it.tries + 1;
    let again = tries < limits::DELIVERY_TRIES;
    let pause = limits::DELIVERY_PAUSE.saturating_mul(1 << it.tries.min(16));
    let pause = pause.min(limits::DELIVERY_PAUSE_MOST);
    if again {
        tracing::warn!("{}: {error:#}; trying again in {} s", it.to, pause.as_secs());
    } else {
        tracing::error!("{}: {error:#}; given up after {tries} tries", it.to);
    }
    let next_ms = again.then(|| now_ms() + pause.as_millis() as i64);
    failed(db, it.id, &format!("{error:#}"), next_ms)
}

fn deliver(db: &Connection, means: &Means, it: &Delivery) -> anyhow::Result<()> {
    match &it.target {
        Target::Topic(job, topic) => append(&location_of(db, job)?, job, topic, &it.body),
        Target::Webhook(url, secret) => post(url, &means.hosts, secret.as_deref(), &it.body),
        Target::Slack(url) => post(url, &means.hosts, None, &it.body),
        Target::Command(name) => {
            let commands = means.commands.read().unwrap_or_else(PoisonError::into_inner).clone();
            let command = commands
                .get(name)
                .with_context(|| format!("the server has no command {name:?} in its [commands]"))?;
            run(command, &it.body)
        }
    }
}

fn post(url: &str, hosts: &WebhookHosts, secret: Option<&Path>, body: &str) -> anyhow::Result<()> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(limits::DELIVERY_TIME))
        .max_redirects(0)
        .build();
    let agent = hosts.agent(config);
    let mut request = agent.post(url).header("Content-Type", "application/json");
    if let Some(path) = secret {
        let secret = std::fs::read_to_string(path)
            .with_context(|| format!("reading the secret in {}", path.display()))?;
        let digits = signature(secret.trim().as_bytes(), body.as_bytes());
        request = request.header("X-Seismic-Signature", format!("sha256={digits}"));
    }
    // The address may hold a secret, and so may what the library says of it.
    let answer = request.send(body).map_err(|error| match error {
        ureq::Error::StatusCode(code) => anyhow::anyhow!("it answered with status {code}"),
        ureq::Error::Timeout(_) => anyhow::anyhow!("it did not answer in time"),
        ureq::Error::Io(error) => anyhow::Error::from(error).context("sending"),
        ureq::Error::Other(error) if error.is::<Unreachable>() => anyhow::Error::from(Unreachable),
        _ => anyhow::anyhow!("it cannot be reached under its address"),
    })?;
    // No one follows a redirect with an alarm, so one is no delivery.
    match answer.status() {
        status if status.is_success() => Ok(()),
        status => bail!("it answered with status {}", status.as_u16()),
    }
}

/// Appends the body to a topic in the queue of a job, which is made if it is missing.
fn append(at: &Location, job: &str, topic: &str, body: &str) -> anyhow::Result<()> {
    let queue = at.open_queue()?;
    let topic = match queue.topic(topic) {
        Err(seismic_queue::Error::TopicMissing { .. }) => queue.create(topic, 1)?,
        found => found?,
    };
    let (partition, mut block) = (Partition(0), Block::default());
    block.push(job.as_bytes(), body.as_bytes())?;
    let id = job.parse::<JobName>().map_or_else(|_| job.to_owned(), |name| name.slug());
    let mut producer = queue.producer(&topic, &format!("alarms-{id}"))?;
    let first_sequence = producer.next_sequence(partition)?;
    producer.append(&[Append { partition, first_sequence, block: &block }])?;
    Ok(())
}

/// Runs a command with the body on its standard input.
fn run(command: &[String], body: &str) -> anyhow::Result<()> {
    let (program, arguments) = command.split_first().context("the command is empty")?;
    let mut child = Command::new(program)
        .args(arguments)
        // Commands do not notify the service manager; the server does.
        .env_remove("NOTIFY_SOCKET")
        .env_remove("WATCHDOG_USEC")
        .env_remove("WATCHDOG_PID")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("starting {program}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        let body = body.to_owned();
        // A command need not read it, and one that does not must not keep the others; the thread
        // ends with the command.
        let write = move || drop(stdin.write_all(body.as_bytes()));
        thread::Builder::new().name("alarm".to_owned()).spawn(write)?;
    }
    let began = Instant::now();
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => bail!("{program} ended with {status}"),
            None if began.elapsed() >= limits::DELIVERY_TIME => {
                child.kill()?;
                child.wait()?;
                bail!("{program} did not end within {} s", limits::DELIVERY_TIME.as_secs());
            }
            None => thread::sleep(Duration::from_millis(20)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn only_a_good_answer_is_a_delivery() {
        for (status, is_delivered) in
            [("204 No Content", true), ("302 Found", false), ("404 Not Found", false)]
        {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}/hook", listener.local_addr().unwrap());
            let answer = thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"{}") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    request.extend(byte);
                }
                let head =
                    format!("HTTP/1.1 {status}\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(head.as_bytes()).unwrap();
            });
            let sent = post(&url, &WebhookHosts::default(), None, "{}");
            assert_eq!(sent.is_ok(), is_delivered, "{status}");
            answer.join().unwrap();
        }
    }
}
