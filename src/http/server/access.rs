//! How several people reach one server: with which tokens, and how nobody reads them on the way.

use std::sync::Arc;

use super::tls::TlsFiles;
use crate::error::Usage;
use crate::http::HttpSettings;
use crate::http::security::{Gate, TokenBook};

/// How it is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessSettings {
    /// Certificate and key; `None`: connections are not encrypted.
    pub tls: Option<TlsFiles>,
    /// Whether connections from elsewhere may be plain.
    pub allows_plain: bool,
    /// Whether those on this machine need a token, too.
    pub needs_token: bool,
}

impl AccessSettings {
    /// Whether whoever is on this machine needs no token at the address of `http`.
    #[must_use]
    pub fn is_free_for_local(&self, http: &HttpSettings) -> bool {
        http.address.ip().is_loopback() && http.token_file.is_none() && !self.needs_token
    }

    /// Who is let in at the address of `http`, with the tokens of `book`.
    ///
    /// # Errors
    /// [`Usage`] when others could read what is said there, or nobody could say who they are.
    pub fn gate(
        &self,
        http: &HttpSettings,
        book: &Arc<TokenBook>,
        now_ms: i64,
    ) -> Result<Gate, Usage> {
        let address = http.address;
        let is_local = address.ip().is_loopback();
        if !is_local && self.tls.is_none() && !self.allows_plain {
            return Err(Usage(format!(
                "others can reach {address}, and whoever is on the way could read tokens and rows there: \
                 give a certificate with --tls-cert and --tls-key, listen on 127.0.0.1, or, behind a \
                 proxy that encrypts, say --http-plain"
            )));
        }
        let own = http.own_token()?;
        let is_local_free = self.is_free_for_local(http);
        if !is_local_free && own.is_none() && !book.has_admin_at(now_ms) {
            return Err(Usage(format!(
                "requests to {address} need a token, and there is none of an admin: make one with \
                 `seismic token create NAME --role admin --state sqlite:FILE`, with the --state of this \
                 server, or write one into a file and name it with --http-token-file"
            )));
        }
        Ok(Gate { own, book: Some(Arc::clone(book)), is_local_free })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::http::security::{KnownToken, Scope, Token, TokenFacts, TopicScope};

    fn gate(address: &str, settings: &AccessSettings, role: &str) -> Result<Gate, String> {
        let book = TokenBook::default();
        let facts = TokenFacts {
            id: 1,
            name: "anna".to_owned(),
            token: Token::new("secret"),
            roles: role.parse().unwrap(),
            scope: Scope::all(),
            topics: TopicScope::all(),
            expires_ms: Some(1_000),
        };
        book.set(vec![KnownToken::new(facts, 0)]);
        let gate = settings.gate(&address.parse().unwrap(), &Arc::new(book), 0);
        gate.map_err(|error| error.to_string())
    }

    #[test]
    fn only_this_machine_needs_neither_token_nor_encryption() {
        let usual = AccessSettings::default();
        assert!(gate("127.0.0.1:1", &usual, "viewer").unwrap().is_local_free);
        assert!(gate("[::1]:1", &usual, "viewer").unwrap().is_local_free);
        for address in ["0.0.0.0:1", "10.1.2.3:1", "[::]:1"] {
            let refused = gate(address, &usual, "admin").unwrap_err();
            assert!(
                refused.contains("--tls-cert") && refused.contains("--http-plain"),
                "{refused}"
            );
        }
        let plain = AccessSettings { allows_plain: true, ..usual.clone() };
        assert!(!gate("0.0.0.0:1", &plain, "admin").unwrap().is_local_free);
        let refused = gate("0.0.0.0:1", &plain, "viewer").unwrap_err();
        assert!(refused.contains("seismic token create"), "{refused}");
        let files = TlsFiles { cert: PathBuf::from("c"), key: PathBuf::from("k") };
        let encrypted = AccessSettings { tls: Some(files), ..usual };
        assert!(!gate("0.0.0.0:1", &encrypted, "admin").unwrap().is_local_free);
    }

    #[test]
    fn that_this_machine_needs_no_token_can_be_switched_off() {
        let needs = AccessSettings { needs_token: true, ..AccessSettings::default() };
        assert!(!gate("127.0.0.1:1", &needs, "admin").unwrap().is_local_free);
        assert!(gate("127.0.0.1:1", &needs, "operator").unwrap_err().contains("of an admin"));
    }
}
