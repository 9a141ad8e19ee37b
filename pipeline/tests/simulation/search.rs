//! Searches for failing histories, shortens them, and prints them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, Once};
use std::thread;
use std::time::Instant;

use crate::action::{Action, History};
use crate::line::Line;
use crate::world::{self, Told};

/// Runs of a history that failed, to make it shorter.
const TRIES: usize = 3_000;

/// One in that many histories happens twice, and must leave the same trace.
const REPEATED: u64 = 10;

/// What at least one history in two hundred must have: a search that does not get there is none.
const EXPECTED: [&str; 22] = [
    "a commit lost of which nobody hears",
    "a commit made of which nobody hears",
    "a commit of a job that was taken over, refused",
    "a commit that arrives twice",
    "a commit that is tried again",
    "a death after a commit",
    "a death before a commit",
    "a partition that moves to another slot",
    "a proof of a part",
    "a proof of all",
    "a replay of messages",
    "a slot that begins while others work",
    "checkpoints proved",
    "clocks set back",
    "idle closes proved",
    "idle closes unproved",
    "late records",
    "open windows",
    "recovery from an older checkpoint",
    "rejected records",
    "result retention",
    "rows of roll-ups",
];

thread_local! {
    /// What the panic of a history said; outside of one there is nothing to catch.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
    static IS_CATCHING: RefCell<bool> = const { RefCell::new(false) };
}

/// Runs `happen`; a panic is its error. The product's assertions are part of what is searched.
pub fn caught<T>(happen: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let default = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            match IS_CATCHING.with_borrow(|is_catching| *is_catching) {
                true => PANIC.set(Some(info.to_string())),
                false => default(info),
            }
        }));
    });
    IS_CATCHING.set(true);
    let ended = panic::catch_unwind(AssertUnwindSafe(happen));
    IS_CATCHING.set(false);
    ended.unwrap_or_else(|_| Err(PANIC.take().unwrap_or_default()))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

/// The history without all actions that it fails without.
fn shortened(mut history: History, fails: impl Fn(&History) -> bool) -> History {
    let mut tries = 0;
    let mut size = history.actions.len().div_ceil(2);
    loop {
        let (mut at, before) = (0, history.actions.len());
        while at < history.actions.len() && tries < TRIES {
            let mut shorter = history.clone();
            let end = (at + size).min(shorter.actions.len());
            shorter.actions.drain(at..end);
            tries += 1;
            match fails(&shorter) {
                true => history = shorter,
                false => at += size,
            }
        }
        if tries >= TRIES || (size <= 1 && history.actions.len() == before) {
            return history;
        }
        size = (size / 2).max(1);
    }
}

/// A failed history, for people.
fn shown(history: &History) -> String {
    let Told { lines, fault, .. } = world::run(history, true);
    let fault = fault.unwrap_or_else(|| "nothing".to_owned());
    let actions: Vec<_> = history.actions.iter().map(|action| format!("    {action:?},")).collect();
    format!(
        "{fault}\n\n{:#?}\n[\n{}\n]\n\nwhat happened:\n{}\n",
        history.setup,
        actions.join("\n"),
        lines.join("\n")
    )
}

/// Histories from `from` on, on all cores; the first that fails, and how often what was seen.
fn search(from: u64, count: u64) -> (Option<(u64, String)>, BTreeMap<&'static str, u64>) {
    let next = AtomicU64::new(from);
    let is_over = AtomicBool::new(false);
    let failed = Mutex::new(None);
    let sights = Mutex::new(BTreeMap::<_, u64>::new());
    let work = || {
        let mut seen = BTreeMap::<_, u64>::new();
        while !is_over.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from + count {
                break;
            }
            let history = History::of(seed);
            let told = world::run(&history, false);
            let again = seed.is_multiple_of(REPEATED).then(|| world::run(&history, false).hash);
            let differs = again.filter(|&again| again != told.hash);
            let differs = differs.map(|_| "it happens in another way the second time".to_owned());
            if let Some(fault) = told.fault.or(differs) {
                failed.lock().unwrap().get_or_insert((seed, fault));
                is_over.store(true, Ordering::Relaxed);
            }
            told.sights.into_iter().for_each(|sight| *seen.entry(sight).or_default() += 1);
        }
        let mut all = sights.lock().unwrap();
        seen.into_iter().for_each(|(sight, times)| *all.entry(sight).or_default() += times);
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        (0..cores).for_each(|_| drop(scope.spawn(work)));
    });
    (failed.into_inner().unwrap(), sights.into_inner().unwrap())
}

#[test]
fn every_history_ends_well() {
    if let Some(seed) = number("SIMULATION_SEED") {
        let history = History::of(seed);
        let told = world::run(&history, true);
        println!("{:#?}\n{}", history.setup, told.lines.join("\n"));
        assert_eq!(told.fault, None);
        return;
    }
    let (from, count) = (number("SIMULATION_FROM"), number("SIMULATION_HISTORIES"));
    let (from, count) = (from.unwrap_or(0), count.unwrap_or(10_000));
    let began = Instant::now();
    let (failed, sights) = search(from, count);
    if let Some((seed, fault)) = failed {
        let fails = |history: &History| world::run(history, false).fault.is_some();
        let short = shortened(History::of(seed), fails);
        panic!("seed {seed}: {fault}\n\nits shortest form: {}", shown(&short));
    }
    let each = began.elapsed().as_secs_f64() / count as f64;
    println!("{count} histories from seed {from}, {:.0} a second; of them with", 1.0 / each);
    sights.iter().for_each(|(sight, times)| println!("{times:>8} {sight}"));
    for sight in EXPECTED {
        let times = sights.get(sight).copied().unwrap_or(0);
        assert!(times * 200 > count, "hardly any history has {sight}: {times} of {count}");
    }
    let mut line =
        Line::new(25, "simulated histories of a whole job with random faults at every seam");
    line.tries = count;
    line.print();
}

#[test]
fn the_same_seed_gives_the_same_history() {
    for seed in 0..50 {
        let first = world::run(&History::of(seed), false);
        let second = world::run(&History::of(seed), true);
        assert_eq!(first.hash, second.hash, "seed {seed}");
        assert!(!second.lines.is_empty());
    }
    let hash = |seed| world::run(&History::of(seed), false).hash;
    assert_ne!(hash(1), hash(2), "another seed gives another history");
}

#[test]
fn a_failing_history_is_shortened_to_the_actions_that_it_takes() {
    let is_needed = |action: &Action| match action {
        Action::Append { seed, .. } => seed % 2 == 0,
        Action::Stop => true,
        _ => false,
    };
    let needed = |history: &History| history.actions.iter().filter(|a| is_needed(a)).count();
    let history = (0..).map(History::of).find(|history| needed(history) > 5).unwrap();
    let short = shortened(history, |history| needed(history) >= 3);
    assert_eq!(short.actions.len(), 3);
    assert!(short.actions.iter().all(is_needed));
}
