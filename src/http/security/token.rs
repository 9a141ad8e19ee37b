//! A token of a request, kept as its hash and compared in constant time.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::crypto::ring;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Random bytes of a token that is made here: nobody guesses 256 bits, so that a quick hash of them
/// is as safe as a slow one.
const BYTES: usize = 32;

/// What such a token begins with, by which people and scanners of secrets know it.
const BEGINNING: &str = "seismic-";

/// A secret, kept as its SHA-256. It is compared byte by byte to the end, wherever it differs.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl Token {
    /// The token of this text.
    #[must_use]
    pub fn new(text: &str) -> Token {
        Token(Sha256::digest(text.as_bytes()).into())
    }

    /// The token of this hash.
    #[must_use]
    pub fn of_hash(hash: [u8; 32]) -> Token {
        Token(hash)
    }

    /// Its hash.
    #[must_use]
    pub fn hash(&self) -> &[u8; 32] {
        &self.0
    }

    /// A new one with its text, which is kept nowhere.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn random() -> anyhow::Result<(Token, String)> {
        let mut bytes = [0; BYTES];
        let filled = ring::default_provider().secure_random.fill(&mut bytes);
        filled.map_err(|_| anyhow::anyhow!("the system gives no random numbers for a token"))?;
        let text = format!("{BEGINNING}{}", URL_SAFE_NO_PAD.encode(bytes));
        Ok((Token::new(&text), text))
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Token) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Token {}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn tokens_have_256_random_bits_and_show_nothing_of_themselves() {
        let all: Vec<(Token, String)> = (0..20).map(|_| Token::random().unwrap()).collect();
        let texts: BTreeSet<&str> = all.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts.len(), all.len());
        for (token, text) in &all {
            let secret = text.strip_prefix(BEGINNING).unwrap();
            assert_eq!(URL_SAFE_NO_PAD.decode(secret).unwrap().len() * 8, 256);
            assert!(*token == Token::new(text));
            assert_eq!(format!("{token:?}"), "Token");
        }
    }

    #[test]
    fn one_bit_anywhere_makes_another_token() {
        let token = Token::new("secret");
        for at in 0..256 {
            let mut hash = *token.hash();
            hash[at / 8] ^= 1 << (at % 8);
            assert!(token != Token::of_hash(hash), "{at}");
        }
        assert!(token == Token::of_hash(*token.hash()));
    }

    #[test]
    fn nothing_compares_hashes_but_the_comparison_that_takes_always_as_long() {
        let source = include_str!("token.rs").split("mod tests").next().unwrap();
        assert!(source.contains("self.0.ct_eq(&other.0)"));
        assert!(!source.contains("derive(Clone, PartialEq") && !source.contains("Hash,"));
        // Nobody outside takes the bytes to compare them, but the state that stores them.
        let book = include_str!("book.rs");
        assert!(!book.contains(".hash()"));
    }
}
