//! Statements: how they are done, with arrays of parameters, and what they answer.

#![allow(unsafe_code)] // It hands memory to drivers.

use std::ffi::c_void;
use std::ptr::null_mut;

use super::manager::{CONNECTION, Handle, Manager};
use super::parameter::{Form, Parameter, Stamp, Values};
use super::trouble::{Outcome, diagnosed};

/// The kind of handle that a statement is.
const STATEMENT: i16 = 3;

/// What functions answer where there is nothing (more).
const NO_DATA: i16 = 100;

/// Attributes of statements: arrays of parameters, and the time that a statement may take, s.
const PARAMETER_ROWS: i32 = 22;
const QUERY_TIMEOUT: i32 = 0;

/// Ends what is left of an answer; forgets parameters.
const CLOSE: u16 = 0;
const RESET_PARAMETERS: u16 = 3;

/// Types of values in our memory.
mod memory {
    pub(super) const CHAR: i16 = 1;
    pub(super) const DOUBLE: i16 = 8;
    pub(super) const TIMESTAMP: i16 = 93;
    pub(super) const BINARY: i16 = -2;
    pub(super) const WIDE: i16 = -8;
    pub(super) const BIGINT: i16 = -25;
}

/// Types of values in databases.
pub(super) mod kind {
    pub(in super::super) const CHAR: i16 = 1;
    pub(in super::super) const NUMERIC: i16 = 2;
    pub(in super::super) const DECIMAL: i16 = 3;
    pub(in super::super) const INTEGER: i16 = 4;
    pub(in super::super) const SMALLINT: i16 = 5;
    pub(in super::super) const FLOAT: i16 = 6;
    pub(in super::super) const REAL: i16 = 7;
    pub(in super::super) const DOUBLE: i16 = 8;
    pub(in super::super) const VARCHAR: i16 = 12;
    pub(in super::super) const TIMESTAMP: i16 = 93;
    pub(in super::super) const LONG_VARCHAR: i16 = -1;
    pub(in super::super) const LONG_BINARY: i16 = -4;
    pub(in super::super) const BIGINT: i16 = -5;
    pub(in super::super) const TINYINT: i16 = -6;
    pub(in super::super) const BIT: i16 = -7;
    pub(in super::super) const WIDE_CHAR: i16 = -8;
    pub(in super::super) const WIDE_VARCHAR: i16 = -9;
    pub(in super::super) const WIDE_LONG_VARCHAR: i16 = -10;
}

/// Letters of a text that a parameter of a short type may have: more is a long text.
const SHORT_LETTERS: usize = 4_000;

/// A piece of a long value that is read, in bytes.
const PIECE_BYTES: usize = 4_096;

/// Longest name of a column that is read, in letters.
const NAME_LETTERS: i16 = 256;

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ColumnOfAnswer {
    pub(super) name: String,
    pub(super) kind: i16,
    /// Digits or letters.
    pub(super) size: usize,
    /// Digits behind the point, or of a second.
    pub(super) digits: i16,
    pub(super) may_lack: bool,
}

/// As what a value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// A whole number, as digits.
    Int,
    Double,
    Text,
    Time,
}

/// A value of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Null,
    /// Digits that are none are no number.
    Int(Option<i64>),
    Double(f64),
    Text(String),
    Time(Stamp),
}

