//! One connection to the server: how it is opened, and which sink owns the keys.
//!
//! The connection name identifies the sink; the oldest connection of a sink is the owner, and the
//! server drops it with the connection. This detects a second sink early; correctness depends only
//! on the position, even if names cannot be read.

use std::io::{self, BufReader, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{process, thread};

use seismic_queue::Kind;

use super::failure;
use super::resp::{self, Reply};
use super::stream::Stream;
use super::target::Target;
use crate::{Error, Result, limits};

/// A connection. It ends with this value.
pub(super) struct Session {
    /// Name of the sink, for messages.
    place: String,
    stream: BufReader<Stream>,
    request: Vec<u8>,
}

/// A name that no other sink's connections have, and that tells which process it is.
pub(super) fn application() -> String {
    static SINKS: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
    let number = SINKS.fetch_add(1, Ordering::Relaxed);
    format!("process-{}-{now:x}-{number}", process::id())
}

impl Session {
    /// Connects, logs in, and goes to the database.
    pub(super) fn connect(target: &Target, patience: Duration) -> Result<Session> {
        let doing = "connecting";
        let failed = |e: io::Error| failure::of_connection(&target.name, doing, &e);
        let addresses = (&*target.host, target.port).to_socket_addrs().map_err(failed)?;
        let mut found = Err(io::Error::from(io::ErrorKind::AddrNotAvailable));
        for address in addresses {
            found = TcpStream::connect_timeout(&address, patience);
            if found.is_ok() {
                break;
            }
        }
        let stream = found.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        stream.set_read_timeout(Some(patience)).map_err(failed)?;
        stream.set_write_timeout(Some(patience)).map_err(failed)?;
        let stream = match target.tls()? {
            Some(config) => Stream::encrypted(stream, config, &target.host).map_err(failed)?,
            None => Stream::Plain(stream),
        };
        let (place, request) = (target.name.clone(), Vec::new());
        let mut session = Session { place, stream: BufReader::new(stream), request };
        match target.login()? {
            (Some(user), Some(password)) => {
                session.call("logging in", &["AUTH", user, &password])?;
            }
            (None, Some(password)) => {
                session.call("logging in", &["AUTH", &password])?;
            }
            (Some(user), None) => {
                session.call("logging in", &["AUTH", user, ""])?;
            }
            (None, None) => {}
        }
        // It takes connections while it loads its file, and says so.
        session.call(doing, &["PING"])?;
        if target.database > 0 {
            session.call(doing, &["SELECT", &target.database.to_string()])?;
        }
        Ok(session)
    }

    /// From now on answers may take as long as sinks wait for them.
    pub(super) fn patient(self) -> Result<Session> {
        let set = self.stream.get_ref().tcp().set_read_timeout(Some(limits::SILENT_PATIENCE));
        set.map_err(|e| failure::of_connection(&self.place, "connecting", &e))?;
        Ok(self)
    }

    /// Has a command done; the answer, unless it is an error.
    pub(super) fn call<A: AsRef<[u8]>>(
        &mut self,
        doing: &'static str,
        args: &[A],
    ) -> Result<Reply> {
        match self.ask(doing, args)? {
            Reply::Error(words) => Err(failure::of_server(&self.place, doing, &words)),
            reply => Ok(reply),
        }
    }

    /// The answer to a command, also an error of the server.
    fn ask<A: AsRef<[u8]>>(&mut self, doing: &'static str, args: &[A]) -> Result<Reply> {
        self.request.clear();
        resp::put(args, &mut self.request);
        let stream = self.stream.get_mut();
        let answered = stream.write_all(&self.request).and_then(|()| stream.flush());
        let answered = answered.and_then(|()| resp::read(&mut self.stream));
        answered.map_err(|e| failure::of_connection(&self.place, doing, &e))
    }

    /// The answers to commands that are sent at once, also errors of the server.
    pub(super) fn ask_all<A: AsRef<[u8]>>(
        &mut self,
        doing: &'static str,
        all: &[Vec<A>],
    ) -> Result<Vec<Reply>> {
        self.request.clear();
        all.iter().for_each(|args| resp::put(args, &mut self.request));
        let stream = self.stream.get_mut();
        let answered = stream.write_all(&self.request).and_then(|()| stream.flush());
        let answered =
            answered.and_then(|()| all.iter().map(|_| resp::read(&mut self.stream)).collect());
        answered.map_err(|e| failure::of_connection(&self.place, doing, &e))
    }

    /// What an error of the server means.
    pub(super) fn refusal(&self, doing: &'static str, words: &str) -> Error {
        failure::of_server(&self.place, doing, words)
    }

    /// Name of the sink, for messages.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// The answer to a command that a user may not be allowed; `None` then.
    pub(super) fn may_call<A: AsRef<[u8]>>(
        &mut self,
        doing: &'static str,
        args: &[A],
    ) -> Result<Option<Reply>> {
        match self.ask(doing, args)? {
            Reply::Error(words) if failure::kind(&words) == Kind::Retry => {
                Err(failure::of_server(&self.place, doing, &words))
            }
            Reply::Error(_) => Ok(None),
            reply => Ok(Some(reply)),
        }
    }

    /// A field of `INFO`, where that may be asked.
    pub(super) fn info(&mut self, section: &str) -> Result<String> {
        let info = self.may_call("asking for its state", &["INFO", section])?;
        Ok(info.and_then(|info| info.text()).unwrap_or_default())
    }

    /// Waits for the sink's turn. A connection of this sink that the server has not given up yet is
    /// lost. One of a process that was killed is gone within moments.
    pub(super) fn take_turn(&mut self, target: &Target, application: &str) -> Result<()> {
        let doing = "taking the sink's place";
        let whose = format!("seismic-sink:{}:{}:", target.database, target.of);
        let ours = format!("{whose}{application}");
        if self.may_call(doing, &["CLIENT", "SETNAME", &ours])?.is_none() {
            return Ok(());
        }
        let begun = Instant::now();
        loop {
            let Some(list) = self.may_call(doing, &["CLIENT", "LIST"])? else { return Ok(()) };
            let list = list.text().unwrap_or_default();
            let Some(holder) = other(&list, &whose, &ours) else { return Ok(()) };
            if begun.elapsed() > limits::TURN_PATIENCE {
                return Err(Error::InUse { place: target.name.clone(), by: holder });
            }
            thread::sleep(limits::TURN_EVERY);
        }
    }
}

/// The older connection of another sink at this place, as text.
fn other(list: &str, whose: &str, ours: &str) -> Option<String> {
    let field = |line: &str, name: &str| -> Option<String> {
        let mut fields = line.split(' ').filter_map(|field| field.split_once('='));
        fields.find(|(of, _)| *of == name).map(|(_, value)| value.to_owned())
    };
    let id = |line: &str| field(line, "id").and_then(|id| id.parse::<u64>().ok());
    let of_name = |line: &&str, name: &str| field(line, "name").is_some_and(|of| of == name);
    let newest = list.lines().filter(|line| of_name(line, ours)).filter_map(id).max()?;
    let older = list.lines().find(|line| {
        let name = field(line, "name").unwrap_or_default();
        name.starts_with(whose) && name != ours && id(line).is_some_and(|id| id < newest)
    })?;
    let (name, at) = (field(older, "name")?, field(older, "addr")?);
    let process = name.strip_prefix(whose)?.replacen('-', " ", 1);
    Some(format!("seismic sink, {process}, at {at}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_connection_of_another_process_has_the_place() {
        let list = "id=3 addr=1.2.3.4:5 name=seismic-sink:0:a:process-7-x db=0\n\
                    id=4 addr=1.2.3.4:6 name=seismic-sink:0:b:process-8-x db=0\n\
                    id=5 addr=1.2.3.4:7 name=seismic-sink:0:a:process-9-x db=0\n";
        let whose = "seismic-sink:0:a:";
        let holder = other(list, whose, "seismic-sink:0:a:process-9-x").unwrap();
        assert!(holder.contains("process 7") && holder.contains("1.2.3.4:5"), "{holder}");
        assert_eq!(other(list, whose, "seismic-sink:0:a:process-7-x"), None);
    }
}
