//! The process of a test: its folder, its end within its time, and what it said.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::Context as _;
use serde_json::Value;

use crate::http::ApiError;
use crate::serve::limits;
use crate::serve::supervisor::this_program;
use crate::serve::worker::trial::{ORDER, PACKS, SAID, TrialOrder};

/// What a process is given.
pub struct Given {
    /// Its order, with the names of files in its folder.
    pub order: TrialOrder,
    /// Where the content of each name is.
    pub files: BTreeMap<String, PathBuf>,
}

/// Runs it in this folder, which is there for so long.
///
/// # Errors
/// What is wrong with what was given, that it takes too much, and why it has failed.
pub fn run(folder: &Path, given: &Given) -> Result<Value, ApiError> {
    let failed = |error: anyhow::Error| ApiError::new("failed", format!("the test: {error:#}"));
    let made = Folder::make(folder, given).map_err(failed)?;
    let (status, why) = made.run().map_err(failed)?;
    if let Some(why) = why {
        return Err(ApiError::bad_request(why));
    }
    let mut said = made.said().map_err(failed)?.unwrap_or_default();
    if !said["report"].is_null() {
        return Ok(said["report"].take());
    }
    match (said["wrong"].as_str(), said["failed"].as_str()) {
        (Some(why), _) => Err(ApiError::bad_request(why)),
        (_, Some(why)) => Err(ApiError::new("failed", format!("the test: {why}"))),
        // What needs more memory than there is ends at once.
        _ => Err(ApiError::bad_request(format!(
            "the test has ended without a result ({status}): it may need more than {} MiB; try fewer records, or \
             `seismic test`",
            limits::TRIAL_MEMORY >> 20
        ))),
    }
}

/// The folder, with all that it takes; gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn make(path: &Path, given: &Given) -> anyhow::Result<Folder> {
        // One of a server that died.
        let _ = fs::remove_dir_all(path);
        let made = DirBuilder::new().mode(0o700).create(path);
        made.with_context(|| format!("making the folder {}", path.display()))?;
        let made = Folder(path.to_owned());
        // Apart from all else that is here, whatever their names are.
        let packs = path.join(PACKS);
        fs::create_dir(&packs).context("making its folder of packs")?;
        for (name, content) in &given.files {
            let content = std::path::absolute(content)?;
            symlink(content, packs.join(name)).context("giving it the packs")?;
        }
        let within = |name: &PathBuf| packs.join(name);
        let order = TrialOrder {
            inputs: given.order.inputs.iter().map(within).collect(),
            expected: given.order.expected.as_ref().map(within),
            ..given.order.clone()
        };
        fs::write(path.join(ORDER), serde_json::to_vec(&order)?).context("writing the order")?;
        Ok(made)
    }

    /// How it has ended, and why it was made to.
    fn run(&self) -> anyhow::Result<(ExitStatus, Option<String>)> {
        let program = this_program()?;
        let mut child = Command::new(&program)
            .arg("worker")
            .arg("--trial")
            .arg(&self.0)
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_USEC")
            .env_remove("WATCHDOG_PID")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let ended = self.wait(&mut child);
        // Nothing of one that is not followed stays.
        let _ = child.kill();
        let status = child.wait().context("waiting for its end")?;
        Ok((status, ended.err()))
    }

    /// Waits for the end, as long as it may take.
    fn wait(&self, child: &mut Child) -> Result<(), String> {
        let began = Instant::now();
        while began.elapsed() < limits::TRIAL_TIME {
            if !matches!(child.try_wait(), Ok(None)) {
                return Ok(());
            }
            std::thread::sleep(limits::TRIAL_LOOK);
        }
        Err(format!(
            "the test takes longer than {} s: try fewer records, or `seismic test`",
            limits::TRIAL_TIME.as_secs()
        ))
    }

    fn said(&self) -> anyhow::Result<Option<Value>> {
        let path = self.0.join(SAID);
        if !path.exists() {
            return Ok(None);
        }
        anyhow::ensure!(
            fs::metadata(&path)?.len() <= limits::TRIAL_SAID_BYTES,
            "it says more than {} MiB",
            limits::TRIAL_SAID_BYTES >> 20
        );
        Ok(serde_json::from_slice(&fs::read(&path)?)?)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The next test begins with an empty one.
        let _ = fs::remove_dir_all(&self.0);
    }
}