impl Cell {
    pub(super) fn int(&self) -> Option<i64> {
        match self {
            Cell::Int(value) => *value,
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<String> {
        match self {
            Cell::Text(text) => Some(text.clone()),
            _ => None,
        }
    }
}

/// A statement. Its connection outlives it: whoever has both drops this first.
#[derive(Debug)]
pub(super) struct Statement {
    manager: &'static Manager,
    handle: Handle,
}

// SAFETY: a handle may be used by any thread, one after the other; nothing else has this one.
unsafe impl Send for Statement {}

impl Drop for Statement {
    fn drop(&mut self) {
        // SAFETY: the handle is a statement's, and is not used again.
        unsafe { (self.manager.free_handle)(STATEMENT, self.handle) };
    }
}

impl Statement {
    /// A statement of a connection.
    pub(super) fn new(manager: &'static Manager, connection: Handle) -> Outcome<Statement> {
        let mut handle = null_mut();
        // SAFETY: the connection is open, and the place for the handle is ours.
        let code = unsafe { (manager.alloc_handle)(STATEMENT, connection, &raw mut handle) };
        if handle.is_null() {
            return Err(diagnosed(manager, CONNECTION, connection, code));
        }
        Ok(Statement { manager, handle })
    }

    /// How long it may take, in s, where the driver can end it.
    pub(super) fn limit(&mut self, seconds: usize) {
        let value = std::ptr::without_provenance_mut(seconds);
        // SAFETY: the value is a number in the place of a pointer, as this attribute has it. A driver
        // that cannot says so, which changes nothing.
        unsafe { (self.manager.set_stmt_attr)(self.handle, QUERY_TIMEOUT, value, 0) };
    }

    /// Has the driver read a statement.
    pub(super) fn prepare(&mut self, sql: &str) -> Outcome<()> {
        let text: Vec<u16> = sql.encode_utf16().collect();
        let length = i32::try_from(text.len()).unwrap_or(i32::MAX);
        // SAFETY: the text has that length, and is read before this returns.
        let code = unsafe { (self.manager.prepare)(self.handle, text.as_ptr(), length) };
        self.done(code).map(drop)
    }

    /// Does what was prepared, once for each row of the parameters: how many rows it changed.
    pub(super) fn execute(&mut self, with: &mut [Parameter]) -> Outcome<u64> {
        self.close();
        let rows = with.first().map_or(1, Parameter::rows);
        assert!(with.iter().all(|parameter| parameter.rows() == rows), "arrays are of one length");
        let value = std::ptr::without_provenance_mut(rows);
        // SAFETY: the value is a number in the place of a pointer, as this attribute has it.
        let code = unsafe { (self.manager.set_stmt_attr)(self.handle, PARAMETER_ROWS, value, 0) };
        if rows > 1 {
            self.done(code)?;
        }
        for (number, parameter) in (1..).zip(&mut *with) {
            self.bind(number, parameter)?;
        }
        // SAFETY: every parameter is bound to memory that lives in `with`, which outlasts this call and
        // the reset behind it.
        let code = unsafe { (self.manager.execute)(self.handle) };
        let done = self.done(code).and_then(|is_there| if is_there { self.rows() } else { Ok(0) });
        // SAFETY: it forgets the memory of the parameters.
        unsafe { (self.manager.free_stmt)(self.handle, RESET_PARAMETERS) };
        done
    }

    /// Does a statement without parameters: how many rows it changed.
    ///
    /// It is read first as any other: MariaDB's driver 3.1 crashes where a statement that is done without
    /// that (`SQLExecDirect`) finds its connection lost.
    pub(super) fn run(&mut self, sql: &str) -> Outcome<u64> {
        self.prepare(sql)?;
        self.execute(&mut [])
    }

    /// Ends what is left of an answer.
    pub(super) fn close(&mut self) {
        // SAFETY: the handle is a statement's; one without an answer is left as it is.
        unsafe { (self.manager.free_stmt)(self.handle, CLOSE) };
    }

    fn bind(&self, number: u16, parameter: &mut Parameter) -> Outcome<()> {
        let (memory, kind, size, digits) = match parameter.form {
            Form::Long => (memory::BIGINT, kind::BIGINT, 19, 0),
            Form::Double => (memory::DOUBLE, kind::DOUBLE, 15, 0),
            Form::Time => (memory::TIMESTAMP, kind::TIMESTAMP, 23, 3),
            Form::Digits => (memory::CHAR, kind::DECIMAL, 19, 0),
            Form::Text => (memory::WIDE, kind::WIDE_VARCHAR, 0, 0),
            Form::Bytes => (memory::BINARY, kind::LONG_BINARY, 0, 0),
        };
        let (at, room): (*mut c_void, usize) = match &mut parameter.values {
            Values::Long(values) => (values.as_mut_ptr().cast(), 0),
            Values::Double(values) => (values.as_mut_ptr().cast(), 0),
            Values::Time(values) => (values.as_mut_ptr().cast(), 0),
            Values::Cells { width, bytes } => (bytes.as_mut_ptr().cast(), *width),
        };
        let (kind, size) = match parameter.form {
            Form::Text if room / 2 > SHORT_LETTERS => (kind::WIDE_LONG_VARCHAR, room / 2),
            Form::Text => (kind, room / 2),
            Form::Bytes => (kind, room),
            _ => (kind, size),
        };
        // SAFETY: the values are as many as the rows, each of the length that `memory` or `room` says,
        // and so are their lengths; both stay where they are until the parameters are reset.
        let code = unsafe {
            (self.manager.bind_parameter)(
                self.handle,
                number,
                1,
                memory,
                kind,
                size,
                digits,
                at,
                room.cast_signed(),
                parameter.lengths.as_mut_ptr(),
            )
        };
        self.done(code).map(drop)
    }

    fn rows(&self) -> Outcome<u64> {
        let mut count = 0;
        // SAFETY: the place for the number is ours.
        let code = unsafe { (self.manager.row_count)(self.handle, &raw mut count) };
        self.done(code)?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// The columns of the answer.
    pub(super) fn columns(&self) -> Outcome<Vec<ColumnOfAnswer>> {
        let mut count = 0;
        // SAFETY: the place for the number is ours.
        let code = unsafe { (self.manager.num_result_cols)(self.handle, &raw mut count) };
        self.done(code)?;
        (1..=u16::try_from(count).unwrap_or(0)).map(|number| self.column(number)).collect()
    }

    fn column(&self, number: u16) -> Outcome<ColumnOfAnswer> {
        let mut name = [0u16; NAME_LETTERS as usize];
        let (mut length, mut kind, mut size, mut digits, mut lacks) = (0, 0, 0, 0, 0);
        // SAFETY: the places are ours, and the name is told how long its place is.
        let code = unsafe {
            (self.manager.describe_col)(
                self.handle,
                number,
                name.as_mut_ptr(),
                NAME_LETTERS,
                &raw mut length,
                &raw mut kind,
                &raw mut size,
                &raw mut digits,
                &raw mut lacks,
            )
        };
        self.done(code)?;
        let length = usize::try_from(length).unwrap_or(0).min(name.len());
        let name = String::from_utf16_lossy(&name[..length]);
        Ok(ColumnOfAnswer { name, kind, size, digits, may_lack: lacks != 0 })
    }

    /// Goes to the next row of the answer, if there is one.
    pub(super) fn next(&mut self) -> Outcome<bool> {
        // SAFETY: the handle is a statement's.
        let code = unsafe { (self.manager.fetch)(self.handle) };
        self.done(code)
    }

    /// The value of a column of the row, from 1. Drivers want them in order.
    pub(super) fn get(&mut self, number: u16, want: Want) -> Outcome<Cell> {
        Ok(match want {
            Want::Double => {
                let mut value = 0f64;
                let is_there = self.fixed(number, memory::DOUBLE, (&raw mut value).cast())?;
                if is_there { Cell::Double(value) } else { Cell::Null }
            }
            Want::Time => {
                let mut value = Stamp::default();
                let is_there = self.fixed(number, memory::TIMESTAMP, (&raw mut value).cast())?;
                if is_there { Cell::Time(value) } else { Cell::Null }
            }
            Want::Int => match self.pieces(number, memory::CHAR, 1)? {
                None => Cell::Null,
                Some(bytes) => Cell::Int(
                    std::str::from_utf8(&bytes).ok().and_then(|it| it.trim().parse().ok()),
                ),
            },
            Want::Text => match self.pieces(number, memory::WIDE, 2)? {
                None => Cell::Null,
                Some(bytes) => {
                    let (units, _) = bytes.as_chunks::<2>();
                    let units: Vec<u16> = units.iter().map(|it| u16::from_ne_bytes(*it)).collect();
                    Cell::Text(String::from_utf16_lossy(&units))
                }
            },
        })
    }

    /// Reads a value of a fixed length; whether it is there.
    fn fixed(&mut self, number: u16, memory: i16, at: *mut c_void) -> Outcome<bool> {
        let mut length = 0;
        // SAFETY: `at` has room for a value of that type, as both calls above see to.
        let code =
            unsafe { (self.manager.get_data)(self.handle, number, memory, at, 0, &raw mut length) };
        self.done(code)?;
        Ok(length >= 0)
    }

    /// Reads a value of any length; `None`: it is NULL. `end` is the length of what ends a piece.
    fn pieces(&mut self, number: u16, memory: i16, end: usize) -> Outcome<Option<Vec<u8>>> {
        let (mut whole, mut piece) = (Vec::new(), vec![0u8; PIECE_BYTES]);
        loop {
            let mut length = 0;
            let (at, room) = (piece.as_mut_ptr().cast(), PIECE_BYTES.cast_signed());
            // SAFETY: the piece has that room.
            let code = unsafe {
                (self.manager.get_data)(self.handle, number, memory, at, room, &raw mut length)
            };
            if !self.done(code)? {
                return Ok(Some(whole));
            }
            let Ok(left) = usize::try_from(length) else {
                // NULL; or it is not known how much is left, and the piece is full.
                if length == -1 {
                    return Ok(None);
                }
                whole.extend_from_slice(&piece[..PIECE_BYTES - end]);
                continue;
            };
            let is_last = left <= PIECE_BYTES - end;
            whole.extend_from_slice(&piece[..left.min(PIECE_BYTES - end)]);
            if is_last {
                return Ok(Some(whole));
            }
        }
    }

    /// What a function answered: whether there is something.
    fn done(&self, code: i16) -> Outcome<bool> {
        match code {
            0 | 1 => Ok(true),
            NO_DATA => Ok(false),
            _ => Err(diagnosed(self.manager, STATEMENT, self.handle, code)),
        }
    }
}
