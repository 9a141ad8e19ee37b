//! The table `[restart]`: when a job is restarted, and from where.

use std::time::Duration;

use seismic_pipeline::CheckpointRef;
use serde_json::{Value, json};
use toml::de::DeValue;

use super::super::value::{choice, flag, number, text};
use super::ServiceKey;
use crate::job::service::restart::Rerun;

/// Its keys.
pub(super) const KEYS: &[ServiceKey] = &[
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
];

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
