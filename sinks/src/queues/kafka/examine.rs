//! Findings about the cluster of a sink, for `doctor`. It changes nothing there.

use seismic_kafka::outlet::{POSITIONS, transactional_id};
use seismic_proto::Schema;
use seismic_queue::{Finding, Kind};

use super::batch::MessageFormat;
use super::target::{PASSWORD_VARIABLE, Target};
use super::{failure, position};
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
        Error::Queue(seismic_queue::Error::Setting { key, .. }) if key == "sasl.password" => {
            format!(
                "put the password into a file and name it with password_file=FILE, or set \
                 {PASSWORD_VARIABLE}"
            )
        }
        Error::Queue(seismic_queue::Error::Setting { .. }) | Error::Config { .. } => {
            "correct the file that settings_file names".to_owned()
        }
        Error::Database { kind: Kind::Retry, .. } => {
            "start the brokers, or correct the address; the sink waits for them, and the job does not \
             wait for the sink"
                .to_owned()
        }
        Error::TableDiffers { .. } => "correct columns".to_owned(),
        _ => String::new(),
    }
}

fn try_examine(spec: &SinkSpec, findings: &mut Vec<Finding>) -> Result<()> {
    let target = Target::of(spec)?;
    MessageFormat::of(&target, Schema::windows())?;
    let outlet = target.outlet()?;
    let failed = |error| failure::of(&target.name, "looking at it", error);
    findings.extend(outlet.examine().map_err(failed)?);
    let id = transactional_id(&target.topic);
    findings.push(Finding::fine(format!("it writes under the transactional id {id}")));
    let has_positions = outlet.positions().map_err(failed)?.is_some();
    let of =
        [(&*target.topic, outlet.topic().map_err(failed)?.is_some()), (POSITIONS, has_positions)];
    findings.extend(of.iter().filter(|(_, is_there)| !is_there).map(|(topic, _)| {
        match target.creates {
            true => Finding::fine(format!("topic {topic} will be made")),
            false => Finding::problem(
                format!("there is no topic {topic}"),
                "`seismic sink --ddl SINK` prints what makes it; with create=true the sink makes it itself",
            ),
        }
    }));
    if has_positions
        && let Some((stored, _)) = position::read(&target.name, &outlet, limits::CONNECT_PATIENCE)?
    {
        findings.push(stored.finding());
    }
    Ok(())
}
