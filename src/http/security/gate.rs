//! Who may ask at all: a token says who somebody is, and on this machine nobody needs one, unless
//! that was switched off.

use std::sync::Arc;

use axum::http::{HeaderMap, header};

use super::book::TokenBook;
use super::caller::Caller;
use super::token::Token;
use super::who;
use crate::http::ApiError;
use crate::time::show_ms;

/// Longest token that is looked at, in bytes: what a person writes into a file fits, and hashing
/// takes no time.
const TOKEN_BYTES: usize = 512;

/// What proxies tell of those for whom they ask: whoever sends these is not on this machine.
const PROXIED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// Whom a server lets in.
#[derive(Debug, Default)]
pub struct Gate {
    /// The token of its own, with all rights.
    pub own: Option<Token>,
    /// Tokens of persons and programs; `None`: it has none, and never will.
    pub book: Option<Arc<TokenBook>>,
    /// Whether those on this machine need none.
    pub is_local_free: bool,
}

impl Gate {
    /// Who asks, by what the request says at that time.
    ///
    /// # Errors
    /// `unauthorized` without a token, and with one that does not count.
    pub fn caller(&self, headers: &HeaderMap, now_ms: i64) -> Result<Caller, ApiError> {
        if self.own.is_none() && self.book.is_none() {
            // Nobody could have a token.
            return match self.is_local_free {
                true => Ok(Caller::local(who(headers))),
                false => Err(refused("")),
            };
        }
        let Some(brought) = brought(headers)? else {
            let is_proxied =
                self.book.is_some() && PROXIED.iter().any(|it| headers.contains_key(*it));
            return match self.is_local_free {
                true if !is_proxied => Ok(Caller::local(who(headers))),
                true => Err(refused(", as this one came through a proxy")),
                false => Err(refused("")),
            };
        };
        // Both are looked at, whichever fits.
        let is_own = self.own.as_ref().is_some_and(|own| *own == brought);
        let known = self.book.as_ref().and_then(|book| book.find(&brought));
        match known {
            _ if is_own => Ok(Caller::of_server()),
            Some(known) if known.has_expired_at(now_ms) => {
                let when = show_ms(known.facts.expires_ms.unwrap_or_default());
                let name = &known.facts.name;
                Err(ApiError::new(
                    "unauthorized",
                    format!("the token {name} has expired at {when}: ask an admin for another one"),
                ))
            }
            Some(known) => {
                known.use_at(now_ms);
                Ok(Caller::with(known))
            }
            None => Err(ApiError::new(
                "unauthorized",
                "the server does not know this token: it is another server's, or was withdrawn; ask an \
                 admin for one",
            )),
        }
    }
}

/// The token that a request brings; `None` without one.
fn brought(headers: &HeaderMap) -> Result<Option<Token>, ApiError> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let Some(first) = all.next() else { return Ok(None) };
    // Of two, a proxy may have looked at the other one.
    let only = Some(first).filter(|_| all.next().is_none());
    let text = only.and_then(|value| value.to_str().ok());
    let token = text.filter(|text| text.len() <= TOKEN_BYTES).and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| Token::new(token.trim()))
    });
    match token {
        Some(token) => Ok(Some(token)),
        None => Err(refused("; what was sent is no such header")),
    }
}

fn refused(why: &str) -> ApiError {
    ApiError::new(
        "unauthorized",
        format!(
            "requests here need a token{why}: send the header Authorization: Bearer TOKEN; commands take \
             --token-file FILE or the variable SEISMIC_TOKEN, and `seismic token request` asks an admin for \
             one"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::super::book::{KnownToken, TokenFacts};
    use super::super::scope::Scope;
    use super::super::topics::TopicScope;
    use super::*;

    fn gate(is_local_free: bool) -> Gate {
        let book = TokenBook::default();
        let token = |id, name: &str, expires_ms| {
            let facts = TokenFacts {
                id,
                name: name.to_owned(),
                token: Token::new(name),
                roles: "viewer".parse().unwrap(),
                scope: Scope::all(),
                topics: TopicScope::all(),
                expires_ms,
            };
            KnownToken::new(facts, 0)
        };
        book.set(vec![token(1, "anna", None), token(2, "bert", Some(1_000))]);
        Gate { own: Some(Token::new("own")), book: Some(Arc::new(book)), is_local_free }
    }

    /// Who that is at 1 s, or why not.
    fn asked(gate: &Gate, pairs: &[(&str, &str)]) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name: header::HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        let caller = gate.caller(&headers, 1_000);
        caller.map(|it| it.who).map_err(|error| {
            assert_eq!(error.code, "unauthorized");
            error.message
        })
    }

    #[test]
    fn a_token_says_who_somebody_is_whatever_they_call_themselves() {
        let gate = gate(false);
        let as_root = ("x-seismic-user", "root");
        assert_eq!(asked(&gate, &[("authorization", "Bearer anna"), as_root]).unwrap(), "anna");
        assert_eq!(asked(&gate, &[("authorization", "bearer own")]).unwrap(), "server token");
        let expired = asked(&gate, &[("authorization", "Bearer bert")]).unwrap_err();
        assert!(expired.contains("bert has expired"), "{expired}");
        let long = format!("Bearer {}", "x".repeat(10_000));
        for wrong in
            ["Bearer ann", "Bearer annan", "Bearer", "anna", "Basic anna", "Bearer ", &long]
        {
            assert!(asked(&gate, &[("authorization", wrong)]).is_err(), "{wrong}");
        }
        let two = [("authorization", "Bearer anna"), ("authorization", "Bearer own")];
        assert!(asked(&gate, &two).is_err());
        assert!(asked(&gate, &[as_root]).is_err());
    }

    #[test]
    fn on_this_machine_nobody_needs_a_token_unless_a_proxy_asks() {
        let gate = gate(true);
        assert_eq!(asked(&gate, &[("x-seismic-user", "carl")]).unwrap(), "carl");
        for header in PROXIED {
            assert!(asked(&gate, &[(header, "10.0.0.7")]).unwrap_err().contains("a proxy"));
        }
        // A token that is brought is judged all the same.
        assert!(asked(&gate, &[("authorization", "Bearer wrong")]).is_err());
        assert_eq!(asked(&gate, &[("authorization", "Bearer anna")]).unwrap(), "anna");
    }
}
