//! Logs in to a broker (`SaslHandshake` and `SaslAuthenticate`, both version 1,
//! <https://kafka.apache.org/protocol#sasl_handshake>): PLAIN and SCRAM.

use std::fmt;
use std::io::{Read, Write};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rustls::crypto::ring;

use super::call::{call, send};
use super::open_error::OpenError;
use super::salted::Hash;
use super::scram::Scram;
use crate::wire::string;
use seismic_queue::backend::byte_reader::Bytes;

const SASL_HANDSHAKE: i16 = 17;
const SASL_AUTHENTICATE: i16 = 36;

/// Error codes of the protocol.
const UNSUPPORTED_MECHANISM: i16 = 33;
const AUTHENTICATION_FAILED: i16 = 58;

/// Random bytes of a nonce.
const NONCE_BYTES: usize = 24;

/// How someone shows who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    Plain,
    ScramSha256,
    ScramSha512,
}

impl Mechanism {
    /// By its name in the settings; `None`: one that is not spoken here.
    pub(crate) fn named(name: &str) -> Option<Mechanism> {
        let all = [Mechanism::Plain, Mechanism::ScramSha256, Mechanism::ScramSha512];
        all.into_iter().find(|it| it.name().eq_ignore_ascii_case(name))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// Who we are.
#[derive(Clone)]
pub(crate) struct Login {
    pub(super) mechanism: Mechanism,
    pub(super) user: String,
    pub(super) password: String,
}

/// The password is never shown.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}

impl Login {
    /// Logs in; how long that holds, `None`: for as long as the connection.
    pub(super) fn log_in(
        &self,
        stream: &mut (impl Read + Write),
        client: &str,
    ) -> Result<Option<Duration>, OpenError> {
        let mut words = Words { stream, client, number: 0, lifetime_ms: 0 };
        words.choose(self.mechanism)?;
        let hash = match self.mechanism {
            Mechanism::Plain => {
                words.say(format!("\0{}\0{}", self.user, self.password).as_bytes())?;
                return Ok(words.lifetime());
            }
            Mechanism::ScramSha256 => Hash::Sha256,
            Mechanism::ScramSha512 => Hash::Sha512,
        };
        let nonce = nonce()?;
        let scram = Scram::new(hash, &self.user, &self.password, &nonce);
        let challenge = words.say(scram.first().as_bytes())?;
        let (answer, proof) = scram.answer(&challenge).map_err(OpenError::Denied)?;
        let proved = words.say(answer.as_bytes())?;
        proof.check(&proved).map_err(OpenError::Denied)?;
        Ok(words.lifetime())
    }
}

/// A conversation.
struct Words<'a, S> {
    stream: &'a mut S,
    client: &'a str,
    number: i32,
    lifetime_ms: i64,
}

impl<S: Read + Write> Words<'_, S> {
    /// Says which mechanism is spoken.
    fn choose(&mut self, mechanism: Mechanism) -> Result<(), OpenError> {
        let mut body = Vec::new();
        string(&mut body, mechanism.name());
        let answer = self.call(SASL_HANDSHAKE, &body)?;
        let mut rest = Bytes(&answer);
        match rest.i16().ok_or_else(OpenError::garbled)? {
            0 => Ok(()),
            UNSUPPORTED_MECHANISM => {
                let offered = mechanisms(rest).unwrap_or_default().join(", ");
                let asked = mechanism.name();
                Err(OpenError::Denied(format!("it offers {offered}, and not {asked}")))
            }
            code => Err(OpenError::code(code)),
        }
    }

    /// Says something of the mechanism, and hears the answer.
    fn say(&mut self, words: &[u8]) -> Result<Vec<u8>, OpenError> {
        let length = i32::try_from(words.len()).map_err(|_| OpenError::garbled())?;
        let body = [&length.to_be_bytes()[..], words].concat();
        let answer = self.call(SASL_AUTHENTICATE, &body)?;
        let said = authenticated(&answer).ok_or_else(OpenError::garbled)?;
        match said.code {
            0 => {
                self.lifetime_ms = said.lifetime_ms;
                Ok(said.words.to_vec())
            }
            AUTHENTICATION_FAILED => Err(OpenError::Denied(said.message)),
            code => Err(OpenError::code(code)),
        }
    }

    fn call(&mut self, api: i16, body: &[u8]) -> Result<Vec<u8>, OpenError> {
        self.number += 1;
        send(self.stream, (api, 1), self.number, self.client, body)?;
        call(self.stream, self.number)
    }

    /// Zero means forever.
    fn lifetime(&self) -> Option<Duration> {
        let ms = u64::try_from(self.lifetime_ms).unwrap_or(0);
        (ms > 0).then(|| Duration::from_millis(ms))
    }
}

/// What a broker answers about a login.
struct Said<'a> {
    code: i16,
    message: String,
    words: &'a [u8],
    lifetime_ms: i64,
}

