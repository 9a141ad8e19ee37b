//! Foreign text, escaped for a terminal.

use std::fmt::{self, Write as _};

/// Shows a text as it is, in any script. Characters that could move the cursor, reverse the text or
/// hide in it are escaped as in Rust: `\u{1b}`, `\n`.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.width().is_some() {
            return f.pad(&Shown(self.0).to_string());
        }
        self.0.chars().try_for_each(|c| match is_hidden(c) {
            true => write!(f, "{}", c.escape_default()),
            false => f.write_char(c),
        })
    }
}

/// Control characters, and those of Unicode that set a text's direction or have no width.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_is_shown_as_it_is() {
        for id in ["S001", "БАК01", "東京", "Zürich", "a'b\"c\\d", ""] {
            assert_eq!(Shown(id).to_string(), id);
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(Shown("a\u{1b}[2Jb\n").to_string(), "a\\u{1b}[2Jb\\n");
        assert_eq!(Shown("S1\u{202e}10").to_string(), "S1\\u{202e}10");
        assert_eq!(Shown("S\u{200b}1").to_string(), "S\\u{200b}1");
    }

    #[test]
    fn columns_stay_aligned() {
        assert_eq!(format!("{:<6}|", Shown("БАК")), "БАК   |");
        assert_eq!(format!("{:<6}|", Shown("a\n")), "a\\n   |");
    }
}
