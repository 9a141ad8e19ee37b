//! The order of a server to a worker.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::Usage;
use crate::job::JobSpec;
use crate::job::describe::Resolved;
use crate::job::file::pinned::PinnedResources;
use crate::job::file::server_file::{Connections, Defaults};
use crate::job::file::{self, JobFile, variables::Given};
use crate::job::options::JobOptions;
use crate::job::origin::Once;
use crate::job::service::Service;
use crate::job::service::restart::Rerun;
use crate::time::parse_from;

/// Variable with the number of times that the job has begun from scratch again.
const RERUN: &str = "rerun";

/// Stands among the values of a job for the hashes of its resources.
const PINNED: &str = "pinned";

/// A job file with all that it takes to understand it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Its text.
    pub text: String,
    /// Where it came from, as messages name it.
    pub file: String,
    /// Variables that were given with it.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Variables of the server.
    #[serde(default)]
    pub server: BTreeMap<String, String>,
    /// Values of keys that the file leaves open, of the server.
    #[serde(default)]
    pub defaults: Defaults,
    /// Connections of the server.
    #[serde(default)]
    pub connections: Connections,
    /// The environment of the file that counts.
    #[serde(default)]
    pub env: Option<String>,
    /// How often the job has begun from scratch with a group of its own, after the first time.
    #[serde(default)]
    pub rerun: u32,
    /// The content of each resource that it names.
    #[serde(default, skip_serializing_if = "PinnedResources::is_empty")]
    pub resources: PinnedResources,
}

impl Description {
    /// The job, and what a service keeps of it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn resolve(&self) -> Result<(JobSpec, Service), Usage> {
        let file = self.read(self.rerun);
        let Resolved { mut spec, service, .. } = Resolved::of(JobOptions::default(), file)?;
        if service.restart.rerun == Rerun::FromScratch {
            self.check_places(&spec)?;
        }
        if self.rerun > 0 {
            for name in [&mut spec.group, &mut spec.result_topic, &mut spec.dead_topic] {
                *name += &format!("-{}", self.rerun + 1);
            }
        }
        Ok((spec, service))
    }

    /// Every value with where it comes from, without secrets.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn values(&self) -> Result<Value, Usage> {
        let file = self.read(self.rerun);
        let mut values = Resolved::of(JobOptions::default(), file)?.to_json();
        if !self.resources.is_empty() {
            values[PINNED] = json!({ "value": self.resources.hashes, "source": "when submitted" });
        }
        Ok(values)
    }

    /// What the file says in the run after that many from scratch.
    fn read(&self, rerun: u32) -> JobFile {
        let given = Given {
            line: self.variables.clone().into_iter().collect(),
            server: self.server.clone(),
            defaults: self.defaults.clone(),
            connections: self.connections.clone(),
            environment: BTreeMap::from([(RERUN.to_ascii_uppercase(), rerun.to_string())]),
            env: self.env.clone(),
            resources: self.resources.clone(),
        };
        file::read_given(&self.text, Path::new(&self.file), &given)
    }

    /// Whether a run from scratch would have places of its own.
    fn check_places(&self, spec: &JobSpec) -> Result<(), Usage> {
        let next = self.read(self.rerun + 1);
        let next = JobSpec::resolve(JobOptions::default(), next, Once::default())?;
        let same_sink = spec.sink.iter().find(|sink| {
            !sink.entry().shows_only
                && next.sink.iter().any(|it| it.to_string() == sink.to_string())
        });
        let why = "[restart] rerun is \"from-scratch\", so each run has places of its own: write";
        if let Some(sink) = same_sink {
            let why = format!("{why} {{{{{RERUN}}}}} into the target of sink {sink}");
            return Err(Usage(why));
        }
        if spec.store.is_some() && spec.store == next.store {
            return Err(Usage(format!("{why} {{{{{RERUN}}}}} into the store, or leave it out")));
        }
        Ok(())
    }
}

/// Where one start begins, if not where the job was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Begin {
    /// A checkpoint of this job: results after it are computed again.
    pub from_checkpoint: Option<String>,
    /// The store of another job of which `from_checkpoint` is: this job begins as a fork of it.
    pub of_store: Option<String>,
    /// Where a job without progress begins.
    pub from: Option<String>,
}

