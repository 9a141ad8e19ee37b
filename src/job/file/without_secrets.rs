//! The text of a job file for others to read: passwords in addresses, and values of keys that hold
//! secrets, are three stars. Everything else stays as it is, comments included.

/// What keys of secrets are called. A key that names a file, as `token_file`, holds none.
const SECRETS: [&str; 8] =
    ["password", "passwd", "secret", "token", "credential", "private", "key.pem", "webhook"];

const STARS: &str = "***";

/// The text without secrets.
#[must_use]
pub fn without_secrets(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut key = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match first {
            '#' => {
                let end = rest.find('\n').unwrap_or(rest.len());
                shown += &without_password(&rest[..end]);
                rest = &rest[end..];
            }
            '"' | '\'' => {
                let (mark, content, behind) = literal(rest, first);
                let is_key = behind.trim_start_matches([' ', '\t']).starts_with('=');
                shown += mark;
                if is_key {
                    content.clone_into(&mut key);
                    shown += content;
                } else if is_secret(&key) && !content.is_empty() {
                    shown += &without_path(content);
                } else {
                    shown += &without_password(content);
                }
                shown += &rest[mark.len() + content.len()..rest.len() - behind.len()];
                rest = behind;
            }
            _ if is_of_word(first) => {
                let end = rest.find(|letter| !is_of_word(letter)).unwrap_or(rest.len());
                let (word, behind) = rest.split_at(end);
                if behind.trim_start_matches([' ', '\t']).starts_with('=') {
                    word.clone_into(&mut key);
                }
                shown += word;
                rest = behind;
            }
            _ => {
                shown.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    shown
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.')
}

/// The marks that a literal of TOML begins with, what stands within, and what comes behind it.
fn literal(text: &str, quote: char) -> (&str, &str, &str) {
    let long = if quote == '"' { "\"\"\"" } else { "'''" };
    let mark = if text.starts_with(long) { &text[..3] } else { &text[..1] };
    let within = &text[mark.len()..];
    let mut at = 0;
    while at < within.len() {
        let here = &within[at..];
        if let Some(behind) = here.strip_prefix(mark) {
            return (mark, &within[..at], behind);
        }
        let letter = here.chars().next().unwrap_or(quote);
        at += letter.len_utf8();
        if letter == '\\' && quote == '"' {
            at += within[at..].chars().next().map_or(0, char::len_utf8);
        }
        if letter == '\n' && mark.len() == 1 {
            break;
        }
    }
    // It does not end: nobody knows what it is.
    let end = at.min(within.len());
    (mark, &within[..end], &within[end..])
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let of_slack = key.rsplit('.').next() == Some("slack");
    !key.ends_with("_file") && (of_slack || SECRETS.iter().any(|secret| key.contains(secret)))
}

/// Of an address, scheme and host stay; of anything else, nothing.
fn without_path(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else { return STARS.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}/{STARS}")
}

/// The text with three stars for each password in an address, and in options behind one.
fn without_password(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, behind) = rest.split_at(at + 3);
        shown += before;
        let end = behind.find(['/', '?', '#', ' ', ',', '"', '\'']).unwrap_or(behind.len());
        let authority = &behind[..end];
        match authority.rsplit_once('@') {
            Some((user, host)) => {
                let name = user.split(':').next().unwrap_or_default();
                let stars = if user.contains(':') { ":***" } else { "" };
                shown += &format!("{name}{stars}@{host}");
            }
            None => shown += authority,
        }
        rest = &behind[end..];
    }
    shown += rest;
    without_options(&shown)
}

/// The text with three stars for the value of each option that holds a secret.
fn without_options(text: &str) -> String {
    let mut shown = String::new();
    for (number, part) in text.split_inclusive(['?', '&', ',', ' ']).enumerate() {
        match part.split_once('=') {
            Some((name, value)) if number > 0 && is_secret(name) => {
                let end = value.len() - value.trim_end_matches(['?', '&', ',', ' ']).len();
                shown += &format!("{name}={STARS}{}", &value[value.len() - end..]);
            }
            _ => shown += part,
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_stars_and_all_else_stays() {
        let text = r#"# see postgres://u:hunter2@h/base
name = "coast"   # a "job"
queue = 'kafka://h:9092'
sink = ["csv:rows", "postgres://u:hunter2@h/base,table=rows", 'redis://:hunter2@h?password=hunter2&x=1']
kafka = { "sasl.password" = "hunter2", "linger.ms" = "5" }
[alarms]
webhook = ["https://u:p@hooks.example/hunter2?x=hunter2"]
slack = "https://hooks.slack.com/services/hunter2"
secret_file = "/run/secrets/alarms"
[[sink]]
type = "postgres"
password = 'hunter2'
token = """
hunter2"""
"#;
        let shown = without_secrets(text);
        assert!(!shown.contains("hunter2"), "{shown}");
        for kept in [
            "name = \"coast\"   # a \"job\"",
            "queue = 'kafka://h:9092'",
            "\"postgres://u:***@h/base,table=rows\"",
            "'redis://:***@h?password=***&x=1'",
            "{ \"sasl.password\" = \"***\", \"linger.ms\" = \"5\" }",
            "webhook = [\"https://hooks.example/***\"]",
            "slack = \"https://hooks.slack.com/***\"",
            "secret_file = \"/run/secrets/alarms\"",
            "password = '***'",
        ] {
            assert!(shown.contains(kept), "{kept}\n{shown}");
        }
        assert_eq!(shown.lines().count(), text.lines().count() - 1);
        let plain = "window = \"1s\"\nrollup = [\n  '10s', # ten\n]\n";
        assert_eq!(without_secrets(plain), plain);
    }

    #[test]
    fn what_is_no_toml_is_shown_all_the_same() {
        for text in ["'", "\"\"\"", "a = \"x\\", "password = \"open", "ä = 'ü'", "\"\\ü\" = 1"] {
            let shown = without_secrets(text);
            assert!(!shown.contains("open"), "{shown}");
        }
    }
}
