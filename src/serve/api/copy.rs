//! A job file with other values of some keys, for a copy of its job.

/// The text with these keys at its top set to values in TOML; the rest stays as it is.
///
/// # Errors
/// For a key that is set over several lines.
pub fn with_values(text: &str, values: &[(String, String)]) -> Result<String, String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let top =
        lines.iter().position(|line| line.trim_start().starts_with('[')).unwrap_or(lines.len());
    let mut new = Vec::new();
    for (key, value) in values {
        let line = format!("{key} = {value}");
        let is_it = |text: &String| {
            let name = text.split_once('=').map(|(name, _)| name.trim().trim_matches(['"', '\'']));
            name == Some(key)
        };
        match lines[..top].iter_mut().find(|text| is_it(text)) {
            Some(old) => {
                let before = old.split_once('=').map_or("", |(_, value)| value).trim();
                let is_open = before.starts_with("\"\"\"")
                    || before.starts_with("'''")
                    || before.matches(['[', '{']).count() != before.matches([']', '}']).count();
                if is_open {
                    return Err(format!(
                        "{key} is set over several lines: submit a file of its own"
                    ));
                }
                *old = line;
            }
            None => new.push(line),
        }
    }
    new.append(&mut lines);
    Ok(new.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_at_the_top_are_replaced_or_added_and_tables_stay() {
        let text = "# a job\nname = 'a'\nwindow = '1s'\n[restart]\nname = 1\n";
        let values = [("name", "'b'"), ("sink", "['csv:b']")];
        let values: Vec<_> =
            values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let copy = with_values(text, &values).unwrap();
        assert_eq!(
            copy,
            "sink = ['csv:b']\n# a job\nname = 'b'\nwindow = '1s'\n[restart]\nname = 1\n"
        );
        let long = "sink = [\n'csv:a'\n]\n";
        assert!(with_values(long, &values[1..]).unwrap_err().contains("several lines"));
    }
}
