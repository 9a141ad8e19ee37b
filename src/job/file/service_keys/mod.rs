//! The keys of a job file that are no options of `seismic run`: what a service keeps of a job.

use std::time::Duration;

use seismic_pipeline::CheckpointRef;
use seismic_queue::Topic;
use serde_json::{Value, json};
use toml::de::DeValue;

use super::row_alarms;
use super::value::{choice, flag, list, number, parsed, text};
use crate::job::service::restart::Rerun;
use crate::job::service::{Service, tags};
use crate::logs::LogFormat;

/// Bytes of a description: a paragraph.
const DESCRIPTION_BYTES: usize = 512;

/// Processes of one job on one machine: beyond its cores, more of them read nothing faster.
const WORKERS: u64 = 64;

/// Sensors of which a job may expect rows: a table of their own is a sink's.
const SENSORS: usize = 10_000;

/// One key.
pub struct ServiceKey {
    /// Its name, behind that of its table and a dot if it has one.
    pub name: &'static str,
    /// What it does.
    pub help: &'static str,
    /// What holds without it, in words.
    pub default: Option<&'static str>,
    /// A value in TOML.
    pub example: &'static str,
    /// Its values, as a JSON Schema.
    pub schema: fn() -> Value,
    /// Sets it.
    pub set: fn(&mut Service, &DeValue<'_>) -> Result<(), String>,
    /// The value that holds; null without one.
    pub show: fn(&Service) -> Value,
}

impl ServiceKey {
    /// The table that it stands in, and its name there.
    #[must_use]
    pub fn place(&self) -> (Option<&'static str>, &'static str) {
        match self.name.split_once('.') {
            Some((table, name)) => (Some(table), name),
            None => (None, self.name),
        }
    }
}

/// Every key, those of a table behind each other.
pub const SERVICE_KEYS: &[ServiceKey] = &[
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
        help: "Program that runs the job under `seismic serve`: another version of this one, so that \
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
        name: "priority",
        help: "From 0 to 9: when cores or memory are short, or a job is behind its input, `seismic serve` slows \
               and then pauses jobs of lower priorities, and has them return by itself",
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
        help: "Cores that each worker under `seismic serve` may use: by a cgroup where the server may make one, \
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
        help: "Memory that each worker under `seismic serve` may take, MiB: by a cgroup where the server may make \
               one, else what it may write (RLIMIT_DATA). One that needs more ends and is started again",
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
    ServiceKey {
        name: "restart.retry",
        help: "Whether `seismic serve` starts the job again when it has ended with an error that \
               another start may mend",
        default: Some("true"),
        example: "true",
        schema: || json!({ "type": "boolean" }),
        set: |service, value| flag(&mut service.restart.retry, value),
        show: |service| json!(service.restart.retry),
    },
    ServiceKey {
        name: "restart.max_per_hour",
        help: "Automatic starts within any hour, also over restarts of the server, or \"unlimited\"",
        default: Some("10"),
        example: "10",
        schema: || json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "const": "unlimited" }] }),
        set: |service, value| {
            service.restart.max_per_hour = count_or(value, "unlimited")?;
            Ok(())
        },
        show: |service| service.restart.max_per_hour.map_or(json!("unlimited"), |most| json!(most)),
    },
    ServiceKey {
        name: "restart.max_retries",
        help: "Automatic starts in a row, none of which ran for a minute, or \"unlimited\"",
        default: Some("unlimited"),
        example: "5",
        schema: || json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "const": "unlimited" }] }),
        set: |service, value| {
            service.restart.max_retries = count_or(value, "unlimited")?;
            Ok(())
        },
        show: |service| service.restart.max_retries.map_or(json!("unlimited"), |most| json!(most)),
    },
    ServiceKey {
        name: "restart.interval_s",
        help: "Pause before the first automatic start, s; it doubles with each further one in a row",
        default: Some("1"),
        example: "1",
        schema: || json!({ "type": "integer", "minimum": 0, "maximum": 3600 }),
        set: |service, value| seconds(&mut service.restart.interval, value),
        show: |service| json!(service.restart.interval.as_secs()),
    },
    ServiceKey {
        name: "restart.max_interval_s",
        help: "Longest pause before an automatic start, s",
        default: Some("60"),
        example: "60",
        schema: || json!({ "type": "integer", "minimum": 0, "maximum": 3600 }),
        set: |service, value| seconds(&mut service.restart.max_interval, value),
        show: |service| json!(service.restart.max_interval.as_secs()),
    },
    ServiceKey {
        name: "restart.start_timeout_s",
        help: "Longest time until the job reads, s; 0: as long as it takes, as when its topic is not \
               there yet",
        default: Some("0"),
        example: "0",
        schema: || json!({ "type": "integer", "minimum": 0, "maximum": 31536000 }),
        set: |service, value| timeout(&mut service.restart.start_timeout, value),
        show: |service| json!(service.restart.start_timeout.map_or(0, |limit| limit.as_secs())),
    },
    ServiceKey {
        name: "restart.run_timeout_s",
        help: "Longest run of a job that ends by itself (drain, until_caught_up or max_records), s; 0: \
               as long as it takes",
        default: Some("0"),
        example: "0",
        schema: || json!({ "type": "integer", "minimum": 0, "maximum": 31536000 }),
        set: |service, value| timeout(&mut service.restart.run_timeout, value),
        show: |service| json!(service.restart.run_timeout.map_or(0, |limit| limit.as_secs())),
    },
    ServiceKey {
        name: "restart.retry_on_timeout",
        help: "Whether a start or run that took too long is tried again",
        default: Some("true"),
        example: "true",
        schema: || json!({ "type": "boolean" }),
        set: |service, value| flag(&mut service.restart.retry_on_timeout, value),
        show: |service| json!(service.restart.retry_on_timeout),
    },
    ServiceKey {
        name: "restart.rerun",
        help: "Where an automatic start begins: last-checkpoint, or from-scratch with a new group, store \
               and topics, whose number {{rerun}} has",
        default: Some("last-checkpoint"),
        example: "\"last-checkpoint\"",
        schema: || json!({ "enum": ["last-checkpoint", "from-scratch"] }),
        set: |service, value| {
            service.restart.rerun = choice(value)?;
            Ok(())
        },
        show: |service| match service.restart.rerun {
            Rerun::LastCheckpoint => json!("last-checkpoint"),
            Rerun::FromScratch => json!("from-scratch"),
        },
    },
    ServiceKey {
        name: "restart.checkpoint",
        help: "Checkpoint to which an automatic start goes back, by number or name: results after it are \
               computed again",
        default: Some("the newest one"),
        example: "\"before\"",
        schema: || json!({ "type": ["string", "integer"] }),
        set: |service, value| {
            let checkpoint = text(value)?;
            checkpoint.parse::<CheckpointRef>().map_err(|why| why.to_string())?;
            service.restart.checkpoint = Some(checkpoint);
            Ok(())
        },
        show: |service| service.restart.checkpoint.as_ref().map_or(Value::Null, |it| json!(it)),
    },
    ServiceKey {
        name: "logs.level",
        help: "What the job logs under `seismic serve`: error, warn, info, debug, trace, or a filter as \
               in RUST_LOG",
        default: Some("info"),
        example: "\"info\"",
        schema: || json!({ "type": "string" }),
        set: |service, value| {
            let filter = text(value)?;
            tracing_subscriber::EnvFilter::try_new(&filter)
                .map_err(|error| format!("{filter:?} selects no log lines: {error}"))?;
            service.logs.level = filter;
            Ok(())
        },
        show: |service| json!(service.logs.level),
    },
    ServiceKey {
        name: "logs.max_mb",
        help: "Size of a log file before it is replaced, MiB",
        default: Some("16"),
        example: "16",
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": 1024 }),
        set: |service, value| {
            service.logs.max_bytes = number(value, 1..=1024)? << 20;
            Ok(())
        },
        show: |service| json!(service.logs.max_bytes >> 20),
    },
    ServiceKey {
        name: "logs.files",
        help: "Log files kept, the one being written included",
        default: Some("5"),
        example: "5",
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": 100 }),
        set: |service, value| {
            service.logs.files = number(value, 1..=100)? as usize;
            Ok(())
        },
        show: |service| json!(service.logs.files),
    },
    ServiceKey {
        name: "logs.format",
        help: "How lines are written, text or json; `seismic run` logs what the job does when it is set",
        default: Some("text"),
        example: "\"json\"",
        schema: || json!({ "enum": ["text", "json"] }),
        set: |service, value| {
            service.logs.format = Some(choice(value)?);
            Ok(())
        },
        show: |service| match service.logs.format {
            None => Value::Null,
            Some(LogFormat::Text) => json!("text"),
            Some(LogFormat::Json) => json!("json"),
        },
    },
    ServiceKey {
        name: "logs.file",
        help: "File that `seismic run` also logs into, which is replaced at max_mb and every day",
        default: Some("none"),
        example: "\"output/job.log\"",
        schema: || json!({ "type": "string" }),
        set: |service, value| {
            service.logs.file = Some(text(value)?.into());
            Ok(())
        },
        show: |service| service.logs.file.as_ref().map_or(Value::Null, |file| json!(file)),
    },
    ServiceKey {
        name: "logs.days",
        help: "Days that replaced files of `file` are kept",
        default: Some("14"),
        example: "14",
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": 36_500 }),
        set: |service, value| {
            service.logs.days = Some(number(value, 1..=36_500)? as u32);
            Ok(())
        },
        show: |service| service.logs.days.map_or(Value::Null, |days| json!(days)),
    },
    ServiceKey {
        name: "alarms.webhook",
        help: "Address that gets each alarm of the job as JSON, or a list of them",
        default: Some("none"),
        example: "\"https://example.org/alarms\"",
        schema: || json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] }),
        set: |service, value| {
            service.alarms.webhook = list(value, address)?;
            Ok(())
        },
        show: |service| texts(&service.alarms.webhook),
    },
    ServiceKey {
        name: "alarms.secret_file",
        help: "File with the secret that signs what webhooks get (header X-Seismic-Signature)",
        default: Some("none"),
        example: "\"/run/secrets/alarms\"",
        schema: || json!({ "type": "string" }),
        set: |service, value| {
            service.alarms.secret_file = Some(text(value)?.into());
            Ok(())
        },
        show: |service| service.alarms.secret_file.as_ref().map_or(Value::Null, |path| json!(path)),
    },
    ServiceKey {
        name: "alarms.slack",
        help: "Address of an incoming webhook of Slack, or a list of them",
        default: Some("none"),
        example: "\"https://hooks.slack.com/services/T/B/X\"",
        schema: || json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] }),
        set: |service, value| {
            service.alarms.slack = list(value, address)?;
            Ok(())
        },
        show: |service| texts(&service.alarms.slack),
    },
    ServiceKey {
        name: "alarms.command",
        help: "Command of the server's [commands] that gets each alarm as JSON on its standard input, or a list",
        default: Some("none"),
        example: "\"page\"",
        schema: || json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] }),
        set: |service, value| {
            service.alarms.command = list(value, text)?;
            Ok(())
        },
        show: |service| texts(&service.alarms.command),
    },
    ServiceKey {
        name: "alarms.topic",
        help: "Topic in the job's queue that gets each alarm as a message of JSON; it is made if it is missing",
        default: Some("none"),
        example: "\"seismic-alarms\"",
        schema: || json!({ "type": "string" }),
        set: |service, value| {
            let topic = text(value)?;
            Topic::check_name(&topic).map_err(|error| error.to_string())?;
            service.alarms.topic = Some(topic);
            Ok(())
        },
        show: |service| service.alarms.topic.as_ref().map_or(Value::Null, |topic| json!(topic)),
    },
    ServiceKey {
        name: "alarms.clear_s",
        help: "How long what is wrong must not have been so before the alarm is over, s: what comes and goes \
               is one alarm",
        default: Some("30"),
        example: "30",
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": 604800 }),
        set: |service, value| {
            service.alarms.clear = Duration::from_secs(number(value, 1..=604_800)?);
            Ok(())
        },
        show: |service| json!(service.alarms.clear.as_secs()),
    },
    ServiceKey {
        name: "alarms.rows",
        help: "Alarms on rows: a list of tables with `on` (a topic of rows where the job has its store), \
               `where` (which rows, as of sinks; each) and `max_per_minute` (how often that is told; 6)",
        default: Some("none"),
        example: row_alarms::EXAMPLE,
        schema: row_alarms::schema,
        set: |service, value| {
            service.alarms.rows = row_alarms::read(value)?;
            Ok(())
        },
        show: |service| row_alarms::show(&service.alarms.rows),
    },
    ServiceKey {
        name: "alarms.sensors",
        help: "Ids of sensors of which rows are expected, or one of them",
        default: Some("none"),
        example: "[\"GE.APE\", \"GE.WLF\"]",
        schema: || json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] }),
        set: |service, value| {
            service.alarms.sensors = list(value, text)?;
            match service.alarms.sensors.len() {
                0..=SENSORS => Ok(()),
                many => Err(format!("{many} sensors are more than {SENSORS}")),
            }
        },
        show: |service| texts(&service.alarms.sensors),
    },
    ServiceKey {
        name: "alarms.sensors_silent_s",
        help: "Alarm when there was no row of one of `sensors` for this long, s; 0: off",
        default: Some("60"),
        example: "60",
        schema: || json!({ "type": "integer", "minimum": 0, "maximum": 604800 }),
        set: |service, value| alarm_after(&mut service.alarms.sensors_silent, value),
        show: |service| json!(service.alarms.sensors_silent.as_secs()),
    },
    ServiceKey {
        name: "alarms.clock_offset_s",
        help: "Alarm when the clock of a sensor is wrong by more than this, and by more than chance, s; 0: off. \
               Looked at each minute where somebody is told",
        default: Some("5"),
        example: "5",
        schema: || json!({ "type": "integer", "minimum": 0, "maximum": 604800 }),
        set: |service, value| alarm_after(&mut service.alarms.clock_offset, value),
        show: |service| json!(service.alarms.clock_offset.as_secs()),
    },
    ServiceKey {
        name: "alarms.failure",
        help: "Alarm when the job has failed",
        default: Some("true"),
        example: "true",
        schema: || json!({ "type": "boolean" }),
        set: |service, value| flag(&mut service.alarms.failure, value),
        show: |service| json!(service.alarms.failure),
    },
    ServiceKey {
        name: "alarms.restart",
        help: "Alarm when the job has died and is started again",
        default: Some("true"),
        example: "true",
        schema: || json!({ "type": "boolean" }),
        set: |service, value| flag(&mut service.alarms.restart, value),
        show: |service| json!(service.alarms.restart),
    },
    ServiceKey {
        name: "alarms.disk",
        help: "Alarm when a disk that the job needs has less than 5 % or 1 GiB free",
        default: Some("true"),
        example: "true",
        schema: || json!({ "type": "boolean" }),
        set: |service, value| flag(&mut service.alarms.disk, value),
        show: |service| json!(service.alarms.disk),
    },
    ServiceKey {
        name: "alarms.checkpoint_age_s",
        help: "Alarm when the newest checkpoint is older than this, s; 0: off",
        default: Some("300"),
        example: "300",
        schema: || json!({ "type": "integer", "minimum": 0, "maximum": 604800 }),
        set: |service, value| alarm_after(&mut service.alarms.checkpoint_age, value),
        show: |service| json!(service.alarms.checkpoint_age.as_secs()),
    },
    ServiceKey {
        name: "alarms.lag_s",
        help: "Alarm when what is read next has waited longer than this, s; 0: off",
        default: Some("60"),
        example: "60",
        schema: || json!({ "type": "integer", "minimum": 0, "maximum": 604800 }),
        set: |service, value| alarm_after(&mut service.alarms.lag, value),
        show: |service| json!(service.alarms.lag.as_secs()),
    },
    ServiceKey {
        name: "alarms.no_data_s",
        help: "Alarm when nothing was read for this long, s; 0: off",
        default: Some("60"),
        example: "60",
        schema: || json!({ "type": "integer", "minimum": 0, "maximum": 604800 }),
        set: |service, value| alarm_after(&mut service.alarms.no_data, value),
        show: |service| json!(service.alarms.no_data.as_secs()),
    },
    ServiceKey {
        name: "alarms.sink_stuck_s",
        help: "Alarm when a sink has written nothing for this long although there are rows, s; 0: off",
        default: Some("60"),
        example: "60",
        schema: || json!({ "type": "integer", "minimum": 0, "maximum": 604800 }),
        set: |service, value| alarm_after(&mut service.alarms.sink_stuck, value),
        show: |service| json!(service.alarms.sink_stuck.as_secs()),
    },
    ServiceKey {
        name: "alarms.dead_letter_percent",
        help: "Alarm when more percent of the records of a minute than this become dead letters; 0: off",
        default: Some("5"),
        example: "5",
        schema: || json!({ "type": "integer", "minimum": 0, "maximum": 100 }),
        set: |service, value| {
            service.alarms.dead_letter_percent = number(value, 0..=100)?;
            Ok(())
        },
        show: |service| json!(service.alarms.dead_letter_percent),
    },
];

