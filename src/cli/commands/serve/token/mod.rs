//! `seismic token`: who may do what on a server.

mod requests;

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use seismic_proto::Shown;
use serde_json::{Value, json};

use crate::cli::commands::job::server::ServerArgs;
use crate::cli::exit::{Outcome, Usage};
use crate::cli::stdio::{print_line, tell};
use crate::http::{Roles, Scope, TopicScope};
use crate::job::time_span::TimeSpan;
use crate::serve::client::part;
use crate::serve::state::StateFile;
use crate::serve::state::audit::AuditEntry;
use crate::serve::state::tokens::NewToken;
use crate::time::{now_ms, show_ms};

/// Options of `seismic token`.
#[derive(clap::Args)]
#[command(
    after_help = "Roles: viewer looks; developer submits, too; approver approves; operator starts, stops, pauses, saves and \
                  deletes jobs; admin does everything. Commands take a token by --token-file or the variable SEISMIC_TOKEN. With \
                  --state, tokens are made in the state of a server that does not run: the first one, or when all are lost."
)]
pub struct Args {
    #[command(subcommand)]
    what: TokenAction,
}

#[derive(clap::Subcommand)]
enum TokenAction {
    /// Make a token and print it: this once, and nowhere else
    Create(CreateArgs),
    /// List tokens: whose, what they may do, and when they were used
    List(ListArgs),
    /// Give a token another secret and print it; the one before counts no longer
    Rotate(NamedArgs),
    /// Withdraw a token
    Revoke(RevokeArgs),
    /// Ask for a token, without having one: it is printed, and counts once an admin has granted it
    Request(requests::RequestArgs),
    /// List requests that wait, or with --own what became of yours
    Requests(requests::RequestsArgs),
    /// Grant a request, as it was made or for less
    Grant(requests::GrantArgs),
    /// Refuse a request
    Refuse(requests::RefuseArgs),
    /// Take back the request, or give up the token, that --token-file or SEISMIC_TOKEN has
    Withdraw(requests::WithdrawArgs),
}

/// Which tokens.
#[derive(clap::Args)]
struct PlaceArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Instead of asking a server: the state of one that does not run, as its --state
    #[arg(long, value_name = "URL", conflicts_with_all = ["server", "token_file", "ca_file"])]
    state: Option<String>,
}

#[derive(clap::Args)]
struct CreateArgs {
    /// Whose it is: a person or a program, as the audit log is to call them
    #[arg(value_name = "NAME")]
    name: String,
    /// What it may do: viewer, developer, approver, operator or admin, or several behind commas
    #[arg(long, value_name = "ROLE")]
    role: Roles,
    /// With which jobs: names, and beginnings of names as `coast-*`, behind commas
    #[arg(long, value_name = "NAMES", default_value = "*")]
    jobs: Scope,
    /// Topics that it, and jobs that it submits, may read: names, and beginnings of names as `raw-*`,
    /// behind commas
    #[arg(long, value_name = "NAMES", default_value = "*")]
    select: Scope,
    /// Topics that jobs that it submits may write, and tables and the like that their sinks write
    #[arg(long, value_name = "NAMES", default_value = "*")]
    insert: Scope,
    /// After what time it ends, as 90d
    #[arg(long, value_name = "TIME")]
    expires: Option<TimeSpan>,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Where a token is written.
#[derive(clap::Args)]
struct OutArgs {
    /// Write the token into this new file, which only its user can read, instead of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(clap::Args)]
struct NamedArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(clap::Args)]
struct RevokeArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(clap::Args)]
struct ListArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    match &args.what {
        TokenAction::Create(args) => create(args)?,
        TokenAction::List(args) => list(args)?,
        TokenAction::Rotate(args) => rotate(args)?,
        TokenAction::Revoke(args) => revoke(args)?,
        TokenAction::Request(args) => requests::request(args)?,
        TokenAction::Requests(args) => requests::list(args)?,
        TokenAction::Grant(args) => requests::grant(args)?,
        TokenAction::Refuse(args) => requests::refuse(args)?,
        TokenAction::Withdraw(args) => requests::withdraw(args)?,
    }
    Ok(Outcome::Fine)
}

fn create(args: &CreateArgs) -> anyhow::Result<()> {
    let out = args.out.open()?;
    let expires_ms = args.expires.map(|span| now_ms().saturating_add(span.ms()));
    let secret = match args.place.state()? {
        Some(mut state) => {
            let (roles, scope) = (args.role.clone(), args.jobs.clone());
            let topics = TopicScope { select: args.select.clone(), insert: args.insert.clone() };
            let new = NewToken { name: args.name.clone(), roles, scope, topics, expires_ms };
            let (_, secret) = state.create_token(&new, WHO, now_ms())?;
            let what = format!(
                "token: {}, roles: {}, jobs: {}, select: {}, insert: {}",
                args.name, args.role, args.jobs, args.select, args.insert
            );
            note(&mut state, "create token", what)?;
            secret
        }
        None => {
            let wanted = json!({
                "name": args.name,
                "roles": args.role.names(),
                "jobs": args.jobs.patterns(),
                "select": args.select.patterns(),
                "insert": args.insert.patterns(),
                "expires_ms": expires_ms,
            });
            secret_in(&args.place.server.client()?.post("tokens", &wanted)?)?
        }
    };
    hand_over(out, &args.out, &args.name, &secret)
}

