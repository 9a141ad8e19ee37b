//! Names and texts in statements.

/// A name as statements have it, whatever letters it has.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Names as statements list them.
pub(super) fn quoted_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}

/// A text as statements have it. Sessions set `sql_mode`, so that a backslash is one.
pub(super) fn text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''").replace('\0', "\\0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_and_no_text_ends_before_its_end() {
        assert_eq!(quoted("a`b"), "`a``b`");
        assert_eq!(text("it's \\' \0"), "'it''s \\\\'' \\0'");
    }
}
