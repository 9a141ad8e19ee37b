//! A table at a server of a kind that sinks know, or what a query answers there. Server, account and TLS
//! are said as for such a sink, whose connections are used.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use seismic_derived::{Column, ColumnKind, TableRow, TextFormat, Value, limits};
use seismic_queue::Kind;
use seismic_sinks::{
    Error, OptionKind, SinkSpec, TableQuestion, TableValue, all, document, remedy_of_reading,
};

/// Options that say what is read at a server, and how.
pub const OPTIONS: [&str; 7] =
    ["table", "namespace", "family", "password_file", "token_file", "sslmode", "ssl_ca"];

/// Digits that a decimal number may have to become a floating-point number: as many come back as
/// they were.
const DIGITS: usize = 15;

/// What is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseTable {
    spec: SinkSpec,
    /// As it is written.
    address: String,
    table: Option<String>,
    query: Option<String>,
}

/// What a job file says of a source, beside its address.
#[derive(Clone, Debug, Default)]
pub struct SourceKeys {
    /// `format`.
    pub format: Option<SourceFormat>,
    /// `query`.
    pub query: Option<String>,
    /// `path`: where in a document its rows are.
    pub path: Option<String>,
    /// `of`: the job whose results a topic is of.
    pub of: Option<String>,
    /// `keep`: how long a message of a topic is a row.
    pub keep: Option<Duration>,
    /// `table`, and what the connection is made with.
    pub options: BTreeMap<String, String>,
}

/// What is in a file or in the messages of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceFormat {
    /// Text: of topics, JSON alone.
    Text(TextFormat),
    /// Rows of windows, of topics.
    Windows,
}

impl SourceKeys {
    /// What of them only a topic can have.
    pub(super) fn of_topics(&self) -> Option<&'static str> {
        self.of.is_some().then_some("of").or(self.keep.is_some().then_some("keep"))
    }

    /// What of them only a server can have.
    pub(super) fn of_servers(&self) -> Option<&str> {
        let all = self.options.keys().map(String::as_str);
        all.chain(self.query.as_ref().map(|_| "query")).chain(self.of_documents()).next()
    }

    /// What of them only a document over HTTP can have.
    pub(super) fn of_documents(&self) -> Option<&'static str> {
        self.path.is_some().then_some("path")
    }
}

/// Why rows could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// What happened, for people.
    pub why: String,
    /// What to do about it; may be empty.
    pub remedy: String,
    /// Whether it may pass without anyone doing anything.
    pub passes: bool,
}

impl Unread {
    /// What a person must mend.
    #[must_use]
    pub fn for_good(why: String) -> Unread {
        Unread { why, remedy: String::new(), passes: false }
    }

    /// What a server says, or that it says nothing.
    pub(super) fn of_server(place: &str, error: &Error) -> Unread {
        let words = error.to_string();
        // Whoever tells it has named the place.
        let why = words.strip_prefix(&format!("{place}: ")).unwrap_or(&words).to_owned();
        let passes = error.kind() == Kind::Retry;
        Unread { why, remedy: remedy_of_reading(error), passes }
    }
}

