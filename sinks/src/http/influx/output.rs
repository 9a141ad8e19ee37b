//! The target of lines: the end of a file, or a server over HTTP.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::Duration;

use seismic_queue::{Kind, lock_file};
use ureq::Agent;

use crate::http::client;
use crate::{Error, Result, limits};

/// A place for lines.
#[derive(Debug)]
pub(super) enum Output {
    File(File),
    Server { url: String, token: Option<String>, agent: Agent },
}

impl Output {
    /// The file, locked until this is dropped, without what a crash left of a line.
    pub(super) fn file(at: &Path) -> Result<Output> {
        let failed = |doing| Error::io(at, doing);
        if let Some(folder) = at.parent() {
            fs::create_dir_all(folder).map_err(Error::io(folder, "making the folder"))?;
        }
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(at);
        let mut file = file.map_err(failed("opening the file"))?;
        // A file that is new is there after a power loss, too.
        let folder = at.parent().filter(|folder| !folder.as_os_str().is_empty());
        let kept =
            File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
        kept.map_err(failed("opening the file"))?;
        if !lock_file(&file).map_err(failed("locking the file"))? {
            return Err(Error::Owned { at: at.to_owned(), by: "another process".to_owned() });
        }
        let (mut from, mut whole, mut line) = (BufReader::new(&file), 0u64, Vec::new());
        loop {
            line.clear();
            let read = from.read_until(b'\n', &mut line).map_err(failed("reading the file"))?;
            if !line.ends_with(b"\n") {
                break;
            }
            whole += read as u64;
        }
        file.set_len(whole).map_err(failed("cutting the file back"))?;
        file.seek(SeekFrom::Start(whole)).map_err(failed("cutting the file back"))?;
        Ok(Output::File(file))
    }

    /// The server that takes lines at this address.
    pub(super) fn server(url: &str, token: Option<String>, patience: Duration) -> Result<Output> {
        Ok(Output::Server { url: url.to_owned(), token, agent: client::agent(patience, None)? })
    }

    /// Makes lines durable there.
    pub(super) fn put(&mut self, place: &str, lines: &str) -> Result<()> {
        match self {
            Output::File(file) => {
                let at = Path::new(place);
                let begun = file.stream_position().map_err(Error::io(at, "writing lines"))?;
                let written = file.write_all(lines.as_bytes()).and_then(|()| file.sync_data());
                written.map_err(|error| {
                    // Whole lines alone count; more is cut off when the file is opened again.
                    let _ = file.set_len(begun).and_then(|()| file.seek(SeekFrom::Start(begun)));
                    Error::io(at, "writing lines")(error)
                })
            }
            Output::Server { url, token, agent } => {
                let mut request =
                    agent.post(&*url).header("Content-Type", "text/plain; charset=utf-8");
                if let Some(token) = token {
                    request = request.header("Authorization", format!("Token {token}"));
                }
                let failed = |what: String, kind| {
                    let (place, doing) = (place.to_owned(), "writing lines");
                    Err(Error::Database { place, doing, what, kind })
                };
                let mut answer = match request.send(lines) {
                    Ok(answer) => answer,
                    Err(error) => return failed(error.to_string(), Kind::Retry),
                };
                let status = answer.status();
                if status.is_success() {
                    return Ok(());
                }
                let body =
                    answer.body_mut().with_config().limit(limits::ANSWER_BYTES).read_to_string();
                let what = format!("the server says {status}: {}", body.unwrap_or_default().trim());
                match status.as_u16() {
                    408 | 425 | 429 | 500.. => failed(what, Kind::Retry),
                    400 | 422 => Err(Error::RowsRefused { place: place.to_owned(), what }),
                    _ => failed(what, Kind::Config),
                }
            }
        }
    }
}
