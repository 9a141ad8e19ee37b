//! `seismic resource`: files that a server keeps for jobs and tests.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use seismic_proto::Shown;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::cli::commands::job::server::ServerArgs;
use crate::cli::exit::{Outcome, Usage};
use crate::cli::format::count;
use crate::cli::stdio::print_line;
use crate::job::file::pinned::ResourceName;
use crate::serve::client::{Client, part};
use crate::serve::limits;
use crate::time::show_ms;

/// Options of `seismic resource`.
#[derive(clap::Args)]
#[command(
    after_help = "A job file names one as resource:NAME where it could name a file, and each version of the job has the \
                  content that the name had when it was submitted. A resource has 64 MiB at most; a server keeps 1,000 of \
                  them and 1 GiB in all. They have nothing to do with [resources] of a job file, which limits the cores \
                  and the memory of its workers."
)]
pub struct Args {
    #[command(subcommand)]
    what: ResourceAction,
}

#[derive(clap::Subcommand)]
enum ResourceAction {
    /// Have a server keep a file, as a table, a pack or expected rows; versions of jobs that had
    /// another content keep that
    Put(PutArgs),
    /// List what a server keeps: names, hashes, sizes, who, when, and what versions have pinned it
    List(ListArgs),
    /// Show one, or write its content to a file
    Show(ShowArgs),
    /// Have a server forget one that no version of a job has pinned
    Delete(NamedArgs),
}

#[derive(clap::Args)]
struct PutArgs {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Its name there [default: that of the file]
    #[arg(long, value_name = "NAME")]
    name: Option<ResourceName>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(clap::Args)]
struct ListArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct ShowArgs {
    #[command(flatten)]
    named: NamedArgs,
    /// Write its content to this new file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct NamedArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: ResourceName,
    #[command(flatten)]
    server: ServerArgs,
}

/// Runs the subcommand.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    match &args.what {
        ResourceAction::Put(args) => put(args)?,
        ResourceAction::List(args) => list(args)?,
        ResourceAction::Show(args) => show(args)?,
        ResourceAction::Delete(args) => delete(args)?,
    }
    Ok(Outcome::Fine)
}

fn path_of(name: &ResourceName) -> String {
    format!("resources/{}", part(name.as_str()))
}

fn put(args: &PutArgs) -> anyhow::Result<()> {
    let client = args.server.client()?;
    let file = &args.file;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => {
            let own = file.file_name().unwrap_or_default().to_string_lossy();
            own.parse::<ResourceName>()
                .map_err(|why| Usage(format!("{why}; name it with --name")))?
        }
    };
    let unreadable = |error| Usage(format!("{} cannot be read: {error}", file.display()));
    let opened = File::open(file).map_err(unreadable)?;
    // Said before it is sent: a server reads no further, and answers whom it no longer hears.
    let (bytes, most) = (opened.metadata()?.len(), limits::RESOURCE_BYTES);
    if bytes > most {
        let why = format!("a resource has {} MiB at most, and this file {bytes} bytes", most >> 20);
        return Err(Usage(format!("{}: {why}", file.display())).into());
    }
    let put = client.put_file(&path_of(&name), opened)?;
    Ok(print_line(format_args!(
        "resource {name}: {} bytes, sha256 {}",
        count(put["bytes"].as_u64().unwrap_or_default()),
        Shown(put["sha256"].as_str().unwrap_or_default())
    ))?)
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let all = args.server.client()?.get("resources")?;
    if args.json {
        return Ok(print_line(&all["resources"])?);
    }
    print_line(
        "name                            bytes  sha256        when                      who              pinned by",
    )?;
    for it in all["resources"].as_array().into_iter().flatten() {
        let word = |key: &str| it[key].as_str().unwrap_or_default();
        print_line(format_args!(
            "{:<24}  {:>11}  {:<12}  {:<24}  {:<15}  {}",
            word("name"),
            count(it["bytes"].as_u64().unwrap_or_default()),
            word("sha256").get(..12).unwrap_or_default(),
            show_ms(it["at_ms"].as_i64().unwrap_or_default()),
            Shown(word("author")),
            Shown(&pinned_by(it)),
        ))?;
    }
    let (bytes, most) = (all["bytes"].as_u64(), all["most"]["bytes"].as_u64());
    Ok(print_line(format_args!(
        "# {} bytes of {}, with what only versions of jobs have",
        count(bytes.unwrap_or_default()),
        count(most.unwrap_or_default())
    ))?)
}

