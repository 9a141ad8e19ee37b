//! Findings about the server of a sink, for `doctor`. It changes nothing there.

use seismic_proto::Schema;
use seismic_queue::{Finding, Kind};

use super::names::POSITIONS;
use super::operation::Operation;
use super::row_format::RowFormat;
use super::target::{PASSWORD_VARIABLE, Target};
use super::{position, tables};
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
                "put the password into a file and name it with password_file=FILE, or set \
                 {PASSWORD_VARIABLE}"
            )
        }
        Error::Database { what, .. } if what.contains("says 403") => {
            format!(
                "give the user of the gateway the rights R and W on the table and on {POSITIONS}; with \
                 create=true C too"
            )
        }
        Error::Database { what, .. } if what.contains("certificate") => {
            "name the authority with ssl_ca=FILE, and the host as its certificate does".to_owned()
        }
        Error::Database { kind: Kind::Retry, .. } => {
            "start the gateway (`hbase rest start`), or correct the address; the sink waits for it, and the \
             job does not wait for the sink"
                .to_owned()
        }
        Error::TableDiffers { .. } => "correct family, key, columns or value".to_owned(),
        Error::TableMissing { .. } => {
            "`seismic sink --ddl SINK` prints what makes it; with create=true the sink makes it itself"
                .to_owned()
        }
        _ => String::new(),
    }
}

fn try_examine(spec: &SinkSpec, findings: &mut Vec<Finding>) -> Result<()> {
    let target = Target::of(spec)?;
    RowFormat::of(&target, Schema::windows())?;
    let server = target.server(limits::CONNECT_PATIENCE)?;
    findings.push(Finding::fine(version(&server)?));
    if target.is_open() {
        findings.push(Finding::warning(
            "its password goes over the network as it is",
            "use https, or a gateway on the same machine",
        ));
    }
    if target.operation == Operation::Put
        && target.has_own_key
        && !target.key.fields().any(|field| field == "pane")
    {
        findings.push(Finding::warning(
            "its key has no pane: a later row of the same window replaces the one before",
            "add {pane} to key, unless that is what you want",
        ));
    }
    tables::check(&server, &target)?;
    findings.push(Finding::fine(format!("table {} and {POSITIONS} are there", target.table)));
    if let Some(ttl) = tables::rows_expire(&server, &target)? {
        findings.push(Finding::warning(
            format!("rows go after {ttl} s (TTL of the family), and `verify` takes them for missing ones"),
            "set TTL to FOREVER, unless that is what you want",
        ));
    }
    findings.push(match position::read(&server, &target)? {
        Some(stored) => stored.position.finding(),
        None => Finding::fine("no sink has written there yet"),
    });
    Ok(())
}

/// What the server says it is.
fn version(server: &Server) -> Result<String> {
    let doing = "looking at the server";
    let answer =
        server.ask(doing, Request::Get, "/version/cluster", limits::DOCUMENTS_ANSWER_BYTES)?;
    let said = String::from_utf8_lossy(&answer.body);
    // As a text, or as JSON with one value.
    let is_number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    let number = said.split(['"', ' ', '\r', '\n']).find(is_number);
    Ok(match (answer.status, number) {
        (200, Some(number)) => format!("hbase {number}"),
        _ => "a gateway that does not say its version".to_owned(),
    })
}
