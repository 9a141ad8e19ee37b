//! The scale of a StatefulSet, through the HTTP of Kubernetes' API server.
//!
//! The subresource `scale` is read and then patched with the version that was read, so that nobody's change
//! is overwritten unseen: a version that is not the newest any more, also one that was read from a server
//! that lags, is a conflict, and both are done again. It is patched also where it has that number already:
//! what was read may be old. An answer that is lost is the same: the next patch changes nothing.

#[cfg(test)]
mod fake;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Response;

use super::command::Ran;
use crate::job::service::elsewhere::Elsewhere;
use crate::serve::client::Credentials;
use crate::time::now_ms;

/// Where a pod finds what its service account has.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Bytes of an answer: a scale has a few hundred.
const ANSWER_BYTES: u64 = 1 << 20;

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(5);

/// How often a change is tried that somebody else's came before, or that was not answered.
const TRIES: u32 = 6;

/// Pause before it is tried again; it doubles with each further one.
const PAUSE: Duration = Duration::from_millis(100);

/// The scale of one StatefulSet.
pub struct Scale {
    url: String,
    token_file: PathBuf,
    name: String,
    agent: Agent,
}

/// Why a request has not done what it should.
enum Refused {
    /// The next one may.
    Again(anyhow::Error),
    /// None will before somebody changes something.
    For(anyhow::Error),
}

