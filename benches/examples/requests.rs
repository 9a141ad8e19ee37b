//! Makes requests at a steady rate, for as long as somebody listens, and computes as little as it can: it shares the
//! cores with what `docs/watched.sh` measures.
//!
//!     requests ADDRESS PATH PER_SECOND IDLE
//!     requests ADDRESS PATH follow STREAMS
//!
//! Requests go round-robin over a few keep-alive connections, as Prometheus keeps them; IDLE others stay idle. No request
//! waits for the answer to another, so that a slow server gets as many. Or as
//! many streams of events as pages have, each asked for once and read as it comes. In the end it says how many answers
//! or events there were, and what it computed for them.

#![allow(clippy::print_stderr, reason = "an example prints")]

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// How long it waits for somebody to listen, at the beginning and after a connection was closed.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(1));
/// Pause between two tries to connect.
const PAUSE: Duration = Duration::from_millis(10);
/// Longest answer.
const BYTES: usize = 4 << 20;
/// Connections in the round-robin: an answer may take sixteen times the interval between two requests.
const ASKING: usize = 16;
/// How often streams are looked at: events come each second, and waking up for each costs what is measured.
const LOOK_EVERY: Duration = Duration::from_millis(250);

#[derive(Default)]
struct Answers {
    good: u64,
    refused: u64,
    other: u64,
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address, path, what, many] = &arguments[..] else {
        return Err(io::Error::other(
            "say ADDRESS PATH PER_SECOND IDLE, or ADDRESS PATH follow STREAMS",
        ));
    };
    let number = |text: &str| text.parse::<u32>().map_err(io::Error::other);
    let question = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    match &**what {
        "follow" => follow(address, &question, number(many)?),
        per_second => storm(address, &question, number(per_second)?.max(1), number(many)?),
    }
}

/// Asks so many times a second, beside idle connections.
fn storm(address: &str, question: &str, per_second: u32, idle: u32) -> io::Result<()> {
    let every = Duration::from_secs(1) / per_second;
    let first = connect(address, PATIENCE.0)?;
    let mut links = vec![Some(first)];
    links.resize_with(if per_second > 1 { ASKING } else { 1 }, || None);
    let others: Vec<TcpStream> =
        (0..idle).map(|_| TcpStream::connect(address)).collect::<io::Result<_>>()?;
    let mut answers = Answers::default();
    let mut buffer = vec![0; BYTES];
    let mut due = Instant::now();
    // Whether a question of that link is under way.
    let mut is_asked = vec![false; links.len()];
    for turn in (0..links.len()).cycle() {
        let Some(link) = asked(&mut links[turn], &mut is_asked[turn], &mut buffer, &mut answers)
            .or_else(|| connect(address, PATIENCE.1).ok())
        else {
            // Nobody listens any more.
            break;
        };
        let link = links[turn].insert(link);
        is_asked[turn] = link.write_all(question.as_bytes()).is_ok();
        // One that fell behind does not make up for more than a second.
        let now = Instant::now();
        due = (due + every).max(now.checked_sub(Duration::from_secs(1)).unwrap_or(now));
        thread::sleep(due.saturating_duration_since(now));
    }
    let Answers { good, refused, other } = answers;
    eprintln!(
        "{good} answers, {refused} refused, {other} others, {} idle connections; asking took {:.2} s of CPU",
        others.len(),
        spent_s()?
    );
    Ok(())
}

/// Follows so many streams of events until they end.
fn follow(address: &str, question: &str, streams: u32) -> io::Result<()> {
    let mut links = vec![connect(address, PATIENCE.0)?];
    for _ in 1..streams {
        links.push(connect(address, PATIENCE.1)?);
    }
    for link in &mut links {
        // No more a second than a server answers by default.
        thread::sleep(PAUSE);
        link.write_all(question.as_bytes())?;
        link.set_nonblocking(true)?;
    }
    let (mut events, mut buffer) = (0, vec![0; BYTES]);
    while !links.is_empty() {
        thread::sleep(LOOK_EVERY);
        links.retain_mut(|link| match link.read(&mut buffer) {
            Ok(0) => false,
            Ok(read) => {
                let read = buffer.get(..read).unwrap_or_default();
                events += read.windows(7).filter(|it| it == b"event: ").count();
                true
            }
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        });
    }
    eprintln!("{events} events in {streams} streams; following took {:.2} s of CPU", spent_s()?);
    Ok(())
}

/// What this process has computed, s.
fn spent_s() -> io::Result<f64> {
    let spent = fs::read_to_string("/proc/self/schedstat")?;
    let spent_ns: f64 = spent.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(f64::NAN);
    Ok(spent_ns / 1e9)
}

fn connect(address: &str, patience: Duration) -> io::Result<TcpStream> {
    let began = Instant::now();
    loop {
        match TcpStream::connect(address) {
            Ok(link) => {
                link.set_nodelay(true)?;
                return Ok(link);
            }
            Err(error) if began.elapsed() > patience => return Err(error),
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

/// Reads and counts the answer that is under way, if there is one; `None`: the link has ended.
fn asked(
    link: &mut Option<TcpStream>,
    is_asked: &mut bool,
    buffer: &mut [u8],
    answers: &mut Answers,
) -> Option<TcpStream> {
    let mut link = link.take()?;
    if std::mem::take(is_asked) {
        match answer(&mut link, buffer).ok()? {
            200 => answers.good += 1,
            429 => answers.refused += 1,
            _ => answers.other += 1,
        }
    }
    Some(link)
}

/// Status of the answer, which is read to its end.
fn answer(link: &mut TcpStream, buffer: &mut [u8]) -> io::Result<u16> {
    let (mut there, mut whole) = (0, usize::MAX);
    while there < whole {
        let read = link.read(buffer.get_mut(there..).unwrap_or_default())?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        there += read;
        if whole == usize::MAX {
            let head = buffer[..there].windows(4).position(|it| it == b"\r\n\r\n");
            whole = head.map_or(whole, |head| head + 4 + body_bytes(&buffer[..head]));
        }
    }
    let status = buffer.get(9..12).and_then(|it| str::from_utf8(it).ok()?.parse().ok());
    status.ok_or_else(|| io::Error::other("this is no answer of HTTP/1.1"))
}

/// What a head says of the length of its body.
fn body_bytes(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.and_then(|it| it.trim().parse().ok()).unwrap_or(0)
}
