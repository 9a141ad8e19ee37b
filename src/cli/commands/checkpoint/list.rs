//! `seismic checkpoint list`: numbers, positions, sizes, and why each is kept.

use seismic_queue::{CheckpointInfo, Class};
use serde_json::json;

use crate::cli::exit::Outcome;
use crate::cli::format::count;
use crate::cli::stdio::print_line;
use crate::cli::target::Target;
use crate::time::show_ms;

/// Options of `seismic checkpoint list`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let view = args.target.location()?.open_store()?.view()?;
    let checkpoints =
        view.partitions.iter().enumerate().flat_map(|(partition, part)| {
            part.checkpoints.iter().map(move |info| (partition, info))
        });
    if args.json {
        let all: Vec<_> = checkpoints
            .map(|(partition, info)| {
                json!({
                    "partition": partition,
                    "number": info.manifest.checkpoint,
                    "position": info.manifest.position.0,
                    "chunks": info.manifest.chunks,
                    "bytes": info.bytes,
                    "created_ms": info.created_ms,
                    "kept_as": info.class.map(Class::name),
                    "names": info.names,
                })
            })
            .collect();
        print_line(serde_json::Value::from(all))?;
        return Ok(Outcome::Fine);
    }
    print_line(
        "partition    number      position         bytes  made                      kept as",
    )?;
    for (partition, info) in checkpoints {
        print_line(format_args!(
            "{partition:>9} {:>9} {:>13} {:>13}  {}  {}",
            info.manifest.checkpoint,
            count(info.manifest.position.0),
            count(info.bytes),
            show_ms(info.created_ms),
            kept_as(info),
        ))?;
    }
    for request in &view.checkpoint_requests {
        let (have, all) = (request.answered.len(), view.partitions.len());
        let name = &request.name;
        print_line(format_args!("{name} is requested: {have} of {all} partitions have taken it"))?;
    }
    Ok(Outcome::Fine)
}

/// The class, and the names if there are any.
pub fn kept_as(info: &CheckpointInfo) -> String {
    let class = info.class.map_or("nothing", Class::name);
    match (info.class, &info.names[..]) {
        (_, []) => class.to_owned(),
        (Some(Class::Named), names) => names.join(", "),
        (_, names) => format!("{class}, {}", names.join(", ")),
    }
}
