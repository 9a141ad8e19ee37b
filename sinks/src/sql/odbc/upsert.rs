//! Statements that bring rows into the table, as each dialect says them. They are done once for each
//! row of the arrays of parameters, in order, so that a key that comes twice keeps the newer row.

use super::dialect::{Dialect, Names};
use super::parameter::{Parameter, Value};
use super::session::Session;
use super::trouble::Outcome;
use super::wire::Wire;
use crate::rows::columns::{TableColumn, key_names};
use crate::sql::table_target::OnConflict;

/// The table and its columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape<'a> {
    pub(super) names: &'a Names,
    pub(super) table: &'a str,
    pub(super) columns: &'a [TableColumn],
}

impl Shape<'_> {
    fn all(&self) -> String {
        self.names.list(self.columns.iter().map(|column| &*column.name))
    }

    fn others(&self) -> impl Iterator<Item = String> {
        let others = self.columns.iter().filter(|column| !column.is_key);
        others.map(|column| self.names.quoted(&column.name))
    }

    fn key(&self) -> impl Iterator<Item = String> {
        key_names(self.columns).map(|name| self.names.quoted(name))
    }

    /// Inserts a row.
    pub(super) fn insert(&self) -> String {
        let values = vec!["?"; self.columns.len()].join(", ");
        format!("INSERT INTO {} ({}) VALUES ({values})", self.names.table(self.table), self.all())
    }

    /// Inserts a row, or does what is wanted where its key is there; `None` where the dialect has no
    /// such statement.
    pub(super) fn upsert(&self, on_conflict: OnConflict) -> Option<String> {
        let replaces = match on_conflict {
            OnConflict::Error => return Some(self.insert()),
            OnConflict::Ignore => false,
            OnConflict::Update => self.others().next().is_some(),
        };
        Some(match self.names.dialect {
            Dialect::Postgres | Dialect::Sqlite => {
                let key = self.key().collect::<Vec<_>>().join(", ");
                let set = self.others().map(|name| format!("{name} = excluded.{name}"));
                let then = match replaces {
                    true => format!("UPDATE SET {}", set.collect::<Vec<_>>().join(", ")),
                    false => "NOTHING".to_owned(),
                };
                format!("{} ON CONFLICT ({key}) DO {then}", self.insert())
            }
            Dialect::MySql => {
                let set = self.others().map(|name| format!("{name} = VALUES({name})"));
                let set = match replaces {
                    true => set.collect::<Vec<_>>().join(", "),
                    // It sets what is there already.
                    false => self.key().next().map_or(String::new(), |it| format!("{it} = {it}")),
                };
                format!("{} ON DUPLICATE KEY UPDATE {set}", self.insert())
            }
            Dialect::Oracle | Dialect::SqlServer | Dialect::Db2 => self.merge(replaces),
            Dialect::Generic => return None,
        })
    }

    fn merge(&self, replaces: bool) -> String {
        let dialect = self.names.dialect;
        let table = self.names.table(self.table);
        let quoted = |column: &TableColumn| self.names.quoted(&column.name);
        let (into, from) = match dialect {
            Dialect::Oracle => {
                let values = self.columns.iter().map(|column| format!("? AS {}", quoted(column)));
                let values = values.collect::<Vec<_>>().join(", ");
                (format!("{table} t"), format!("(SELECT {values} FROM dual) s"))
            }
            Dialect::Db2 => {
                // A parameter has a type there by a cast alone.
                let values = self.columns.iter().map(|column| {
                    format!("CAST(? AS {})", dialect.type_of(column.kind, column.is_key))
                });
                let values = values.collect::<Vec<_>>().join(", ");
                (format!("{table} AS t"), format!("(VALUES ({values})) AS s ({})", self.all()))
            }
            _ => {
                let values = vec!["?"; self.columns.len()].join(", ");
                // Nobody else inserts the key between the look and the insertion.
                let into = format!("{table} WITH (HOLDLOCK) AS t");
                (into, format!("(VALUES ({values})) AS s ({})", self.all()))
            }
        };
        let on = self.key().map(|name| format!("t.{name} = s.{name}"));
        let on = on.collect::<Vec<_>>().join(" AND ");
        let matched = match replaces {
            true => {
                let set = self.others().map(|name| format!("t.{name} = s.{name}"));
                let set = set.collect::<Vec<_>>().join(", ");
                format!(" WHEN MATCHED THEN UPDATE SET {set}")
            }
            false => String::new(),
        };
        let values = self.columns.iter().map(|column| format!("s.{}", quoted(column)));
        let values = values.collect::<Vec<_>>().join(", ");
        // SQL Server wants an end.
        let end = if dialect == Dialect::SqlServer { ";" } else { "" };
        format!(
            "MERGE INTO {into} USING {from} ON ({on}){matched} \
             WHEN NOT MATCHED THEN INSERT ({}) VALUES ({values}){end}",
            self.all()
        )
    }

    /// Replaces the row of a key: parameters are the other columns, then those of the key.
    pub(super) fn update(&self) -> Option<String> {
        let set = self.others().map(|name| format!("{name} = ?")).collect::<Vec<_>>().join(", ");
        (!set.is_empty()).then(|| self.update_of(&set))
    }

    /// Sets something in the row of a key, whose columns are the last parameters.
    pub(super) fn update_of(&self, set: &str) -> String {
        format!("UPDATE {} SET {set} WHERE {}", self.names.table(self.table), self.is_key())
    }

    /// Reads these columns of the row of a key, whose columns are the parameters.
    pub(super) fn select(&self, what: &str) -> String {
        format!("SELECT {what} FROM {} WHERE {}", self.names.table(self.table), self.is_key())
    }

    fn is_key(&self) -> String {
        self.key().map(|name| format!("{name} = ?")).collect::<Vec<_>>().join(" AND ")
    }
}

