//! A connection to the server: statements, and what they answer. See "Command Phase" in the
//! documentation of the protocol.

#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // It parses foreign bytes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::cell::{self, Cell, ColumnOfAnswer, Param};
use super::failure::{Trouble, of_packet};
use super::login::Login;
use super::packets::{Bytes, Packets};
use super::stream::Stream;
use crate::sql::patience::Patience;

/// Commands of the protocol.
const QUIT: u8 = 0x01;
const QUERY: u8 = 0x03;
const PING: u8 = 0x0e;
const PREPARE: u8 = 0x16;
const EXECUTE: u8 = 0x17;
const CLOSE: u8 = 0x19;

/// Statements that a session keeps at most: a sink has some twenty.
const STATEMENTS: usize = 64;

pub(super) type Outcome<T> = Result<T, Trouble>;

/// What is done with each row of an answer: its columns, and its packet.
type Look<'a> = dyn FnMut(&[ColumnOfAnswer], &[u8]) -> Outcome<()> + 'a;

/// The same with its values.
type LookAtCells<'a> = dyn FnMut(&[ColumnOfAnswer], Vec<Cell>) -> Outcome<()> + 'a;

/// A connection. It ends with this value.
pub(super) struct Client {
    packets: Packets,
    /// Prepared statements, by their text.
    statements: HashMap<String, Statement>,
    /// What the server says of its version.
    version: String,
    last_used: Instant,
    /// Whether it may be used no more: something went wrong on its way.
    is_lost: bool,
    packet: Vec<u8>,
}

/// A statement that the server knows.
#[derive(Clone, Copy, Debug)]
struct Statement {
    id: u32,
    parameters: u16,
    /// Whether it knows of what types the parameters are.
    is_bound: bool,
}

/// Parameters as they are sent.
pub(super) struct Encoded<'a> {
    /// A bit for each parameter that is NULL.
    pub(super) nulls: &'a [u8],
    /// Two bytes for each parameter: the same at each execution of a statement.
    pub(super) types: &'a [u8],
    /// Those that are not NULL, one after the other.
    pub(super) values: &'a [&'a [u8]],
}

impl Client {
    /// Connects and logs in, within the time for that.
    pub(super) fn connect(login: Login<'_>, port: u16, patience: Patience) -> Outcome<Client> {
        let stream = Stream::connect((login.host, port), patience)?;
        let (packets, version) = login.enter(Packets::new(stream))?;
        Ok(Client {
            packets,
            statements: HashMap::new(),
            version,
            last_used: Instant::now(),
            is_lost: false,
            packet: Vec::new(),
        })
    }

