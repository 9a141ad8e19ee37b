//! Tests that are ignored are run by something else.

use std::fs;
use std::process::Command;

use super::{documents, root};

#[test]
fn every_ignored_test_is_run_by_ci_or_by_a_command_of_a_document() {
    let read = |script| fs::read_to_string(root().join(script)).unwrap();
    let scripts = [".ci/run", "docs/screenshots.sh"].map(read);
    let texts = documents().into_iter().map(|(_, text)| text).chain(scripts);
    let filters: Vec<String> = texts.flat_map(|text| filters(&text)).collect();
    let list = ["--list", "--ignored", "--format", "terse"];
    let list = Command::new(std::env::current_exe().unwrap()).args(list).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let names: Vec<&str> = list.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    assert!(!names.is_empty(), "{list}");
    let is_run = |name: &&str| filters.iter().any(|filter| name.contains(filter));
    let never: Vec<_> = names.iter().copied().filter(|name| !is_run(name)).collect();
    assert!(never.is_empty(), "no command has a part of these names: {never:#?} of {filters:?}");
}

/// The parts of names behind `--ignored` and `--include-ignored`, and the kinds of brokers of `.ci/run`.
fn filters(text: &str) -> Vec<String> {
    let behind = |line: &str| {
        let marks = ["--ignored", "--include-ignored", "for broker in"];
        let at = marks.iter().filter_map(|mark| Some(line.find(mark)? + mark.len())).min()?;
        let command = &line[at..];
        Some(command.split('`').next().unwrap_or(command).to_owned())
    };
    let is_filter = |word: &&str| {
        word.len() > 3
            && word.chars().all(|letter| letter.is_alphanumeric() || "_:".contains(letter))
    };
    let commands: Vec<String> = text.lines().filter_map(behind).collect();
    let words = commands.iter().flat_map(|command| command.split([' ', ';']));
    words.filter(is_filter).map(str::to_owned).collect()
}
