//! The jars of a broker, fetched by Maven into its own repository (`~/.m2`), from where they are
//! used. Only the resulting class path is kept, in the build folder.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::{env, fs};

/// What to do where a test cannot run.
const REMEDY: &str = "apt-get install --yes openjdk-17-jdk-headless maven";

/// The class path of the broker whose `pom.xml` lies in folder `name` of this crate; `None` where
/// Java or Maven is missing, after saying so.
///
/// # Panics
/// When they are missing in CI, and when Maven fails.
pub(crate) fn of(name: &str) -> Option<String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _held = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let missing = ["java", "javac", "mvn", "setpriv"].into_iter().find(|tool| !is_there(tool));
    if let Some(tool) = missing {
        let is_ci = env::var("CI").is_ok_and(|value| value == "true");
        assert!(!is_ci, "CI needs {tool}: {REMEDY}");
        eprintln!("SKIPPED: this test needs {tool}, which is not installed: {REMEDY}");
        return None;
    }
    let pom = source(name).join("pom.xml");
    let stored = build_folder().join(format!("{name}.classpath"));
    let fresh = fs::read_to_string(&stored).ok().filter(|path| is_usable(path, &pom, &stored));
    Some(fresh.unwrap_or_else(|| fetch(&pom, &stored)))
}

/// The folder of this crate with the files of broker `name`.
pub(crate) fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn is_there(tool: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(tool).is_file())
}

/// The build folder of the test that runs, as far as it can be told from its own place.
pub(crate) fn build_folder() -> PathBuf {
    let exe = env::current_exe().expect("a test knows its own file");
    let is_root = |folder: &&Path| folder.join("CACHEDIR.TAG").exists();
    let folder = exe.ancestors().find(is_root).unwrap_or(&env::temp_dir()).join("brokers");
    fs::create_dir_all(&folder).expect("the build folder can be written");
    folder
}

/// Whether every jar is still there and the list is newer than the pom.
fn is_usable(class_path: &str, pom: &Path, stored: &Path) -> bool {
    is_newer(stored, pom) && env::split_paths(class_path).all(|jar| jar.exists())
}

/// Whether `made` is there and was made since `source` was changed.
pub(crate) fn is_newer(made: &Path, source: &Path) -> bool {
    let changed = |file: &Path| fs::metadata(file).and_then(|it| it.modified()).ok();
    changed(made).is_some() && changed(made) >= changed(source)
}

fn fetch(pom: &Path, stored: &Path) -> String {
    eprintln!("fetching a broker with Maven; this happens once");
    let list = stored.with_extension(format!("{}", std::process::id()));
    let output = Command::new("mvn")
        .args(["--quiet", "--batch-mode", "--file"])
        .arg(pom)
        .args(["dependency:build-classpath", "-DincludeScope=runtime"])
        .arg(format!("-Dmdep.outputFile={}", list.display()))
        .output()
        .expect("mvn can be started");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "Maven could not fetch the broker:\n{said}");
    fs::rename(&list, stored).expect("the build folder can be written");
    fs::read_to_string(stored).expect("it was just written")
}
