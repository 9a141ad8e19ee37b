//! `seismic job approve`, `reject`, `withdraw` and `approvals`: which versions may be started.

use seismic_proto::Shown;
use serde_json::{Value, json};

use super::server::{JobArgs, ServerArgs};
use crate::cli::exit::Usage;
use crate::cli::stdio::print_line;
use crate::serve::client::Client;
use crate::time::show_ms;

/// Options of `seismic job approve`.
#[derive(clap::Args)]
pub struct ApproveArgs {
    #[command(flatten)]
    of: DecideArgs,
    /// Why, for its version and the audit log
    #[arg(long, value_name = "TEXT")]
    comment: String,
    /// Approve it although it has passed no test
    #[arg(long)]
    untested: bool,
}

/// Options of `seismic job reject`.
#[derive(clap::Args)]
pub struct RejectArgs {
    #[command(flatten)]
    of: DecideArgs,
    /// Why, for its version and the audit log
    #[arg(long, value_name = "TEXT")]
    comment: String,
}

/// Options of `seismic job withdraw`.
#[derive(clap::Args)]
pub struct WithdrawArgs {
    #[command(flatten)]
    of: DecideArgs,
    /// Why, for its version and the audit log
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

/// A version of a job.
#[derive(clap::Args)]
pub struct DecideArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Number of the version [default: the only one that waits]
    #[arg(value_name = "VERSION")]
    version: Option<u64>,
}

/// Options of `seismic job approvals`.
#[derive(clap::Args)]
pub struct ListArgs {
    /// Those about which was decided, and not those that wait
    #[arg(long)]
    done: bool,
    /// How many of the newest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    limit: u32,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn approve(args: &ApproveArgs) -> anyhow::Result<()> {
    let more = json!({ "comment": args.comment, "untested": args.untested.then_some(true) });
    args.of.decide("/approve", more)
}

pub fn reject(args: &RejectArgs) -> anyhow::Result<()> {
    args.of.decide("/reject", json!({ "comment": args.comment }))
}

pub fn withdraw(args: &WithdrawArgs) -> anyhow::Result<()> {
    args.of.decide("/withdraw", json!({ "comment": args.comment }))
}

impl DecideArgs {
    fn decide(&self, what: &str, mut body: Value) -> anyhow::Result<()> {
        let client = self.job.server.client()?;
        body["version"] = self.version_to_decide(&client)?.into();
        let decided = client.post(&self.job.path(what), &body)?;
        Ok(print_line(format_args!(
            "version {} of job {} is {}",
            decided["version"],
            self.job.name,
            decided["stage"].as_str().unwrap_or_default()
        ))?)
    }

    /// The one that is named, or the only one that nobody has decided about.
    fn version_to_decide(&self, client: &Client) -> anyhow::Result<u64> {
        if let Some(version) = self.version {
            return Ok(version);
        }
        let all = client.get(&self.job.path("/versions"))?;
        let mut open = elements(&all["versions"])
            // Those before one that was approved wait no more.
            .take_while(|it| it["decided"]["decision"] != "approved")
            .filter(|it| it["decided"].is_null())
            .filter_map(|it| it["number"].as_u64());
        let name = &self.job.name;
        match (open.next(), open.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(Usage(format!(
                "no version of job {name} waits: say which one; `seismic job versions {name}` lists them"
            ))
            .into()),
            (Some(newest), Some(_)) => Err(Usage(format!(
                "several versions of job {name} wait, up to {newest}: say which one; `seismic job \
                 versions {name}` lists them"
            ))
            .into()),
        }
    }
}

pub fn list(args: &ListArgs) -> anyhow::Result<()> {
    let state = if args.done { "done" } else { "pending" };
    let found =
        args.server.client()?.get(&format!("approvals?state={state}&limit={}", args.limit))?;
    if args.json {
        return Ok(print_line(&found["versions"])?);
    }
    if !args.done && found["is_required"] == false {
        return Ok(print_line(
            "this server starts every version: `approval = true` in its file has versions approved",
        )?);
    }
    print_line(
        "job              version  stage      author           submitted                 why",
    )?;
    for version in elements(&found["versions"]) {
        let word = |key: &str| version[key].as_str().unwrap_or_default();
        print_line(format_args!(
            "{:<15}  {:>7}  {:<9}  {:<15}  {:<24}  {}",
            Shown(word("job")),
            version["number"].as_u64().unwrap_or_default(),
            word("stage"),
            Shown(word("author")),
            show_ms(version["at_ms"].as_i64().unwrap_or_default()),
            Shown(word("comment")),
        ))?;
        print_marks(version)?;
    }
    Ok(())
}

/// Prints what became of a version, below it.
pub fn print_marks(version: &Value) -> anyhow::Result<()> {
    let tested = &version["tested"];
    if !tested.is_null() {
        let word = |key: &str| tested[key].as_str().unwrap_or_default();
        let compared = match tested["is_compared"] == true {
            true => "rows as expected",
            false => "not compared",
        };
        print_line(format_args!(
            "         tested by {} at {} with {}: {} records in {} rows, {} late, {} rejected; {compared}; \
             rows {}",
            Shown(word("by")),
            show_ms(tested["at_ms"].as_i64().unwrap_or_default()),
            Shown(word("input")),
            tested["read"],
            tested["rows"],
            tested["late"],
            tested["rejected"],
            word("result").get(..12).unwrap_or_default(),
        ))?;
    }
    let decided = &version["decided"];
    if !decided.is_null() {
        let word = |key: &str| decided[key].as_str().unwrap_or_default();
        print_line(format_args!(
            "         {} by {} at {}: {}",
            word("decision"),
            Shown(word("by")),
            show_ms(decided["at_ms"].as_i64().unwrap_or_default()),
            Shown(word("comment")),
        ))?;
    }
    Ok(())
}

fn elements(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
