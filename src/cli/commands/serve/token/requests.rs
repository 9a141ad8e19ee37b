//! `seismic token request`, and what becomes of requests.

use seismic_proto::Shown;
use serde_json::{Value, json};

use super::{OutArgs, hand_over, secret_in};
use crate::cli::commands::job::server::ServerArgs;
use crate::cli::exit::Usage;
use crate::cli::stdio::{print_line, tell};
use crate::http::{Roles, Scope};
use crate::job::time_span::TimeSpan;
use crate::time::{now_ms, show_ms};

#[derive(clap::Args)]
pub(super) struct RequestArgs {
    /// Whose it is to be: a person or a program, as the audit log is to call them
    #[arg(value_name = "NAME")]
    name: String,
    /// What it is to be good for: viewer, developer, approver, operator or admin, or several behind
    /// commas
    #[arg(long, value_name = "ROLE")]
    role: Roles,
    /// With which jobs: names, and beginnings of names as `coast-*`, behind commas
    #[arg(long, value_name = "NAMES", default_value = "*")]
    jobs: Scope,
    /// Topics that it, and jobs that it submits, are to read
    #[arg(long, value_name = "NAMES", default_value = "*")]
    select: Scope,
    /// Topics that jobs that it submits are to write, and tables and the like of their sinks
    #[arg(long, value_name = "NAMES", default_value = "*")]
    insert: Scope,
    /// After what time it is to end, as 90d
    #[arg(long, value_name = "TIME")]
    expires: Option<TimeSpan>,
    /// What it is for: whoever grants it reads this
    #[arg(long, value_name = "TEXT")]
    why: String,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(clap::Args)]
