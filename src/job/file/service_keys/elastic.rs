//! The table `[elastic]`: how many workers and slots a job should have, and when.

use std::path::{Component, PathBuf};

use seismic_elastic::limits::{PARALLELISM, WORKERS};
use serde_json::{Value, json};
use toml::de::DeValue;

use super::super::value::{choice, integer, list, number, parsed, text};
use super::ServiceKey;
use crate::job::service::elastic::PolicyName;

/// Its keys.
pub(super) const KEYS: &[ServiceKey] = &[
    ServiceKey {
        name: "elastic.action",
        help: "What `seismic serve` does with this table: none, observe (it takes samples and decisions, \
               and shows them), or it also starts, replaces and ends workers of the job, where its \
               store is in Kafka: local (on its machine), command (a command does it on others) or \
               kubernetes (a StatefulSet is scaled)",
        default: Some("none"),
        example: "\"local\"",
        schema: || json!({ "enum": ["none", "observe", "local", "command", "kubernetes"] }),
        set: |service, value| {
            service.elastic.action = choice(value)?;
            Ok(())
        },
        show: |service| json!(service.elastic.action.name()),
    },
    ServiceKey {
        name: "elastic.policy",
        help: "How the number of workers follows from what is measured: target (a share of the learned \
               capacity) or threshold (fixed numbers)",
        default: Some("target"),
        example: "\"target\"",
        schema: || json!({ "enum": ["target", "threshold"] }),
        set: |service, value| {
            service.elastic.policy = choice(value)?;
            Ok(())
        },
        show: |service| match service.elastic.policy {
            PolicyName::Target => json!("target"),
            PolicyName::Threshold => json!("threshold"),
        },
    },
    ServiceKey {
        name: "elastic.interval_s",
        help: "Time between samples, s",
        default: Some("5"),
        example: "5",
        schema: seconds_schema,
        set: |service, value| seconds(&mut service.elastic.interval_s, value),
        show: |service| json!(service.elastic.interval_s),
    },
    ServiceKey {
        name: "elastic.for_s",
        help: "Time for which a rule must hold, s; target asks for three times as long before it goes \
               down",
        default: Some("30"),
        example: "30",
        schema: seconds_schema,
        set: |service, value| seconds(&mut service.elastic.for_s, value),
        show: |service| json!(service.elastic.for_s),
    },
    ServiceKey {
        name: "elastic.verify_within_s",
        help: "Time within which samples must show a change, s; otherwise it has failed",
        default: Some("60"),
        example: "60",
        schema: seconds_schema,
        set: |service, value| seconds(&mut service.elastic.verify_within_s, value),
        show: |service| json!(service.elastic.verify_within_s),
    },
    ServiceKey {
        name: "elastic.workers_min",
        help: "Fewest workers",
        default: Some("3"),
        example: "3",
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": WORKERS }),
        set: |service, value| count(&mut service.elastic.limits.workers_min, value, WORKERS),
        show: |service| json!(service.elastic.limits.workers_min),
    },
    ServiceKey {
        name: "elastic.workers_max",
        help: "Most workers",
        default: Some("6"),
        example: "6",
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": WORKERS }),
        set: |service, value| count(&mut service.elastic.limits.workers_max, value, WORKERS),
        show: |service| json!(service.elastic.limits.workers_max),
    },
    ServiceKey {
        name: "elastic.slots_per_worker",
        help: "Slots that a worker has, active or not",
        default: Some("2"),
        example: "2",
        schema: slots_schema,
        set: |service, value| count(&mut service.elastic.limits.slots, value, PARALLELISM),
        show: |service| json!(service.elastic.limits.slots),
    },
    ServiceKey {
        name: "elastic.parallelism_min",
        help: "Fewest active slots of all workers",
        default: Some("3"),
        example: "3",
        schema: slots_schema,
        set: |service, value| {
            count(&mut service.elastic.limits.parallelism_min, value, PARALLELISM)
        },
        show: |service| json!(service.elastic.limits.parallelism_min),
    },
    ServiceKey {
        name: "elastic.parallelism_max",
        help: "Most active slots of all workers; max_parallelism is a further limit",
        default: Some("12"),
        example: "12",
        schema: slots_schema,
        set: |service, value| {
            count(&mut service.elastic.limits.parallelism_max, value, PARALLELISM)
        },
        show: |service| json!(service.elastic.limits.parallelism_max),
    },
    ServiceKey {
        name: "elastic.throughput_up",
        help: "threshold: records/s above which slots are added",
        default: Some("1000"),
        example: "1000",
        schema: || json!({ "type": "number", "minimum": 0 }),
        set: |service, value| rate(&mut service.elastic.threshold.throughput_up, value),
        show: |service| json!(service.elastic.threshold.throughput_up),
    },
    ServiceKey {
        name: "elastic.throughput_down",
        help: "threshold: records/s below which slots are taken away",
        default: Some("200"),
        example: "200",
        schema: || json!({ "type": "number", "minimum": 0 }),
        set: |service, value| rate(&mut service.elastic.threshold.throughput_down, value),
        show: |service| json!(service.elastic.threshold.throughput_down),
    },
    ServiceKey {
        name: "elastic.parallelism_up",
        help: "threshold: slots that are added at once",
        default: Some("2"),
        example: "2",
        schema: slots_schema,
        set: |service, value| {
            count(&mut service.elastic.threshold.parallelism_up, value, PARALLELISM)
        },
        show: |service| json!(service.elastic.threshold.parallelism_up),
    },
    ServiceKey {
        name: "elastic.parallelism_down",
        help: "threshold: slots that are taken away at once",
        default: Some("1"),
        example: "1",
        schema: slots_schema,
        set: |service, value| {
            count(&mut service.elastic.threshold.parallelism_down, value, PARALLELISM)
        },
        show: |service| json!(service.elastic.threshold.parallelism_down),
    },
    ServiceKey {
        name: "elastic.cpu_up",
        help: "threshold: share of the workers' cores above which a worker is added",
        default: Some("0.8"),
        example: "0.8",
        schema: share_schema,
        set: |service, value| share(&mut service.elastic.threshold.cpu_up, value),
        show: |service| json!(service.elastic.threshold.cpu_up),
    },
    ServiceKey {
        name: "elastic.cpu_down",
        help: "threshold: share of the workers' cores below which a worker is taken away",
        default: Some("0.3"),
        example: "0.3",
        schema: share_schema,
        set: |service, value| share(&mut service.elastic.threshold.cpu_down, value),
        show: |service| json!(service.elastic.threshold.cpu_down),
    },
    ServiceKey {
        name: "elastic.busy",
        help: "target: share of the capacity that what arrives should need",
        default: Some("0.6"),
        example: "0.6",
        schema: share_schema,
        set: |service, value| share(&mut service.elastic.target.busy, value),
        show: |service| json!(service.elastic.target.busy),
    },
    ServiceKey {
        name: "elastic.band",
        help: "target: how far from it is still fine",
        default: Some("0.2"),
        example: "0.2",
        schema: share_schema,
        set: |service, value| share(&mut service.elastic.target.band, value),
        show: |service| json!(service.elastic.target.band),
    },
    ServiceKey {
        name: "elastic.catch_up_s",
        help: "target: longest time until what waits is read, s",
        default: Some("600"),
        example: "600",
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": 86400 }),
        set: |service, value| count(&mut service.elastic.target.catch_up_s, value, 86_400),
        show: |service| json!(service.elastic.target.catch_up_s),
    },
    ServiceKey {
        name: "elastic.schedule",
        help: "Fewest workers by the time of day, as in \"at 02:00 keep >= 4\": until the time of the \
               next entry, of which \"keep >= 0\" ends it",
        default: Some("none"),
        example: "[\"at 02:00 keep >= 4\", \"at 05:00 keep >= 0\"]",
        schema: || json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] }),
        set: |service, value| {
            service.elastic.schedule = list(value, parsed)?;
            Ok(())
        },
        show: |service| match &service.elastic.schedule[..] {
            [] => Value::Null,
            floors => json!(floors.iter().map(ToString::to_string).collect::<Vec<_>>()),
        },
    },
    ServiceKey {
        name: "elastic.utc_offset_min",
        help: "Minutes by which the times of `schedule` are ahead of UTC",
        default: Some("0"),
        example: "60",
        schema: || json!({ "type": "integer", "minimum": -1439, "maximum": 1439 }),
        set: |service, value| {
            let minutes = integer(value)?;
            let fits = i32::try_from(minutes).ok().filter(|minutes| minutes.abs() < 1_440);
            let wrong = || format!("{minutes} is not between -1439 and 1439");
            service.elastic.utc_offset_min = fits.ok_or_else(wrong)?;
            Ok(())
        },
        show: |service| json!(service.elastic.utc_offset_min),
    },
    ServiceKey {
        name: "elastic.log_dir",
        help: "Folder of collect_metrics.log, elastic_schedule.log and alert.log, within the folder of the \
               job's scaling beside the server's state",
        default: Some("log"),
        example: "\"log\"",
        schema: || json!({ "type": "string" }),
        set: |service, value| folder(&mut service.elastic.log_dir, value),
        show: |service| json!(service.elastic.log_dir),
    },
    ServiceKey {
        name: "elastic.metrics_dir",
        help: "Folder of history_metrics.log, within the same folder",
        default: Some("metrics"),
        example: "\"metrics\"",
        schema: || json!({ "type": "string" }),
        set: |service, value| folder(&mut service.elastic.metrics_dir, value),
        show: |service| json!(service.elastic.metrics_dir),
    },
    ServiceKey {
        name: "elastic.savepoint_dir",
        help: "Folder of a note of each savepoint that a change has taken, within the same folder: where it \
               is in the job's store, and at which positions",
        default: Some("savepoints"),
        example: "\"savepoints\"",
        schema: || json!({ "type": "string" }),
        set: |service, value| folder(&mut service.elastic.savepoint_dir, value),
        show: |service| json!(service.elastic.savepoint_dir),
    },
];

