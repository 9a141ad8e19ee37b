//! `seismic job submit` and `copy`: adds jobs to a server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use seismic_proto::Shown;
use serde_json::{Map, Value, json};

use super::act::{Begin, begin};
use super::server::{JobArgs, ServerArgs, path_of};
use crate::cli::exit::Usage;
use crate::cli::stdio::{print_line, tell};
use crate::cli::target::VariableArgs;
use crate::job::file;
use crate::job::file::envs::{PRODUCTION, parse_name};
use crate::serve::client::Client;

/// Options of `seismic job submit`.
#[derive(clap::Args)]
pub struct Args {
    /// Job file
    file: PathBuf,
    #[command(flatten)]
    variables: VariableArgs,
    /// Start the job
    #[arg(long, conflicts_with = "draft")]
    start: bool,
    /// Why, for its version
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Version of the job from which this change began: refused when there is a newer one
    #[arg(long, value_name = "N")]
    base: Option<u64>,
    /// Save it as the job's draft, which is no version and may be wrong
    #[arg(long, conflicts_with = "base")]
    draft: bool,
    /// With --draft: replace a draft of somebody else
    #[arg(long, requires = "draft")]
    take_over: bool,
    /// With --draft: replace the draft of this revision, and no other
    #[arg(long, value_name = "N", requires = "draft", conflicts_with = "take_over")]
    revision: Option<u64>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Options of `seismic job copy`.
#[derive(clap::Args)]
pub struct CopyArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Name of the copy
    #[arg(value_name = "NEW")]
    new: String,
    /// Begin with the state of this checkpoint of the job, as a fork
    #[arg(long, value_name = "N|NAME", visible_alias = "from-savepoint")]
    from_checkpoint: Option<String>,
    /// Other value of a key of the job file, in TOML, as in --set "sink=['csv:other']"; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_setting)]
    set: Vec<(String, String)>,
    /// Start the copy
    #[arg(long)]
    start: bool,
}

/// Options of `seismic job promote`.
#[derive(clap::Args)]
pub struct PromoteArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Environment of the instance whose version it is; that of `production` has the job's own name
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    from: String,
    /// Environment to which it moves on
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    to: String,
    /// Number of the version [default: the one that the instance is]
    #[arg(value_name = "VERSION")]
    version: Option<u64>,
    /// Why, for its version there
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

fn parse_setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

pub fn submit(args: &Args) -> anyhow::Result<()> {
    let client = args.server.client()?;
    let (text, variables) = text_and_variables(&args.file, &args.variables)?;
    let body = json!({
        "text": text,
        "file": args.file.display().to_string(),
        "variables": variables,
        "env": args.variables.env(),
        "comment": args.comment,
    });
    if args.draft {
        return save_draft(args, &client, &body);
    }
    let base = args.base.map(|base| base.to_string());
    let submitted = client.post_at("jobs", &body, base.as_deref())?;
    added(&client, &submitted, args.start)
}

/// The text of a job file, and the variables that are sent with it.
pub fn text_and_variables(
    path: &Path,
    variables: &VariableArgs,
) -> Result<(String, BTreeMap<String, String>), Usage> {
    let unreadable = |why| Usage(format!("the job file {} {why}", path.display()));
    let text = file::text_of(path).map_err(unreadable)?;
    // Variables of this environment are of this file: the server has another one.
    let given = variables.given();
    let mut variables: BTreeMap<String, String> = file::variables::names(&text)
        .into_iter()
        .filter_map(|name| {
            let value = given.environment.get(&name.to_ascii_uppercase())?.clone();
            Some((name, value))
        })
        .collect();
    variables.extend(given.line);
    Ok((text, variables))
}

fn save_draft(args: &Args, client: &Client, body: &Value) -> anyhow::Result<()> {
    // The job that the file names: it may be wrong otherwise.
    let file = file::open(&args.file, &args.variables.given())?;
    let Some(name) = file.service.name.map(|name| name.to_string()) else {
        let why = format!("{}: a draft needs the name of its job", args.file.display());
        return Err(Usage(why).into());
    };
    let tag = args.revision.map(draft_tag);
    let at = tag.as_deref().or(args.take_over.then_some("*"));
    let saved = client.put_at(&path_of(&name, "/draft"), body, at)?;
    print_line(format_args!("the draft of job {name} is saved, revision {}", saved["revision"]))?;
    for fault in saved["faults"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        print_line(format_args!("  not right yet: {}", Shown(fault)))?;
    }
    Ok(())
}

/// The tag of a draft.
pub fn draft_tag(revision: u64) -> String {
    format!("draft-{revision}")
}

pub fn copy(args: &CopyArgs) -> anyhow::Result<()> {
    let client = args.job.server.client()?;
    let set: Map<String, Value> =
        args.set.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
    let body = json!({ "name": args.new, "from_checkpoint": args.from_checkpoint, "set": set });
    let submitted = client.post(&path_of(&args.job.name, "/copy"), &body)?;
    added(&client, &submitted, args.start)
}

pub fn promote(args: &PromoteArgs) -> anyhow::Result<()> {
    let client = args.job.server.client()?;
    let name = match &*args.from {
        PRODUCTION => args.job.name.clone(),
        env => format!("{}-{env}", args.job.name),
    };
    let body = json!({ "to": args.to, "version": args.version, "comment": args.comment });
    let submitted = client.post(&path_of(&name, "/promote"), &body)?;
    added(&client, &submitted, false)
}

/// Tells what was submitted, and starts it.
pub fn added(client: &Client, submitted: &Value, starts: bool) -> anyhow::Result<()> {
    let word = |key: &str| submitted[key].as_str().unwrap_or_default().to_owned();
    let again = match submitted["is_new_version"].as_bool() {
        Some(false) => ", as it was",
        _ => "",
    };
    print_line(format_args!(
        "job {} is submitted, group {}, version {}{again}",
        word("name"),
        word("group"),
        submitted["version"]
    ))?;
    for warning in submitted["warnings"].as_array().into_iter().flatten() {
        tell(format_args!("warning: {}", Shown(warning.as_str().unwrap_or_default())));
    }
    if starts {
        begin(client, &word("name"), &Begin::default())?;
    }
    Ok(())
}
