//! The table `[fork]`: whose checkpoint a job begins with.

use serde_json::{Value, json};

use super::super::value::{parsed, text};
use super::ServiceKey;

/// Its keys.
pub(super) const KEYS: &[ServiceKey] = &[
    ServiceKey {
        name: "fork.checkpoint",
        help: "Savepoint, or number of a checkpoint, of another job whose state this one begins with; \
               without effect once its group has progress",
        default: Some("none: the job begins with empty state"),
        example: "\"before-the-swarm\"",
        schema: || json!({ "type": ["string", "integer"] }),
        set: |service, value| {
            service.fork.checkpoint = Some(text(value)?);
            Ok(())
        },
        show: |service| json!(service.fork.checkpoint),
    },
    ServiceKey {
        name: "fork.of_group",
        help: "Group that made the checkpoint, with its store at the default place",
        default: None,
        example: "\"coast\"",
        schema: || json!({ "type": "string" }),
        set: |service, value| {
            service.fork.of_group = Some(text(value)?);
            Ok(())
        },
        show: |service| json!(service.fork.of_group),
    },
    ServiceKey {
        name: "fork.of_store",
        help: "Store that holds the checkpoint, where it is not at the default place",
        default: None,
        example: "\"sqlite:output/queue.coast.home.db\"",
        schema: || json!({ "type": "string" }),
        set: |service, value| {
            service.fork.of_store = Some(parsed(value)?);
            Ok(())
        },
        show: |service| {
            service.fork.of_store.as_ref().map_or(Value::Null, |url| json!(url.to_string()))
        },
    },
];
