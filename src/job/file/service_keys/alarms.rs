//! The table `[alarms]`: where alarms go, and when they are raised.

use std::time::Duration;

use seismic_queue::Topic;
use serde_json::{Value, json};
use toml::de::DeValue;

use super::super::row_alarms;
use super::super::value::{flag, list, number, text};
use super::ServiceKey;

/// Sensors of which a job may expect rows: a table of their own is a sink's.
const SENSORS: usize = 10_000;

/// Its keys.
pub(super) const KEYS: &[ServiceKey] = &[
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
        help: "Command of the server's [commands] that gets each alarm as JSON on its standard \
               input, or a list",
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
        help: "Topic in the job's queue that gets each alarm as a message of JSON; it is made if \
               it is missing",
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
        help: "How long the condition must not hold before the alarm ends, s: a flapping \
               condition is one alarm",
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
        help: "Alarms on rows: a list of tables with `on` (a topic of rows where the job has its \
               store), \
               `where` (which rows, as of sinks; each) and `max_per_minute` (how often that is \
               told; 6)",
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
        help: "Alarm when the clock of a sensor is wrong by more than this, and by more than \
               chance, s; 0: off. \
               Checked once a minute if alarms have a target",
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
        help: "Alarm when a sink has written nothing for this long although there are rows, s; 0: \
               off",
        default: Some("60"),
        example: "60",
        schema: || json!({ "type": "integer", "minimum": 0, "maximum": 604800 }),
        set: |service, value| alarm_after(&mut service.alarms.sink_stuck, value),
        show: |service| json!(service.alarms.sink_stuck.as_secs()),
    },
    ServiceKey {
        name: "alarms.table_stale_s",
        help: "Alarm when a table of a job with sql cannot be read for this long, s; 0: off",
        default: Some("60"),
        example: "60",
        schema: || json!({ "type": "integer", "minimum": 0, "maximum": 604800 }),
        set: |service, value| alarm_after(&mut service.alarms.table_stale, value),
        show: |service| json!(service.alarms.table_stale.as_secs()),
    },
    ServiceKey {
        name: "alarms.dead_letter_percent",
        help: "Alarm when more percent of the records of a minute than this become dead letters; \
               0: off",
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
        // Faults are shown to others, and it may hold a token.
        false => Err("it is no address like https://example.org/alarms".to_owned()),
    }
}

fn texts(all: &[String]) -> Value {
    if all.is_empty() { Value::Null } else { json!(all) }
}