/// The key of this name.
pub fn find(name: &str) -> Option<&'static ServiceKey> {
    SERVICE_KEYS.iter().find(|key| key.name == name)
}

/// The names of those at the top of a file, and of tables.
pub fn top_names() -> impl Iterator<Item = &'static str> {
    SERVICE_KEYS.iter().map(|key| key.place().0.unwrap_or(key.name))
}

/// The keys of a table; empty when there is none of this name.
pub fn of_table(table: &str) -> Vec<&'static ServiceKey> {
    SERVICE_KEYS.iter().filter(|key| key.place().0 == Some(table)).collect()
}

/// A number, or the word for none.
fn count_or(value: &DeValue<'_>, none: &str) -> Result<Option<u32>, String> {
    if matches!(value, DeValue::String(text) if text == none) {
        return Ok(None);
    }
    let most = number(value, 0..=1_000_000).map_err(|why| format!("{why}, or write {none:?}"))?;
    Ok(Some(u32::try_from(most).unwrap_or(u32::MAX)))
}

fn seconds(span: &mut Duration, value: &DeValue<'_>) -> Result<(), String> {
    *span = Duration::from_secs(number(value, 0..=3_600)?);
    Ok(())
}

/// A number of seconds up to a year, and none for 0.
fn timeout(limit: &mut Option<Duration>, value: &DeValue<'_>) -> Result<(), String> {
    let seconds = number(value, 0..=31_536_000)?;
    *limit = (seconds > 0).then(|| Duration::from_secs(seconds));
    Ok(())
}

/// A number of seconds up to a week.
fn alarm_after(span: &mut Duration, value: &DeValue<'_>) -> Result<(), String> {
    *span = Duration::from_secs(number(value, 0..=604_800)?);
    Ok(())
}

/// An address of the web.
fn address(value: &DeValue<'_>) -> Result<String, String> {
    let text = text(value)?;
    match text.starts_with("https://") || text.starts_with("http://") {
        true => Ok(text),
        false => Err(format!("{text:?} is no address like https://example.org/alarms")),
    }
}

fn texts(all: &[String]) -> Value {
    if all.is_empty() { Value::Null } else { json!(all) }
}