impl Scale {
    /// That of these settings, or of the cluster in which this process runs.
    ///
    /// # Errors
    /// When it is in none, or its files cannot be read.
    pub fn of(settings: &Elsewhere) -> anyhow::Result<Scale> {
        let server = match &settings.api_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => in_cluster()?,
        };
        let of_account = |given: &Option<PathBuf>, name: &str| {
            given.clone().unwrap_or_else(|| Path::new(ACCOUNT).join(name))
        };
        let namespace = match &settings.namespace {
            Some(namespace) => namespace.clone(),
            None => fs::read_to_string(Path::new(ACCOUNT).join("namespace"))
                .map(|text| text.trim().to_owned())
                .with_context(|| format!("{ACCOUNT}/namespace; write namespace in [elastic]"))?,
        };
        let token_file = of_account(&settings.api_token_file, "token");
        let ca_file =
            server.starts_with("https:").then(|| of_account(&settings.api_ca_file, "ca.crt"));
        let agent = Credentials { token_file: None, ca_file }.agent(REQUEST)?;
        let name = settings.statefulset.clone();
        let url = format!("{server}/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}/scale");
        Ok(Scale { url, token_file, name, agent })
    }

    /// Has the set so many replicas; what it had before.
    ///
    /// # Errors
    /// Why it has not, as far as that is known.
    fn set(&self, replicas: u32, within: Duration) -> anyhow::Result<u64> {
        let began = Instant::now();
        let mut pause = PAUSE;
        let mut tries = 1;
        loop {
            let refused = match self.patch(replicas) {
                Ok(before) => return Ok(before),
                Err(Refused::For(error)) => return Err(error),
                Err(Refused::Again(error)) => error,
            };
            if tries >= TRIES || began.elapsed() + pause >= within {
                return Err(refused.context(format!("tried {tries} times")));
            }
            std::thread::sleep(pause);
            (tries, pause) = (tries + 1, pause * 2);
        }
    }

    fn patch(&self, replicas: u32) -> Result<u64, Refused> {
        let token = self.token().map_err(Refused::For)?;
        let authorization = format!("Bearer {token}");
        let read = self.agent.get(&self.url).header("Authorization", &authorization);
        let now = self.answer("read", read.header("Accept", "application/json").call())?;
        let version = now["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        let before = now["spec"]["replicas"].as_u64().unwrap_or(0);
        let body = json!({
            "metadata": { "resourceVersion": version },
            "spec": { "replicas": replicas },
        });
        let patch = self.agent.patch(&self.url).header("Authorization", &authorization);
        let patch = patch.header("Content-Type", "application/merge-patch+json");
        let after = self.answer("patch", patch.send(body.to_string()))?;
        match after["spec"]["replicas"].as_u64() == Some(u64::from(replicas)) {
            true => Ok(before),
            false => {
                let found = &after["spec"]["replicas"];
                Err(Refused::Again(anyhow!("its scale is {found} after the patch, not {replicas}")))
            }
        }
    }

    /// It is read each time: tokens of pods are replaced every hour.
    fn token(&self) -> anyhow::Result<String> {
        let path = self.token_file.display();
        let text = fs::read_to_string(&self.token_file)
            .with_context(|| format!("the token file {path}; write api_token_file in [elastic]"))?;
        match text.trim() {
            token if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(token.to_owned())
            }
            _ => bail!("{path} has no token"),
        }
    }

    fn answer(
        &self,
        doing: &str,
        answer: Result<Response<ureq::Body>, ureq::Error>,
    ) -> Result<Value, Refused> {
        let lost = |error: ureq::Error| {
            Refused::Again(anyhow!("the API server did not answer to a {doing}: {error}"))
        };
        let mut answer = answer.map_err(lost)?;
        let status = answer.status().as_u16();
        let text = answer.body_mut().with_config().limit(ANSWER_BYTES).read_to_string();
        let body: Value = serde_json::from_str(&text.map_err(lost)?).unwrap_or(Value::Null);
        let message = body["message"].as_str().unwrap_or("it does not say why").to_owned();
        let name = &self.name;
        match status {
            200..=299 if body["kind"] == "Scale" => Ok(body),
            200..=299 => Err(Refused::For(anyhow!(
                "{} answers, and not with a scale: is it an API server?",
                self.url
            ))),
            401 | 403 => Err(Refused::For(anyhow!(
                "the API server refuses the {doing} with status {status}: {message}; the service account \
                 needs the verbs get and patch on statefulsets/scale, as in deploy/kubernetes/scaling.yaml"
            ))),
            404 => Err(Refused::For(anyhow!(
                "there is no StatefulSet {name} there: {message}; write statefulset and namespace in \
                 [elastic]"
            ))),
            409 => {
                Err(Refused::Again(anyhow!("somebody else has scaled {name} meanwhile: {message}")))
            }
            429 | 500..=599 => Err(Refused::Again(anyhow!(
                "the API server answers to the {doing} with status {status}: {message}"
            ))),
            _ => Err(Refused::For(anyhow!(
                "the API server refuses the {doing} with status {status}: {message}"
            ))),
        }
    }
}

/// The API server of the cluster in which this process runs.
fn in_cluster() -> anyhow::Result<String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let host = variable("KUBERNETES_SERVICE_HOST").context(
        "this is no pod of Kubernetes: KUBERNETES_SERVICE_HOST is not set; write api_url in [elastic]",
    )?;
    let port = variable("KUBERNETES_SERVICE_PORT").unwrap_or_else(|| "443".to_owned());
    Ok(match host.contains(':') {
        true => format!("https://[{host}]:{port}"),
        false => format!("https://{host}:{port}"),
    })
}

/// Has the StatefulSet so many pods, within that time.
#[must_use]
pub fn run(what: String, settings: &Elsewhere, replicas: u32, within: Duration) -> Ran {
    let began = Instant::now();
    let done = Scale::of(settings).and_then(|scale| scale.set(replicas, within));
    let took_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
    let (failure, said) = match done {
        Ok(before) => (None, format!("it had {before}")),
        Err(error) => (Some(format!("{error:#}")), String::new()),
    };
    Ran { what, at_ms: now_ms(), took_ms, code: None, failure, said }
}

#[cfg(test)]
mod tests {
    use super::fake::{ApiServer, Trouble};
    use super::*;

    struct Account {
        folder: tempfile::TempDir,
        server: ApiServer,
    }

