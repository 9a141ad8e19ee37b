//! What is to be done next for workers elsewhere: pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::job::service::JobName;

/// The place of the first worker that is elsewhere.
pub const FIRST: usize = 2;

/// What was told to whoever starts workers, and acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// Workers that are to be there, by their places.
    pub workers: BTreeMap<usize, ToldWorker>,
    /// Pods of the StatefulSet.
    pub replicas: Option<u32>,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToldWorker {
    /// The node it was started on; empty without nodes.
    pub node: String,
    /// Its name.
    pub name: String,
    /// Its slots.
    pub slots: u32,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Start a worker, which may run already.
    Start(RemoteWorker),
    /// Stop one, which may have ended already.
    Stop(RemoteWorker),
    /// Have one run with other slots.
    Replace(RemoteWorker),
    /// Have so many pods.
    Scale(u32),
}

/// A worker of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteWorker {
    /// Its place, from 2 on.
    pub place: usize,
    /// Its node.
    pub node: String,
    /// Its name.
    pub name: String,
    /// Its slots.
    pub slots: u32,
}

/// Who starts workers.
pub enum Means<'a> {
    /// The operator's command, on these nodes.
    Command(&'a [String]),
    /// Kubernetes, which has them in this StatefulSet.
    Pods(&'a str),
}

/// What is to be there.
pub struct Goal<'a> {
    /// The name of the job.
    pub job: &'a str,
    /// Slots of each worker, the first of which is not elsewhere; empty: none is to be there.
    pub slots: &'a [u32],
    /// Workers that a change replaces by ones with other slots.
    pub replaced: &'a BTreeSet<usize>,
    /// Workers that have not answered for long.
    pub silent: &'a BTreeSet<usize>,
}

impl Told {
    /// What is to be done next, one thing at a time.
    #[must_use]
    pub fn next(&self, goal: &Goal<'_>, means: &Means<'_>) -> Option<Work> {
        match means {
            Means::Command(nodes) => self.next_command(goal, nodes),
            Means::Pods(_) => {
                let wanted = u32::try_from(goal.slots.len().saturating_sub(1)).unwrap_or(u32::MAX);
                (self.replicas != Some(wanted)).then_some(Work::Scale(wanted))
            }
        }
    }

    fn next_command(&self, goal: &Goal<'_>, nodes: &[String]) -> Option<Work> {
        let all = self.workers.iter();
        let known = |place: usize, it: &ToldWorker, slots| RemoteWorker {
            place,
            node: it.node.clone(),
            name: it.name.clone(),
            slots,
        };
        // The last come first: those that stay keep their places. And one whose node is none any more.
        let is_gone = |place: usize, it: &ToldWorker| {
            place > goal.slots.len() || !(nodes.is_empty() || nodes.contains(&it.node))
        };
        let mut ends = all.clone().rev().filter(|(place, it)| is_gone(**place, it));
        if let Some((place, it)) = ends.next() {
            return Some(Work::Stop(known(*place, it, it.slots)));
        }
        let wanted = || (1..).zip(goal.slots.iter().copied()).filter(|(place, _)| *place >= FIRST);
        if let Some((place, slots)) = wanted().find(|(place, _)| !self.workers.contains_key(place))
        {
            let (node, name) = (self.fewest(nodes), worker_name(goal.job, place));
            return Some(Work::Start(RemoteWorker { place, node, name, slots }));
        }
        let told = |place: &usize| self.workers.get(place);
        let differs = wanted().find_map(|(place, slots)| {
            let it = told(&place)?;
            let is_due = goal.replaced.contains(&place) && it.slots != slots;
            is_due.then(|| known(place, it, slots))
        });
        if let Some(place) = differs {
            return Some(Work::Replace(place));
        }
        let silent = goal.silent.iter().find_map(|place| Some((*place, told(place)?)));
        silent.map(|(place, it)| Work::Start(known(place, it, it.slots)))
    }

    /// The node with the fewest workers, the first of several; empty without nodes.
    fn fewest(&self, nodes: &[String]) -> String {
        let count = |node: &&String| self.workers.values().filter(|it| it.node == **node).count();
        nodes.iter().min_by_key(count).cloned().unwrap_or_default()
    }

    /// Takes in that it was acknowledged.
    pub fn did(&mut self, work: &Work, goal: &Goal<'_>, means: &Means<'_>) {
        match work {
            Work::Start(it) | Work::Replace(it) => {
                let RemoteWorker { place, node, name, slots } = it.clone();
                self.workers.insert(place, ToldWorker { node, name, slots });
            }
            Work::Stop(it) => {
                self.workers.remove(&it.place);
            }
            Work::Scale(replicas) => {
                self.replicas = Some(*replicas);
                let set = if let Means::Pods(set) = means { set } else { "" };
                let count = *replicas as usize;
                let one = |ordinal: usize| {
                    let place = ordinal + FIRST;
                    let slots = goal.slots.get(place - 1).copied().unwrap_or(1);
                    let name = format!("{set}-{ordinal}");
                    (place, ToldWorker { node: String::new(), name, slots })
                };
                self.workers = (0..count).map(one).collect();
            }
        }
    }

    /// Where those are that nobody looks after any more, in words; `None` without any.
    #[must_use]
    pub fn left(&self) -> Option<String> {
        let one = |it: &ToldWorker| match &*it.node {
            "" => it.name.clone(),
            node => format!("{} on {node}", it.name),
        };
        let all: Vec<String> = self.workers.values().map(one).collect();
        let text = all.join(", ");
        (!all.is_empty()).then(|| {
            format!("[elastic] has another action: workers elsewhere are left running, stop them: {text}")
        })
    }

