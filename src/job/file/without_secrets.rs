//! The text of a job file for others to read: passwords in addresses, and values of keys that hold
//! secrets, are three stars, also in comments, and where the text is no TOML. Everything else stays
//! as it is. Where it cannot be told what belongs to a secret, more is stars.

use super::secret_words::{
    STARS, is_of_word, is_secret, without_assignments, without_passwords, without_value,
};

/// The text without secrets.
#[must_use]
pub fn without_secrets(text: &str) -> String {
    let mut shower = Shower { rest: text, ..Shower::default() };
    while let Some(first) = shower.rest.chars().next() {
        shower.step(first);
    }
    shower.shown
}

/// Goes through a text.
#[derive(Default)]
struct Shower<'a> {
    shown: String,
    rest: &'a str,
    /// The key whose value comes.
    key: String,
    /// Whether something of the value has come.
    has_value: bool,
    /// Brackets that are open.
    depth: usize,
    /// No address without quotes begins before the rest is so short.
    clean: Option<usize>,
}

impl<'a> Shower<'a> {
    fn step(&mut self, first: char) {
        match first {
            '#' => {
                let comment = self.take(self.line());
                self.shown += &without_assignments(comment);
            }
            '"' | '\'' => self.quoted(first),
            '\n' => {
                if self.depth == 0 && self.has_value {
                    self.key.clear();
                }
                self.pass(first);
            }
            '[' | '{' => {
                self.depth += 1;
                self.pass(first);
            }
            ']' | '}' => {
                self.depth = self.depth.saturating_sub(1);
                self.has_value = true;
                self.pass(first);
            }
            _ if first.is_whitespace() || matches!(first, '=' | ',') => self.pass(first),
            _ if self.has_bare_address() => {
                let line = self.take(self.line());
                self.shown += &without_passwords(line);
                self.has_value = true;
            }
            _ => self.bare(first),
        }
    }

    fn pass(&mut self, letter: char) {
        let taken = self.take(letter.len_utf8());
        self.shown += taken;
    }

    /// The next bytes of the rest, which then begins behind them.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        taken
    }

    /// Bytes up to the end of the line.
    fn line(&self) -> usize {
        self.rest.find('\n').unwrap_or(self.rest.len())
    }

    /// A literal: a key, or a value.
    fn quoted(&mut self, quote: char) {
        let (mark, content, behind) = literal(self.rest, quote);
        self.shown += mark;
        if is_before_equals(behind) {
            self.begin(content);
            self.shown += content;
        } else if is_secret(&self.key) && !content.is_empty() {
            self.shown += &without_value(&self.key, content);
            self.has_value = true;
        } else {
            self.shown += &without_passwords(content);
            self.has_value = true;
        }
        self.shown += &self.rest[mark.len() + content.len()..self.rest.len() - behind.len()];
        self.rest = behind;
    }

    fn begin(&mut self, key: &str) {
        key.clone_into(&mut self.key);
        self.has_value = false;
    }

    /// Whether an address stands in this line without quotes, which no value of TOML is.
    fn has_bare_address(&mut self) -> bool {
        if self.clean.is_some_and(|clean| self.rest.len() > clean) {
            return false;
        }
        let line = &self.rest[..self.line()];
        let line = &line[..line.find(" #").unwrap_or(line.len())];
        let bare = &line[..line.find(['"', '\'']).unwrap_or(line.len())];
        let is_address = bare.contains('@') || bare.contains("://");
        if !is_address {
            self.clean = Some(self.rest.len() - bare.len());
        }
        is_address
    }

    /// A key, or a value without quotes: a number, or what is no TOML.
    fn bare(&mut self, first: char) {
        let end = self.rest.find(|letter| !is_of_word(letter)).unwrap_or(self.rest.len());
        let (word, behind) = self.rest.split_at(end);
        let next = behind.trim_start_matches([' ', '\t']);
        if !word.is_empty() && next.starts_with('=') {
            self.begin(word);
            self.rest = behind;
            self.shown += word;
        } else if is_secret(&self.key) {
            // Behind what no number ends with, all of the line belongs to it.
            let is_number = !word.is_empty() && (is_end(next) || behind.starts_with(" #"));
            self.take(if is_number { end } else { self.line() });
            self.shown += STARS;
            self.has_value = true;
        } else if word.is_empty() {
            self.pass(first);
        } else {
            self.rest = behind;
            self.shown += word;
            self.has_value = true;
            // As YAML has it, or where the equals sign was forgotten.
            if is_secret(word) && !is_end(next) {
                self.take(self.line());
                self.shown += ": ";
                self.shown += STARS;
            }
        }
    }
}

