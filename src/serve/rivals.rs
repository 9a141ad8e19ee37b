//! Conflicts between jobs: two jobs never have the same group, store or folder.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use seismic_queue::Url;

use crate::job::JobSpec;
use crate::job::service::RestartPolicy;
use crate::job::service::restart::Rerun;

/// That a job would share a place with another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rival {
    /// The job.
    pub name: String,
    /// Who has the place already.
    pub other: String,
    /// The place, as text.
    pub place: String,
    /// Whether it is the group of a run from scratch: which of them says what the other is called.
    pub is_of_runs: bool,
}

impl std::error::Error for Rival {}

/// Why the job cannot be, for whoever may know of the other one.
impl fmt::Display for Rival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rival { name, other, place, is_of_runs } = self;
        let of_runs = if *is_of_runs { " in a run from scratch" } else { "" };
        write!(f, "job {name} has the same {place}{of_runs} as job {other}; give it its own")
    }
}

impl Rival {
    /// Why the job cannot be, for whoever may not know which job that is.
    #[must_use]
    pub fn told_to_strangers(&self) -> String {
        let Rival { name, place, is_of_runs, .. } = self;
        let place = if *is_of_runs { "group in a run from scratch" } else { place };
        format!("job {name} has the same {place} as a job of another project; give it its own")
    }
}

/// What one job has for itself, as text.
#[must_use]
pub fn places(spec: &JobSpec) -> BTreeSet<String> {
    let store = store_place(&spec.location().store_url());
    let queue = queue_of(spec);
    let sinks =
        spec.sink.iter().filter(|sink| !sink.entry().shows_only).map(|sink| match file(sink) {
            Some(file) => format!("file or folder {}", absolute(&file).display()),
            None => format!("sink {sink}"),
        });
    sinks.chain([store, format!("group {} on {queue}", spec.group)]).collect()
}

/// The place of a store, the same for each of its addresses.
#[must_use]
pub fn store_place(store: &Url) -> String {
    match store.file() {
        Some(file) => format!("store {}", absolute(file).display()),
        None => format!("store {store}"),
    }
}

/// Names of groups that a job has for itself: its own and, of one that begins from scratch again,
/// those of all its runs, as `coast`, `coast-2` and `coast-3`.
#[derive(Debug)]
pub struct Groups {
    queue: String,
    group: String,
    /// The group of its first run.
    first: Option<String>,
}

impl Groups {
    /// Those of a job that has begun from scratch so often.
    #[must_use]
    pub fn of(spec: &JobSpec, restart: &RestartPolicy, rerun: u32) -> Groups {
        let group = spec.group.clone();
        let begins_again = restart.rerun == Rerun::FromScratch || rerun > 0;
        let suffix = if rerun > 0 { format!("-{}", rerun + 1) } else { String::new() };
        let first = group.strip_suffix(&suffix).unwrap_or(&group).to_owned();
        Groups { queue: queue_of(spec), group, first: begins_again.then_some(first) }
    }

    /// The group that both have in one of their runs, as text.
    #[must_use]
    pub fn shared_with(&self, other: &Groups) -> Option<String> {
        if self.queue != other.queue {
            return None;
        }
        let names = [Some(&other.group), other.first.as_ref()];
        let theirs = names.into_iter().flatten().find(|name| self.has(name));
        let ours = [Some(&self.group), self.first.as_ref()];
        let name = theirs.or_else(|| ours.into_iter().flatten().find(|name| other.has(name)))?;
        Some(format!("group {name} on {}", self.queue))
    }

    fn has(&self, name: &str) -> bool {
        let is_run = |first: &String| {
            let number = name.strip_prefix(first).and_then(|rest| rest.strip_prefix('-'));
            name == first || number.and_then(|it| it.parse::<u32>().ok()).is_some_and(|it| it > 1)
        };
        name == self.group || self.first.as_ref().is_some_and(is_run)
    }
}

fn queue_of(spec: &JobSpec) -> String {
    match spec.queue.file() {
        Some(file) => absolute(file).display().to_string(),
        None => spec.queue.to_string(),
    }
}

/// Files and folders that its sinks write.
pub fn files(spec: &JobSpec) -> impl Iterator<Item = PathBuf> {
    spec.sink.iter().filter_map(file)
}

fn file(sink: &seismic_sinks::SinkSpec) -> Option<PathBuf> {
    (sink.entry().file)(sink)
}

/// A path from the root, without `.` and `..`; symbolic links of the part that is there are
/// followed.
#[must_use]
pub fn absolute(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut plain = PathBuf::new();
    for part in whole.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
        if let Ok(real) = plain.canonicalize() {
            plain = real;
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(group: &str, sink: &str) -> JobSpec {
        JobSpec { group: group.to_owned(), sink: vec![sink.parse().unwrap()], ..JobSpec::default() }
    }

    #[test]
    fn a_folder_under_two_names_is_one_place_and_a_console_is_none() {
        let both = |a: &JobSpec, b: &JobSpec| {
            places(a).intersection(&places(b)).cloned().collect::<Vec<_>>()
        };
        assert!(both(&spec("a", "console"), &spec("b", "console")).is_empty());
        assert_eq!(both(&spec("a", "csv:x/../rows"), &spec("b", "csv:./rows")).len(), 1);
        let same = both(&spec("a", "csv:r"), &spec("a", "csv:s"));
        assert!(same.iter().any(|place| place.starts_with("group a on")), "{same:?}");
        assert!(same.iter().any(|place| place.starts_with("store")), "{same:?}");
    }

    #[test]
    fn runs_from_scratch_keep_their_names_for_themselves() {
        let scratch = RestartPolicy { rerun: Rerun::FromScratch, ..RestartPolicy::default() };
        let of = |group: &str, rerun| Groups::of(&spec(group, "console"), &scratch, rerun);
        let plain = |group: &str| Groups::of(&spec(group, "console"), &RestartPolicy::default(), 0);
        for (one, other) in [
            (of("coast", 0), plain("coast-2")),
            (of("coast", 0), plain("coast-17")),
            // It was that in its first run, whose store is there.
            (of("coast-3", 2), plain("coast")),
            (of("coast-3", 2), of("coast", 0)),
            (of("coast-2", 0), of("coast", 0)),
        ] {
            let both = [one.shared_with(&other), other.shared_with(&one)];
            assert!(both.iter().all(Option::is_some), "{one:?} {other:?}: {both:?}");
        }
        for (one, other) in [
            (of("coast", 0), plain("coast-north")),
            (of("coast", 0), plain("coast-1")),
            (plain("coast"), plain("coast-2")),
            (of("coast", 0), of("coastal", 0)),
        ] {
            assert_eq!(one.shared_with(&other), None);
            assert_eq!(other.shared_with(&one), None);
        }
    }
}
