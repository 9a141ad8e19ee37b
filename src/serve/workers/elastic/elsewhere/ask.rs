//! What workers elsewhere say of themselves, over the HTTP of `seismic run --http`.

use std::io;
use std::net::ToSocketAddrs as _;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::Agent;
use ureq::http::Uri;

use crate::http::model::{JobEntry, Worker};
use crate::job::service::elsewhere::Elsewhere;
use crate::serve::client::Credentials;
use crate::serve::worker::report::Report;

/// How long a worker may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Workers that are asked at a time.
const AT_A_TIME: usize = 16;

/// Bytes of an answer: numbers of 1,000 partitions are 200 KiB.
const ANSWER_BYTES: u64 = 4 << 20;

/// What one has said.
#[derive(Debug)]
pub struct Answer {
    /// When.
    pub at: Instant,
    /// What it does, and its numbers.
    pub report: Report,
    /// Its process.
    pub worker: Worker,
}

/// Why one has said nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// In words.
    pub why: String,
    /// Whether nobody is there, and not only slow.
    pub is_gone: bool,
}

#[derive(Deserialize)]
struct AllJobs {
    jobs: Vec<JobEntry>,
}

#[derive(Deserialize)]
struct AllWorkers {
    workers: Vec<Worker>,
}

/// Asks the workers of a group, each at its place and address, in no more than a few seconds.
#[must_use]
pub fn ask_all(
    settings: &Elsewhere,
    group: &str,
    targets: Vec<(usize, String)>,
    now_ms: fn() -> i64,
) -> Vec<(usize, Result<Answer, Silence>)> {
    let asked = credentials(settings).and_then(|token| {
        let (ca_file, token_file) = (settings.worker_ca_file.clone(), None);
        Ok((Credentials { token_file, ca_file }.agent(PATIENCE)?, token))
    });
    let (agent, token) = match asked {
        Ok(asked) => asked,
        Err(error) => {
            let silence = Silence { why: format!("{error:#}"), is_gone: false };
            return targets.into_iter().map(|(place, _)| (place, Err(silence.clone()))).collect();
        }
    };
    let ask = |url: &str| {
        let answer = ask(&agent, token.as_deref(), url, group, now_ms);
        answer.map_err(|error| {
            let cause = error.downcast_ref::<io::Error>().map(io::Error::kind);
            let is_gone = cause == Some(io::ErrorKind::ConnectionRefused);
            Silence { why: format!("{url}: {error:#}"), is_gone }
        })
    };
    let mut all = Vec::with_capacity(targets.len());
    for some in targets.chunks(AT_A_TIME) {
        let answers = thread::scope(|scope| {
            let asked: Vec<_> =
                some.iter().map(|(place, url)| (*place, scope.spawn(|| ask(url)))).collect();
            let join = |(place, it): (usize, thread::ScopedJoinHandle<'_, _>)| {
                (place, it.join().unwrap_or_else(|_| Err(failed())))
            };
            asked.into_iter().map(join).collect::<Vec<_>>()
        });
        all.extend(answers);
    }
    all
}

fn failed() -> Silence {
    Silence { why: "asking it failed".to_owned(), is_gone: false }
}

/// The token, if a file has one; that of the server's own environment is for others.
fn credentials(settings: &Elsewhere) -> anyhow::Result<Option<String>> {
    match &settings.worker_token_file {
        None => Ok(None),
        Some(_) => {
            let token_file = settings.worker_token_file.clone();
            Credentials { token_file, ca_file: None }.token()
        }
    }
}

fn ask(
    agent: &Agent,
    token: Option<&str>,
    url: &str,
    group: &str,
    now_ms: fn() -> i64,
) -> anyhow::Result<Answer> {
    let url = by_address(url)?;
    let AllJobs { jobs } = get(agent, token, &format!("{url}/api/v1/jobs"))?;
    let AllWorkers { workers } = get(agent, token, &format!("{url}/api/v1/workers"))?;
    let job = jobs.into_iter().next().context("it has no job")?;
    let mut worker = workers.into_iter().next().context("it has no worker")?;
    if job.group != group {
        bail!("it is a worker of job {}, not of {group}", job.group);
    }
    // Pods all have process 1: what it is counts from the start of it.
    worker.pid ^= worker.started_ms as u32;
    let mut numbers = job.numbers;
    if numbers.at_ms != 0 {
        // By the clock that reports of local workers have.
        numbers.at_ms = now_ms();
    }
    let (state, slots) = (job.state, worker.slots);
    let report = Report { state, slots, numbers, ..Report::default() };
    Ok(Answer { at: Instant::now(), report, worker })
}

/// The same place by its address: a worker answers to that, and to its names only where it was told
/// them. A certificate is one of a name.
fn by_address(url: &str) -> anyhow::Result<String> {
    if !url.starts_with("http://") {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    let uri: Uri = url.parse().context("it is no address")?;
    let host = uri.host().context("it names no host")?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found = (bare, uri.port_u16().unwrap_or(80)).to_socket_addrs();
    let address = found.with_context(|| format!("{host} has no address"))?.next();
    let address = address.with_context(|| format!("{host} has no address"))?;
    Ok(format!("http://{address}{}", uri.path().trim_end_matches('/')))
}

fn get<T: DeserializeOwned>(agent: &Agent, token: Option<&str>, url: &str) -> anyhow::Result<T> {
    let mut request = agent.get(url);
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let mut answer = request.call().map_err(|error| match error {
        ureq::Error::Io(error) => anyhow::Error::from(error).context("it does not answer"),
        error => anyhow!("it does not answer: {error}"),
    })?;
    let status = answer.status().as_u16();
    let text = answer.body_mut().with_config().limit(ANSWER_BYTES).read_to_string()?;
    if status != 200 {
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        let message = body["error"]["message"].as_str().unwrap_or("it does not say why");
        let remedy = match status {
            401 => "; worker_token_file of [elastic] names the file with its token",
            _ => "",
        };
        bail!("it answers with status {status}: {message}{remedy}");
    }
    serde_json::from_str(&text).context("it answers with something else than a worker does")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_asked_by_its_address_and_one_with_a_certificate_by_its_name() {
        assert_eq!(by_address("http://127.0.0.1:91/").unwrap(), "http://127.0.0.1:91");
        assert_eq!(by_address("http://[::1]:91/a").unwrap(), "http://[::1]:91/a");
        assert_eq!(by_address("https://node01:91/").unwrap(), "https://node01:91");
        assert!(by_address("http://nobody.invalid:91").is_err());
    }
}
