//! What of a text is secret: by the names of keys and options, and by the form of addresses.

/// What keys of secrets are called. A key that names a file, as `token_file`, holds none.
const SECRETS: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "credential",
    "private",
    "key.pem",
    "webhook",
    "api_key",
    "apikey",
    "auth_key",
    "authkey",
];

/// What is shown in place of what is secret.
pub(super) const STARS: &str = "***";

/// Whether the value of a key of this name is secret.
pub(super) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    let is_file = key.ends_with("_file") || key.ends_with(".location");
    !is_file && (is_slack(&key) || SECRETS.iter().any(|secret| key.contains(secret)))
}

fn is_slack(key: &str) -> bool {
    key.rsplit('.').next() == Some("slack")
}

/// What is shown of the value of a secret key: of an address that alarms go to, scheme and host; of
/// all else nothing.
pub(super) fn without_value(key: &str, value: &str) -> String {
    let key = key.to_ascii_lowercase();
    let (scheme, rest) = match value.split_once("://") {
        Some(parts) if is_slack(&key) || key.contains("webhook") => parts,
        _ => return STARS.to_owned(),
    };
    if !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return STARS.to_owned();
    }
    let end = rest.find(['/', '?', '#', '\\', ' ']).unwrap_or(rest.len());
    let host = rest[..end].rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}/{STARS}")
}

/// A text with stars for the passwords of addresses in it, and for the value of each option with the
/// name of a secret.
pub(super) fn without_passwords(text: &str) -> String {
    // What is found between two signs is never more than a line.
    let lines = text.split_inclusive('\n');
    lines.map(|line| without_options(&seismic_sinks::without_password(line))).collect()
}

/// A comment. A key that is commented out is as secret as one that is not, and where its value ends
/// nobody knows.
pub(super) fn without_assignments(comment: &str) -> String {
    for (at, sign) in comment.match_indices(['=', ':']) {
        let name = comment[..at].trim_end_matches([' ', '\t', '"', '\'', '`']);
        let name = name.rsplit(|letter| !is_of_word(letter)).next().unwrap_or_default();
        if !comment[at..].starts_with("://") && is_secret(name) {
            return format!("{}{sign} {STARS}", without_passwords(&comment[..at]));
        }
    }
    match comment.contains(['"', '\'', '=']) {
        true => without_passwords(comment),
        // Prose: the address of a person behind a colon is no password.
        false => comment.split_inclusive(' ').map(without_passwords).collect(),
    }
}

/// Letters of bare keys and values.
pub(super) fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.')
}

/// What parts options from each other.
const PARTS: [char; 6] = ['?', '&', ',', ';', ' ', '\t'];

fn without_options(line: &str) -> String {
    let mut shown = String::new();
    let mut rest = line;
    while !rest.is_empty() {
        let secret = option(rest).filter(|(head, _)| is_secret(name_of(head)));
        if let Some((head, value)) = secret {
            shown += head;
            shown += STARS;
            rest = &value[end_of_value(value)..];
            continue;
        }
        let end = rest.find(PARTS).map_or(rest.len(), |at| at + 1);
        shown += &rest[..end];
        rest = &rest[end..];
    }
    shown
}

/// The option that a text begins with: all up to its value, and what is behind that.
fn option(text: &str) -> Option<(&str, &str)> {
    let name = text.find(|letter: char| !is_of_word(letter) && !matches!(letter, '"' | '\''))?;
    let behind = text[name..].trim_start_matches([' ', '\t']).strip_prefix('=')?;
    let value = behind.trim_start_matches([' ', '\t']);
    (name > 0).then(|| text.split_at(text.len() - value.len()))
}

fn name_of(head: &str) -> &str {
    head.trim_end_matches(['=', ' ', '\t']).trim_matches(['"', '\''])
}

/// A value ends where the next option begins, or the line.
fn end_of_value(value: &str) -> usize {
    let parts = value.match_indices(|letter| letter == '\n' || PARTS.contains(&letter));
    let mut ends = parts.filter(|&(at, part)| {
        matches!(part, "&" | "\n") || option(&value[at + part.len()..]).is_some()
    });
    ends.next().map_or(value.len(), |(at, _)| at)
}
