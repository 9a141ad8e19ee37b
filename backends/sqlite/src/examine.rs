//! Findings about the file of a queue or a store.

use std::fs;
use std::path::Path;

use rustix::fs::{Access, access};

use crate::limits;
use seismic_queue::{Finding, examine_folder};

/// Looks at the file, which need not be there yet, and at its disk.
pub(crate) fn file(path: &Path) -> Vec<Finding> {
    let mut findings = examine_folder(path.parent().unwrap_or(Path::new(".")));
    if path.exists() && access(path, Access::READ_OK | Access::WRITE_OK).is_err() {
        findings.push(Finding::problem(
            format!("{} is not this user's to write", path.display()),
            "run as the user that made it, or change its owner",
        ));
    }
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    let wal_bytes = fs::metadata(wal).map_or(0, |wal| wal.len());
    if wal_bytes > 2 * limits::WAL_BYTES {
        findings.push(Finding::warning(
            format!("the WAL of {} has grown to {} MiB", path.display(), wal_bytes >> 20),
            "a stalled reader prevents it from being reset: find that process and end it",
        ));
    }
    findings
}
