//! A Python with the packages that a test needs, in the build folder, downloaded once from PyPI.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::class_path::build_folder;

/// What to do where a test cannot run.
const REMEDY: &str = "apt-get install --yes python3-venv, and a way to PyPI";

/// The interpreter of an environment with `package` (`NAME==VERSION`); `None` where there cannot be
/// one, after saying so.
///
/// # Panics
/// When there cannot be one in CI.
#[must_use]
pub fn python_with(package: &str) -> Option<PathBuf> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _held = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = build_folder().join(package);
    let python = folder.join("bin/python");
    if python.exists() {
        return Some(python);
    }
    eprintln!("fetching {package} from PyPI; this happens once");
    let new = build_folder().join(format!("{package}.{}", std::process::id()));
    if let Err(why) = make(&new, package) {
        let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!is_ci, "CI needs a Python with {package}: {REMEDY}\n{why}");
        eprintln!("SKIPPED: this test needs a Python with {package}: {REMEDY}\n{why}");
        return None;
    }
    // Another process may have made it meanwhile; then that one is taken.
    if fs::rename(&new, &folder).is_err() {
        fs::remove_dir_all(&new).expect("it is ours");
    }
    Some(python)
}

/// Makes an environment; the interpreter in it finds its packages wherever it is moved to.
fn make(folder: &Path, package: &str) -> Result<(), String> {
    done(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let mut pip = Command::new(folder.join("bin/python"));
    done(pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]))
}

fn done(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{command:?}: {said}")) }
}