    /// Whether nothing can be done for a worker that it would be waited for: the node is none any more.
    #[must_use]
    pub fn may_forget(work: &Work, nodes: &[String]) -> bool {
        matches!(work, Work::Stop(it) if !it.node.is_empty() && !nodes.contains(&it.node))
    }
}

impl Work {
    /// What it is called in commands.
    #[must_use]
    pub fn action(&self) -> &'static str {
        match self {
            Work::Start(_) => "start",
            Work::Stop(_) => "stop",
            Work::Replace(_) => "replace",
            Work::Scale(_) => "scale",
        }
    }

    /// The worker that it is about.
    #[must_use]
    pub fn place(&self) -> Option<&RemoteWorker> {
        match self {
            Work::Start(it) | Work::Stop(it) | Work::Replace(it) => Some(it),
            Work::Scale(_) => None,
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Work::Scale(replicas) => write!(f, "scale to {replicas} pods"),
            Work::Start(it) | Work::Stop(it) | Work::Replace(it) => {
                write!(f, "{} {}", self.action(), it.name)?;
                if !it.node.is_empty() {
                    write!(f, " on {}", it.node)?;
                }
                match self {
                    Work::Stop(_) => Ok(()),
                    _ => write!(f, " with {} slots", it.slots),
                }
            }
        }
    }
}

/// The name of the worker of that place: in the group, and in commands.
#[must_use]
pub fn worker_name(job: &str, place: usize) -> String {
    format!("{}-{place}", slug_of(job))
}

/// The name of a job that every program and shell reads as one word.
pub(super) fn slug_of(job: &str) -> String {
    job.parse::<JobName>().map_or_else(|_| "job".to_owned(), |it| it.slug())
}

#[cfg(test)]
mod tests {
    use super::*;

    static NONE: BTreeSet<usize> = BTreeSet::new();

    fn goal(slots: &[u32]) -> Goal<'_> {
        Goal { job: "coast", slots, replaced: &NONE, silent: &NONE }
    }

    fn nodes(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Does all there is to do; what it was.
    fn all(told: &mut Told, goal: &Goal<'_>, means: &Means<'_>) -> Vec<String> {
        let mut done = Vec::new();
        while let Some(work) = told.next(goal, means) {
            done.push(work.to_string());
            told.did(&work, goal, means);
            assert!(done.len() < 100, "{done:?}");
        }
        done
    }

    #[test]
    fn a_worker_starts_on_the_node_that_has_the_fewest_and_the_last_one_goes_first() {
        let (mut told, nodes) = (Told::default(), nodes(&["n1", "n2", "n3"]));
        let means = Means::Command(&nodes);
        assert_eq!(
            all(&mut told, &goal(&[2, 2, 2]), &means),
            ["start coast-23c075-2 on n1 with 2 slots", "start coast-23c075-3 on n2 with 2 slots"]
        );
        all(&mut told, &goal(&[2; 5]), &means);
        let at: Vec<&str> = told.workers.values().map(|it| &*it.node).collect();
        assert_eq!(at, ["n1", "n2", "n3", "n1"]);
        assert_eq!(
            all(&mut told, &goal(&[2, 2, 2]), &means),
            ["stop coast-23c075-5 on n1", "stop coast-23c075-4 on n3"]
        );
        assert_eq!(all(&mut told, &goal(&[]), &means).len(), 2);
        assert_eq!(told, Told::default());
    }

    #[test]
    fn a_node_that_is_none_any_more_gives_its_workers_to_others() {
        let (mut told, two) = (Told::default(), nodes(&["n1", "n2"]));
        all(&mut told, &goal(&[2, 2, 2]), &Means::Command(&two));
        let one = nodes(&["n2"]);
        let stop = told.next(&goal(&[2, 2, 2]), &Means::Command(&one)).unwrap();
        assert!(Told::may_forget(&stop, &one) && !Told::may_forget(&stop, &two));
        assert_eq!(
            all(&mut told, &goal(&[2, 2, 2]), &Means::Command(&one)),
            ["stop coast-23c075-2 on n1", "start coast-23c075-2 on n2 with 2 slots"]
        );
    }

    #[test]
    fn others_slots_are_given_when_a_change_says_so_and_a_silent_worker_is_started_again() {
        let mut told = Told::default();
        let means = Means::Command(&[]);
        all(&mut told, &goal(&[1, 1, 1]), &means);
        let more = [1, 2, 2];
        assert_eq!(told.next(&goal(&more), &means), None, "no change has it replaced");
        let replaced = BTreeSet::from([3]);
        let due = Goal { replaced: &replaced, ..goal(&more) };
        assert_eq!(all(&mut told, &due, &means), ["replace coast-23c075-3 with 2 slots"]);
        let silent = BTreeSet::from([2, 9]);
        let again = told.next(&Goal { silent: &silent, ..goal(&more) }, &means).unwrap();
        assert_eq!(again.to_string(), "start coast-23c075-2 with 1 slots");
    }

    #[test]
    fn pods_are_a_number_and_their_names_follow_from_it() {
        let mut told = Told::default();
        let means = Means::Pods("w");
        assert_eq!(all(&mut told, &goal(&[1, 2, 2]), &means), ["scale to 2 pods"]);
        let names: Vec<_> = told.workers.iter().map(|(at, it)| (*at, &*it.name)).collect();
        assert_eq!(names, [(2, "w-0"), (3, "w-1")]);
        assert_eq!(all(&mut told, &goal(&[]), &means), ["scale to 0 pods"]);
        assert!(told.workers.is_empty());
    }
}