impl Begin {
    /// Puts it into the job.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn apply(&self, spec: &mut JobSpec) -> Result<(), Usage> {
        if let Some(from) = &self.from {
            spec.from = Some(parse_from(from).map_err(|why| Usage(format!("from: {why}")))?);
            spec.once = Once::default();
        }
        if let Some(checkpoint) = &self.from_checkpoint {
            if self.from.is_some() {
                return Err(Usage("from and from_checkpoint exclude each other".to_owned()));
            }
            let from_checkpoint = checkpoint.parse().map_err(|why| Usage(format!("{why}")))?;
            let of_store = self.of_store.as_deref().map(str::parse).transpose();
            let of_store = of_store.map_err(|why| Usage(format!("of_store: {why}")))?;
            spec.from = None;
            spec.once = Once {
                from_checkpoint: Some(from_checkpoint),
                rewind: of_store.is_none(),
                of_store,
                ..Once::default()
            };
        }
        Ok(())
    }
}

/// What a server has a worker do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Version of this layout.
    pub version: u32,
    /// Name of the job.
    pub name: String,
    /// The job.
    pub job: Description,
    /// Where this start begins.
    #[serde(default)]
    pub begin: Begin,
    /// Whether it reads nothing until it is asked to.
    #[serde(default)]
    pub is_paused: bool,
    /// Whether its sinks write nothing until they are told to.
    #[serde(default)]
    pub holds_sinks: bool,
    /// Its place among the workers of the job, from 1 on, and how many there are; 0 for the process
    /// of the job's sinks.
    #[serde(default)]
    pub place: Option<(usize, usize)>,
    /// What tells names of this server's slots from those of others with the same job.
    #[serde(default)]
    pub server: Option<String>,
    /// Threads in which it reads and computes; `None`: as the job says.
    #[serde(default)]
    pub slots: Option<usize>,
    /// Whether a cgroup limits it; otherwise it does so itself.
    #[serde(default)]
    pub has_cgroup: bool,
}

impl Order {
    /// Whether it is for the process of the job's sinks.
    #[must_use]
    pub fn is_of_sinks(&self) -> bool {
        self.place.is_some_and(|(place, _)| place == 0)
    }

    /// Fits the job to the worker's place: its slots have a name that stays, the cores are shared,
    /// and what is shown of all workers is shown by the first, or by the process of the sinks.
    pub fn fit(&self, spec: &mut JobSpec, service: &Service, cores: usize) {
        if self.is_of_sinks() {
            spec.sink.retain(|sink| !sink.entry().shows_only);
            return;
        }
        if service.sink_process {
            spec.sink.retain(|sink| sink.entry().shows_only);
        }
        // The place of a job that is scaled has its name also while it is the only one.
        let is_one_of_several =
            |&(_, workers): &(usize, usize)| workers > 1 || self.slots.is_some();
        let Some((place, workers)) = self.place.filter(is_one_of_several) else { return };
        if spec.location().store_url().with_slot("1").is_none() {
            // It is the only one, and its slots need no names.
            spec.slots = self.slots.or(spec.slots);
            return;
        }
        let base = slots_base(spec.slot.take(), self.server.as_deref());
        spec.slot = Some(format!("{base}-{place}"));
        spec.slots = self.slots.or(spec.slots).or(Some((cores / workers).max(1)));
        if place > 1 {
            spec.sink.retain(|sink| sink.entry().shows_only);
        }
    }
}

