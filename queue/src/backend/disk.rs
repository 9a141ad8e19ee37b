//! Properties of the disk of a folder: permissions, free space, and whether it survives a reboot.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, statfs, statvfs};

use crate::{Finding, limits};

/// File systems without the shared memory between processes that SQLite's WAL needs, or without
/// locks that hold: magic numbers of statfs(2).
const NETWORK: [(i64, &str); 5] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x0102_1997, "9P"),
];

/// File systems in memory.
const MEMORY: [i64; 2] = [0x0102_1994, 0x8584_58f6];

/// Looks at the disk of a folder that files are to be in; of one that is not there yet, at the
/// nearest one above it.
#[must_use]
pub fn examine_folder(folder: &Path) -> Vec<Finding> {
    let there = nearest(folder);
    let at = there.display();
    if !there.is_dir() {
        return vec![Finding::problem(format!("{at} is no folder"), "name another place")];
    }
    let mut findings = Vec::new();
    findings.push(match access(&there, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => Finding::fine(format!("{at} can be written")),
        Err(error) => Finding::problem(
            format!("{at} cannot be written: {error}"),
            "give this user the right to, or name another place",
        ),
    });
    #[allow(clippy::unnecessary_cast, reason = "it is 32 bits wide on some machines")]
    match statfs(&there) {
        Ok(disk) => findings.extend(lasting(&there, disk.f_type as i64)),
        Err(error) => findings.push(unknown(&there, error)),
    }
    match statvfs(&there) {
        Ok(disk) => findings.push(space(&there, disk.f_bavail.saturating_mul(disk.f_frsize))),
        Err(error) => findings.push(unknown(&there, error)),
    }
    findings
}

/// The folder, or the nearest above it that exists.
fn nearest(folder: &Path) -> PathBuf {
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let there = whole.ancestors().find(|folder| folder.exists());
    there.unwrap_or(Path::new("/")).to_owned()
}

fn lasting(at: &Path, kind: i64) -> Option<Finding> {
    let at = at.display();
    // As the kernel says it, which is 32 bits wide on some machines.
    let kind = kind & 0xffff_ffff;
    if let Some((_, name)) = NETWORK.iter().find(|(magic, _)| *magic == kind) {
        return Some(Finding::problem(
            format!(
                "{at} is on a network file system ({name}), whose locks and memory do not hold"
            ),
            "put the file on a disk of this machine",
        ));
    }
    MEMORY.contains(&kind).then(|| {
        Finding::warning(
            format!("{at} is in memory: all of it is gone when the machine stops"),
            "put the file on a disk, unless this is a trial",
        )
    })
}

fn space(at: &Path, free: u64) -> Finding {
    let what = format!("{} MiB are free at {}", free >> 20, at.display());
    let remedy = "make space; when it is used up the job waits for space and continues on its own";
    match free {
        free if free < limits::DISK_FULL_BYTES => Finding::problem(what, remedy),
        free if free < limits::DISK_LOW_BYTES => Finding::warning(what, remedy),
        _ => Finding::fine(what),
    }
}

fn unknown(at: &Path, error: rustix::io::Errno) -> Finding {
    let what = format!("what disk {} is on cannot be found out: {error}", at.display());
    Finding::warning(what, "look at it by hand")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    #[test]
    fn network_disks_are_a_problem_and_memory_is_a_warning() {
        let level = |kind| lasting(Path::new("/x"), kind).map(|finding| finding.level);
        assert_eq!(level(0x6969), Some(Level::Problem));
        // Sign-extended, as a 32-bit field of a 64-bit call may be.
        assert_eq!(level(0xff53_4d42_u32 as i32 as i64), Some(Level::Problem));
        assert_eq!(level(0x0102_1994), Some(Level::Warning));
        assert_eq!(level(0xef53), None, "ext4");
    }

    #[test]
    fn little_space_is_a_warning_and_none_is_a_problem() {
        let level = |free| space(Path::new("/x"), free).level;
        assert_eq!(level(0), Level::Problem);
        assert_eq!(level(limits::DISK_FULL_BYTES), Level::Warning);
        assert_eq!(level(limits::DISK_LOW_BYTES), Level::Fine);
    }

    #[test]
    fn a_folder_that_is_not_there_is_that_of_its_parent_and_a_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let findings = examine_folder(&folder.path().join("a/b/c"));
        assert!(findings[0].what.contains("can be written"), "{findings:?}");
        std::fs::write(folder.path().join("file"), "").unwrap();
        let findings = examine_folder(&folder.path().join("file"));
        assert_eq!(findings[0].level, Level::Problem);
    }
}
