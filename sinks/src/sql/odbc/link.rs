//! A connection to a database, through the driver that its connection string names.

#![allow(unsafe_code)] // It calls the driver manager.

use std::ptr::null_mut;
use std::time::{Duration, Instant};

use super::manager::{CONNECTION, Handle, Manager, keep, manager};
use super::parameter::Parameter;
use super::statement::{Cell, ColumnOfAnswer, Statement, Want};
use super::trouble::{Outcome, Trouble, diagnosed};

/// The kind of handle that an environment is.
const ENVIRONMENT: i16 = 1;

/// Attributes: the version of ODBC that is spoken; each statement a transaction; times to log in and
/// of a silent connection, s; how far transactions are kept apart; whether it is known to be gone.
const VERSION: i32 = 200;
const AUTOCOMMIT: i32 = 102;
const LOGIN_SECONDS: i32 = 103;
const SILENT_SECONDS: i32 = 113;
const ISOLATION: i32 = 108;

/// ODBC 3.8.
const VERSION_3_80: usize = 380;

/// Ends of a transaction.
const COMMIT: i16 = 0;
const ROLLBACK: i16 = 1;

/// What a connection can be asked.
#[derive(Clone, Copy, Debug)]
#[repr(u16)]
pub(super) enum Question {
    DriverName = 6,
    DriverVersion = 7,
    DatabaseName = 17,
    DatabaseVersion = 18,
    /// `Y`: nothing can be written.
    IsReadOnly = 25,
    /// In which case names are kept that no quotes protect.
    NamesAre = 28,
    Quote = 29,
    /// Which statements transactions may have; 0: there are none.
    Transactions = 46,
}

/// How a transaction looks at what others do meanwhile.
#[derive(Clone, Copy, Debug)]
pub(super) enum Isolation {
    RepeatableRead = 4,
    Serializable = 8,
}

/// Longest answer about a connection that is read, in letters.
const INFO_LETTERS: usize = 256;

/// A connection. It ends with this value, and what is not committed then is taken back.
#[derive(Debug)]
pub(super) struct Link {
    manager: &'static Manager,
    environment: Handle,
    connection: Handle,
    is_open: bool,
    /// Whether statements are one transaction until they are committed.
    is_in_transaction: bool,
    /// How long a statement may take, s.
    statement_seconds: usize,
    last_used: Instant,
}

// SAFETY: handles may be used by any thread, one after the other; nothing else has these.
unsafe impl Send for Link {}

impl Drop for Link {
    fn drop(&mut self) {
        if self.is_open {
            if self.is_in_transaction {
                // One that is gone has none any more.
                let _ = self.end(ROLLBACK);
            }
            // SAFETY: the connection is open, and its statements are gone.
            unsafe { (self.manager.disconnect)(self.connection) };
        }
        // SAFETY: the handles are ours and not used again. A driver that does not let go keeps its
        // memory.
        unsafe {
            if !self.connection.is_null() {
                (self.manager.free_handle)(CONNECTION, self.connection);
            }
            (self.manager.free_handle)(ENVIRONMENT, self.environment);
        }
    }
}

impl Link {
    /// Connects.
    pub(super) fn connect(
        connection_string: &str,
        login: Duration,
        silent: Duration,
        statement: Duration,
    ) -> Outcome<Link> {
        let manager = manager().ok_or(Trouble::NoManager)?;
        let mut environment = null_mut();
        // SAFETY: the place for the handle is ours.
        let code = unsafe { (manager.alloc_handle)(ENVIRONMENT, null_mut(), &raw mut environment) };
        if environment.is_null() {
            return Err(Trouble::Refused(format!("the driver manager answers {code}")));
        }
        let mut link = Link {
            manager,
            environment,
            connection: null_mut(),
            is_open: false,
            is_in_transaction: false,
            statement_seconds: usize::try_from(statement.as_secs()).unwrap_or(0),
            last_used: Instant::now(),
        };
        let version = std::ptr::without_provenance_mut(VERSION_3_80);
        // SAFETY: the value is a number in the place of a pointer, as this attribute has it.
        unsafe { (manager.set_env_attr)(environment, VERSION, version, 0) };
        // SAFETY: the place for the handle is ours, and the environment is one.
        let code =
            unsafe { (manager.alloc_handle)(CONNECTION, environment, &raw mut link.connection) };
        if link.connection.is_null() {
            return Err(diagnosed(manager, ENVIRONMENT, environment, code));
        }
        let seconds = |time: Duration| usize::try_from(time.as_secs()).unwrap_or(0).max(1);
        // A driver that cannot says so, and waits as long as it likes.
        let _ = link.set(LOGIN_SECONDS, seconds(login));
        let _ = link.set(SILENT_SECONDS, seconds(silent));
        let text: Vec<u16> = connection_string.encode_utf16().collect();
        let length = i16::try_from(text.len())
            .map_err(|_| Trouble::Refused("its connection string is too long".to_owned()))?;
        // SAFETY: the text has that length, and nothing is wanted back. Without a window no driver asks
        // anyone for anything.
        let code = unsafe {
            let (at, none) = (text.as_ptr(), null_mut());
            (manager.driver_connect)(
                link.connection,
                none,
                at,
                length,
                null_mut(),
                0,
                null_mut(),
                0,
            )
        };
        link.done(code)?;
        link.is_open = true;
        // SQLite's says a name without what its file begins with.
        let driver = link.ask(Question::DriverName);
        keep(&driver);
        keep(&format!("lib{driver}"));
        Ok(link)
    }

