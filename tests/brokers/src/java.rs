//! How Java is started: servers and tools that start fast and stay small, or become as fast as they can.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::class_path;

/// Whether servers are to become as fast as they can.
static FULL_SPEED: AtomicBool = AtomicBool::new(false);

/// From now on servers compile what is used much as well as they can, as those of operators do. They
/// take longer to start: for measuring, not for tests.
pub fn at_full_speed() {
    FULL_SPEED.store(true, Ordering::Relaxed);
}

/// Flags of every JVM.
pub(crate) fn flags(heap: &str) -> Vec<String> {
    let mut flags = vec!["-XX:+UseSerialGC".to_owned(), format!("-Xmx{heap}")];
    if !FULL_SPEED.load(Ordering::Relaxed) {
        flags.push("-XX:TieredStopAtLevel=1".to_owned());
    }
    flags
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