/// Parameters for the columns of one row that are, or are not, of the key.
pub(super) fn parameters(
    shape: &Shape<'_>,
    wires: &[Wire],
    row: &[Value<'_>],
    is_key: bool,
) -> Vec<Parameter> {
    let all = shape.columns.iter().zip(wires).zip(row);
    all.filter(|((column, _), _)| column.is_key == is_key)
        .map(|((_, wire), value)| Parameter::one(wire.form(), *value))
        .collect()
}

/// Inserts one row.
pub(super) fn insert_one(
    session: &mut Session,
    shape: &Shape<'_>,
    wires: &[Wire],
    row: &[Value<'_>],
) -> Outcome<()> {
    let mut values: Vec<Parameter> =
        wires.iter().zip(row).map(|(wire, value)| Parameter::one(wire.form(), *value)).collect();
    session.prepared(&shape.insert())?.execute(&mut values).map(drop)
}

#[cfg(test)]
mod tests {
    use seismic_proto::Schema;

    use super::*;
    use crate::SinkSpec;
    use crate::sql::odbc::ddl;
    use crate::sql::odbc::target::Target;

    /// Every statement of a dialect, for a table of few columns.
    fn statements(dialect: &str) -> String {
        let columns = "columns=sensor_id,window_start_ts,window_end_ts,pane,clock_era,\
                       input_partition,max_amplitude,closed_by";
        let spec = format!(
            "odbc:DSN=x,table=geo.windows,dialect={dialect},on_data_error=dead-letter,{columns}"
        );
        let spec: SinkSpec = spec.parse().unwrap();
        let target = Target::of(&spec).unwrap();
        let names = target.names("");
        let columns = target.columns(Schema::windows()).unwrap();
        let shape = Shape { names: &names, table: &target.table, columns: &columns };
        let mut all: Vec<String> = ddl::statements(&target, &names, &columns)
            .into_iter()
            .map(|(_, statement)| statement)
            .collect();
        for on_conflict in [OnConflict::Error, OnConflict::Update, OnConflict::Ignore] {
            all.extend(shape.upsert(on_conflict));
        }
        all.extend(shape.update());
        all.push(shape.select("1"));
        all.join("\n") + "\n"
    }

    /// Oracle, SQL Server and Db2 cannot be had for tests: their statements are kept as text, so that
    /// whoever changes them sees it.
    #[test]
    fn statements_of_every_dialect_are_those_that_are_kept() {
        for dialect in ["oracle", "sqlserver", "db2", "postgres", "mysql", "sqlite", "generic"] {
            let at =
                format!("{}/tests/sinks/odbc/golden/{dialect}.sql", env!("CARGO_MANIFEST_DIR"));
            let made = statements(dialect);
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::write(&at, &made).unwrap();
            }
            let stored = std::fs::read_to_string(&at).unwrap_or_default();
            let differs = stored.lines().zip(made.lines()).find(|(stored, made)| stored != made);
            assert!(stored == made, "{at} differs (UPDATE_GOLDEN=1 writes it): {differs:#?}");
        }
    }
}
