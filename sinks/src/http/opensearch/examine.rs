//! Findings about the server of a sink, for `doctor`. It changes nothing there.

use seismic_proto::Schema;
use seismic_queue::{Finding, Kind};
use serde_json::Value;

use super::names::POSITIONS;
use super::row_document::DocumentFormat;
use super::target::{API_KEY_VARIABLE, PASSWORD_VARIABLE, Target};
use super::{ddl, durability, failure, position};
use crate::http::answer::{Request, Server};
use crate::{Error, Result, SinkSpec, limits};

/// Everything at once.
pub(super) fn examine(spec: &SinkSpec) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(error) = try_examine(spec, &mut findings) {
        findings.push(Finding::problem(error.to_string(), remedy(&error)));
    }
    findings
}

fn remedy(error: &Error) -> String {
    match error {
        Error::Database { what, .. } if what.contains("says 401") => {
            format!(
                "put the password into a file and name it with password_file=FILE, or an API key with \
                 api_key_file=FILE; or set {PASSWORD_VARIABLE} or {API_KEY_VARIABLE}"
            )
        }
        Error::Database { what, .. } if what.contains("says 403") => {
            format!(
                "give the user the rights monitor of the cluster, and create_index, view_index_metadata, \
                 maintenance, read, index and delete of its indices and of {POSITIONS}; with create=true \
                 manage_index_templates too"
            )
        }
        Error::Database { what, .. } if what.contains("certificate") => {
            "name the authority with ssl_ca=FILE, and the host as its certificate does".to_owned()
        }
        Error::Database { kind: Kind::Retry, .. } => {
            "start the server, or correct the address; the sink waits for it, and the job does not wait \
             for the sink"
                .to_owned()
        }
        Error::TableDiffers { .. } => "correct columns, time or index".to_owned(),
        Error::TableMissing { .. } => made_by().to_owned(),
        _ => String::new(),
    }
}

fn made_by() -> &'static str {
    "`seismic sink --ddl SINK` prints what makes it; with create=true the sink makes it itself"
}

fn try_examine(spec: &SinkSpec, findings: &mut Vec<Finding>) -> Result<()> {
    let target = Target::of(spec)?;
    DocumentFormat::of(&target, Schema::windows())?;
    let server = target.server(limits::CONNECT_PATIENCE)?;
    let about = ask(&server, &target, "/")?.unwrap_or_default();
    let of_version = &about["version"];
    let product = of_version["distribution"].as_str().unwrap_or("elasticsearch");
    findings.push(match of_version["number"].as_str() {
        Some(number) => Finding::fine(format!("{product} {number}")),
        None => Finding::fine("a server that does not say its version"),
    });
    if target.is_open() {
        findings.push(Finding::warning(
            "its password or API key goes over the network as it is",
            "use https, or a server on the same machine",
        ));
    }
    of_cluster(&server, &target, findings)?;
    of_indices(&server, &target, findings)
}

/// What the server says at this path; `None` where it may not be asked.
fn ask(server: &Server, target: &Target, path: &str) -> Result<Option<Value>> {
    let doing = "looking at the server";
    let answer = server.ask(doing, Request::Get, path, limits::DOCUMENTS_ANSWER_BYTES)?;
    match answer.status {
        200 => Ok(serde_json::from_slice(&answer.body).ok()),
        403..=405 => Ok(None),
        _ => Err(failure::of_answer(&target.name, doing, &answer)),
    }
}

fn of_cluster(server: &Server, target: &Target, findings: &mut Vec<Finding>) -> Result<()> {
    let Some(health) = ask(server, target, "/_cluster/health")? else { return Ok(()) };
    if health["status"] == "red" {
        findings.push(Finding::warning(
            "the cluster is red: shards are missing, whose rows cannot be written or found",
            "start the nodes that have them",
        ));
    }
    let nodes = health["number_of_data_nodes"].as_u64().unwrap_or(1);
    let name = "index.number_of_replicas";
    let both = format!("{},{POSITIONS}", target.pattern.wildcard());
    let replicas = durability::settings(server, target, &both, name)?;
    if nodes > 1
        && let Some((index, _)) = replicas.iter().find(|(_, replicas)| *replicas == "0")
    {
        findings.push(Finding::warning(
            format!(
                "{index} has no replica: a node that is lost takes rows that the position counts"
            ),
            "set number_of_replicas to 1 or more",
        ));
    }
    Ok(())
}

fn of_indices(server: &Server, target: &Target, findings: &mut Vec<Finding>) -> Result<()> {
    let both = format!("{},{POSITIONS}", target.pattern.wildcard());
    if let Some(index) = durability::weak(server, target, &both)? {
        findings.push(Finding::problem(
            format!(
                "index.translog.durability of {index} is not request: a crash of the server would take \
                 rows that the position counts, so the sink refuses it"
            ),
            "set it to request, in its template too",
        ));
    }
    let template = target.pattern.template();
    findings.push(match (ddl::has_template(server, target)?, target.creates) {
        (true, _) => Finding::fine(format!("index template {template} is there")),
        (false, true) => Finding::fine(format!("index template {template} will be made")),
        (false, false) => Finding::warning(
            format!(
                "there is no index template {template}: the server guesses types of new indices"
            ),
            made_by(),
        ),
    });
    if !ddl::has_positions(server, target)? {
        findings.push(match target.creates {
            true => Finding::fine(format!("index {POSITIONS} will be made")),
            false => Finding::problem(format!("there is no index {POSITIONS}"), made_by()),
        });
        return Ok(());
    }
    if let Some(stored) = position::read(server, target)? {
        findings.push(stored.position.finding());
    }
    Ok(())
}
