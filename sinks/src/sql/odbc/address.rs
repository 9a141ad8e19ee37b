//! Which driver and database, and who logs in: a connection string of ODBC without secrets.

use crate::options::SECRETS_OF_ODBC;
use crate::sql::table_target::has_password;

/// Where the password is taken from when no file is named.
pub(super) const PASSWORD_VARIABLE: &str = "SEISMIC_SINK_ODBC_PASSWORD";

/// How a target looks.
pub(super) const FORM: &str = "odbc:Driver=DRIVER;Server=HOST;Database=NAME;UID=USER";

/// Keys that say which place it is, however drivers call them, in the order in which names have them.
/// No other key is in a name: what drivers keep there may be secret.
const PLACES: [&[&str]; 6] = [
    &["dsn"],
    &["driver"],
    &["server", "servername", "host", "hostname", "address", "tnsservicename"],
    &["port"],
    &["dbq", "servicename", "sid"],
    &["database", "databasename", "db", "dbname"],
];

/// A connection string, key by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Address {
    keys: Vec<(String, String)>,
}

impl Address {
    /// Reads `KEY=VALUE;KEY={VALUE};…`, or says what is wrong with it.
    pub(super) fn read(target: &str) -> Result<Address, String> {
        let mut keys: Vec<(String, String)> = Vec::new();
        let mut rest = target.trim_matches(|c: char| c == ';' || c.is_whitespace());
        while !rest.is_empty() {
            let no_string = || format!("its target is no connection string; write {FORM}");
            let (key, after) = rest.split_once('=').ok_or_else(no_string)?;
            let (value, after) = value(after).ok_or_else(no_string)?;
            let key = key.trim();
            if key.is_empty() || key.contains([';', '{', '}']) {
                return Err(no_string());
            }
            let small = key.to_lowercase();
            if SECRETS_OF_ODBC.iter().any(|secret| small.contains(secret)) {
                return Err(has_password(PASSWORD_VARIABLE));
            }
            let is_library = small == "driver" && value.contains('/') || small == "loadext";
            if is_library || small == "filedsn" {
                return Err(format!(
                    "{key} names a file whose code would be run: name a driver that odbcinst.ini \
                     has, or a data source"
                ));
            }
            keys.push((key.to_owned(), value));
            rest = after.trim_start_matches(|c: char| c == ';' || c.is_whitespace());
        }
        let address = Address { keys };
        if ["dsn", "driver"].iter().all(|key| address.get(&[key]).is_none()) {
            return Err(format!(
                "its target names neither a data source nor a driver; write {FORM}, or odbc:DSN=NAME"
            ));
        }
        Ok(address)
    }

    fn get(&self, names: &[&str]) -> Option<&str> {
        let is_it = |key: &str| names.iter().any(|name| key.eq_ignore_ascii_case(name));
        self.keys.iter().find(|(key, _)| is_it(key)).map(|(_, value)| value.as_str())
    }

    /// The driver that it names.
    pub(super) fn driver(&self) -> &str {
        self.get(&["driver"]).unwrap_or_default()
    }

    /// The database that it names.
    pub(super) fn database(&self) -> &str {
        self.get(PLACES[5]).unwrap_or_default()
    }

    /// The place, for names and messages: the same whoever connects, and however.
    pub(super) fn place(&self) -> String {
        let of = |names: &&[&str]| {
            let value = self.get(names)?;
            let names = names.first().copied().unwrap_or_default();
            Some(format!("{names}={value}"))
        };
        PLACES.iter().filter_map(of).collect::<Vec<_>>().join(";")
    }

    /// The connection string for the driver.
    pub(super) fn with(&self, password: Option<&str>) -> String {
        let secret = password.map(|password| ("PWD", password));
        let keys = self.keys.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        keys.chain(secret).map(|(key, value)| format!("{key}={};", braced(value))).collect()
    }
}

/// The value that a text begins with, and what is behind it; `None` where braces do not end.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(inner) = text.trim_start().strip_prefix('{') else {
        let (value, rest) = text.split_once(';').unwrap_or((text, ""));
        return Some((value.trim().to_owned(), rest));
    };
    let (mut value, mut letters) = (String::new(), inner.char_indices().peekable());
    while let Some((at, letter)) = letters.next() {
        if letter != '}' {
            value.push(letter);
        } else if letters.next_if(|(_, next)| *next == '}').is_some() {
            value.push('}');
        } else {
            return Some((value, &inner[at + 1..]));
        }
    }
    None
}

/// A value as a connection string has it, whatever letters it has.
fn braced(value: &str) -> String {
    let is_plain = !value
        .contains(['[', ']', '{', '}', '(', ')', ',', ';', '?', '*', '=', '!', '@'])
        && value.trim() == value;
    if is_plain { value.to_owned() } else { format!("{{{}}}", value.replace('}', "}}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_read_whole_and_written_as_drivers_read_them() {
        let address = Address::read("Driver={A; b}};c};SERVER=db ;uid=me;Database=d;").unwrap();
        assert_eq!(address.driver(), "A; b};c");
        assert_eq!(address.place(), "driver=A; b};c;server=db;database=d");
        let whole = "Driver={A; b}};c};SERVER=db;uid=me;Database=d;PWD={x;y};";
        assert_eq!(address.with(Some("x;y")), whole);
        let same = Address::read("database=d;UID=you;Trace=1;driver={A; b}};c};Host=db").unwrap();
        assert_eq!(same.place(), address.place());
        for (text, why) in [
            ("", "neither a data source"),
            ("warehouse", "no connection string"),
            ("Driver={a", "no connection string"),
            ("Server=db", "neither a data source"),
            ("Driver=/tmp/evil.so", "whose code would be run"),
            ("DSN=a;LoadExt=evil", "whose code would be run"),
            ("FileDSN=evil", "whose code would be run"),
            ("DSN=a;PWD=hunter2", "password_file"),
            ("DSN=a;Encrypted_Password={hunter2}", "password_file"),
        ] {
            let fault = Address::read(text).unwrap_err();
            assert!(fault.contains(why) && !fault.contains("hunter2"), "{text}: {fault}");
        }
    }
}
