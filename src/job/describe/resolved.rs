//! A job with the origin of each of its values.

use std::fmt;

use serde_json::{Map, Value, json};

use super::keys;
use super::resolved_value::ResolvedValue;
use super::statement_values::statement_values;
use crate::error::Usage;
use crate::job::JobSpec;
use crate::job::file::service_keys::{self, ServiceKey};
use crate::job::file::{JobFile, statement};
use crate::job::options::JobOptions;
use crate::job::origin::Once;
use crate::job::service::restart::Rerun;
use crate::job::service::{RestartPolicy, Service};

/// A job, and the source of each value.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The job.
    pub spec: JobSpec,
    /// What a service keeps of it.
    pub service: Service,
    values: Vec<ResolvedValue>,
}

impl Resolved {
    /// The job of command line and file.
    ///
    /// # Errors
    /// As [`JobSpec::resolve`].
    pub fn of(line: JobOptions, file: JobFile) -> Result<Resolved, Usage> {
        let on_line = line.clone().in_spans().set_keys();
        let places: Vec<Option<String>> =
            keys::all().iter().map(|key| file.source_of(key.name)).collect();
        let service = file.service.clone();
        let of_service = service_values(&file);
        let of_workers = file.source_of("workers").unwrap_or_else(|| "workers".to_owned());
        let of_alarms = file.source_of("alarms.topic").unwrap_or_else(|| "alarms.topic".to_owned());
        let of_elastic =
            service_keys::of_table("elastic").into_iter().find_map(|key| file.source_of(key.name));
        let of_statement = statement::KEYS.map(|key| file.source_of(key).unwrap_or_default());
        let spec = JobSpec::resolve(line, file, Once::default())?;
        if let Some(why) = fault_of_workers(&spec, &service) {
            return Err(Usage(format!("{of_workers}: {why}")));
        }
        if let Some(topic) = own_topic(&spec, &service) {
            let why = format!("{topic} is a topic of the job itself: name another one");
            return Err(Usage(format!("{of_alarms}: {why}")));
        }
        if let Some((place, why)) = of_elastic.zip(fault_of_elastic(&service)) {
            return Err(Usage(format!("{place}: {why}")));
        }
        let all = serde_json::to_value(&spec).unwrap_or_default();
        let mut values = Vec::new();
        for (key, place) in keys::all().into_iter().zip(places) {
            // `quiet` is of the command that runs the job.
            let Some(value) = all.get(key.name) else { continue };
            if spec.statement.as_ref().is_some_and(|it| !statement::is_shown(key.name, it)) {
                continue;
            }
            let source = match (on_line.contains(key.name), place) {
                (true, _) => "command line".to_owned(),
                (false, Some(place)) => place,
                (false, None) => "default".to_owned(),
            };
            let value = without_secrets(value.clone());
            values.push(ResolvedValue { key: key.name, value, source, default: key.default });
        }
        // At the top of a file, the name comes first; tables come last.
        let (tables, mut all): (Vec<_>, Vec<_>) =
            of_service.into_iter().partition(|it| it.key.contains('.'));
        all.extend(values);
        let of_statement = statement_values(&spec, &of_statement);
        let (of_tables, sql): (Vec<_>, Vec<_>) =
            of_statement.into_iter().partition(|it| it.key.contains('.'));
        all.extend(sql);
        all.extend(tables);
        all.extend(of_tables);
        Ok(Resolved { spec, service, values: all })
    }

    /// Values and sources, by key. Of addresses that hold secrets, scheme and host are shown.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let one = |it: &ResolvedValue| {
            let value = match it.key {
                "alarms.webhook" | "alarms.slack" => without_paths(&it.value),
                _ => it.value.clone(),
            };
            (it.key.to_owned(), json!({ "value": value, "source": it.source }))
        };
        Value::Object(self.values.iter().map(one).collect::<Map<_, _>>())
    }
}

/// The topic that gets alarms, where it is one of those that the job reads or writes.
fn own_topic(spec: &JobSpec, service: &Service) -> Option<String> {
    let topic = service.alarms.topic.clone()?;
    [&spec.topic, &spec.result_topic, &spec.dead_topic].contains(&&topic).then_some(topic)
}

