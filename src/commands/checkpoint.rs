//! `seismic checkpoint list`: the numbered snapshots of a job.

use serde_json::json;

use crate::exit::Outcome;
use crate::out::print_line;
use crate::place::Place;
use crate::show::count;
use crate::time::show_ms;

/// Options of `seismic checkpoint`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// List the checkpoints of every partition, oldest first
    List(ListArgs),
}

#[derive(clap::Args)]
struct ListArgs {
    #[command(flatten)]
    place: Place,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// Does what was asked for.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    match &args.what {
        What::List(args) => list(args),
    }
}

fn list(args: &ListArgs) -> anyhow::Result<Outcome> {
    let view = args.place.open_home()?.view()?;
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
                })
            })
            .collect();
        print_line(serde_json::Value::from(all))?;
        return Ok(Outcome::Fine);
    }
    print_line("partition    number      position         bytes  made")?;
    for (partition, info) in checkpoints {
        print_line(format_args!(
            "{partition:>9} {:>9} {:>13} {:>13}  {}",
            info.manifest.checkpoint,
            count(info.manifest.position.0),
            count(info.bytes),
            show_ms(info.created_ms),
        ))?;
    }
    Ok(Outcome::Fine)
}
