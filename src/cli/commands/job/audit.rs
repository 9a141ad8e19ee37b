//! `seismic job audit`: who had a server do what.

use seismic_proto::Shown;

use super::server::ServerArgs;
use crate::cli::stdio::print_line;
use crate::serve::client::part;
use crate::time::show_ms;

/// Options of `seismic job audit`.
#[derive(clap::Args)]
pub struct Args {
    /// Name of a job; without one, of all
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Only what this person wanted
    #[arg(long, value_name = "WHO")]
    who: Option<String>,
    /// How many of the newest entries
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    limit: u32,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn show(args: &Args) -> anyhow::Result<()> {
    let mut path = format!("audit?limit={}", args.limit);
    for (key, value) in [("job", &args.name), ("who", &args.who)] {
        if let Some(value) = value {
            path += &format!("&{key}={}", part(value));
        }
    }
    let found = args.server.client()?.get(&path)?;
    if args.json {
        return Ok(print_line(&found["entries"])?);
    }
    print_line(
        "when                      who              what            job              version  result",
    )?;
    for entry in found["entries"].as_array().into_iter().flatten() {
        let word = |key: &str| entry[key].as_str().unwrap_or_default();
        let version = entry["version"].as_u64().map(|number| number.to_string());
        let detail = match word("detail") {
            "" => String::new(),
            detail => format!(": {}", Shown(detail)),
        };
        print_line(format_args!(
            "{:<24}  {:<15}  {:<14}  {:<15}  {:>7}  {}{detail}",
            show_ms(entry["at_ms"].as_i64().unwrap_or_default()),
            // Whoever asked without a token said who they are, and nobody knows.
            match entry["is_proved"] == true {
                true => Shown(word("who")).to_string(),
                false => format!("{} (says)", Shown(word("who"))),
            },
            Shown(word("action")),
            Shown(word("job")),
            version.unwrap_or_default(),
            Shown(word("result")),
        ))?;
    }
    Ok(())
}
