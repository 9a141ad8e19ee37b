//! `seismic group repair`: restores the offsets of a group in Kafka to the last commit of the job,
//! after a tool has reset them or the cluster has dropped them.

use std::io::{self, BufRead as _, IsTerminal as _};

use seismic_queue::{Error, LostOffset};

use crate::cli::exit::{Outcome, Usage};
use crate::cli::stdio::{print_line, tell};
use crate::cli::target::Target;
use crate::job::location::Location;

/// Options of `seismic group repair`.
#[derive(clap::Args)]
pub struct Args {
    /// The group
    name: String,
    #[command(flatten)]
    target: Target,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    // The name is the group; `--group` is only what every command takes.
    let location = Location { group: args.name.clone(), ..args.target.location()? };
    let store = location.open_store()?;
    let url = location.store_url();
    if !url.capabilities().has_stores_in_cluster {
        // That there is one.
        drop(store.view()?);
        print_line(format_args!(
            "the position of group {} lies in its store {url}, which no tool of brokers changes: \
             there is \
             nothing to repair",
            args.name
        ))?;
        return Ok(Outcome::Fine);
    }
    if let Some(by) = store.leased_by()? {
        return Err(Error::Owned { at: url.to_string(), by }.into());
    }
    let lost = store.lost_offsets()?;
    if lost.is_empty() {
        let name = &args.name;
        print_line(format_args!("group {name} is at its last commit"))?;
        return Ok(Outcome::Fine);
    }
    for LostOffset { partition, found, next } in &lost {
        let found = found.map_or("no offset".to_owned(), |found| format!("offset {found}"));
        print_line(format_args!(
            "partition {partition}: {found}, and the last commit is at {next}"
        ))?;
    }
    confirm(&args.name, args.yes)?;
    store.put_offsets_back(&lost)?;
    print_line(format_args!(
        "{} partitions of group {} are restored to the last commit; run continues from there",
        lost.len(),
        args.name
    ))?;
    Ok(Outcome::Fine)
}

/// Lets a person agree. Where no one is at the keyboard, `yes` must have been said.
fn confirm(name: &str, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        let refusal = format!("changing the offsets of group {name} needs a word: --yes");
        return Err(Usage(refusal).into());
    }
    tell(format_args!("type the name of the group to put its offsets back:"));
    let mut typed = String::new();
    io::stdin().lock().read_line(&mut typed)?;
    match typed.trim() == name {
        true => Ok(()),
        false => Err(Usage("that is another name; nothing was changed".to_owned()).into()),
    }
}
