//! Invariants of a job file with any bytes: it is refused with line numbers, or its values are part
//! of a job. Shared with the fuzz target `job`.

use std::path::Path;

use seismic::job::JobSpec;
use seismic::job::file;
use seismic::job::options::JobOptions;
use seismic::job::origin::Once;

pub fn job(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let file = file::read(text, Path::new("job.toml"));
    let last = text.matches('\n').count() + 1;
    for fault in &file.faults {
        assert_place(fault, last);
    }
    let is_fine = file.check().is_ok();
    assert_eq!(is_fine, file.faults.is_empty());
    match JobSpec::resolve(JobOptions::default(), file, Once::default()) {
        Ok(spec) => {
            assert!(is_fine && spec.faults().is_empty(), "{spec:?}");
            assert_eq!(spec.once, Once::default(), "no file decides what is decided once");
            let text = serde_json::to_string(&spec).expect("a spec is plain data");
            let again: JobSpec = serde_json::from_str(&text).expect("it reads back");
            assert_eq!(again, spec);
        }
        Err(usage) => {
            for fault in usage.to_string().split("\n       ") {
                assert_place(fault, last);
            }
        }
    }
}

/// Every fault of a file says in which line of it.
fn assert_place(fault: &str, last: usize) {
    let line = fault.strip_prefix("job.toml:").and_then(|rest| rest.split_once(": "));
    let line = line.and_then(|(line, _)| line.parse().ok());
    assert!(line.is_some_and(|line| (1..=last).contains(&line)), "{fault}");
}
