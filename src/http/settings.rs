//! Settings of the HTTP side: `--http`, and `[http]` of a job file.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use super::limits;
use super::security::Token;
use crate::error::Usage;
use crate::job::time_span::TimeSpan;

/// How it is set. As text: the address, with settings behind commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// Where it listens.
    pub address: SocketAddr,
    /// How long what is read may have waited while the job is ready.
    pub ready_lag: TimeSpan,
    /// File with the token that every request but probes needs.
    pub token_file: Option<PathBuf>,
    /// Names of the server beside its address.
    pub hosts: Vec<String>,
    /// Requests per second that are answered.
    pub requests_per_s: u32,
    /// Connections at a time.
    pub connections: u32,
}

/// Names of the settings behind the address, as a job file and the command line write them.
pub const NAMES: [&str; 5] = ["ready_lag", "token_file", "hosts", "requests_per_s", "connections"];

impl HttpSettings {
    /// Those that are usual, at an address.
    #[must_use]
    pub fn at(address: SocketAddr) -> HttpSettings {
        HttpSettings {
            address,
            ready_lag: TimeSpan::from_ms(limits::READY_LAG_MS),
            token_file: None,
            hosts: Vec::new(),
            requests_per_s: limits::REQUESTS_PER_S,
            connections: limits::CONNECTIONS as u32,
        }
    }

    /// Sets one.
    ///
    /// # Errors
    /// Why not.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let number = |most: u32| match value.parse::<u32>() {
            Ok(number) if (1..=most).contains(&number) => Ok(number),
            _ => Err(format!("{name}: {value:?} is no number between 1 and {most}")),
        };
        match name {
            "ready_lag" => {
                self.ready_lag = value.parse().map_err(|why| format!("{name}: {why}"))?
            }
            "token_file" => self.token_file = Some(PathBuf::from(value)),
            "hosts" => {
                self.hosts = value
                    .split(['|', ' '])
                    .filter(|it| !it.is_empty())
                    .map(str::to_owned)
                    .collect();
            }
            "requests_per_s" => self.requests_per_s = number(100_000)?,
            "connections" => self.connections = number(10_000)?,
            _ => {
                let known = NAMES.join(", ");
                return Err(format!("{name:?} is no setting of it; there are {known}"));
            }
        }
        Ok(())
    }

    /// The token of the file, without which nobody may ask at an address that others can reach.
    ///
    /// # Errors
    /// [`Usage`] when the file cannot be read or holds none, and when an address that others can
    /// reach has none.
    pub fn token(&self) -> Result<Option<Token>, Usage> {
        match self.own_token()? {
            None if !self.address.ip().is_loopback() => Err(Usage(format!(
                "others can reach {}, so requests there need a token: write one into a \
                 file and name it with --http-token-file, or listen on 127.0.0.1",
                self.address
            ))),
            token => Ok(token),
        }
    }

    /// The token of the file, if there is one.
    ///
    /// # Errors
    /// [`Usage`] when the file cannot be read or holds none.
    pub fn own_token(&self) -> Result<Option<Token>, Usage> {
        let Some(file) = &self.token_file else { return Ok(None) };
        let name = file.display();
        let text = std::fs::read_to_string(file)
            .map_err(|error| Usage(format!("the token file {name} cannot be read: {error}")))?;
        match text.trim() {
            token if token.len() < TOKEN_BYTES => Err(Usage(format!(
                "the token in {name} has {} characters: use {TOKEN_BYTES} or more, as from \
                 `openssl rand -hex 32`",
                token.len()
            ))),
            token if token.contains(char::is_whitespace) => {
                Err(Usage(format!("the token in {name} has blanks: write one word")))
            }
            token => Ok(Some(Token::new(token))),
        }
    }
}

/// Fewest characters of a token: too many to guess.
const TOKEN_BYTES: usize = 16;

impl FromStr for HttpSettings {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',');
        let address = parts.next().unwrap_or_default().trim();
        // A port alone is on this machine only.
        let address = match address.parse::<u16>() {
            Ok(port) => SocketAddr::from(([127, 0, 0, 1], port)),
            Err(_) => address.replace("localhost:", "127.0.0.1:").parse().map_err(|_| {
                format!("{address:?} is no address and port like 127.0.0.1:9100 or [::1]:9100")
            })?,
        };
        let mut settings = HttpSettings::at(address);
        for part in parts {
            let (name, value) =
                part.split_once('=').ok_or_else(|| format!("{part:?}: write NAME=VALUE"))?;
            settings.set(name.trim(), value.trim())?;
        }
        Ok(settings)
    }
}

impl fmt::Display for HttpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = HttpSettings::at(self.address);
        write!(f, "{}", self.address)?;
        if self.ready_lag != usual.ready_lag {
            write!(f, ",ready_lag={}", self.ready_lag)?;
        }
        if let Some(file) = &self.token_file {
            write!(f, ",token_file={}", file.display())?;
        }
        if !self.hosts.is_empty() {
            write!(f, ",hosts={}", self.hosts.join("|"))?;
        }
        if self.requests_per_s != usual.requests_per_s {
            write!(f, ",requests_per_s={}", self.requests_per_s)?;
        }
        if self.connections != usual.connections {
            write!(f, ",connections={}", self.connections)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<HttpSettings, String> {
        text.parse()
    }

    #[test]
    fn text_comes_back_as_it_was() {
        for text in [
            "127.0.0.1:9100",
            "[::1]:0,ready_lag=30s",
            "0.0.0.0:80,token_file=/run/token,hosts=a.example|b,requests_per_s=7,connections=9",
        ] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        assert_eq!(parse("9100").unwrap().to_string(), "127.0.0.1:9100");
        assert_eq!(parse("localhost:9100").unwrap().to_string(), "127.0.0.1:9100");
    }

    #[test]
    fn what_cannot_be_understood_is_said() {
        for (text, why) in [
            ("nowhere", "no address and port"),
            ("127.0.0.1", "no address and port"),
            ("127.0.0.1:99999", "no address and port"),
            ("127.0.0.1:1,lag=1s", "there are ready_lag"),
            ("127.0.0.1:1,ready_lag", "write NAME=VALUE"),
            ("127.0.0.1:1,connections=0", "between 1 and 10000"),
        ] {
            let refused = parse(text).unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }

    #[test]
    fn an_address_that_others_reach_needs_a_token_that_cannot_be_guessed() {
        assert_eq!(parse("127.0.0.1:1").unwrap().token().unwrap(), None);
        let open = parse("0.0.0.0:1").unwrap();
        assert!(open.token().unwrap_err().to_string().contains("--http-token-file"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let with = HttpSettings { token_file: Some(file.clone()), ..open };
        assert!(with.token().unwrap_err().to_string().contains("cannot be read"));
        for (text, why) in [("short\n", "5 characters"), ("0123456789 0123456789", "blanks")] {
            std::fs::write(&file, text).unwrap();
            assert!(with.token().unwrap_err().to_string().contains(why));
        }
        std::fs::write(&file, "0123456789abcdef\n").unwrap();
        assert_eq!(with.token().unwrap(), Some(Token::new("0123456789abcdef")));
    }
}
