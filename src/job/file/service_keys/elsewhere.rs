//! Keys of `[elastic]` about workers that run on other machines.

use std::path::PathBuf;

use serde_json::{Value, json};
use toml::de::DeValue;

use super::super::value::{list, number, text};
use super::ServiceKey;
use crate::job::service::elsewhere::{
    NODES, WORDS_OF_COMMAND, WORDS_OF_URL, check_kubernetes_name, check_node, check_words,
};

/// Longest command, in words.
const WORDS: usize = 64;

/// Its keys.
pub(super) const KEYS: &[ServiceKey] = &[
    ServiceKey {
        name: "elastic.command",
        help: "command: the program that starts, replaces or stops one worker, and its arguments; no \
               shell reads them. In arguments stand {action} (start, replace or stop), {job}, {worker} \
               (its name in the group), {place} (2 and more), {node}, {slots}, {port}, and {workers} \
               and {parallelism} of all that are wanted",
        default: Some("none"),
        example: "[\"/etc/seismic/scale\", \"{action}\", \"{node}\", \"{worker}\", \"{slots}\", \"{port}\"]",
        schema: || json!({ "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": WORDS }),
        set: |service, value| {
            let words = list(value, text)?;
            match words.first() {
                None => return Err("it names no program".to_owned()),
                Some(program) if program.is_empty() || program.contains('{') => {
                    return Err(format!("{program:?} is no program"));
                }
                Some(_) if words.len() > WORDS => {
                    return Err(format!("it has more than {WORDS} words"));
                }
                Some(_) => {}
            }
            words.iter().try_for_each(|word| check_words(word, &WORDS_OF_COMMAND))?;
            service.elastic.elsewhere.command = words;
            Ok(())
        },
        show: |service| match &service.elastic.elsewhere.command[..] {
            [] => Value::Null,
            words => json!(words),
        },
    },
    ServiceKey {
        name: "elastic.command_within_s",
        help: "command, kubernetes: time that the command or the API server may take for one worker \
               or number of pods, s; then it is ended, and tried again",
        default: Some("30"),
        example: "30",
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": 600 }),
        set: |service, value| {
            service.elastic.elsewhere.command_within_s = number(value, 1..=600)? as u32;
            Ok(())
        },
        show: |service| json!(service.elastic.elsewhere.command_within_s),
    },
    ServiceKey {
        name: "elastic.nodes",
        help: "command: machines of workers; a new one starts on the node that has the fewest",
        default: Some("none"),
        example: "[\"node01\", \"node02\"]",
        schema: || json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" }, "maxItems": NODES }] }),
        set: |service, value| {
            let nodes = list(value, text)?;
            nodes.iter().try_for_each(|node| check_node(node))?;
            if nodes.len() > NODES {
                return Err(format!("there are more than {NODES}"));
            }
            let is_again = |(at, node): &(usize, &String)| nodes[..*at].contains(*node);
            if let Some((_, node)) = nodes.iter().enumerate().find(is_again) {
                return Err(format!("{node:?} stands there twice"));
            }
            service.elastic.elsewhere.nodes = nodes;
            Ok(())
        },
        show: |service| match &service.elastic.elsewhere.nodes[..] {
            [] => Value::Null,
            nodes => json!(nodes),
        },
    },
    ServiceKey {
        name: "elastic.worker_url",
        help: "command, kubernetes: where a worker answers over HTTP, with {node}, {port}, {worker} and \
               {place}",
        default: Some("http://{node}:{port}; of a pod http://{worker}.STATEFULSET:{port}"),
        example: "\"https://{node}.example.org:{port}\"",
        schema: || json!({ "type": "string", "pattern": "^https?://" }),
        set: |service, value| {
            let url = text(value)?;
            check_words(&url, &WORDS_OF_URL)?;
            check_url(&url)?;
            service.elastic.elsewhere.worker_url = Some(url);
            Ok(())
        },
        show: |service| json!(service.elastic.elsewhere.worker_url),
    },
    ServiceKey {
        name: "elastic.worker_port",
        help: "command, kubernetes: the port of a worker; that of a worker on a node is this and its \
               place, so that two on one node differ",
        default: Some("9100"),
        example: "9100",
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": 60000 }),
        set: |service, value| {
            service.elastic.elsewhere.worker_port = number(value, 1..=60_000)? as u16;
            Ok(())
        },
        show: |service| json!(service.elastic.elsewhere.worker_port),
    },
    ServiceKey {
        name: "elastic.worker_token_file",
        help: "command, kubernetes: file with the token that workers ask for",
        default: Some("none"),
        example: "\"/run/secrets/seismic/token\"",
        schema: text_schema,
        set: |service, value| file(&mut service.elastic.elsewhere.worker_token_file, value),
        show: |service| path(service.elastic.elsewhere.worker_token_file.as_ref()),
    },
    ServiceKey {
        name: "elastic.worker_ca_file",
        help: "command, kubernetes: file with certificates in PEM of whom those of workers are signed by",
        default: Some("public authorities"),
        example: "\"/etc/seismic/ca.pem\"",
        schema: text_schema,
        set: |service, value| file(&mut service.elastic.elsewhere.worker_ca_file, value),
        show: |service| path(service.elastic.elsewhere.worker_ca_file.as_ref()),
    },
    ServiceKey {
        name: "elastic.statefulset",
        help: "kubernetes: the StatefulSet of all workers but the first one",
        default: Some("seismic-workers"),
        example: "\"seismic-workers\"",
        schema: text_schema,
        set: |service, value| {
            let name = text(value)?;
            check_kubernetes_name(&name)?;
            service.elastic.elsewhere.statefulset = name;
            Ok(())
        },
        show: |service| json!(service.elastic.elsewhere.statefulset),
    },
    ServiceKey {
        name: "elastic.namespace",
        help: "kubernetes: its namespace",
        default: Some("that of the server's pod"),
        example: "\"default\"",
        schema: text_schema,
        set: |service, value| {
            let name = text(value)?;
            check_kubernetes_name(&name)?;
            service.elastic.elsewhere.namespace = Some(name);
            Ok(())
        },
        show: |service| json!(service.elastic.elsewhere.namespace),
    },
    ServiceKey {
        name: "elastic.api_url",
        help: "kubernetes: the API server",
        default: Some("that of the cluster in which the server runs"),
        example: "\"https://10.0.0.1:6443\"",
        schema: || json!({ "type": "string", "pattern": "^https?://" }),
        set: |service, value| {
            let url = text(value)?;
            check_url(&url)?;
            service.elastic.elsewhere.api_url = Some(url);
            Ok(())
        },
        show: |service| json!(service.elastic.elsewhere.api_url),
    },
    ServiceKey {
        name: "elastic.api_token_file",
        help: "kubernetes: file with the token for the API server; it is read for each change",
        default: Some("that of the service account"),
        example: "\"/run/secrets/kubernetes/token\"",
        schema: text_schema,
        set: |service, value| file(&mut service.elastic.elsewhere.api_token_file, value),
        show: |service| path(service.elastic.elsewhere.api_token_file.as_ref()),
    },
    ServiceKey {
        name: "elastic.api_ca_file",
        help: "kubernetes: file with certificates in PEM of whom that of the API server is signed by",
        default: Some("that of the service account"),
        example: "\"/run/secrets/kubernetes/ca.crt\"",
        schema: text_schema,
        set: |service, value| file(&mut service.elastic.elsewhere.api_ca_file, value),
        show: |service| path(service.elastic.elsewhere.api_ca_file.as_ref()),
    },
];

fn text_schema() -> Value {
    json!({ "type": "string" })
}

fn file(file: &mut Option<PathBuf>, value: &DeValue<'_>) -> Result<(), String> {
    *file = Some(text(value)?.into());
    Ok(())
}

fn path(file: Option<&PathBuf>) -> Value {
    file.map_or(Value::Null, |path| json!(path))
}

fn check_url(url: &str) -> Result<(), String> {
    match url.starts_with("http://") || url.starts_with("https://") {
        true => Ok(()),
        false => Err(format!("{url:?} is no address: write one like http://10.0.0.1:9100")),
    }
}
