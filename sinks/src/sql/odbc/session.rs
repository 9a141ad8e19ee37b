//! One connection of the sink: how it is opened and configured.
//!
//! ODBC has no locks of a session that all databases know. So whoever opens the table last writes its
//! name into the table of positions, and moves it only under that name (`position.rs`): an older sink
//! is fenced at its next transaction.

use std::time::Duration;

use super::address::PASSWORD_VARIABLE;
use super::dialect::Names;
use super::link::{Link, Question};
use super::statement::Statement;
use super::target::Target;
use super::trouble::{Outcome, Trouble, failure};
use crate::Result;
use crate::sql::names::POSITIONS;
use crate::sql::patience::{PATIENCE, PATIENCE_TO_LOOK, Patience};
use crate::sql::read_table::PATIENCE_TO_READ;

/// A session that nothing was asked for that long may have been ended by the server, or by what is
/// between.
const STALE: Duration = Duration::from_secs(60);

/// What unquoted names are, as a driver says it: in capitals.
const CAPITALS: u16 = 1;

/// A session that takes rows.
#[derive(Debug)]
pub(super) struct Session {
    /// The statement that inserts, and its text. It is dropped before the connection.
    prepared: Option<(String, Statement)>,
    pub(super) link: Link,
    pub(super) names: Names,
    /// A partition that this transaction has moved, and where to.
    pub(super) moved: Option<(i64, i64)>,
}

impl Session {
    /// Whether it still stands.
    pub(super) fn is_alive(&mut self) -> bool {
        let table = self.names.table(POSITIONS);
        let ask = format!("SELECT {} FROM {table} WHERE 1 = 0", self.names.quoted("next"));
        self.link.idle() < STALE || self.link.run(&ask).is_ok()
    }

    /// A prepared statement of this text: the one of the last batch, where it is the same.
    pub(super) fn prepared(&mut self, sql: &str) -> Outcome<&mut Statement> {
        let is_it = self.prepared.as_ref().is_some_and(|(text, _)| text == sql);
        if !is_it {
            self.prepared = None;
            let mut statement = self.link.statement()?;
            statement.prepare(sql)?;
            self.prepared = Some((sql.to_owned(), statement));
        }
        self.prepared
            .as_mut()
            .map(|(_, statement)| statement)
            .ok_or_else(|| Trouble::Refused("there is no statement".to_owned()))
    }
}

/// Connects as a sink.
pub(super) fn open(target: &Target) -> Result<Session> {
    connect_within(target, PATIENCE)
}

/// The same for those who read a table, and give up sooner.
pub(super) fn open_to_read(target: &Target) -> Result<Session> {
    connect_within(target, PATIENCE_TO_READ)
}

/// The same for those who only look.
pub(super) fn open_to_look(target: &Target) -> Result<Session> {
    connect_within(target, PATIENCE_TO_LOOK)
}

fn connect_within(target: &Target, patience: Patience) -> Result<Session> {
    let password = target.password(PASSWORD_VARIABLE)?;
    let connection = target.address.with(password.as_deref());
    let Patience { connect, silent, statement } = patience;
    let opened = Link::connect(&connection, connect, silent, statement)
        .map_err(|trouble| without(trouble, password.as_deref()));
    let mut link = opened.map_err(|e| failure(&target.name, "connecting", e))?;
    if link.ask_number(Question::Transactions) == Some(0) {
        let what = "its driver has no transactions, without which rows would be lost or doubled";
        let refused = Trouble::Refused(what.to_owned());
        return Err(failure(&target.name, "connecting", refused));
    }
    if link.ask(Question::DriverName).to_lowercase().starts_with("psqlodbca") {
        let what = "PostgreSQL's ANSI driver does not take every letter: name its Unicode driver";
        let refused = Trouble::Refused(what.to_owned());
        return Err(failure(&target.name, "connecting", refused));
    }
    let names = names(target, &link);
    for setting in names.dialect.settings() {
        link.run(setting).map_err(|e| failure(&target.name, "setting up the session", e))?;
    }
    Ok(Session { prepared: None, link, names, moved: None })
}

/// How names are written there: as the dialect has them, and as the driver says.
fn names(target: &Target, link: &Link) -> Names {
    let mut names = target.names(&link.ask(Question::DatabaseName));
    let mut quote = link.ask(Question::Quote).chars().collect::<Vec<_>>().into_iter();
    if let (Some(only), None) = (quote.next(), quote.next()) {
        // A blank: there are no quotes.
        names.quote = (only != ' ').then_some(only);
    }
    names.is_upper |= link.ask_number(Question::NamesAre) == Some(CAPITALS);
    names
}

/// The same without a password, should a driver repeat what it was given.
fn without(trouble: Trouble, password: Option<&str>) -> Trouble {
    match (trouble, password.filter(|password| !password.is_empty())) {
        (Trouble::Driver { state, native, message }, Some(password)) => {
            Trouble::Driver { state, native, message: message.replace(password, "***") }
        }
        (trouble, _) => trouble,
    }
}