/// What names of the slots of a job's workers begin with: what the job says, or else what no other server
/// has, since one with the same job would take the places of these workers.
#[must_use]
pub fn slots_base(slot: Option<String>, server: Option<&str>) -> String {
    slot.unwrap_or_else(|| match server {
        Some(server) => format!("worker-{server}"),
        None => "worker".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::file::server_file::Connection;

    fn described(text: &str) -> Description {
        let file = "coast.toml".to_owned();
        Description { text: text.to_owned(), file, ..Description::default() }
    }

    #[test]
    fn what_a_file_leaves_open_is_as_the_server_has_it() {
        let defaults =
            "lateness = '2s'\nwindow = '9s'\n\n[restart]\nmax_per_hour = 3\nretry = false\n";
        let main = Connection { url: "kafka://h:9092".to_owned(), ..Connection::default() };
        let kafka = BTreeMap::from([("linger.ms".to_owned(), "7".to_owned())]);
        let job = Description {
            defaults: Defaults { text: defaults.to_owned(), file: "serve.toml".to_owned() },
            connections: Connections::from([("main".to_owned(), Connection { kafka, ..main })]),
            ..described(
                "name = 'coast'\nqueue = 'connection:main'\nwindow = '1s'\n[restart]\nretry = true\n",
            )
        };
        let (spec, service) = job.resolve().unwrap();
        assert_eq!((spec.window.ms(), spec.lateness.ms()), (1_000, 2_000));
        assert_eq!((service.restart.max_per_hour, service.restart.retry), (Some(3), true));
        assert_eq!(spec.queue.to_string(), "kafka://h:9092");
        assert_eq!(spec.kafka["linger.ms"], "7");
        // A fault of them has their file and line.
        let wrong = Defaults {
            text: "\nlateness = 5\ngroup = 'x'\n".to_owned(),
            file: "s.toml".to_owned(),
        };
        let error = Description { defaults: wrong, ..job }.resolve().unwrap_err().to_string();
        assert!(error.contains("s.toml:2: lateness"), "{error}");
        assert!(error.contains("s.toml:3: group: each job has its own"), "{error}");
    }

    #[test]
    fn what_a_file_says_itself_stays_also_where_it_is_false_or_nothing() {
        let of = |url: &str, key: &str| {
            let kafka = BTreeMap::from([(key.to_owned(), "7".to_owned())]);
            Connection { url: url.to_owned(), kafka }
        };
        let main = of("kafka://h:9092", "linger.ms");
        let other = of("kafka://g:9092", "batch.num.messages");
        let defaults = "queue = 'connection:main'\nsink = ['csv:rows']\nrollup = ['1m']\n\
                        drain = true\nrepartition = true\nkafka = { 'fetch.min.bytes' = '9' }\n";
        let job = |text: &str| {
            let connections =
                [("main".to_owned(), main.clone()), ("other".to_owned(), other.clone())];
            let description = Description {
                defaults: Defaults { text: defaults.to_owned(), file: "serve.toml".to_owned() },
                connections: Connections::from(connections),
                ..described(&format!("name = 'coast'\n{text}"))
            };
            description.resolve().unwrap().0
        };
        let open = job("");
        assert!(open.drain && open.repartition);
        assert_eq!((open.sink.len(), open.rollup.len()), (1, 1));
        let own = job("sink = []\nrollup = []\ndrain = false\nrepartition = false\n");
        assert!(!own.drain && !own.repartition);
        // Without a sink of its own, a job has the console.
        assert_eq!((own.sink[0].scheme(), own.rollup.len()), ("console", 0));
        // Settings of Kafka are the file's or those of the defaults, and of the connection below
        // them.
        let keys = |text: &str| job(text).kafka.into_keys().collect::<Vec<_>>();
        assert_eq!(keys(""), ["fetch.min.bytes", "linger.ms"]);
        let other = "queue = 'connection:other'\n";
        assert_eq!(keys(other), ["batch.num.messages", "fetch.min.bytes"]);
        assert_eq!(keys("kafka = {}\n"), ["linger.ms"]);
        assert_eq!(keys("kafka = { 'client.id' = 'a' }\n"), ["client.id", "linger.ms"]);
    }

    #[test]
    fn a_run_from_scratch_has_places_of_its_own() {
        let text = |sink: &str| {
            format!("name = 'coast'\nsink = ['{sink}']\n[restart]\nrerun = 'from-scratch'\n")
        };
        let error = described(&text("csv:rows")).resolve().unwrap_err().to_string();
        assert!(error.contains("{{rerun}}") && error.contains("sink csv:rows"), "{error}");
        let first = described(&text("csv:rows-{{rerun}}"));
        let (spec, _) = first.resolve().unwrap();
        let (again, _) = Description { rerun: 1, ..first }.resolve().unwrap();
        assert_eq!(again.group, format!("{}-2", spec.group));
        assert_eq!(again.result_topic, format!("{}-2", spec.result_topic));
        assert_eq!(
            (&*spec.sink[0].to_string(), &*again.sink[0].to_string()),
            ("csv:rows-0", "csv:rows-1")
        );
        assert_ne!(
            again.location().store_url().to_string(),
            spec.location().store_url().to_string()
        );
    }

    #[test]
    fn slots_have_names_that_no_other_server_gives_unless_the_job_names_them() {
        let named = |slot: &str, server: Option<&str>| {
            let text = format!("name = 'coast'\nqueue = 'kafka://h:9092'\n{slot}");
            let (mut spec, service) = described(&text).resolve().unwrap();
            let order = Order {
                version: 1,
                name: "coast/2".to_owned(),
                job: Description::default(),
                begin: Begin::default(),
                is_paused: false,
                holds_sinks: false,
                place: Some((2, 3)),
                server: server.map(str::to_owned),
                slots: None,
                has_cgroup: false,
            };
            order.fit(&mut spec, &service, 4);
            spec.slot.unwrap()
        };
        assert_eq!(named("", Some("3f9a02")), "worker-3f9a02-2");
        assert_eq!(named("slot = 'quake'\n", Some("3f9a02")), "quake-2");
        // As a server of an earlier version ordered it.
        assert_eq!(named("", None), "worker-2");
    }
}
