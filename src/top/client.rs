//! Requests JSON from a server: one request per connection, over plain HTTP.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

/// Longest wait for a server.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest answer that is read: some thousands of jobs.
const ANSWER_BYTES: u64 = 16 << 20;

/// A server, and the token that it may want.
#[derive(Clone, Debug)]
pub struct Client {
    /// `HOST:PORT`.
    pub server: String,
    /// What it wants to hear, if it does.
    pub token: Option<String>,
}

impl Client {
    /// What the server has at `path`.
    ///
    /// # Errors
    /// When it cannot be reached, or has something to say against it.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        let server = &self.server;
        let mut stream = self.connect().with_context(|| {
            format!("no response from {server}; start a job with `seismic run --http {server}`")
        })?;
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\nAccept: \
             application/json\r\n"
        );
        if let Some(token) = &self.token {
            request += &format!("Authorization: Bearer {token}\r\n");
        }
        request += "\r\n";
        let asked = || -> std::io::Result<Vec<u8>> {
            stream.write_all(request.as_bytes())?;
            let mut answer = Vec::new();
            stream.take(ANSWER_BYTES).read_to_end(&mut answer)?;
            Ok(answer)
        };
        let answer = asked().with_context(|| format!("asking {server}"))?;
        parse(&answer).with_context(|| format!("the answer of {server} to {path}"))
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let mut last = None;
        for address in self.server.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(PATIENCE))?;
                    stream.set_write_timeout(Some(PATIENCE))?;
                    return Ok(stream);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| std::io::Error::other("the name has no address")))
    }
}

/// The body of an answer, which our server sends whole, with its length.
fn parse(answer: &[u8]) -> anyhow::Result<Value> {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { bail!("it is no HTTP") };
    let status = head.split(' ').nth(1).unwrap_or_default();
    let json: Result<Value, _> = serde_json::from_str(body);
    match (status, json) {
        ("200", Ok(json)) => Ok(json),
        ("200", Err(error)) => Err(error).context("it is no JSON"),
        (status, json) => {
            let said = json.ok().and_then(|it| it["error"]["message"].as_str().map(str::to_owned));
            bail!("{status}: {}", said.unwrap_or_else(|| "no reason is given".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_body_or_what_the_server_says_against_it() {
        let good = parse(b"HTTP/1.1 200 OK\r\na: b\r\n\r\n{\"jobs\":[]}").unwrap();
        assert_eq!(good, serde_json::json!({ "jobs": [] }));
        let refused = parse(
            b"HTTP/1.1 401 Unauthorized\r\n\r\n{\"error\":{\"code\":\"x\",\"message\":\"a \
              token\"}}",
        );
        assert_eq!(refused.unwrap_err().to_string(), "401: a token");
        assert!(parse(b"SSH-2.0").is_err() && parse(b"HTTP/1.1 200 OK\r\n\r\n<html>").is_err());
    }
}