impl DatabaseTable {
    /// The database at that address.
    ///
    /// # Errors
    /// What to write instead.
    pub fn new(address: &str, keys: &SourceKeys) -> Result<DatabaseTable, String> {
        let readable = || all().filter(|entry| entry.lookup.is_some());
        let known = || {
            let forms = readable().map(|entry| entry.form);
            ["file:PATH", "resource:NAME", "topic:NAME", document::FORM]
                .into_iter()
                .chain(forms)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let strange = || {
            let shown = seismic_sinks::without_password(address);
            Err(format!("{shown:?} is no source of a table: write {}", known()))
        };
        let Some((scheme, target)) = address.split_once(':') else { return strange() };
        // PostgreSQL and MySQL have two names each.
        let (scheme, target) = match scheme {
            "postgresql" => ("postgres", address),
            "mariadb" => ("mysql", address),
            scheme => (scheme, target),
        };
        let found = readable().find(|entry| entry.scheme == scheme);
        let Some((entry, reading)) = found.and_then(|it| Some((it, it.lookup?))) else {
            // One that is left out of this program says so itself.
            return match SinkSpec::new(scheme, Some(target), BTreeMap::new()) {
                Err(Error::Spec { why, .. }) if why.contains("built without") => Err(why),
                _ => strange(),
            };
        };
        if keys.format.is_some() {
            return Err("format is for files and topics: leave it out".to_owned());
        }
        if let Some(key) = keys.of_topics() {
            return Err(format!("{key} is for topics: leave it out"));
        }
        if let Some(key) = keys.of_documents() {
            return Err(format!("{key} is for documents over HTTP: leave it out"));
        }
        match (&keys.query, keys.options.get("table")) {
            (Some(_), _) if !reading.has_queries => {
                return Err("it answers no query: say which table is read instead".to_owned());
            }
            (Some(_), Some(_)) => {
                return Err("it has a table and a query: write one of them".into());
            }
            (None, None) if reading.has_queries => {
                return Err(
                    "say what is read there: table = \"NAME\", or query = \"select …\"".into()
                );
            }
            (None, None) => {
                let table = reading.table;
                return Err(format!("say what is read there, as the key table: {table}"));
            }
            _ => {}
        }
        let mut options = keys.options.clone();
        let table = options.get("table").cloned();
        if entry.all_options().all(|option| option.name != "table") {
            options.remove("table");
        }
        match SinkSpec::new(scheme, Some(target), options) {
            Ok(spec) => {
                let (address, query) = (address.to_owned(), keys.query.clone());
                Ok(DatabaseTable { spec, address, table, query })
            }
            Err(Error::Spec { why, .. }) => Err(why),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Whether rows are found there by one column alone.
    pub(super) fn has_one_key(&self) -> bool {
        self.spec.entry().lookup.is_some_and(|reading| reading.has_one_key)
    }

    /// Reads all rows, of one moment.
    ///
    /// # Errors
    /// What happened there.
    pub fn read(&self, columns: &[Column], key: &[String]) -> Result<Vec<TableRow>, Unread> {
        let place = self.to_string();
        let key: Vec<&str> = key.iter().map(String::as_str).collect();
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let question = TableQuestion {
            place: &place,
            table: self.table.as_deref().unwrap_or_default(),
            query: self.query.as_deref(),
            columns: &names,
            key: &key,
            rows: limits::DIMENSION_ROWS,
            bytes: limits::DIMENSION_FILE_BYTES,
        };
        let reading = self.spec.entry().lookup;
        let reading =
            reading.ok_or_else(|| Unread::for_good("its tables cannot be read".to_owned()))?;
        let rows = (reading.load_all)(&self.spec, &question);
        let rows = rows.map_err(|error| Unread::of_server(&place, &error))?;
        let row = |(number, values): (usize, Vec<TableValue>)| {
            let value = |(value, column)| of_column(value, column);
            let row = values.into_iter().zip(columns).map(value).collect::<Result<_, _>>();
            row.map_err(|why| Unread::for_good(format!("row {number}: {why}")))
        };
        (1..).zip(rows).map(row).collect()
    }

    /// The keys of a job file that make it.
    pub(super) fn keys(&self) -> BTreeMap<String, String> {
        let mut keys = self.spec.options().clone();
        keys.insert("source".to_owned(), self.address.clone());
        keys.extend(self.table.clone().map(|table| ("table".to_owned(), table)));
        keys.extend(self.query.clone().map(|query| ("query".to_owned(), query)));
        keys
    }

    /// The files that it reads, with the keys that name them.
    pub(super) fn files(&self) -> Vec<(&'static str, PathBuf)> {
        let file = |option: &'static seismic_sinks::SinkOption| {
            let is_file = matches!(option.kind, OptionKind::Text("FILE"));
            let path = self.spec.options().get(option.name).filter(|_| is_file)?;
            Some((option.name, PathBuf::from(path)))
        };
        self.spec.entry().all_options().filter_map(file).collect()
    }
}

/// The value as that of a column. Nothing is cast, and a decimal number becomes a floating-point
/// number only where it comes back as it was.
fn of_column(value: TableValue, column: &Column) -> Result<Value, String> {
    let value = match value {
        TableValue::Null => Value::Null,
        TableValue::Int(value) => Value::Integer(value),
        TableValue::Real(value) => Value::Real(value),
        TableValue::Text(text) => Value::Text(text),
        TableValue::Written(text) => return Value::parse(&text, column),
        TableValue::Decimal(text) => {
            let said = if text.contains('.') { text.trim_end_matches('0') } else { &text };
            let digits = said.trim_start_matches(['-', '0', '.']).bytes();
            let digits = digits.filter(u8::is_ascii_digit).count();
            match column.kind {
                ColumnKind::Text => Value::Text(text),
                ColumnKind::Real if digits > DIGITS => {
                    let name = &column.name;
                    return Err(format!(
                        "{name} is the decimal number {text}, which has more than {DIGITS} digits and no \
                         real number is exactly: declare the column as text, or have a query round it"
                    ));
                }
                ColumnKind::Int | ColumnKind::Real => return Value::parse(&text, column),
            }
        }
    };
    value.of_column(column)
}

impl fmt::Display for DatabaseTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)?;
        match &self.table {
            Some(table) => write!(f, ", table {table}"),
            None => f.write_str(", query"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(table: Option<&str>, query: Option<&str>) -> SourceKeys {
        let options = table.map(|table| ("table".to_owned(), table.to_owned())).into_iter();
        let query = query.map(str::to_owned);
        SourceKeys { query, options: options.collect(), ..SourceKeys::default() }
    }

    #[test]
    #[cfg(all(feature = "mysql", feature = "postgres"))]
    fn an_address_that_cannot_be_read_says_what_to_write() {
        let table = keys(Some("t"), None);
        for (address, keys, why) in [
            ("thresholds.csv", &table, "write file:PATH, resource:NAME, topic:NAME, "),
            ("csv:x", &table, "\"csv:x\" is no source of a table"),
            ("mysql://me:hunter2@db/x", &table, "password_file=FILE"),
            ("mysql://me@db/x", &keys(None, None), "table = \"NAME\", or query"),
            ("mysql://me@db/x", &keys(Some("t"), Some("select 1")), "write one of them"),
            ("postgres://me@db", &table, "must name one host and a database"),
        ] {
            let refused = DatabaseTable::new(address, keys).unwrap_err();
            assert!(refused.contains(why), "{address}: {refused}");
            assert!(!refused.contains("hunter2"), "{refused}");
        }
        for address in ["mysql://me@db/x", "mariadb://me@db/x", "postgresql://me@db/x"] {
            let found = DatabaseTable::new(address, &table).unwrap();
            assert_eq!(found.to_string(), format!("{address}, table t"));
        }
    }

    #[test]
    fn a_decimal_number_becomes_another_one_only_where_it_comes_back() {
        let column = |kind| Column { name: "v".to_owned(), kind };
        let decimal = |text: &str| TableValue::Decimal(text.to_owned());
        let of = |text, kind| of_column(decimal(text), &column(kind));
        assert_eq!(of("-0.80", ColumnKind::Real), Ok(Value::Real(-0.8)));
        assert_eq!(of("0.000000000000001", ColumnKind::Real), Ok(Value::Real(1e-15)));
        assert_eq!(of("2.5000000000000000000", ColumnKind::Real), Ok(Value::Real(2.5)));
        assert_eq!(of("5", ColumnKind::Int), Ok(Value::Integer(5)));
        assert!(of("5.50", ColumnKind::Int).unwrap_err().contains("is to be int"));
        assert_eq!(of("0.1234567890123456", ColumnKind::Text).unwrap(), {
            Value::Text("0.1234567890123456".to_owned())
        });
        let why = of("0.1234567890123456", ColumnKind::Real).unwrap_err();
        assert!(why.contains("more than 15 digits"), "{why}");
        let text = of_column(TableValue::Text("5".to_owned()), &column(ColumnKind::Int));
        assert!(text.unwrap_err().contains("is the text \"5\""));
    }
}
