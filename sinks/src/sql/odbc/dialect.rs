//! What databases say differently: types, quotes, settings of a session.

use seismic_proto::ColumnType;

use super::parameter::Form;

/// Whose SQL is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Oracle,
    SqlServer,
    Db2,
    Postgres,
    MySql,
    Sqlite,
    /// What ISO 9075 has.
    Generic,
}

/// The words of the option, and what each is.
const WORDS: [(&str, Dialect); 7] = [
    ("oracle", Dialect::Oracle),
    ("sqlserver", Dialect::SqlServer),
    ("db2", Dialect::Db2),
    ("postgres", Dialect::Postgres),
    ("mysql", Dialect::MySql),
    ("sqlite", Dialect::Sqlite),
    ("generic", Dialect::Generic),
];

/// What databases and drivers call themselves.
const NAMES: [(&str, Dialect); 12] = [
    ("postgres", Dialect::Postgres),
    ("psqlodbc", Dialect::Postgres),
    ("greenplum", Dialect::Postgres),
    ("mariadb", Dialect::MySql),
    ("mysql", Dialect::MySql),
    ("maodbc", Dialect::MySql),
    ("sqlite", Dialect::Sqlite),
    ("oracle", Dialect::Oracle),
    ("sql server", Dialect::SqlServer),
    ("msodbcsql", Dialect::SqlServer),
    ("freetds", Dialect::SqlServer),
    ("db2", Dialect::Db2),
];

impl Dialect {
    /// That of the option `dialect`; `None`: the database says.
    pub(super) fn of_option(word: &str) -> Option<Dialect> {
        WORDS.iter().find(|(known, _)| *known == word).map(|(_, dialect)| *dialect)
    }

    /// That of a database or driver of this name.
    pub(super) fn of_name(name: &str) -> Dialect {
        let name = name.to_lowercase();
        let known = NAMES.iter().find(|(known, _)| name.contains(known));
        known.map_or(Dialect::Generic, |(_, dialect)| *dialect)
    }

    /// Its word.
    pub(super) fn word(self) -> &'static str {
        WORDS.iter().find(|(_, dialect)| *dialect == self).map_or("generic", |(word, _)| word)
    }

    /// What stands around a name.
    pub(super) fn quote(self) -> char {
        if self == Dialect::MySql { '`' } else { '"' }
    }

    /// Whether names without quotes are kept in upper case: then ours are, so that people need no
    /// quotes.
    pub(super) fn has_upper_names(self) -> bool {
        matches!(self, Dialect::Oracle | Dialect::Db2)
    }

    /// Whether texts that differ in blanks at their end alone are the same there.
    pub(super) fn forgets_blanks(self) -> bool {
        !matches!(self, Dialect::Postgres | Dialect::Sqlite | Dialect::Oracle)
    }

    /// Whether an empty text is NULL.
    pub(super) fn has_no_empty_text(self) -> bool {
        self == Dialect::Oracle
    }

    /// How whole numbers are handed over.
    pub(super) fn whole(self) -> Form {
        if self == Dialect::Oracle { Form::Digits } else { Form::Long }
    }

    /// How a column of doubles is read, whose quoted name this is: SQLite's driver gives 15 digits, and
    /// 17 of SQLite itself are not always those that read back.
    pub(super) fn double(self, quoted: &str) -> String {
        match self {
            Dialect::Sqlite => {
                format!("CASE WHEN {quoted} IS NOT NULL THEN printf('%!.20g', {quoted}) END")
            }
            _ => quoted.to_owned(),
        }
    }

    /// The type that a new table has for such values.
    pub(super) fn type_of(self, kind: ColumnType, is_key: bool) -> &'static str {
        match kind {
            ColumnType::Text if is_key => self.short_text(),
            ColumnType::Text => self.long_text(),
            ColumnType::Enum(_) => self.short_text(),
            ColumnType::Bool => self.pick("NUMBER(1)", "smallint"),
            ColumnType::Int32 => self.pick("NUMBER(10)", "integer"),
            ColumnType::UInt32 | ColumnType::Int64 => self.long_type(),
            ColumnType::TimestampMs => match self {
                Dialect::SqlServer => "datetime2(3)",
                Dialect::MySql => "datetime(3)",
                Dialect::Sqlite => "timestamp",
                _ => "timestamp(3)",
            },
            ColumnType::Float32 | ColumnType::Float64 => match self {
                Dialect::Oracle => "BINARY_DOUBLE",
                Dialect::SqlServer => "float(53)",
                Dialect::MySql | Dialect::Db2 | Dialect::Sqlite => "double",
                Dialect::Postgres | Dialect::Generic => "double precision",
            },
        }
    }

    fn pick(self, of_oracle: &'static str, others: &'static str) -> &'static str {
        if self == Dialect::Oracle { of_oracle } else { others }
    }

    /// Whole numbers of 64 bits.
    pub(super) fn long_type(self) -> &'static str {
        self.pick("NUMBER(19)", "bigint")
    }

    /// Texts of at most 256 letters, told apart letter by letter: no id is longer.
    pub(super) fn short_text(self) -> &'static str {
        match self {
            Dialect::Oracle => "VARCHAR2(256 CHAR)",
            Dialect::SqlServer => "nvarchar(256) COLLATE Latin1_General_100_BIN2",
            Dialect::MySql => "varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            _ => "varchar(256)",
        }
    }

    /// Texts of any length, as far as the database has such.
    pub(super) fn long_text(self) -> &'static str {
        match self {
            Dialect::Oracle => "VARCHAR2(4000)",
            Dialect::SqlServer => "nvarchar(max)",
            Dialect::MySql => "text CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            Dialect::Postgres | Dialect::Sqlite => "text",
            Dialect::Db2 | Dialect::Generic => "varchar(4000)",
        }
    }

    /// Bytes.
    pub(super) fn bytes(self) -> &'static str {
        match self {
            Dialect::Postgres => "bytea",
            Dialect::MySql => "longblob",
            Dialect::SqlServer => "varbinary(max)",
            _ => "blob",
        }
    }

    /// What stands behind the definition of a table.
    pub(super) fn table_end(self) -> &'static str {
        // Another engine may have no transactions.
        if self == Dialect::MySql { " ENGINE=InnoDB" } else { "" }
    }

    /// What every session of a sink is set to: times are UTC, values that do not fit are refused, and
    /// neither a lock nor a dead client holds anyone for long.
    pub(super) fn settings(self) -> &'static [&'static str] {
        match self {
            Dialect::Postgres => &[
                "SET TIME ZONE 'UTC'",
                "SET lock_timeout = '10s'",
                "SET idle_in_transaction_session_timeout = '60s'",
                "SET extra_float_digits = 3",
            ],
            Dialect::MySql => &["SET SESSION \
                sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', \
                innodb_lock_wait_timeout = 10, lock_wait_timeout = 10, wait_timeout = 600, \
                time_zone = '+00:00' /*M!100300 , idle_transaction_timeout = 60 */"],
            Dialect::Sqlite => &["PRAGMA busy_timeout = 10000"],
            Dialect::Oracle => &["ALTER SESSION SET TIME_ZONE = '+00:00'"],
            Dialect::SqlServer => &["SET LOCK_TIMEOUT 10000", "SET XACT_ABORT ON"],
            Dialect::Db2 => &["SET CURRENT LOCK TIMEOUT 10"],
            Dialect::Generic => &[],
        }
    }
}

