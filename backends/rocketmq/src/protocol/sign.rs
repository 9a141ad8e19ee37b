//! Signs requests for brokers with access control (`AclUtils`, `AclClientRPCHook`): HMAC-SHA1 over
//! the values of the header's fields in order of their names, then the body.

use std::fmt;
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use super::frame::{Fields, Request};
use crate::error::{Error, Result};

/// Environment variables that hold the keys.
const ACCESS_KEY: &str = "ROCKETMQ_ACCESS_KEY";
const SECRET_KEY: &str = "ROCKETMQ_SECRET_KEY";
/// Environment variable that names a file with the access key in its first line and the secret one
/// in its second.
const FILE: &str = "ROCKETMQ_CREDENTIALS_FILE";

/// Longest file of credentials that is read, in bytes.
const FILE_BYTES: u64 = 4 << 10;

/// Who we are to the broker. Neither key is ever shown.
#[derive(Clone)]
pub(crate) struct Credentials {
    access_key: String,
    secret_key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

impl Credentials {
    /// From the environment, or from the file it names; `None` when it says nothing.
    ///
    /// # Errors
    /// [`Error::Credentials`] when only one of the two keys is there or the file cannot be read.
    pub(crate) fn from_environment() -> Result<Option<Self>> {
        let of = |name| env::var(name).ok().filter(|value| !value.is_empty());
        match (of(ACCESS_KEY), of(SECRET_KEY), of(FILE)) {
            (Some(access_key), Some(secret_key), _) => {
                Ok(Some(Credentials { access_key, secret_key }))
            }
            (None, None, Some(path)) => Self::from_file(&path).map(Some),
            (None, None, None) => Ok(None),
            _ => {
                let at = format!("{ACCESS_KEY} and {SECRET_KEY}");
                Err(Error::Credentials { at, why: "only one of them is set" })
            }
        }
    }

    fn from_file(path: &str) -> Result<Self> {
        use std::io::Read as _;
        let refuse = |why| Error::Credentials { at: path.to_owned(), why };
        let mut text = String::new();
        let file = fs::File::open(path).map_err(|_| refuse("the file cannot be opened"))?;
        let read = file.take(FILE_BYTES).read_to_string(&mut text);
        read.map_err(|_| refuse("the file cannot be read as text"))?;
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        match (lines.next(), lines.next(), lines.next()) {
            (Some(access_key), Some(secret_key), None) => Ok(Credentials {
                access_key: access_key.to_owned(),
                secret_key: secret_key.to_owned(),
            }),
            _ => Err(refuse("the file must have two lines: the access key and the secret key")),
        }
    }

    /// Adds who we are and the signature.
    pub(crate) fn sign(&self, request: &mut Request) {
        request.fields.insert("AccessKey".to_owned(), self.access_key.clone());
        let signature = self.signature(&request.fields, &request.body);
        request.fields.insert("Signature".to_owned(), signature);
    }

    fn signature(&self, fields: &Fields, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(self.secret_key.as_bytes())
            .expect("a key of any length will do");
        fields.values().for_each(|value| mac.update(value.as_bytes()));
        mac.update(body);
        STANDARD.encode(mac.finalize().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        let (access_key, secret_key) = ("RocketMQ".to_owned(), "12345678".to_owned());
        Credentials { access_key, secret_key }
    }

    /// Reckoned with `openssl dgst -sha1 -hmac 12345678 -binary | base64` over
    /// `RocketMQ` `1` `topic` `body`.
    #[test]
    fn the_signature_is_that_of_openssl() {
        let mut request = Request::new(310).with("b", "topic").with("a", 1).body(b"body".to_vec());
        credentials().sign(&mut request);
        assert_eq!(request.fields["AccessKey"], "RocketMQ");
        assert_eq!(request.fields["Signature"], "GKGJS+53SeSkIcGcRY6r1RRqudM=");
    }

    #[test]
    fn keys_are_never_shown() {
        assert_eq!(format!("{:?}", credentials()), "Credentials(..)");
    }

    #[test]
    fn a_file_of_two_lines_holds_both_keys() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        fs::write(path, "RocketMQ\n12345678\n").unwrap();
        assert_eq!(Credentials::from_file(path).unwrap().secret_key, "12345678");
        fs::write(path, "RocketMQ\n").unwrap();
        assert!(matches!(Credentials::from_file(path), Err(Error::Credentials { .. })));
    }
}