/// A folder within another one: a job that is submitted writes nowhere else.
fn folder(folder: &mut PathBuf, value: &DeValue<'_>) -> Result<(), String> {
    let found = PathBuf::from(text(value)?);
    let is_within = |part: Component<'_>| matches!(part, Component::Normal(_));
    if found.as_os_str().is_empty() || !found.components().all(is_within) {
        let found = found.display();
        return Err(format!(
            "{found:?} is no path within the folder of the job's scaling, as \"log\""
        ));
    }
    *folder = found;
    Ok(())
}

fn seconds_schema() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": 3600 })
}

fn slots_schema() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": PARALLELISM })
}

fn share_schema() -> Value {
    json!({ "type": "number", "minimum": 0, "maximum": 1 })
}

fn seconds(seconds: &mut u32, value: &DeValue<'_>) -> Result<(), String> {
    count(seconds, value, 3_600)
}

fn count(count: &mut u32, value: &DeValue<'_>, most: u32) -> Result<(), String> {
    *count = number(value, 1..=most.into())? as u32;
    Ok(())
}

fn share(share: &mut f64, value: &DeValue<'_>) -> Result<(), String> {
    decimal(share, value, 1.0)
}

fn rate(rate: &mut f64, value: &DeValue<'_>) -> Result<(), String> {
    decimal(rate, value, seismic_elastic::limits::RATE)
}

fn decimal(number: &mut f64, value: &DeValue<'_>, most: f64) -> Result<(), String> {
    if !matches!(value, DeValue::Integer(_) | DeValue::Float(_)) {
        return Err("write a number".to_owned());
    }
    let found: f64 = parsed(value)?;
    if !(0.0..=most).contains(&found) {
        return Err(format!("{found} is not between 0 and {most}"));
    }
    *number = found;
    Ok(())
}
