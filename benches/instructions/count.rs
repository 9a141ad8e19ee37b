//! Counts the instructions of a stage by running this program under callgrind.

use std::env;
use std::process::Command;

use crate::stages::records;

/// First argument of this program when it is to prepare a stage and end.
pub const PREPARE: &str = "prepare";
/// When it is to do the stage too.
pub const MEASURE: &str = "measure";

/// Instructions per record of a stage.
pub fn per_record(stage: &str) -> Result<f64, String> {
    let (prepared, measured) = (count(PREPARE, stage)?, count(MEASURE, stage)?);
    Ok(measured.saturating_sub(prepared) as f64 / records(stage) as f64)
}

fn count(what: &str, stage: &str) -> Result<u64, String> {
    let program = env::current_exe().map_err(|error| format!("finding this program: {error}"))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([what, stage])
        .output()
        .map_err(|error| format!("starting valgrind: {error}; apt-get install valgrind"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("valgrind ended with {}:\n{said}", output.status));
    }
    collected(&said).ok_or_else(|| format!("valgrind told no count:\n{said}"))
}

/// `==1234== Collected : 567890`
fn collected(said: &str) -> Option<u64> {
    let line = said.lines().find_map(|line| line.split_once("Collected :"))?;
    line.1.trim().parse().ok()
}

/// Counts depend on the compiler and the processor's kind.
pub fn toolchain() -> Result<String, String> {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(&rustc).arg("--version").output();
    let output = output.map_err(|error| format!("starting {rustc}: {error}"))?;
    let version = String::from_utf8_lossy(&output.stdout);
    let version = version.split(" (").next().unwrap_or_default().trim();
    Ok(format!("{version} on {}", env::consts::ARCH))
}
