//! Guards: checks that every request passes before it reaches a route.
//!
//! * **Host**: unknown names are refused, so that no page can reach the server under its own name
//!   (DNS rebinding). IP addresses are allowed.
//! * **Origin**: a page of another site may neither read nor write.
//! * **Token**: it says who asks ([`gate`]); without one, only those on this machine pass, unless
//!   that is switched off. What they may do, and with which jobs, is asked by the route.
//! * **Writes** require the header [`WRITE_HEADER`], which no form or link can send.
//! * **Rate**: requests beyond it get 429.

mod book;
mod caller;
mod gate;
mod headers;
mod host;
mod rate_limit;
mod refusals;
mod role;
mod scope;
mod token;
mod topics;
mod who;

use axum::http::{HeaderMap, Method, header};

pub use self::book::{KnownToken, TokenBook, TokenFacts};
pub use self::caller::Caller;
pub use self::gate::Gate;
pub use self::headers::add_to;
use self::host::is_own_name;
pub use self::rate_limit::RateLimit;
pub use self::refusals::Refusals;
pub use self::role::{Right, Role, Roles};
pub use self::scope::Scope;
pub use self::token::Token;
pub use self::topics::TopicScope;
pub use self::who::who;
use super::ApiError;
use crate::time::now_ms;

/// The header that every write needs, with any value.
pub const WRITE_HEADER: &str = "x-seismic-request";

/// For whom something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// For whom the gate lets in.
    Guarded,
    /// For everybody; all else is checked as ever.
    ForStrangers,
    /// For everybody, as often as they like: probes.
    Open,
}

/// The checks with what they compare with.
#[derive(Debug)]
pub struct Guards {
    /// Names that the server has beside addresses and `localhost`.
    pub hosts: Vec<String>,
    /// Who may ask.
    pub gate: Gate,
    /// Requests per second of those who may.
    pub rate: RateLimit,
    /// The same of all others, who take nothing from these.
    pub strangers: RateLimit,
}

impl Guards {
    /// Who asks, if the request may pass to what is behind that door.
    ///
    /// # Errors
    /// Why not.
    pub fn check(
        &self,
        method: &Method,
        headers: &HeaderMap,
        door: Door,
    ) -> Result<Caller, ApiError> {
        let caller = self.gate.caller(headers, now_ms());
        if door == Door::Open {
            return Ok(caller.unwrap_or_else(|_| Caller::stranger("nobody")));
        }
        let rate = if caller.is_ok() { &self.rate } else { &self.strangers };
        if !rate.take() {
            return Err(ApiError::new(
                "too_many_requests",
                "more requests came in this second than are answered: ask less often, or raise \
                 requests_per_s in [http]",
            ));
        }
        let host = text(headers, header::HOST.as_str()).unwrap_or_default();
        if !is_own_name(host, &self.hosts) {
            return Err(ApiError::new(
                "forbidden",
                format!(
                    "this server is not {host:?}: use its address, or add the name to hosts in [http]"
                ),
            ));
        }
        check_origin(headers, host)?;
        let caller = match (caller, door) {
            (Err(_), Door::ForStrangers) => Caller::stranger(who(headers)),
            (caller, _) => caller?,
        };
        let is_write = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        if is_write && !headers.contains_key(WRITE_HEADER) {
            return Err(ApiError::new(
                "forbidden",
                format!("requests that change something need the header {WRITE_HEADER}: 1"),
            ));
        }
        Ok(caller)
    }
}

