//! The token of a request, compared in constant time.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::http::ApiError;

/// A secret, kept as its hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// The token of this text.
    #[must_use]
    pub fn new(text: &str) -> Token {
        Token(Sha256::digest(text.as_bytes()).into())
    }

    /// Whether `Authorization` has it.
    ///
    /// # Errors
    /// `unauthorized` if not.
    pub fn check(&self, authorization: Option<&str>) -> Result<(), ApiError> {
        let brought = authorization.and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| Token::new(token.trim()))
        });
        // Of hashes, and of every byte: how long it takes says nothing of the secret.
        let differs = |other: Token| {
            let differences = self.0.iter().zip(other.0).map(|(ours, theirs)| ours ^ theirs);
            differences.fold(0, |all, one| all | one) != 0
        };
        match brought.map(differs) {
            Some(false) => Ok(()),
            _ => Err(ApiError::new(
                "unauthorized",
                "this needs the server's token: send the header Authorization: Bearer TOKEN",
            )),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}
