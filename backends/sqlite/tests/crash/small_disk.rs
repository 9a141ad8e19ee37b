//! A file system that is really full. It runs only where one may be mounted in a new namespace
//! (Linux); elsewhere the test reports that it is skipped.

use crate::child::{ALL, acknowledged, can, run, said};
use crate::line::Line;

#[test]
fn a_queue_on_a_full_file_system_waits_for_space_and_loses_nothing() {
    let namespace = ["--user", "--map-root-user", "--mount"];
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().to_str().unwrap();
    let mount = |size: &str| format!("mount -t tmpfs -o size={size} tmpfs {at}");
    let [a, b, c] = namespace;
    if !can(
        "unshare",
        &[a, b, c, "sh", "-c", &mount("1m")],
        "sysctl -w kernel.unprivileged_userns_clone=1",
    ) {
        return;
    }
    let mut line = Line::new(10, "a real disk full under a queue, at each size");
    // From too small for the first commit to just too small for the last one.
    for free_kib in [150, 300, 450, 600, 800, 1_000, 1_300] {
        let ballast = format!("head -c 4m /dev/zero > {at}/ballast");
        let size = mount(&format!("{}k", free_kib + (4 << 10)));
        let script = format!("{size} && {ballast} && exec \"$@\"");
        let output = run(folder.path(), "unshare", &[a, b, c, "sh", "-c", &script, "sh"]);
        let lines = said(&output);
        assert!(lines.iter().any(|line| line.contains("retry ")), "{free_kib} KiB: {lines:?}");
        assert_eq!(acknowledged(&output), ALL, "{free_kib} KiB: {lines:?}");
        line.tries += 1;
    }
    line.print();
}