fn rotate(args: &NamedArgs) -> anyhow::Result<()> {
    let out = args.out.open()?;
    let secret = match args.place.state()? {
        Some(mut state) => {
            let rotated = state.rotate_token(&args.name, now_ms())?;
            let (_, secret) = rotated.ok_or_else(|| unknown(&args.name))?;
            note(&mut state, "rotate token", format!("token: {}", args.name))?;
            secret
        }
        None => {
            let path = format!("tokens/{}/rotate", part(&args.name));
            secret_in(&args.place.server.client()?.post(&path, &Value::Null)?)?
        }
    };
    hand_over(out, &args.out, &args.name, &secret)
}

fn revoke(args: &RevokeArgs) -> anyhow::Result<()> {
    match args.place.state()? {
        Some(mut state) => {
            let revoked = state.revoke_token(&args.name, now_ms())?;
            revoked.ok_or_else(|| unknown(&args.name))?;
            note(&mut state, "revoke token", format!("token: {}", args.name))?;
        }
        None => {
            let path = format!("tokens/{}", part(&args.name));
            args.place.server.client()?.delete(&path)?;
        }
    }
    Ok(print_line(format_args!("the token {} is withdrawn", args.name))?)
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let all = match args.place.state()? {
        Some(state) => json!(state.tokens()?),
        None => args.place.server.client()?.get("tokens")?["tokens"].clone(),
    };
    if args.json {
        return Ok(print_line(all)?);
    }
    print_line(
        "name              roles                 jobs                  last used                 state",
    )?;
    for token in all.as_array().into_iter().flatten() {
        let words = |key: &str| {
            let all = token[key].as_array().into_iter().flatten();
            all.filter_map(Value::as_str).collect::<Vec<_>>().join(",")
        };
        let time = |key: &str| token[key].as_i64().map(show_ms);
        let has_expired = token["expires_ms"].as_i64().is_some_and(|end_ms| end_ms <= now_ms());
        let state = match (time("revoked_ms"), time("expires_ms")) {
            (Some(at), _) => format!("withdrawn at {at}"),
            (None, Some(at)) if has_expired => format!("expired at {at}"),
            (None, Some(at)) => format!("counts until {at}"),
            (None, None) => "counts".to_owned(),
        };
        let limits = [("select", "reads"), ("insert", "writes")];
        let limits = limits.into_iter().map(|(key, verb)| match &*words(key) {
            "" | "*" => String::new(),
            names => format!(", {verb} topics {}", Shown(names)),
        });
        let limits: String = limits.collect();
        print_line(format_args!(
            "{:<16}  {:<20}  {:<20}  {:<24}  {state}{limits}",
            Shown(token["name"].as_str().unwrap_or_default()),
            Shown(&words("roles")),
            Shown(&words("jobs")),
            time("last_used_ms").unwrap_or_else(|| "never".to_owned()),
        ))?;
    }
    Ok(())
}

/// Who does what is done without a server, in its audit log.
const WHO: &str = "seismic token";

impl PlaceArgs {
    /// The state that was named. While it is open, no server has it.
    fn state(&self) -> anyhow::Result<Option<StateFile>> {
        let Some(url) = &self.state else { return Ok(None) };
        let path = url.strip_prefix("sqlite:").filter(|path| !path.is_empty());
        let path = path.ok_or_else(|| Usage(format!("--state {url}: write it as sqlite:PATH")))?;
        let state = StateFile::open(Path::new(path)).map_err(|error| {
            error
                .context("while a server runs, ask it: leave --state out, or name it with --server")
        })?;
        Ok(Some(state))
    }
}

impl OutArgs {
    /// The file that is wanted, before a token is made that nobody could have otherwise.
    fn open(&self) -> anyhow::Result<Option<fs::File>> {
        let Some(path) = &self.out else { return Ok(None) };
        let opened = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let cannot = |error: io::Error| {
            let why = match error.kind() {
                io::ErrorKind::AlreadyExists => "it is there already; name another file".to_owned(),
                _ => error.to_string(),
            };
            Usage(format!("--out {}: {why}", path.display()))
        };
        Ok(Some(opened.map_err(cannot)?))
    }
}

/// Gives the token to whoever wanted it.
fn hand_over(
    file: Option<fs::File>,
    out: &OutArgs,
    name: &str,
    secret: &str,
) -> anyhow::Result<()> {
    match (file, &out.out) {
        (Some(mut file), Some(path)) => {
            writeln!(file, "{secret}")?;
            file.sync_all()?;
            tell(format_args!("the token of {name} is in {}", path.display()));
        }
        _ => {
            tell(format_args!("the token of {name}; it is shown this once:"));
            print_line(secret)?;
        }
    }
    Ok(())
}

fn secret_in(answer: &Value) -> anyhow::Result<String> {
    let secret = answer["token"].as_str().map(str::to_owned);
    secret
        .ok_or_else(|| anyhow::anyhow!("the server has made a token and did not say it: rotate it"))
}

fn unknown(name: &str) -> Usage {
    Usage(format!("there is no token {name:?} there; `seismic token list` shows all"))
}

fn note(state: &mut StateFile, action: &str, detail: String) -> anyhow::Result<()> {
    state.note(&AuditEntry {
        at_ms: now_ms(),
        who: WHO.to_owned(),
        // Whoever may write the file may do everything.
        is_proved: true,
        action: action.to_owned(),
        result: "done".to_owned(),
        detail,
        ..AuditEntry::default()
    })
}
