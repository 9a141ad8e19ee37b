//! The table `[logs]`.

use serde_json::{Value, json};

use super::super::value::{choice, number, text};
use super::ServiceKey;
use crate::logs::{LogFormat, levels};

/// Its keys.
pub(super) const KEYS: &[ServiceKey] = &[
    ServiceKey {
        name: "logs.level",
        help: "What the job logs under `seismic serve`: error, warn, info, debug, trace, or a filter as \
               in RUST_LOG",
        default: Some("info"),
        example: "\"info\"",
        schema: || json!({ "type": "string" }),
        set: |service, value| {
            let filter = text(value)?;
            levels::filter(&filter)?;
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
];