/// Refuses what a page of another site asks.
fn check_origin(headers: &HeaderMap, host: &str) -> Result<(), ApiError> {
    let other = || ApiError::new("forbidden", "pages of other sites may not ask this server");
    if let Some(origin) = text(headers, header::ORIGIN.as_str()) {
        let (scheme, of_origin) = origin.split_once("://").ok_or_else(other)?;
        let is_own = matches!(scheme, "http" | "https") && of_origin.eq_ignore_ascii_case(host);
        return if is_own { Ok(()) } else { Err(other()) };
    }
    match text(headers, "sec-fetch-site") {
        Some("cross-site" | "same-site") => Err(other()),
        _ => Ok(()),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    // Bytes that are no text equal nothing.
    headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name: header::HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    fn check(method: &Method, pairs: &[(&str, &str)]) -> Result<(), &'static str> {
        let guards = Guards {
            hosts: vec!["seismic.example".into()],
            gate: Gate { own: Some(Token::new("secret")), ..Gate::default() },
            rate: RateLimit::new(1_000),
            strangers: RateLimit::new(1_000),
        };
        guards.check(method, &headers(pairs), Door::Guarded).map(drop).map_err(|error| error.code)
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:9100");
    const TOKEN: (&str, &str) = ("authorization", "Bearer secret");

    #[test]
    fn who_has_the_token_and_asks_by_our_name_may_read() {
        assert_eq!(check(&Method::GET, &[HOST, TOKEN]), Ok(()));
        assert_eq!(check(&Method::GET, &[("host", "seismic.example"), TOKEN]), Ok(()));
    }

    #[test]
    fn without_the_token_nobody_reads() {
        assert_eq!(check(&Method::GET, &[HOST]), Err("unauthorized"));
        for wrong in ["Bearer secre", "Bearer secret2", "Basic secret", "secret", ""] {
            let result = check(&Method::GET, &[HOST, ("authorization", wrong)]);
            assert_eq!(result, Err("unauthorized"), "{wrong}");
        }
    }

    #[test]
    fn other_names_and_other_sites_are_refused() {
        for host in ["evil.example", "evil.example:9100", "127.0.0.1.evil.example", ""] {
            assert_eq!(check(&Method::GET, &[("host", host), TOKEN]), Err("forbidden"), "{host}");
        }
        for origin in ["http://evil.example", "null", "http://127.0.0.1:9101", "file://x"] {
            let result = check(&Method::GET, &[HOST, TOKEN, ("origin", origin)]);
            assert_eq!(result, Err("forbidden"), "{origin}");
        }
        let own = check(&Method::GET, &[HOST, TOKEN, ("origin", "http://127.0.0.1:9100")]);
        assert_eq!(own, Ok(()));
        let cross = check(&Method::GET, &[HOST, TOKEN, ("sec-fetch-site", "cross-site")]);
        assert_eq!(cross, Err("forbidden"));
    }

    #[test]
    fn a_write_needs_its_header() {
        assert_eq!(check(&Method::POST, &[HOST, TOKEN]), Err("forbidden"));
        assert_eq!(check(&Method::POST, &[HOST, TOKEN, ("x-seismic-request", "1")]), Ok(()));
    }

    #[test]
    fn beyond_the_rate_only_probes_are_answered() {
        let guards = Guards {
            hosts: Vec::new(),
            gate: Gate { is_local_free: true, ..Gate::default() },
            rate: RateLimit::new(1),
            strangers: RateLimit::new(1),
        };
        let ask = |door| guards.check(&Method::GET, &headers(&[HOST]), door);
        assert!(ask(Door::Guarded).is_ok());
        assert_eq!(ask(Door::Guarded).unwrap_err().code, "too_many_requests");
        assert_eq!(ask(Door::ForStrangers).unwrap_err().code, "too_many_requests");
        assert!(ask(Door::Open).is_ok());
    }

    #[test]
    fn strangers_who_ask_too_often_take_nothing_from_those_who_have_a_token() {
        let guards = Guards {
            hosts: Vec::new(),
            gate: Gate { own: Some(Token::new("secret")), ..Gate::default() },
            rate: RateLimit::new(1),
            strangers: RateLimit::new(2),
        };
        let ask = |pairs: &[(&str, &str)]| {
            guards
                .check(&Method::GET, &headers(pairs), Door::Guarded)
                .map(drop)
                .map_err(|it| it.code)
        };
        let as_stranger: Vec<_> = (0..5).map(|_| ask(&[HOST])).collect();
        assert_eq!(
            as_stranger[..3],
            [Err("unauthorized"), Err("unauthorized"), Err("too_many_requests"),]
        );
        assert_eq!(ask(&[HOST, TOKEN]), Ok(()));
    }

    #[test]
    fn what_is_for_strangers_is_checked_as_all_else_but_for_the_token() {
        let guards = Guards {
            hosts: Vec::new(),
            gate: Gate { own: Some(Token::new("secret")), ..Gate::default() },
            rate: RateLimit::new(1_000),
            strangers: RateLimit::new(1_000),
        };
        let ask = |pairs: &[(&str, &str)]| {
            let caller = guards.check(&Method::POST, &headers(pairs), Door::ForStrangers);
            caller.map_err(|error| error.code)
        };
        let (write, anna) = (("x-seismic-request", "1"), ("x-seismic-user", "anna"));
        let caller = ask(&[HOST, write, anna]).unwrap();
        assert_eq!((&*caller.who, caller.is_proved(), caller.is_anybody()), ("anna", false, true));
        assert!(Right::ALL.iter().all(|&right| !caller.may(right)));
        let known = ask(&[HOST, write, TOKEN]).unwrap();
        assert!(known.is_proved() && !known.is_anybody());
        assert_eq!(ask(&[HOST]).unwrap_err(), "forbidden");
        assert_eq!(ask(&[("host", "evil.example"), write]).unwrap_err(), "forbidden");
        let origin = ("origin", "http://evil.example");
        assert_eq!(ask(&[HOST, write, origin]).unwrap_err(), "forbidden");
    }
}
