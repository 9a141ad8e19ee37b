//! Tests that are ignored are run by something else.

use std::fs;
use std::path::Path;

use super::{documents, root};

/// What is said of a test that others run.
const RUN_BY_OTHERS: &str = "other tests run it as a process of its own";

#[test]
fn every_ignored_test_of_every_crate_is_run_by_ci_or_by_a_command_of_a_document() {
    let read = |script| fs::read_to_string(root().join(script)).unwrap();
    let of_ci = commands(&read(".ci/run"));
    let texts = documents().into_iter().map(|(_, text)| text).chain([read("docs/screenshots.sh")]);
    let of_documents: Vec<Command> = texts.flat_map(|text| commands(&text)).collect();
    let ignored = ignored_tests();
    let has = |krate: &str| ignored.iter().any(|test| test.file.starts_with(krate));
    assert!(has("tests/") && has("sinks/tests/") && has("backends/kafka/src/"), "{ignored:#?}");
    let is_run = |test: &&Test| {
        // What says that it is run by `.ci/run` is not left to whoever reads a document.
        let others = if test.reason.contains(".ci/run") { &[][..] } else { &of_documents };
        test.reason == RUN_BY_OTHERS || of_ci.iter().chain(others).any(|it| it.runs(test))
    };
    let never: Vec<_> = ignored.iter().filter(|test| !is_run(test)).collect();
    assert!(never.is_empty(), "no command runs these: {never:#?}");
}

/// A test that is ignored.
#[derive(Debug)]
struct Test {
    file: String,
    /// `lib`, or the name of an integration test.
    target: String,
    /// With the modules that it is in.
    name: String,
    reason: String,
}

/// A command that runs tests that are ignored.
#[derive(Debug)]
struct Command {
    /// None: all.
    targets: Vec<String>,
    /// Parts of names; none: all.
    filters: Vec<String>,
}

impl Command {
    fn runs(&self, test: &Test) -> bool {
        let named =
            |all: &[String], is: &dyn Fn(&String) -> bool| all.is_empty() || all.iter().any(is);
        named(&self.targets, &|target| *target == test.target)
            && named(&self.filters, &|filter| test.name.contains(filter))
    }
}

/// The commands in `text`, but for those that run one test by a name that is computed.
fn commands(text: &str) -> Vec<Command> {
    let command = |line: &str| {
        let marks = ["-- --ignored", "-- --include-ignored", "-- --show-output --include-ignored"];
        let mark = marks.into_iter().find(|mark| line.contains(mark))?;
        let (before, behind) = line.split_once(mark)?;
        // The rest of a sentence is no part of it.
        let before = before.rsplit('`').next().unwrap_or(before);
        let behind = behind.split(['`', '|', '>']).next().unwrap_or(behind);
        let words: Vec<&str> = before.split_whitespace().collect();
        let named = words.windows(2).filter(|pair| pair[0] == "--test").map(|pair| pair[1]);
        let lib = words.contains(&"--lib").then_some("lib");
        let is_option = |word: &&str| word.starts_with("--") || word.parse::<u32>().is_ok();
        let mut filters: Vec<&str> =
            behind.split_whitespace().filter(|word| !is_option(word)).collect();
        if filters.contains(&"\"$name\"") {
            return None;
        }
        // A broker's, and then what is skipped.
        if filters.contains(&"\"$1\"") {
            filters = vec!["kafka", "rocketmq"];
        }
        let owned = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect();
        Some(Command { targets: owned(named.chain(lib).collect()), filters: owned(filters) })
    };
    text.lines().filter_map(command).collect()
}

/// The tests of all crates that are ignored.
fn ignored_tests() -> Vec<Test> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                folders.push(path);
            } else if name.ends_with(".rs") {
                ignored_in(&path, &mut found);
            }
        }
    }
    found
}

fn ignored_in(path: &Path, found: &mut Vec<Test>) {
    let text = fs::read_to_string(path).unwrap();
    let file = path.strip_prefix(root()).unwrap().to_str().unwrap();
    let mut parts: Vec<&str> = file.strip_suffix(".rs").unwrap().split('/').collect();
    if parts.last() == Some(&"mod") {
        parts.pop();
    }
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let Some(reason) = line.trim().strip_prefix("#[ignore = \"") else { continue };
        let is_test = |line: &&str| line.trim().starts_with("fn ");
        let signature = lines[at..].iter().copied().find(is_test).unwrap().trim();
        let function = signature["fn ".len()..].split('(').next().unwrap();
        let after = |folder: &str| parts.iter().position(|part| *part == folder).map(|at| at + 1);
        let (target, modules) = match (after("src"), after("tests")) {
            (Some(at), _) => ("lib", &parts[at..]),
            // The program's tests are one target, and so are those of most crates.
            (None, Some(1)) => ("tests", &parts[1..]),
            (None, Some(at)) => (parts[at], &parts[at + 1..]),
            (None, None) => continue,
        };
        let names: Vec<&str> = modules.iter().copied().chain([function]).collect();
        found.push(Test {
            file: file.to_owned(),
            target: target.to_owned(),
            name: names.join("::"),
            reason: reason.trim_end_matches("\"]").to_owned(),
        });
    }
}