/// How names are written in statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) dialect: Dialect,
    /// What stands around a name; `None` where nothing can.
    pub(super) quote: Option<char>,
    /// Whether names of small letters are written in capitals.
    pub(super) is_upper: bool,
    /// What the tables are in; `None`: what the connection is in.
    pub(super) schema: Option<String>,
}

impl Names {
    /// As a dialect has them whose database is not asked.
    pub(super) fn of(dialect: Dialect, schema: Option<&str>) -> Names {
        Names {
            dialect,
            quote: Some(dialect.quote()),
            is_upper: dialect.has_upper_names(),
            schema: schema.map(str::to_owned),
        }
    }

    /// A name as statements have it, whatever letters it has.
    pub(super) fn quoted(&self, name: &str) -> String {
        let is_plain =
            name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        let name = if self.is_upper && is_plain { name.to_uppercase() } else { name.to_owned() };
        match self.quote {
            Some(quote) => {
                format!("{quote}{}{quote}", name.replace(quote, &format!("{quote}{quote}")))
            }
            None => name,
        }
    }

    /// Names as statements list them.
    pub(super) fn list<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> String {
        names.into_iter().map(|name| self.quoted(name)).collect::<Vec<_>>().join(", ")
    }

    /// A table, as statements name it.
    pub(super) fn table(&self, name: &str) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", self.quoted(schema), self.quoted(name)),
            None => self.quoted(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_and_drivers_are_known_by_what_they_call_themselves() {
        for (name, dialect) in [
            ("PostgreSQL", Dialect::Postgres),
            ("MariaDB Unicode", Dialect::MySql),
            ("SQLite3", Dialect::Sqlite),
            ("Oracle in instantclient_21_12", Dialect::Oracle),
            ("Microsoft SQL Server", Dialect::SqlServer),
            ("ODBC Driver 18 for SQL Server", Dialect::SqlServer),
            ("DB2/LINUXX8664", Dialect::Db2),
            ("IBM DB2 ODBC DRIVER", Dialect::Db2),
            ("HDB", Dialect::Generic),
        ] {
            assert_eq!(Dialect::of_name(name), dialect, "{name}");
        }
    }

    #[test]
    fn no_name_ends_before_its_end_and_capitals_need_no_quotes() {
        assert_eq!(Names::of(Dialect::Postgres, None).quoted("a\"b"), "\"a\"\"b\"");
        assert_eq!(Names::of(Dialect::MySql, Some("d")).table("a`b"), "`d`.`a``b`");
        let oracle = Names::of(Dialect::Oracle, Some("geo"));
        assert_eq!(oracle.table("seismic_windows"), "\"GEO\".\"SEISMIC_WINDOWS\"");
        assert_eq!(oracle.quoted("Mixed"), "\"Mixed\"");
        assert_eq!(Names { quote: None, ..oracle }.quoted("a"), "A");
    }
}
