//! The screen of a program that was built without the feature `top`: the table, written again each second.

use std::io::{self, Write as _};
use std::thread;
use std::time::Instant;

use super::rows::{Rows, text};
use super::{EVERY, Source};

/// Moves to the upper left corner and erases what is there, as terminals since the VT100 do.
const CLEAR: &str = "\x1b[H\x1b[J";

/// Shows the jobs until Ctrl-C ends the program.
///
/// # Errors
/// When nobody takes what is shown.
pub fn watch(source: &Source) -> io::Result<()> {
    let (mut rows, mut cells) = (Rows::default(), Vec::new());
    loop {
        let looked = Instant::now();
        let looked_at = source.look().map(|jobs| cells = rows.cells(&jobs));
        let error = looked_at.err().map(|error| crate::remedy::in_one_line(&error));
        let mut out = io::stdout().lock();
        out.write_all(shown(&source.name(), &cells, error.as_deref()).as_bytes())?;
        out.flush()?;
        drop(out);
        thread::sleep(EVERY.saturating_sub(looked.elapsed()));
    }
}

/// What is written. When a look failed, the old numbers stay, with why there are no new ones.
fn shown(source: &str, cells: &[[String; 10]], error: Option<&str>) -> String {
    let error = error.map_or(String::new(), |error| format!("\n{error}\n"));
    format!("{CLEAR}seismic top: {source}\n{}{error}\nCtrl-C: quit\n", text(cells))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::model::JobEntry;

    #[test]
    fn jobs_and_an_error_are_shown_over_what_was_there() {
        let job = JobEntry { name: "coast".into(), state: "running".into(), ..JobEntry::default() };
        let cells = Rows::default().cells(&[job]);
        let shown = shown("here", &cells, Some("nobody answers"));
        assert!(shown.starts_with(CLEAR), "{shown}");
        for text in ["seismic top: here", "records/s", "coast", "running", "nobody answers"] {
            assert!(shown.contains(text), "{text}\n{shown}");
        }
    }
}