    impl Account {
        fn with(troubles: &[Trouble]) -> Account {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("token"), "abc\n").unwrap();
            Account { folder, server: ApiServer::start(3, troubles) }
        }

        fn scale_to(&self, replicas: u32) -> Ran {
            let settings = Elsewhere {
                api_url: Some(self.server.url()),
                api_token_file: Some(self.folder.path().join("token")),
                namespace: Some("quakes".to_owned()),
                ..Elsewhere::default()
            };
            run(format!("scale to {replicas} pods"), &settings, replicas, Duration::from_secs(60))
        }
    }

    #[test]
    fn the_scale_of_the_set_is_patched_with_the_token_of_the_account() {
        let it = Account::with(&[]);
        let ran = it.scale_to(5);
        assert_eq!((ran.failure.as_deref(), &*ran.said), (None, "it had 3"));
        assert_eq!(it.server.replicas(), 5);
        let seen = it.server.requests();
        let path = "/apis/apps/v1/namespaces/quakes/statefulsets/seismic-workers/scale";
        assert_eq!(seen, [format!("GET {path}"), format!("PATCH {path}")]);
    }

    #[test]
    fn a_conflict_is_read_again_and_nobodys_change_is_overwritten_unseen() {
        let it = Account::with(&[Trouble::None, Trouble::ScaledTo(9), Trouble::None]);
        let ran = it.scale_to(4);
        assert_eq!((ran.failure.as_deref(), &*ran.said), (None, "it had 9"));
        assert_eq!((it.server.replicas(), it.server.requests().len()), (4, 4));
    }

    #[test]
    fn what_was_read_from_a_server_that_lags_is_a_conflict_also_where_the_number_is_right() {
        let it = Account::with(&[]);
        assert_eq!(it.scale_to(4).failure, None);
        assert_eq!(it.scale_to(2).failure, None);
        // An old answer says 4, which is wanted now, and 2 is true.
        it.server.then(&[Trouble::Stale(1)]);
        assert_eq!(it.scale_to(4).failure, None);
        assert_eq!(it.server.replicas(), 4);
        assert_eq!(it.server.requests().len(), 8);
    }

    #[test]
    fn an_answer_that_is_lost_after_the_change_does_not_change_it_twice() {
        let it = Account::with(&[Trouble::None, Trouble::LostAfterApplying]);
        let ran = it.scale_to(6);
        assert_eq!((ran.failure.as_deref(), &*ran.said), (None, "it had 6"));
        assert_eq!((it.server.replicas(), it.server.changes()), (6, 1));
    }

    #[test]
    fn who_may_not_is_told_which_right_is_missing_and_it_is_not_tried_again() {
        let it = Account::with(&[Trouble::None, Trouble::Forbidden]);
        let why = it.scale_to(6).failure.unwrap();
        assert!(why.contains("status 403") && why.contains("statefulsets/scale"), "{why}");
        assert_eq!((it.server.replicas(), it.server.requests().len()), (3, 2));
        fs::write(it.folder.path().join("token"), "other").unwrap();
        let why = it.scale_to(6).failure.unwrap();
        assert!(why.contains("status 401"), "{why}");
    }

    #[test]
    fn conflicts_without_end_and_a_server_that_is_away_end_in_time() {
        let it = Account::with(&[Trouble::Conflict; 40]);
        let why = it.scale_to(6).failure.unwrap();
        assert!(why.contains("tried 6 times") && why.contains("somebody else"), "{why}");
        let settings = Elsewhere {
            api_url: Some("http://127.0.0.1:1".to_owned()),
            api_token_file: Some(it.folder.path().join("token")),
            namespace: Some("quakes".to_owned()),
            ..Elsewhere::default()
        };
        let ran = run(String::new(), &settings, 1, Duration::from_millis(300));
        assert!(ran.failure.unwrap().contains("did not answer to a read"));
    }
}
