//! `seismic job versions`, `version`, `diff` and `draft`: what a job of a server was told, and when.

use seismic_proto::Shown;
use serde_json::{Value, json};

use super::approvals::print_marks;
use super::server::JobArgs;
use super::submit::{added, draft_tag};
use crate::cli::exit::Usage;
use crate::cli::stdio::{print, print_line};
use crate::time::show_ms;

/// Options of `seismic job versions`.
#[derive(clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `seismic job version`.
#[derive(clap::Args)]
pub struct ShowArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Number of the version; without one, the newest
    #[arg(value_name = "N")]
    number: Option<u64>,
}

/// Options of `seismic job diff`.
#[derive(clap::Args)]
pub struct DiffArgs {
    #[command(flatten)]
    job: JobArgs,
    /// The older version [default: the one before the newer one]
    #[arg(value_name = "A")]
    from: Option<u64>,
    /// The newer version [default: the newest]
    #[arg(value_name = "B")]
    to: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `seismic job draft`.
#[derive(clap::Args)]
pub struct DraftArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Make a version of it
    #[arg(long, conflicts_with = "discard")]
    submit: bool,
    /// Why, instead of what was said when it was saved
    #[arg(long, value_name = "TEXT", requires = "submit")]
    comment: Option<String>,
    /// Forget it
    #[arg(long)]
    discard: bool,
    /// Submit or discard the draft of this revision, and no other
    #[arg(long, value_name = "N", conflicts_with = "take_over")]
    revision: Option<u64>,
    /// Do so also with a draft of somebody else, or where the job has a newer version than the one
    /// from which the draft began
    #[arg(long)]
    take_over: bool,
}

pub fn list(args: &ListArgs) -> anyhow::Result<()> {
    let all = args.job.server.client()?.get(&args.job.path("/versions"))?;
    if args.json {
        return Ok(print_line(&all["versions"])?);
    }
    print_line("version  stage      when                      who              hash          why")?;
    for version in all["versions"].as_array().into_iter().flatten() {
        let word = |key: &str| version[key].as_str().unwrap_or_default();
        print_line(format_args!(
            "{:>7}  {:<9}  {:<24}  {:<15}  {:<12}  {}",
            version["number"].as_u64().unwrap_or_default(),
            word("stage"),
            show_ms(version["at_ms"].as_i64().unwrap_or_default()),
            Shown(word("author")),
            word("hash").get(..12).unwrap_or_default(),
            Shown(word("comment")),
        ))?;
        print_marks(version)?;
        for (name, hash) in version["resources"].as_object().into_iter().flatten() {
            let hash = Shown(hash.as_str().unwrap_or_default()).to_string();
            print_line(format_args!("         resource {} has sha256 {hash}", Shown(name)))?;
        }
    }
    Ok(())
}

pub fn show(args: &ShowArgs) -> anyhow::Result<()> {
    let number = args.number.map(|number| format!("?number={number}")).unwrap_or_default();
    let version = args.job.server.client()?.get(&args.job.path(&format!("/version{number}")))?;
    Ok(print(version["text"].as_str().unwrap_or_default())?)
}

pub fn diff(args: &DiffArgs) -> anyhow::Result<()> {
    let told = [("from", args.from), ("to", args.to)];
    let told: Vec<String> =
        told.into_iter().filter_map(|(name, number)| Some(format!("{name}={}", number?))).collect();
    let query = if told.is_empty() { String::new() } else { format!("?{}", told.join("&")) };
    let found = args.job.server.client()?.get(&args.job.path(&format!("/diff{query}")))?;
    if args.json {
        return Ok(print_line(found)?);
    }
    let list = |key: &str| found[key].as_array().cloned().unwrap_or_default();
    let (semantics, other) = (list("semantics"), list("other"));
    let name = &args.job.name;
    print_line(format_args!("job {name}, version {} to {}:", found["from"], found["to"]))?;
    if semantics.is_empty() && other.is_empty() {
        return Ok(print_line(match found["is_same_content"].as_bool() {
            Some(true) => "  nothing differs",
            _ => "  no value differs; the text does, or a secret",
        })?);
    }
    for (changes, head) in [
        (
            semantics,
            "what is computed (a job with progress refuses it; start it with a new group):",
        ),
        (other, "where and how it runs:"),
    ] {
        if changes.is_empty() {
            continue;
        }
        print_line(format_args!("  {head}"))?;
        for change in changes {
            let key = change["key"].as_str().unwrap_or_default();
            let (key, from, to) =
                (Shown(key), change["from"].to_string(), change["to"].to_string());
            print_line(format_args!("    {key}: {} -> {}", Shown(&from), Shown(&to)))?;
        }
    }
    Ok(())
}

pub fn draft(args: &DraftArgs) -> anyhow::Result<()> {
    let client = args.job.server.client()?;
    let (path, name) = (args.job.path("/draft"), &args.job.name);
    let at = args.take_over.then_some("*");
    let tag = args.revision.map(draft_tag);
    if args.discard {
        client.delete_at(&path, tag.as_deref().or(at))?;
        return Ok(print_line(format_args!("job {name} has no draft now"))?);
    }
    let found = client.get(&path)?;
    let draft = &found["draft"];
    if draft.is_null() {
        let none = format!("job {name} has no draft");
        return match args.submit {
            true => {
                Err(Usage(format!("{none}: save one with `seismic job submit --draft`")).into())
            }
            false => Ok(print_line(format_args!("# {none}"))?),
        };
    }
    let word = |key: &str| draft[key].as_str().unwrap_or_default();
    print_line(format_args!(
        "# draft of job {name}, revision {}, by {} at {}, from version {}",
        draft["revision"],
        Shown(word("author")),
        show_ms(draft["at_ms"].as_i64().unwrap_or_default()),
        draft["base"],
    ))?;
    if args.submit {
        // This one, and none that somebody saves meanwhile.
        let seen = draft["revision"].as_u64().unwrap_or_default();
        let tag = tag.unwrap_or_else(|| draft_tag(seen));
        let body = json!({ "comment": args.comment });
        let path = args.job.path("/draft/submit");
        let submitted = client.post_at(&path, &body, Some(at.unwrap_or(&tag)))?;
        return added(&client, &submitted, false);
    }
    for fault in draft["faults"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        print_line(format_args!("# not right yet: {}", Shown(fault)))?;
    }
    Ok(print(word("text"))?)
}
