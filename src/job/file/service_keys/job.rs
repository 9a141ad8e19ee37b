//! The name of a job, and the resources of its processes.

use serde_json::{Value, json};
use toml::de::DeValue;

use super::super::value::{flag, number, parsed, text};
use super::ServiceKey;
use crate::job::service::tags;

/// Bytes of a description: a paragraph.
const DESCRIPTION_BYTES: usize = 512;

/// Processes of one job on one machine: beyond its cores, more of them read nothing faster.
const WORKERS: u64 = 64;

/// Its keys.
pub(super) const KEYS: &[ServiceKey] = &[
    ServiceKey {
        name: "name",
        help: "Name of the job: up to 64 letters of any script, digits, '-' and '_'. Group and \
               topics are named after it where they have no names of their own",
        default: Some("the group"),
        example: "\"coast\"",
        schema: || json!({ "type": "string", "minLength": 1, "maxLength": 64 }),
        set: |service, value| {
            service.name = Some(text(value)?.parse()?);
            Ok(())
        },
        show: |service| service.name.as_ref().map_or(Value::Null, |name| json!(name.as_str())),
    },
    ServiceKey {
        name: "description",
        help: "What the job is for, in up to 512 bytes",
        default: Some("none"),
        example: "\"Windows of the coastal network\"",
        schema: || json!({ "type": "string", "maxLength": 512 }),
        set: |service, value| {
            let text = text(value)?;
            if text.len() > DESCRIPTION_BYTES {
                let bytes = text.len();
                return Err(format!("{bytes} bytes are more than {DESCRIPTION_BYTES}"));
            }
            if text.chars().any(|letter| letter.is_control() && letter != '\n') {
                return Err("it has control characters".to_owned());
            }
            service.description = text;
            Ok(())
        },
        show: |service| match &*service.description {
            "" => Value::Null,
            text => json!(text),
        },
    },
    ServiceKey {
        name: "tags",
        help: "Up to 10 tags by which jobs are found: key and value of letters, digits, '-' and \
               '_', in values also '.'",
        default: Some("none"),
        example: "{ site = \"north\", network = \"GE\" }",
        schema: || {
            let value = json!({ "type": ["string", "integer", "number"], "maxLength": 43 });
            json!({ "type": "object", "maxProperties": 10, "additionalProperties": value })
        },
        set: |service, value| {
            let DeValue::Table(pairs) = value else {
                return Err("write a table, as in { site = \"north\" }".to_owned());
            };
            for (key, value) in pairs {
                let text =
                    text(value.get_ref()).map_err(|why| format!("{}: {why}", key.get_ref()))?;
                service.tags.insert(key.get_ref().to_string(), text);
            }
            match tags::faults(&service.tags) {
                faults if faults.is_empty() => Ok(()),
                faults => Err(faults.join("; ")),
            }
        },
        show: |service| match service.tags.is_empty() {
            true => Value::Null,
            false => json!(service.tags),
        },
    },
    ServiceKey {
        name: "engine",
        help: "Program that runs the job under `seismic serve`: another version of this one, so \
               that \
               jobs are upgraded one by one",
        default: Some("the server's own"),
        example: "\"/opt/seismic-0.1/seismic\"",
        schema: || json!({ "type": "string" }),
        set: |service, value| {
            service.engine = Some(text(value)?.into());
            Ok(())
        },
        show: |service| service.engine.as_ref().map_or(Value::Null, |path| json!(path)),
    },
    ServiceKey {
        name: "workers",
        help: "Processes in which `seismic serve` runs the job, where its store is in Kafka",
        default: Some("1"),
        example: "1",
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": 64 }),
        set: |service, value| {
            service.workers = number(value, 1..=WORKERS)? as usize;
            Ok(())
        },
        show: |service| json!(service.workers),
    },
    ServiceKey {
        name: "sink_process",
        help: "Whether `seismic serve` runs the job's sinks in a process of their own, one for all workers, \
               so that neither takes the other with it; the console stays in each worker",
        default: Some("false"),
        example: "true",
        schema: || json!({ "type": "boolean" }),
        set: |service, value| flag(&mut service.sink_process, value),
        show: |service| json!(service.sink_process),
    },
    ServiceKey {
        name: "max_parallelism",
        help: "Slots of all workers of the job together, at most, and at most as many as its input has \
               partitions, which is checked where the queue can be reached",
        default: Some("no limit"),
        example: "8",
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": 1_048_576 }),
        set: |service, value| {
            service.max_parallelism = Some(number(value, 1..=1 << 20)? as usize);
            Ok(())
        },
        show: |service| service.max_parallelism.map_or(Value::Null, |most| json!(most)),
    },
    ServiceKey {
        name: "priority",
        help: "From 0 to 9: when cores or memory are short, or a job is behind its input, \
               `seismic serve` slows \
               and then pauses jobs of lower priorities, and resumes them automatically",
        default: Some("5"),
        example: "5",
        schema: || json!({ "type": "integer", "minimum": 0, "maximum": 9 }),
        set: |service, value| {
            service.priority = number(value, 0..=9)? as u8;
            Ok(())
        },
        show: |service| json!(service.priority),
    },
    ServiceKey {
        name: "resources.cpus",
        help: "Cores that each worker under `seismic serve` may use: by a cgroup where the server \
               may make one, \
               else as many slots",
        default: Some("all"),
        example: "1.5",
        schema: || json!({ "type": "number", "minimum": 0.05, "maximum": 1024 }),
        set: |service, value| {
            let cpus: f64 = parsed(value)?;
            if !(0.05..=1024.0).contains(&cpus) {
                return Err(format!("{cpus} is not between 0.05 and 1024"));
            }
            service.resources.cpus_milli = Some((cpus * 1e3).round() as u32);
            Ok(())
        },
        show: |service| service.resources.cpus().map_or(Value::Null, |cpus| json!(cpus)),
    },
    ServiceKey {
        name: "resources.memory_mb",
        help: "Memory that each worker under `seismic serve` may take, MiB: by a cgroup where the \
               server may make \
               one, else what it may write (RLIMIT_DATA). One that needs more ends and is started \
               again",
        default: Some("all"),
        example: "1024",
        schema: || json!({ "type": "integer", "minimum": 64, "maximum": 16_777_216 }),
        set: |service, value| {
            service.resources.memory_bytes = Some(number(value, 64..=16_777_216)? << 20);
            Ok(())
        },
        show: |service| {
            service.resources.memory_bytes.map_or(Value::Null, |bytes| json!(bytes >> 20))
        },
    },
];