/// Why the job cannot have that many workers.
fn fault_of_workers(spec: &JobSpec, service: &Service) -> Option<String> {
    let store = spec.location().store_url();
    let RestartPolicy { rerun, checkpoint, .. } = &service.restart;
    if service.workers == 1 {
        None
    } else if store.with_slot("1").is_none() {
        Some(format!(
            "workers share a job where its store is in Kafka, and this one is {store}: leave the key \
             out, and raise slots instead"
        ))
    } else if *rerun == Rerun::FromScratch || checkpoint.is_some() {
        let why = "a worker that goes back would take the others with it: leave restart.rerun and \
                   restart.checkpoint out, or have one worker";
        Some(why.to_owned())
    } else {
        None
    }
}

/// What contradicts itself in `[elastic]`, which counts where a file has something of it.
fn fault_of_elastic(service: &Service) -> Option<String> {
    service.elastic.settings(service.max_parallelism).err()
}

/// What the file says to a service.
fn service_values(file: &JobFile) -> Vec<ResolvedValue> {
    let one = |key: &ServiceKey| ResolvedValue {
        key: key.name,
        value: (key.show)(&file.service),
        source: file.source_of(key.name).unwrap_or_else(|| "default".to_owned()),
        default: key.default.map(str::to_owned),
    };
    service_keys::all().map(one).collect()
}

/// A job file that makes the same job, with the source of each value behind it.
impl fmt::Display for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = None;
        for ResolvedValue { key, value, source, default } in &self.values {
            let (of_table, key) = match key.split_once('.') {
                Some((of_table, key)) => (Some(of_table), key),
                None => (None, *key),
            };
            if let (true, Some(name)) = (of_table != table, of_table) {
                writeln!(f, "\n[{name}]")?;
            }
            table = of_table;
            let line = match (value, default) {
                (Value::Null, Some(default)) => format!("# {key}: {default}"),
                (Value::Null, None) => format!("# {key}: none"),
                (value, _) => format!("{key} = {}", toml(value)),
            };
            writeln!(f, "{line:<52} # {source}")?;
        }
        Ok(())
    }
}

/// JSON's text, numbers and words are TOML's; a table is not.
fn toml(value: &Value) -> String {
    if let Value::Array(all) = value {
        return format!("[{}]", all.iter().map(toml).collect::<Vec<_>>().join(", "));
    }
    let Value::Object(pairs) = value else { return value.to_string() };
    let one = |(key, value): (&String, &Value)| {
        format!("{} = {}", Value::String(key.clone()), toml(value))
    };
    let pairs: Vec<String> = pairs.iter().map(one).collect();
    if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
}

/// Settings that are no one's business are not shown.
fn without_secrets(mut value: Value) -> Value {
    if let Value::Object(pairs) = &mut value {
        for (key, value) in pairs.iter_mut() {
            if ["password", "secret", "key.pem", "private", "token"]
                .iter()
                .any(|it| key.contains(it))
            {
                *value = Value::String("***".to_owned());
            }
        }
    }
    value
}

/// Addresses of which path, query and user are secrets.
fn without_paths(value: &Value) -> Value {
    match value {
        Value::String(address) => Value::String(without_path(address)),
        Value::Array(all) => all.iter().map(without_paths).collect(),
        _ => value.clone(),
    }
}

