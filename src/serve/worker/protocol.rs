//! The protocol between server and worker: one line of JSON per request and response.
//!
//! Unknown fields are ignored and missing ones have defaults, so servers and workers of different
//! versions understand each other.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use serde::{Deserialize, Serialize};

use super::report::Report;
use crate::serve::limits;

/// Version of the protocol.
pub const VERSION: u32 = 6;

/// Since this version, a worker can pause.
pub const PAUSES: u32 = 2;

/// Since this version, a worker can read a part of the time.
pub const SLOWS: u32 = 3;

/// Since this version, the sinks of a worker can write nothing for a while.
pub const HOLDS_SINKS: u32 = 4;

/// Since this version, the sinks of a job may be a process of their own, which can finish.
pub const FINISHES: u32 = 5;

/// Since this version, a worker can have other slots while it works.
pub const LIVE_SLOTS: u32 = 6;

/// What a server asks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Question {
    /// Version of the protocol that the server speaks.
    pub version: u32,
    /// The worker's secret.
    pub secret: String,
    /// What is asked.
    pub ask: Ask,
}

/// What may be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// What the worker does.
    Report,
    /// To make its last commits and end.
    Stop,
    /// To log with this filter from now on.
    Levels(String),
    /// To read nothing, or to read again.
    Pause(bool),
    /// To read a part of the time, or all of it again.
    Slow(bool),
    /// To have its sinks write nothing, or write again.
    HoldSinks(bool),
    /// To have so many slots from now on.
    Slots(usize),
    /// To end once its sinks have written all that is committed.
    Finish,
}

/// What a worker answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// Version of the protocol that the worker speaks.
    pub version: u32,
    /// Its process id.
    pub pid: u32,
    /// When it began.
    pub start_time: u64,
    /// What it does.
    pub report: Option<Report>,
    /// Why it does not do what it was asked for.
    pub error: Option<String>,
}

/// Writes one line.
///
/// # Errors
/// Those of the connection.
pub fn write_line(to: &mut UnixStream, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    to.write_all(&line)
}

/// Reads one line; `None` when the other side has closed.
///
/// # Errors
/// Those of the connection, and a line that is too long or not understood.
pub fn read_line<T: for<'de> Deserialize<'de>>(from: &UnixStream) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    BufReader::new(from.take(limits::LINE_BYTES)).read_until(b'\n', &mut line)?;
    match line.last() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(serde_json::from_slice(&line)?)),
        Some(_) => Err(io::Error::other("the line is too long, or was cut off")),
    }
}