fn is_before_equals(behind: &str) -> bool {
    behind.trim_start_matches([' ', '\t']).starts_with('=')
}

/// Whether a value ends here.
fn is_end(next: &str) -> bool {
    next.is_empty() || next.starts_with([',', ']', '}', '\n', '\r'])
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
        let plain = "window = \"1s\"\nrollup = [\n  '10s', # ten\n]\nslots = 4 # mail anna@x.org\n\
                     # Contact: ops@coast.example\ntoken = []\n[resources]\ncpus = 0.5\n\
                     region = [1.5, -2]\nwhere = 'p > 1'\n[table.b]\nx = { y = true, z = 1 }\n";
        assert_eq!(without_secrets(plain), plain);
    }

    #[test]
    fn numbers_of_secret_keys_are_stars() {
        for (text, shown) in [
            (
                "kafka = { 'sasl.password' = 12345678, x = 5 }",
                "kafka = { 'sasl.password' = ***, x = 5 }",
            ),
            ("password = 12345678 # a b\nx = 1", "password = *** # a b\nx = 1"),
            ("token = [12345678,\n 87654321]\nx = [1]", "token = [***,\n ***]\nx = [1]"),
            ("password = -12345678.5e3\n[b]\nc = 1", "password = ***\n[b]\nc = 1"),
            ("sasl.'password'=12345678", "sasl.'password'=***"),
        ] {
            assert_eq!(without_secrets(text), shown);
        }
    }

    #[test]
    fn secrets_of_sinks_are_stars_wherever_they_stand() {
        for text in [
            "sink = ['influx:http://db/w?db=x&u=me&p=hunter2']",
            "sink = 'influx:http://db/w?db=x&p=hun,hunter2,time=t'",
            "sink = 'influx:http://db/w?authKey=hunter2&db=x'",
            "sink = 'influx:http://db/w?api_key=hunter2'",
            "sink = \"redis:me:hunter2@db\"",
            "sink = \"postgres://u:a/hunter2@h\"",
            "sink = \"postgres://u:a/hunter2@h,password=hunter2\"",
            "[[sink]]\nurl = 'http://db/w?db=x&u=me&p=hunter2'",
            "kafka = ['sasl.password=hunter2']",
            "x = 'host=h user=u password = hunter2 dbname=d'",
            "x = 'module required username=\"u\" password=\"hunter2\";'",
            // Without quotes, as a draft may have them.
            "sink = postgres://u:hunter2@h/base",
            "sink = [postgres://u:a#hunter2@h/base]",
            "sink=redis:me:p=hunter2@db",
            "sink = redis:me:hun hunter2@db",
        ] {
            for text in [text.to_owned(), format!("# {}", text.replace('\n', "\n# "))] {
                let shown = without_secrets(&text);
                assert!(!shown.contains("hunter2") && shown.contains("***"), "{text}: {shown}");
            }
        }
    }

    #[test]
    fn what_is_no_toml_hides_its_secrets_too() {
        for text in [
            "password = hunter2",
            "password = a!hunter2$x",
            "password = hun#hunter2",
            "password = hun hunter2",
            "password = \"hun\"hunter2\"",
            "password = !hunter2",
            "password =\n  hunter2",
            "password: hunter2",
            "password: \"hunter2\"",
            "password hunter2",
            "password = x://hunter2",
            "kafka = { sasl.password = hunter2",
            "sasl-token = hun@hunter2",
            "# sasl.password = \"hunter2\"",
            "#password=hunter2",
            "# 'sasl.password' = 12 hunter2",
            "# don't use password = hunter2 here",
            "x = 1 # token: hunter2",
            "x = 1 # mail a@b password = hunter2",
        ] {
            let shown = without_secrets(&format!("a = 1\n{text}\nwindow = '2s'\n"));
            assert!(!shown.contains("hunter2") && shown.contains("***"), "{text}: {shown}");
            assert!(shown.starts_with("a = 1\n") && shown.contains("2s"), "{text}: {shown}");
        }
    }

    #[test]
    fn what_is_no_toml_is_shown_all_the_same() {
        for text in [
            "'",
            "\"\"\"",
            "a = \"x\\",
            "password = \"open",
            "ä = 'ü'",
            "\"\\ü\" = 1",
            "ü",
            "€=",
            "# ü=",
        ] {
            let shown = without_secrets(text);
            assert!(!shown.contains("open"), "{shown}");
        }
        let wrong = "latenes = 2s\n[[x]]\nwindow 3\n";
        assert_eq!(without_secrets(wrong), wrong);
    }
}
