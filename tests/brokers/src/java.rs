//! How Java is started: servers and tools that start fast and stay small, or become as fast as they
//! can.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::class_path;

/// Whether servers are to become as fast as they can.
static FULL_SPEED: AtomicBool = AtomicBool::new(false);

/// From now on servers compile what is used much as well as they can, as those of operators do.
/// They take longer to start: for measuring, not for tests.
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

/// The folder of this crate with the Java sources of RocketMQ's tests.
pub(crate) const SOURCES: &str = "rocketmq-java";

/// The jar of the class `name` of [`SOURCES`], with `files` (path in the jar, text) in it.
pub(crate) fn jar(name: &str, jars: &str, files: &[(&str, &str)]) -> PathBuf {
    jar_of(SOURCES, name, jars, files)
}

/// The same of another folder of this crate. It is compiled once and kept in the build folder.
pub(crate) fn jar_of(folder: &str, name: &str, jars: &str, files: &[(&str, &str)]) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _held = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let source = class_path::source(folder).join(format!("{name}.java"));
    let jar = class_path::build_folder().join(format!("{name}.jar"));
    if class_path::is_newer(&jar, &source) {
        return jar;
    }
    let folder = tempfile::tempdir().expect("a folder for classes can be made");
    let classes = folder.path().join("classes");
    fs::create_dir(&classes).expect("the folder is ours");
    let mut javac = Command::new("javac");
    javac.args(["-nowarn", "-cp", jars, "-d"]).arg(&classes).arg(source);
    run("javac", &mut javac);
    for (path, text) in files {
        let file = classes.join(path);
        fs::create_dir_all(file.parent().expect("it is in a folder")).expect("the folder is ours");
        fs::write(file, text).expect("the folder is ours");
    }
    // Another process may be making the same jar.
    let new = jar.with_extension(format!("{}", std::process::id()));
    run("jar", Command::new("jar").arg("cf").arg(&new).arg("-C").arg(&classes).arg("."));
    fs::rename(new, &jar).expect("the build folder can be written");
    jar
}

fn run(tool: &str, command: &mut Command) -> String {
    let output = command.output().expect("a JDK is there: apt-get install openjdk-17-jdk-headless");
    succeeded(tool, &output)
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
