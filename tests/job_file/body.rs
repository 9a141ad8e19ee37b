//! What must hold of a job file of any bytes: it is refused with its lines, or each of its settings
//! is one that the command takes. Shared with the fuzz target `job`.

use seismic::job::file as job_file;

/// Options that no file may bring.
const DEEDS: [&str; 4] = ["accept-loss", "accept-partitions", "from-checkpoint", "rewind"];

pub fn job(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let command = job_file::job();
    match job_file::read(text, &command) {
        Ok(settings) => {
            for setting in settings {
                assert!(!DEEDS.contains(&setting.option.as_str()), "{setting:?}");
                let taken = command.clone().try_get_matches_from([setting.argument()]);
                assert!(taken.is_ok(), "{setting:?}");
            }
        }
        Err(faults) => {
            assert!(!faults.is_empty(), "it says why");
            for fault in faults {
                let line = fault.split_once(": ").and_then(|(line, _)| line.parse().ok());
                let last = text.matches('\n').count() + 1;
                assert!(line.is_some_and(|line| (1..=last).contains(&line)), "{fault}");
            }
        }
    }
}
