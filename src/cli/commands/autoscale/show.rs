//! `seismic autoscale status` and `explain`.

use std::fmt::Write as _;

use serde_json::Value;

use super::decide::line;
use crate::cli::commands::job::server::JobArgs;
use crate::cli::stdio::{print, print_line};

/// Options of `seismic autoscale status` and `explain`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    job: JobArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn status(args: &Args) -> anyhow::Result<()> {
    let shown = ask(args)?;
    match args.json {
        true => Ok(print_line(&shown)?),
        false => Ok(print(in_words(&shown))?),
    }
}

pub fn explain(args: &Args) -> anyhow::Result<()> {
    let shown = ask(args)?;
    if args.json {
        return Ok(print_line(&shown)?);
    }
    match shown["explain"].as_str() {
        Some(text) => Ok(print(text)?),
        None => Ok(print_line("nothing was decided yet")?),
    }
}

fn ask(args: &Args) -> anyhow::Result<Value> {
    args.job.server.client()?.get(&args.job.path("/autoscale"))
}

fn in_words(shown: &Value) -> String {
    let word = |key: &str| shown[key].as_str().unwrap_or_default();
    let number = |value: &Value| value.as_u64().map_or("?".to_owned(), |it| it.to_string());
    let mut text =
        format!("job {}: action {}, policy {}\n", word("job"), word("action"), word("policy"));
    if let Some(why) = shown["not_carried_out"].as_str() {
        let _ = writeln!(text, "decisions are not carried out: {why}");
    }
    if let Some(why) = shown["one_process"].as_str() {
        let _ = writeln!(text, "{why}, and slots change while it works");
    }
    if let Some(why) = shown["lease"]["why_not"].as_str() {
        let _ = writeln!(text, "{why}");
    } else if shown["lease"]["is_held"] == true {
        let _ = writeln!(text, "this server holds the scaling lease");
    }
    let entry = &shown["last"]["entry"];
    let missing = match entry["missing"].as_u64() {
        Some(missing) if missing > 0 => format!(", {missing} missing"),
        _ => String::new(),
    };
    let _ = writeln!(
        text,
        "runs: workers={}{missing}, parallelism={}, partitions={}",
        number(&entry["workers"]),
        number(&entry["parallelism"]),
        number(&shown["partitions"])
    );
    if let Some(held) = shown["held_by_others"].as_u64().filter(|held| *held > 0) {
        let _ = writeln!(
            text,
            "workers of others hold {held} of {} partitions: samples, lag and limits are of this server's own \
             workers",
            number(&shown["partitions"])
        );
    }
    if let Some(slots) = shown["wanted_slots"].as_array() {
        let each: Vec<String> = slots.iter().map(number).collect();
        let _ = writeln!(text, "wanted: {} workers of {} slots", slots.len(), each.join(", "));
    }
    let _ = writeln!(
        text,
        "limits: workers {} to {} of {} slots, parallelism {} to {}",
        number(&shown["workers_min"]),
        number(&shown["workers_max"]),
        number(&shown["slots_per_worker"]),
        number(&shown["parallelism_min"]),
        number(&shown["parallelism_max"])
    );
    for it in shown["elsewhere"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "{}", worker_elsewhere(it));
    }
    if let Some(acting) = shown["acting"].as_str() {
        let _ = writeln!(text, "at work: {acting}");
    }
    if let Some(acted) = shown["acted"]["line"].as_str() {
        let _ = writeln!(text, "done last: {acted}");
    }
    let change = &shown["change"];
    if let Some(stage) = change["stage"].as_str() {
        let _ = writeln!(
            text,
            "change: parallelism={}, workers={} -> parallelism={}, workers={}, {stage}: {}",
            number(&change["from_parallelism"]),
            number(&change["from_workers"]),
            number(&change["to_parallelism"]),
            number(&change["to_workers"]),
            change["why"].as_str().unwrap_or_default()
        );
    }
    let _ = writeln!(text, "{}", line(&shown["last"]));
    let _ = writeln!(
        text,
        "{} changes within a day; a change costs {:.1} s",
        number(&shown["changes_of_a_day"]),
        shown["cost_s"].as_f64().unwrap_or_default()
    );
    for alert in shown["alerts"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "alert: {}", alert.as_str().unwrap_or_default());
    }
    text
}

/// A worker on another machine, in one line.
pub fn worker_elsewhere(it: &Value) -> String {
    let node = it["node"].as_str().filter(|node| !node.is_empty());
    format!(
        "worker {}: {}{}, {} slots: {}",
        it["worker"],
        it["name"].as_str().unwrap_or_default(),
        node.map(|node| format!(" on {node}")).unwrap_or_default(),
        it["slots"],
        it["state"].as_str().or(it["silence"].as_str()).unwrap_or("not heard yet"),
    )
}