/// The newest versions of jobs that have pinned it, in words.
fn pinned_by(resource: &Value) -> String {
    let versions = resource["pinned_by"].as_array().into_iter().flatten();
    let one = |it: &Value| format!("{} {}", it["job"].as_str().unwrap_or_default(), it["version"]);
    let named: Vec<String> = versions.map(one).collect();
    match (named.is_empty(), resource["is_pinned"].as_bool()) {
        (true, Some(true)) => "a job of another project".to_owned(),
        (true, _) => "–".to_owned(),
        (false, _) => named.join(", "),
    }
}

fn show(args: &ShowArgs) -> anyhow::Result<()> {
    let (client, name) = (args.named.server.client()?, &args.named.name);
    let it = client.get(&path_of(name))?;
    if let Some(out) = &args.out {
        let hash = it["sha256"].as_str().unwrap_or_default();
        write_content(&client, name, hash, out)?;
    }
    if args.json {
        return Ok(print_line(&it)?);
    }
    let word = |key: &str| it[key].as_str().unwrap_or_default();
    print_line(format_args!(
        "resource {name}: {} bytes, put by {} at {}",
        count(it["bytes"].as_u64().unwrap_or_default()),
        Shown(word("author")),
        show_ms(it["at_ms"].as_i64().unwrap_or_default()),
    ))?;
    print_line(format_args!("sha256 {}", Shown(word("sha256"))))?;
    Ok(print_line(format_args!("pinned by (job and version): {}", Shown(&pinned_by(&it))))?)
}

fn delete(args: &NamedArgs) -> anyhow::Result<()> {
    args.server.client()?.delete(&path_of(&args.name))?;
    Ok(print_line(format_args!("the server has no resource {} now", args.name))?)
}

/// Fetches a resource into a folder, under its name; the file, and the hash of its content.
///
/// # Errors
/// When there is none, or it does not come whole.
pub fn fetch(
    client: &Client,
    name: &ResourceName,
    into: &Path,
) -> anyhow::Result<(PathBuf, String)> {
    let it = client.get(&path_of(name))?;
    let hash = it["sha256"].as_str().unwrap_or_default().to_owned();
    let file = into.join(name.as_str());
    write_content(client, name, &hash, &file)?;
    Ok((file, hash))
}

/// Writes the content of a resource to a file that must not be there, if it has that hash.
fn write_content(
    client: &Client,
    name: &ResourceName,
    hash: &str,
    out: &Path,
) -> anyhow::Result<()> {
    let cannot = |error: io::Error| {
        let why = match error.kind() {
            io::ErrorKind::AlreadyExists => "it is there already; name another file".to_owned(),
            _ => error.to_string(),
        };
        Usage(format!("{}: {why}", out.display()))
    };
    let mut writer = Hashing { file: File::create_new(out).map_err(cannot)?, hash: Sha256::new() };
    let got = client.get_file(&format!("{}/content", path_of(name)), &mut writer);
    let has: String = writer.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let got = got.and_then(|()| match has == hash {
        true => Ok(()),
        false => anyhow::bail!(
            "the resource {name} has come with sha256 {has} instead of {hash}: somebody has put another \
             content, or it was damaged; try again"
        ),
    });
    if got.is_err() {
        // Half a content is none.
        let _ = fs::remove_file(out);
    }
    got
}

/// Writes a file, and hashes what it writes.
struct Hashing {
    file: File,
    hash: Sha256,
}

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = io::Write::write(&mut self.file, bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::Write::flush(&mut self.file)
    }
}