fn without_path(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let host = rest[..end].rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{}", if host.len() == rest.len() { "" } else { "/***" })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::job::file;

    #[test]
    fn each_value_says_where_it_comes_from_and_secrets_are_not_shown() {
        let text =
            "window = \"2s\"\nlateness = \"1s\"\nkafka = { \"sasl.password\" = \"hunter2\" }\n";
        let line = JobOptions { lateness: Some("3s".parse().unwrap()), ..JobOptions::default() };
        let resolved = Resolved::of(line, file::read(text, Path::new("job.toml"))).unwrap();
        let json = resolved.to_json();
        assert_eq!(json["window"], json!({ "value": "2s", "source": "job.toml:1: window" }));
        assert_eq!(json["lateness"], json!({ "value": "3s", "source": "command line" }));
        assert_eq!(json["max_ahead"], json!({ "value": "5s", "source": "default" }));
        let shown = resolved.to_string();
        assert!(!shown.contains("hunter2") && !json.to_string().contains("hunter2"), "{shown}");
    }

    #[test]
    fn of_an_address_that_gets_alarms_scheme_and_host_are_shown() {
        let text = "[alarms]\nslack = 'https://hooks.slack.com/services/T/B/X'\n\
                    webhook = ['http://me:pw@h:81/a@b?key=1', 'https://h', 'http://h?k@x']\n";
        let file = file::read(text, Path::new("job.toml"));
        let resolved = Resolved::of(JobOptions::default(), file).unwrap();
        let json = resolved.to_json();
        assert_eq!(json["alarms.slack"]["value"], json!(["https://hooks.slack.com/***"]));
        let shown = json!(["http://h:81/***", "https://h", "http://h/***"]);
        assert_eq!(json["alarms.webhook"]["value"], shown);
        // What is shown as a file makes the same job.
        assert!(resolved.to_string().contains("https://hooks.slack.com/services/T/B/X"));
    }

    #[test]
    fn workers_share_a_job_where_its_store_is_in_kafka() {
        let of = |text: &str| {
            let file = file::read(text, Path::new("job.toml"));
            Resolved::of(JobOptions::default(), file).map(|it| it.service.workers)
        };
        let error = of("workers = 2\n").unwrap_err().to_string();
        assert!(error.contains("job.toml:1: workers: workers share a job where"), "{error}");
        let error = of("workers = 2\nqueue = 'rocketmq://h'\n").unwrap_err().to_string();
        assert!(error.contains("raise slots instead"), "{error}");
        #[cfg(feature = "kafka")]
        {
            assert_eq!(of("workers = 3\nqueue = 'kafka://h:9092'\n").unwrap(), 3);
            // None counts runs from scratch for itself, with a group that the others are not in.
            for goes_back in ["checkpoint = 'a'", "rerun = 'from-scratch'"] {
                let again =
                    format!("workers = 3\nqueue = 'kafka://h:9092'\n[restart]\n{goes_back}\n");
                let error = of(&again).unwrap_err().to_string();
                assert!(error.contains("restart.rerun and restart.checkpoint"), "{error}");
            }
        }
    }

    #[test]
    fn limits_of_scaling_that_contradict_each_other_are_refused_where_they_stand() {
        let of = |text: &str| {
            let file = file::read(text, Path::new("job.toml"));
            Resolved::of(JobOptions::default(), file)
        };
        let error =
            of("max_parallelism = 2\n[elastic]\nworkers_min = 7\n").unwrap_err().to_string();
        assert!(error.contains("job.toml:3: elastic.workers_min: "), "{error}");
        assert!(error.contains("workers_min 7 is above workers_max 6"), "{error}");
        assert!(error.contains("parallelism_min 3 is above parallelism_max 2"), "{error}");
        assert!(of("max_parallelism = 2\n").is_ok(), "nothing of it is used");
        let text = "[elastic]\npolicy = 'threshold'\nfor = '3s'\nschedule = 'at 02:00 keep >= 4'\n";
        let elastic = of(text).unwrap().service.elastic;
        let again = of(&of(text).unwrap().to_string()).unwrap();
        assert_eq!(again.service.elastic, elastic);
        assert_eq!((elastic.for_s, elastic.schedule.len()), (3, 1));
        for wrong in ["cpu_up = 2", "cpu_up = 'much'", "schedule = 'at noon'", "policy = 'magic'"] {
            assert!(of(&format!("[elastic]\n{wrong}\n")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_shown_is_a_file_that_makes_the_same_job() {
        let text = "rollup = [\"1m\"]\ndrain = true\nphases = \"P,S\"\nslots = 2\n";
        let resolved =
            Resolved::of(JobOptions::default(), file::read(text, Path::new("job.toml"))).unwrap();
        let again = file::read(&resolved.to_string(), Path::new("shown.toml"));
        let again = Resolved::of(JobOptions::default(), again).unwrap();
        assert_eq!(again.spec, resolved.spec);
    }
}