    /// What the server says of its version.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn is_encrypted(&mut self) -> bool {
        self.packets.stream().is_encrypted()
    }

    /// How long nothing was asked.
    pub(super) fn idle(&self) -> Duration {
        self.last_used.elapsed()
    }

    /// Whether the server still answers on this connection.
    pub(super) fn ping(&mut self) -> Outcome<()> {
        self.ask(&[&[PING]])?;
        self.answer(&mut |_, _| Ok(())).map(drop)
    }

    /// Has a statement without parameters done, whose rows nobody wants: how many it affected.
    pub(super) fn run(&mut self, sql: &str) -> Outcome<u64> {
        self.ask(&[&[QUERY], sql.as_bytes()])?;
        self.answer(&mut |_, _| Ok(()))
    }

    /// Has a statement done: how many rows it affected.
    pub(super) fn execute(&mut self, sql: &str, with: &[Param<'_>]) -> Outcome<u64> {
        self.execute_each(sql, with, &mut |_, _| Ok(()))
    }

    /// The rows that a statement answers with.
    pub(super) fn query(&mut self, sql: &str, with: &[Param<'_>]) -> Outcome<Vec<Vec<Cell>>> {
        let mut rows = Vec::new();
        self.execute_each(sql, with, &mut |_, row| {
            rows.push(row);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Hands each row that a statement answers with to `look`, as they come. After an error of
    /// `look` the connection may be used no more.
    pub(super) fn each<E>(
        &mut self,
        sql: &str,
        failed: impl Fn(Trouble) -> E,
        mut look: impl FnMut(Vec<Cell>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.each_typed(sql, failed, |_, row| look(row))
    }

    /// The same with the columns of the answer.
    pub(super) fn each_typed<E>(
        &mut self,
        sql: &str,
        failed: impl Fn(Trouble) -> E,
        mut look: impl FnMut(&[ColumnOfAnswer], Vec<Cell>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut refused = None;
        let done = self.execute_each(sql, &[], &mut |columns, row| {
            look(columns, row).map_err(|error| {
                refused = Some(error);
                Trouble::Broken
            })
        });
        match refused {
            Some(error) => Err(error),
            None => done.map(drop).map_err(failed),
        }
    }

    fn execute_each(
        &mut self,
        sql: &str,
        with: &[Param<'_>],
        look: &mut LookAtCells<'_>,
    ) -> Outcome<u64> {
        let (nulls, types, values) = cell::encode(with);
        self.send(sql, &Encoded { nulls: &nulls, types: &types, values: &[&values] }, false)?;
        self.answer(&mut |columns, packet| {
            look(columns, cell::row(columns, packet).ok_or(Trouble::Broken)?)
        })
    }

    /// Has a statement done with parameters that are encoded already, always of the same types.
    pub(super) fn execute_encoded(&mut self, sql: &str, with: &Encoded<'_>) -> Outcome<u64> {
        self.send(sql, with, true)?;
        self.answer(&mut |_, _| Ok(()))
    }

    /// Has the server look at a statement, its names and rights, without doing it.
    pub(super) fn check(&mut self, sql: &str) -> Outcome<()> {
        self.prepare(sql).map(drop)
    }

    fn send(&mut self, sql: &str, with: &Encoded<'_>, is_same: bool) -> Outcome<()> {
        let statement = self.prepare(sql)?;
        let mut head = vec![EXECUTE];
        head.extend_from_slice(&statement.id.to_le_bytes());
        // No cursor, done once.
        head.extend_from_slice(&[0, 1, 0, 0, 0]);
        let mut parts: Vec<&[u8]> = vec![&head];
        if statement.parameters > 0 {
            let binds = !(is_same && statement.is_bound);
            parts.push(with.nulls);
            parts.push(if binds { &[1] } else { &[0] });
            if binds {
                parts.push(with.types);
            }
            parts.extend_from_slice(with.values);
        }
        self.ask(&parts)?;
        if let Some(statement) = self.statements.get_mut(sql) {
            statement.is_bound = is_same;
        }
        Ok(())
    }

    /// The statement of that text, as the server knows it.
    fn prepare(&mut self, sql: &str) -> Outcome<Statement> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(*statement);
        }
        if self.statements.len() >= STATEMENTS {
            for (_, statement) in std::mem::take(&mut self.statements) {
                self.ask(&[&[CLOSE], &statement.id.to_le_bytes()])?;
            }
        }
        self.ask(&[&[PREPARE], sql.as_bytes()])?;
        self.next_packet()?;
        let read = |mut bytes: Bytes<'_>| {
            let (0, id) = (bytes.u8()?, bytes.u32()?) else { return None };
            Some((id, bytes.u16()?, bytes.u16()?))
        };
        let Some((id, columns, parameters)) = read(Bytes(&self.packet)) else {
            self.is_lost = true;
            return Err(Trouble::Broken);
        };
        for count in [parameters, columns] {
            // Each list has an end of its own.
            let packets = if count > 0 { u32::from(count).saturating_add(1) } else { 0 };
            for _ in 0..packets {
                self.next_packet()?;
            }
        }
        let statement = Statement { id, parameters, is_bound: false };
        self.statements.insert(sql.to_owned(), statement);
        Ok(statement)
    }

    /// The answer to a statement: how many rows it affected. Each row that it has goes to `look`.
    fn answer(&mut self, look: &mut Look<'_>) -> Outcome<u64> {
        let answer = self.take_answer(look);
        // What follows is not known to be an answer to anything.
        self.is_lost |= matches!(answer, Err(Trouble::Broken));
        answer
    }

    fn take_answer(&mut self, look: &mut Look<'_>) -> Outcome<u64> {
        self.next_packet()?;
        let mut bytes = Bytes(&self.packet);
        let count = match bytes.0.first() {
            Some(0x00) => return bytes.some(1).and_then(|_| bytes.number()).ok_or(Trouble::Broken),
            // It asks for a file of ours, which no statement of ours names.
            Some(0xfb) | None => return Err(Trouble::Broken),
            Some(_) => bytes.number().ok_or(Trouble::Broken)?,
        };
        let mut columns = Vec::new();
        for _ in 0..count {
            self.next_packet()?;
            columns.push(cell::column(&self.packet).ok_or(Trouble::Broken)?);
        }
        self.next_packet()?;
        loop {
            self.next_packet()?;
            if self.packet.first() == Some(&0xfe) && self.packet.len() < 9 {
                return Ok(0);
            }
            look(&columns, &self.packet)?;
        }
    }

    fn ask(&mut self, parts: &[&[u8]]) -> Outcome<()> {
        self.last_used = Instant::now();
        if self.is_lost {
            return Err(Trouble::Io(std::io::ErrorKind::NotConnected.into()));
        }
        self.packets.ask(parts).inspect_err(|_| self.is_lost = true).map_err(Trouble::Io)
    }

    /// Takes a packet; one that is an error is that error.
    fn next_packet(&mut self) -> Outcome<()> {
        let taken = self.packets.next_into(&mut self.packet);
        taken.inspect_err(|_| self.is_lost = true)?;
        match self.packet.first() {
            Some(0xff) => Err(of_packet(&self.packet)),
            _ => Ok(()),
        }
    }
}

impl Drop for Client {
    /// Says goodbye, so that the server frees the session's lock at once.
    fn drop(&mut self) {
        if !self.is_lost {
            // It may be closed already.
            let _ = self.packets.ask(&[&[QUIT]]);
        }
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
mod tests {
    use std::net::TcpListener;

    use seismic_brokers::MariaDb;

    use super::*;

    const SHORT: Patience = Patience {
        connect: Duration::from_millis(500),
        silent: Duration::from_millis(200),
        statement: Duration::from_secs(60),
    };

    fn connect(port: u16, patience: Patience) -> Outcome<Client> {
        let (user, database, host) = ("root", "mysql", "127.0.0.1");
        let login = Login { user, password: "", database, host, tls: None, needs_tls: false };
        Client::connect(login, port, patience)
    }

    fn port(server: &MariaDb) -> u16 {
        server.address().rsplit(':').next().unwrap().parse().unwrap()
    }

    #[test]
    fn a_port_that_takes_connections_and_says_nothing_is_given_up() {
        // Its kernel takes connections; no one ever accepts one.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let connected = connect(silent.local_addr().unwrap().port(), SHORT).err();
        let Some(Trouble::Io(error)) = connected else { panic!("{connected:?}") };
        assert!(error.to_string().contains("answers nothing"), "{error}");
    }

    #[test]
    fn a_slow_statement_is_waited_for_and_a_server_that_stands_still_is_not() {
        let Some(server) = MariaDb::start(&[]) else { return };
        // Making its first session takes a busy machine some time.
        let patience = Patience { connect: Duration::from_secs(20), ..SHORT };
        let mut client = connect(port(&server), patience).ok().unwrap();
        client.query("SELECT sleep(1)", &[]).unwrap();
        drop(client);
        let mut client = connect(port(&server), SHORT).ok().unwrap();
        server.freeze();
        let begun = Instant::now();
        let asked = client.query("SELECT 1", &[]).err();
        assert!(matches!(asked, Some(Trouble::Io(_))), "{asked:?}");
        assert!(matches!(client.ping(), Err(Trouble::Io(_))), "it is used no more");
        drop(client);
        assert!(begun.elapsed() < Duration::from_secs(20), "and nothing waits for it at the end");
        server.thaw();
    }

    #[test]
    fn values_come_back_and_errors_of_the_server_leave_the_connection_whole() {
        let Some(server) = MariaDb::start(&[]) else { return };
        let mut client =
            connect(port(&server), Patience { connect: Duration::from_secs(20), ..SHORT });
        let client = client.as_mut().ok().unwrap();
        let with = [Param::Int(-7), Param::Text("\u{1f30b}"), Param::Bytes(b"\0\xff")];
        let rows = client.query("SELECT ? + 0, ?, NULL, hex(?), 0.5e0", &with).unwrap();
        let text = |text: &str| Cell::Bytes(text.as_bytes().to_vec());
        let expected =
            [Cell::Int(-7), text("\u{1f30b}"), Cell::Null, text("00FF"), Cell::Double(0.5)];
        assert_eq!(rows, [expected.to_vec()]);
        for sql in ["SELECT nonsense", "SELECT * FROM nowhere", "KILL 0"] {
            let refused = client.query(sql, &[]).err();
            assert!(matches!(refused, Some(Trouble::Server { .. })), "{sql}: {refused:?}");
        }
        // More statements than a session keeps.
        for i in 0..=STATEMENTS as i64 {
            let rows = client.query(&format!("SELECT {i}"), &[]).unwrap();
            assert_eq!(rows, [[Cell::Int(i)]]);
        }
        assert_eq!(client.run("DO 1").unwrap(), 0);
        client.ping().unwrap();
    }
}
