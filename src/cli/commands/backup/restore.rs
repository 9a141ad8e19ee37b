//! `seismic restore`: copies a backup to where a job is to run, and never over anything.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use seismic_sinks::SinkSpec;

use crate::backup;
use crate::backup::manifest::Manifest;
use crate::cli::exit::Outcome;
use crate::cli::stdio::print;
use crate::cli::target::Target;
use crate::job::location::Location;
use crate::job::spec::DATA_TOPIC;

/// Options of `seismic restore`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Folder of the backup
    #[arg(value_name = "DIR")]
    backup: PathBuf,
    /// Where a CSV folder of the backup goes, in the order in which they were backed up; repeatable
    #[arg(long, value_name = "DIR")]
    csv: Vec<PathBuf>,
}

/// Restores the backup.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let options = args.target.location_options()?;
    let (manifest, location) = backup::restore(&args.backup, options, &args.csv)?;
    print(format!(
        "restored group {} from {}; with the options that the job had, this continues it:\n  {}\n",
        manifest.group,
        args.backup.display(),
        continuing(args, &manifest, &location)?
    ))?;
    Ok(Outcome::Fine)
}

/// The command that continues a job at `location`. Settings of the Kafka client are left out, since
/// they may be secret.
fn continuing(args: &Args, manifest: &Manifest, location: &Location) -> anyhow::Result<String> {
    let mut words = vec!["seismic".to_owned(), "run".to_owned()];
    let mut say = |option: &str, value: String| words.extend([option.to_owned(), value]);
    if let Some(file) = &args.target.file.job {
        say("--job", file.display().to_string());
    }
    say("--group", manifest.group.clone());
    say("--queue", location.queue.to_string());
    if let Some(store) = &location.store {
        say("--store", store.to_string());
    }
    if manifest.topic != DATA_TOPIC {
        say("--topic", manifest.topic.clone());
    }
    // Sinks on the command line would be instead of those in the file.
    let has_sinks = !args.target.file.read()?.options.sink.is_empty();
    for folder in args.csv.iter().filter(|_| !has_sinks) {
        let folder = folder.display().to_string();
        let sink = SinkSpec::new("csv", Some(&folder), BTreeMap::new())?;
        say("--sink", sink.to_string());
    }
    if manifest.first_step_file.is_some() {
        words.push("--repartition".to_owned());
    }
    Ok(words.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" "))
}

/// A word as a shell reads it back.
fn shell_word(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_a_shell_would_split_is_quoted() {
        assert_eq!(shell_word("sqlite:/a/queue.db"), "sqlite:/a/queue.db");
        assert_eq!(shell_word("csv:my rows"), "'csv:my rows'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
    }
}