    fn set(&self, attribute: i32, value: usize) -> Outcome<()> {
        let value = std::ptr::without_provenance_mut(value);
        // SAFETY: the value is a number in the place of a pointer, as these attributes have it.
        let code = unsafe { (self.manager.set_connect_attr)(self.connection, attribute, value, 0) };
        self.done(code)
    }

    /// From now on statements are one transaction.
    pub(super) fn begin(&mut self) -> Outcome<()> {
        self.set(AUTOCOMMIT, 0)?;
        self.is_in_transaction = true;
        Ok(())
    }

    /// The next transaction sees no changes of others.
    pub(super) fn isolate(&mut self, isolation: Isolation) -> Outcome<()> {
        self.set(ISOLATION, isolation as usize)
    }

    pub(super) fn commit(&mut self) -> Outcome<()> {
        self.end(COMMIT)?;
        self.is_in_transaction = false;
        self.set(AUTOCOMMIT, 1)
    }

    pub(super) fn rollback(&mut self) -> Outcome<()> {
        self.end(ROLLBACK)?;
        self.is_in_transaction = false;
        self.set(AUTOCOMMIT, 1)
    }

    fn end(&mut self, how: i16) -> Outcome<()> {
        self.last_used = Instant::now();
        // SAFETY: the connection is open.
        let code = unsafe { (self.manager.end_tran)(CONNECTION, self.connection, how) };
        self.done(code)
    }

    /// How long nothing was asked.
    pub(super) fn idle(&self) -> Duration {
        self.last_used.elapsed()
    }

    /// A statement of this connection.
    pub(super) fn statement(&mut self) -> Outcome<Statement> {
        self.last_used = Instant::now();
        let mut statement = Statement::new(self.manager, self.connection)?;
        if self.statement_seconds > 0 {
            statement.limit(self.statement_seconds);
        }
        Ok(statement)
    }

    /// Does a statement: how many rows it changed.
    pub(super) fn run(&mut self, sql: &str) -> Outcome<u64> {
        self.statement()?.run(sql)
    }

    /// Does a statement with parameters: how many rows it changed.
    pub(super) fn execute(&mut self, sql: &str, mut with: Vec<Parameter>) -> Outcome<u64> {
        let mut statement = self.statement()?;
        statement.prepare(sql)?;
        statement.execute(&mut with)
    }

    /// The columns that a statement answers with.
    pub(super) fn columns(&mut self, sql: &str) -> Outcome<Vec<ColumnOfAnswer>> {
        let mut statement = self.statement()?;
        statement.run(sql)?;
        statement.columns()
    }

    /// The rows that a statement answers with, their values read as is wanted.
    pub(super) fn query(
        &mut self,
        sql: &str,
        mut with: Vec<Parameter>,
        wanted: &[Want],
    ) -> Outcome<Vec<Vec<Cell>>> {
        let mut statement = self.statement()?;
        statement.prepare(sql)?;
        statement.execute(&mut with)?;
        let mut rows = Vec::new();
        while statement.next()? {
            rows.push(row(&mut statement, wanted)?);
        }
        Ok(rows)
    }

    /// Hands each row that a statement answers with to `look`, as they come.
    pub(super) fn each<E>(
        &mut self,
        sql: &str,
        wanted: &[Want],
        failed: impl Fn(Trouble) -> E,
        mut look: impl FnMut(Vec<Cell>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut statement = self.statement().map_err(&failed)?;
        statement.run(sql).map_err(&failed)?;
        while statement.next().map_err(&failed)? {
            look(row(&mut statement, wanted).map_err(&failed)?)?;
        }
        Ok(())
    }

    /// What the connection says of itself, as text; empty where it says nothing.
    pub(super) fn ask(&self, what: Question) -> String {
        let mut text = [0u16; INFO_LETTERS];
        let mut length = 0;
        let room = i16::try_from(size_of_val(&text)).unwrap_or(i16::MAX);
        // SAFETY: the place is ours, and its length in bytes is told.
        let code = unsafe {
            let at = text.as_mut_ptr().cast();
            (self.manager.get_info)(self.connection, what as u16, at, room, &raw mut length)
        };
        if self.done(code).is_err() {
            return String::new();
        }
        let letters = text.iter().position(|unit| *unit == 0).unwrap_or(text.len());
        String::from_utf16_lossy(&text[..letters])
    }

    /// The same where it is a number; `None` where it says nothing.
    pub(super) fn ask_number(&self, what: Question) -> Option<u16> {
        // Room for a longer one, should a driver give it.
        let (mut value, mut length) = ([0u16; 4], 0);
        // SAFETY: the place is ours, and longer than the number.
        let code = unsafe {
            let at = value.as_mut_ptr().cast();
            (self.manager.get_info)(self.connection, what as u16, at, 2, &raw mut length)
        };
        self.done(code).is_ok().then_some(value[0])
    }

    fn done(&self, code: i16) -> Outcome<()> {
        match code {
            0 | 1 => Ok(()),
            _ => Err(diagnosed(self.manager, CONNECTION, self.connection, code)),
        }
    }
}

fn row(statement: &mut Statement, wanted: &[Want]) -> Outcome<Vec<Cell>> {
    (1..).zip(wanted).map(|(number, want)| statement.get(number, *want)).collect()
}