pub(super) struct RequestsArgs {
    /// Those about which was decided, the newest first
    #[arg(long)]
    done: bool,
    /// The one of which you have the token, granted or not
    #[arg(long, conflicts_with = "done")]
    own: bool,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(super) struct GrantArgs {
    /// Number of the request
    #[arg(value_name = "NUMBER")]
    number: u64,
    /// Why it is granted
    #[arg(long, value_name = "TEXT")]
    comment: String,
    /// Another name than was asked for
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    /// Other roles
    #[arg(long, value_name = "ROLE")]
    role: Option<Roles>,
    /// Other jobs
    #[arg(long, value_name = "NAMES")]
    jobs: Option<Scope>,
    /// Other topics that are read
    #[arg(long, value_name = "NAMES")]
    select: Option<Scope>,
    /// Other topics that are written
    #[arg(long, value_name = "NAMES")]
    insert: Option<Scope>,
    /// Another end, after this time from now
    #[arg(long, value_name = "TIME")]
    expires: Option<TimeSpan>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(clap::Args)]
pub(super) struct RefuseArgs {
    /// Number of the request, or several
    #[arg(value_name = "NUMBER", required = true)]
    numbers: Vec<u64>,
    /// Why it is refused
    #[arg(long, value_name = "TEXT")]
    comment: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(clap::Args)]
pub(super) struct WithdrawArgs {
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn request(args: &RequestArgs) -> anyhow::Result<()> {
    let out = args.out.open()?;
    let wanted = json!({
        "name": args.name,
        "roles": args.role.names(),
        "jobs": args.jobs.patterns(),
        "select": args.select.patterns(),
        "insert": args.insert.patterns(),
        "expires_ms": args.expires.map(|span| now_ms().saturating_add(span.ms())),
        "why": args.why,
    });
    let answer = args.server.client()?.post("token-requests", &wanted)?;
    let secret = secret_in(&answer)?;
    tell(format_args!(
        "request {} waits: the token counts once an admin has granted it",
        answer["request"]["id"]
    ));
    hand_over(out, &args.out, &args.name, &secret)
}

pub(super) fn list(args: &RequestsArgs) -> anyhow::Result<()> {
    let client = args.server.client()?;
    let all = match (args.own, args.done) {
        (true, _) => json!([client.get("token-requests/own")?["about"]]),
        (false, true) => client.get("token-requests?state=done")?["requests"].clone(),
        (false, false) => client.get("token-requests")?["requests"].clone(),
    };
    if args.json {
        return Ok(print_line(all)?);
    }
    let all = all.as_array().map_or(&[][..], Vec::as_slice);
    if all.is_empty() {
        tell(format_args!("{}", if args.done { "none was decided" } else { "none waits" }));
    }
    for it in all {
        print_line(line(it))?;
    }
    Ok(())
}

/// A request in a line of people's words.
fn line(it: &Value) -> String {
    let text = |key: &str| Shown(it[key].as_str().unwrap_or_default()).to_string();
    let time = |key: &str| it[key].as_i64().map(show_ms);
    let words = |key: &str| {
        let all = it[key].as_array().into_iter().flatten();
        all.filter_map(Value::as_str).collect::<Vec<_>>().join(",")
    };
    let limits = [("jobs", "jobs"), ("select", "reads topics"), ("insert", "writes topics")];
    let limits = limits.into_iter().filter(|(key, _)| words(key) != "*");
    let limits: String = limits.map(|(key, what)| format!(", {what} {}", words(key))).collect();
    let end = time("expires_ms").map_or(String::new(), |at| format!(", until {at}"));
    let asked =
        format!("asked at {} by {}", time("asked_ms").unwrap_or_default(), text("asked_by"));
    let decided = time("decided_ms").map_or(String::new(), |at| {
        let by = Some(text("decided_by")).filter(|by| !by.is_empty());
        let why = Some(text("decided_why")).filter(|why| !why.is_empty());
        let by = by.map_or(String::new(), |by| format!(" by {by}"));
        let why = why.map_or(String::new(), |why| format!(": {why}"));
        let token = text("token");
        let other = Some(token).filter(|token| !token.is_empty() && *token != text("name"));
        let other = other.map_or(String::new(), |token| format!(" as {token}"));
        format!("; {}{other} at {at}{by}{why}", text("state"))
    });
    format!(
        "{:>4}  {:<16}  {}{limits}{end}; {asked}: {}{decided}",
        it["id"],
        text("name"),
        words("roles"),
        text("why")
    )
}

pub(super) fn grant(args: &GrantArgs) -> anyhow::Result<()> {
    let names = |scope: &Option<Scope>| scope.as_ref().map(Scope::patterns).map(<[String]>::to_vec);
    let body = json!({
        "comment": args.comment,
        "name": args.name,
        "roles": args.role.as_ref().map(Roles::names),
        "jobs": names(&args.jobs),
        "select": names(&args.select),
        "insert": names(&args.insert),
        "expires_ms": args.expires.map(|span| now_ms().saturating_add(span.ms())),
    });
    let path = format!("token-requests/{}/grant", args.number);
    let granted = args.server.client()?.post(&path, &body)?;
    let name = Shown(granted["about"]["token"].as_str().unwrap_or_default()).to_string();
    Ok(print_line(format_args!("request {} is granted: the token {name} counts", args.number))?)
}

pub(super) fn refuse(args: &RefuseArgs) -> anyhow::Result<()> {
    let client = args.server.client()?;
    for number in &args.numbers {
        let path = format!("token-requests/{number}/refuse");
        client.post(&path, &json!({ "comment": args.comment }))?;
        print_line(format_args!("request {number} is refused"))?;
    }
    Ok(())
}

pub(super) fn withdraw(args: &WithdrawArgs) -> anyhow::Result<()> {
    let client = args.server.client()?;
    if !client.has_token() {
        let why = "which one? Name the token that you have asked for: --token-file FILE";
        return Err(Usage(why.to_owned()).into());
    }
    client.delete("token-requests/own")?;
    Ok(print_line("it is withdrawn")?)
}
