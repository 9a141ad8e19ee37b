//! Asks for confirmation before irreversible actions.

use std::io::{self, BufRead as _, IsTerminal as _};

use crate::cli::exit::Usage;
use crate::cli::stdio::tell;

/// Lets a person type `name` before it is deleted, after the `consequence`. Where no one is at the
/// keyboard, `yes` must have been said.
pub fn deletion(
    what: &str,
    name: &str,
    consequence: Option<String>,
    yes: bool,
) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        let refusal = format!("deleting {what} {name} cannot be undone; confirm it with --yes");
        return Err(Usage(refusal).into());
    }
    if let Some(consequence) = consequence {
        tell(consequence);
    }
    tell(format_args!("type the name of the {what} to delete it:"));
    let mut typed = String::new();
    io::stdin().lock().read_line(&mut typed)?;
    match typed.trim() == name {
        true => Ok(()),
        false => Err(Usage("that is another name; nothing was deleted".to_owned()).into()),
    }
}
