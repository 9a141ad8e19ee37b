//! How Java is started: servers and tools that start fast and stay small.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::class_path;

/// Flags of every JVM.
pub(crate) fn flags(heap: &str) -> Vec<String> {
    let fixed = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
    fixed.map(str::to_owned).into_iter().chain([format!("-Xmx{heap}")]).collect()
}

/// Compiles `file` of the folder `from` of this crate into `classes`.
pub(crate) fn compile(from: &str, file: &str, jars: &str, classes: &Path) {
    fs::create_dir_all(classes).expect("the folder is ours");
    let mut javac = Command::new("javac");
    javac.args(["-nowarn", "-cp", jars, "-d"]).arg(classes);
    javac.arg(class_path::source(from).join(file));
    let output =
        javac.output().expect("javac can be started: apt-get install openjdk-17-jdk-headless");
    succeeded(file, &output);
}

/// What a tool printed.
///
/// # Panics
/// When it failed.
pub(crate) fn succeeded(tool: &str, output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool} failed:\n{said}{errors}");
    said
}