fn authenticated(answer: &[u8]) -> Option<Said<'_>> {
    let mut rest = Bytes(answer);
    let code = rest.i16()?;
    let message = match usize::try_from(rest.i16()?) {
        Ok(length) => String::from_utf8_lossy(rest.take(length)?).into_owned(),
        Err(_) => "it does not say why".to_owned(),
    };
    let length = rest.length().unwrap_or(0);
    let words = rest.take(length)?;
    // What ends with an error may end here.
    let lifetime_ms = rest.i64().unwrap_or(0);
    Some(Said { code, message, words, lifetime_ms })
}

fn mechanisms(mut rest: Bytes<'_>) -> Option<Vec<String>> {
    let mut all = Vec::new();
    for _ in 0..rest.length()? {
        let length = usize::try_from(rest.i16()?).ok()?;
        all.push(String::from_utf8_lossy(rest.take(length)?).into_owned());
    }
    Some(all)
}

/// No one can foretell it.
fn nonce() -> Result<String, OpenError> {
    let mut bytes = [0; NONCE_BYTES];
    let filled = ring::default_provider().secure_random.fill(&mut bytes);
    filled.map_err(|_| OpenError::Io(std::io::Error::other("the system gives no random bytes")))?;
    Ok(STANDARD_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use std::io::{self, Cursor};

    use super::*;

    /// A broker that answers this, in order.
    struct Broker {
        answers: Cursor<Vec<u8>>,
        asked: Vec<u8>,
    }

    impl Read for Broker {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.answers.read(into)
        }
    }

    impl Write for Broker {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.asked.extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn broker(answers: &[&[u8]]) -> Broker {
        let mut bytes = Vec::new();
        for (number, answer) in (1_i32..).zip(answers) {
            bytes.extend((answer.len() as i32 + 4).to_be_bytes());
            bytes.extend(number.to_be_bytes());
            bytes.extend(*answer);
        }
        Broker { answers: Cursor::new(bytes), asked: Vec::new() }
    }

    fn authenticated(code: i16, message: &str, words: &str, lifetime_ms: i64) -> Vec<u8> {
        let mut bytes = code.to_be_bytes().to_vec();
        string(&mut bytes, message);
        bytes.extend((words.len() as i32).to_be_bytes());
        bytes.extend(words.as_bytes());
        bytes.extend(lifetime_ms.to_be_bytes());
        bytes
    }

    fn login(mechanism: Mechanism) -> Login {
        Login { mechanism, user: "alice".to_owned(), password: "hunter2".to_owned() }
    }

    const CHOSEN: &[u8] = &[0, 0, 0, 0, 0, 0];

    #[test]
    fn who_is_let_in_by_a_plain_password_hears_for_how_long() {
        let mut broker = broker(&[CHOSEN, &authenticated(0, "", "", 5_000)]);
        let lifetime = login(Mechanism::Plain).log_in(&mut broker, "me").unwrap();
        assert_eq!(lifetime, Some(Duration::from_secs(5)));
        assert!(broker.asked.ends_with(b"\0\0\0\x0e\0alice\0hunter2"));
    }

    #[test]
    fn a_refusal_says_what_the_broker_said_and_no_password() {
        let mut broker = broker(&[CHOSEN, &authenticated(58, "invalid credentials", "", 0)]);
        let error = login(Mechanism::Plain).log_in(&mut broker, "me").unwrap_err();
        assert!(matches!(&error, OpenError::Denied(why) if why == "invalid credentials"));
        assert!(!format!("{error:?} {:?}", login(Mechanism::Plain)).contains("hunter2"));
    }

    #[test]
    fn a_mechanism_that_the_broker_does_not_know_is_named_with_those_that_it_knows() {
        let mut answer = 33_i16.to_be_bytes().to_vec();
        answer.extend(2_i32.to_be_bytes());
        string(&mut answer, "PLAIN");
        string(&mut answer, "GSSAPI");
        let error = login(Mechanism::ScramSha512).log_in(&mut broker(&[&answer]), "me");
        let why = "it offers PLAIN, GSSAPI, and not SCRAM-SHA-512";
        assert!(matches!(error, Err(OpenError::Denied(said)) if said == why));
    }

    #[test]
    fn a_server_without_the_password_is_denied_after_its_challenge() {
        let challenge = authenticated(0, "", "r=stolen,s=c2FsdA==,i=4096", 0);
        let error = login(Mechanism::ScramSha256).log_in(&mut broker(&[CHOSEN, &challenge]), "me");
        assert!(matches!(error, Err(OpenError::Denied(_))));
    }

    #[test]
    fn answers_that_are_cut_or_none_are_failures_of_the_connection() {
        for answers in [&[][..], &[&[0][..]], &[CHOSEN, &[0, 0, 0]]] {
            let error = login(Mechanism::Plain).log_in(&mut broker(answers), "me");
            assert!(matches!(error, Err(OpenError::Io(_))));
        }
    }
}
