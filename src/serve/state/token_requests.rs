//! Tokens that somebody has asked for: what they are to be good for and why, and what an admin decided.
//!
//! Whoever asks gets the token at once, and it counts for nothing until it is granted: then its hash moves to the
//! tokens. So nobody but whoever asked ever sees it, and with it they look what became of it, and take it back.

use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use serde::Serialize;

use super::StateFile;
use super::tokens::{NewToken, insert_token};
use crate::error::Usage;
use crate::http::{KnownToken, Roles, Scope, Token, TokenFacts, TopicScope};
use crate::serve::limits;

/// Requests for tokens.
pub const TABLES: &str = "
    CREATE TABLE token_requests (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        hash BLOB NOT NULL,
        roles TEXT NOT NULL,
        jobs TEXT NOT NULL,
        selects TEXT NOT NULL,
        inserts TEXT NOT NULL,
        expires_ms INTEGER,
        why TEXT NOT NULL,
        asked_ms INTEGER NOT NULL,
        asked_by TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'waiting',
        decided_ms INTEGER,
        decided_by TEXT,
        decided_why TEXT,
        token TEXT
    );
";

/// A request as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TokenRequest {
    /// Its number.
    pub id: i64,
    /// What the token is to be called.
    pub name: String,
    /// What it is to be good for.
    pub roles: Vec<String>,
    /// With which jobs.
    pub jobs: Vec<String>,
    /// Topics that it is to read.
    pub select: Vec<String>,
    /// Topics that it is to write.
    pub insert: Vec<String>,
    /// When it is to end.
    pub expires_ms: Option<i64>,
    /// What for.
    pub why: String,
    /// When it was asked for.
    pub asked_ms: i64,
    /// By whom, as they say.
    pub asked_by: String,
    /// `waiting`, `granted`, `refused`, `withdrawn`, or `lapsed`: nobody has decided for long.
    pub state: String,
    /// When that was decided.
    pub decided_ms: Option<i64>,
    /// By whom.
    pub decided_by: Option<String>,
    /// Why.
    pub decided_why: Option<String>,
    /// The name of the token that was made of it.
    pub token: Option<String>,
}

/// What is decided of a request, by whom, why and when.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// Who.
    pub by: &'a str,
    /// Why.
    pub why: &'a str,
    /// When.
    pub at_ms: i64,
}

const SHOWN: &str = "id, name, roles, jobs, selects, inserts, expires_ms, why, asked_ms, asked_by, \
                     state, decided_ms, decided_by, decided_why, token";

impl StateFile {
    /// Keeps that somebody wants a token; its text is known only here and to them.
    ///
    /// # Errors
    /// [`Usage`] when as many wait as may.
    pub fn request_token(
        &mut self,
        new: &NewToken,
        why: &str,
        by: &str,
        now_ms: i64,
    ) -> anyhow::Result<(TokenRequest, String)> {
        let act = self.db.transaction()?;
        let oldest_ms = now_ms - limits::TOKEN_REQUEST_WAITS.as_millis() as i64;
        act.execute(
            "UPDATE token_requests SET state = 'lapsed', decided_ms = ?2
             WHERE state = 'waiting' AND asked_ms < ?1",
            params![oldest_ms, now_ms],
        )?;
        let waiting: usize = act.query_row(
            "SELECT count(*) FROM token_requests WHERE state = 'waiting'",
            [],
            |row| row.get(0),
        )?;
        if waiting >= limits::TOKEN_REQUESTS {
            let why = format!(
                "{waiting} requests for tokens wait here already, and no more may: ask an admin to decide \
                 about them"
            );
            return Err(Usage(why).into());
        }
        let (token, text) = Token::random()?;
        act.execute(
            "INSERT INTO token_requests
                 (name, hash, roles, jobs, selects, inserts, expires_ms, why, asked_ms, asked_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                new.name,
                token.hash(),
                new.roles.to_string(),
                new.scope.to_string(),
                new.topics.select.to_string(),
                new.topics.insert.to_string(),
                new.expires_ms,
                why,
                now_ms,
                by,
            ],
        )?;
        let id = act.last_insert_rowid();
        act.execute(
            "DELETE FROM token_requests WHERE id IN (SELECT id FROM token_requests
             WHERE state != 'waiting' ORDER BY decided_ms DESC, id DESC LIMIT -1 OFFSET ?1)",
            [limits::TOKEN_REQUESTS_DONE],
        )?;
        act.commit()?;
        let stored = self.token_request(id)?;
        let stored = stored.ok_or_else(|| anyhow::anyhow!("request {id} was not stored"))?;
        Ok((stored, text))
    }

    /// The newest requests, the newest first: those that wait, or those that were decided.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn token_requests(&self, are_done: bool, most: u64) -> anyhow::Result<Vec<TokenRequest>> {
        let order = "ORDER BY coalesce(decided_ms, asked_ms) DESC, id DESC LIMIT ?2";
        let sql =
            format!("SELECT {SHOWN} FROM token_requests WHERE (state != 'waiting') = ?1 {order}");
        let mut all = self.db.prepare(&sql)?;
        let all = all.query_map(params![are_done, most.cast_signed()], shown)?;
        Ok(all.collect::<Result<_, _>>()?)
    }

    /// The request of that number.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn token_request(&self, id: i64) -> anyhow::Result<Option<TokenRequest>> {
        let sql = format!("SELECT {SHOWN} FROM token_requests WHERE id = ?1");
        Ok(self.db.query_row(&sql, [id], shown).optional()?)
    }

    /// The request of which the token of that name was made.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn request_of_token(&self, token: &str) -> anyhow::Result<Option<TokenRequest>> {
        let sql = format!("SELECT {SHOWN} FROM token_requests WHERE token = ?1");
        Ok(self.db.query_row(&sql, [token], shown).optional()?)
    }

    /// Makes the token that was asked for, as `new` says: what an admin does not want to grant is not
    /// in it.
    ///
    /// # Errors
    /// [`Usage`] when it does not wait, and as for every new token.
    pub fn grant_request(
        &mut self,
        id: i64,
        new: &NewToken,
        decision: Decision<'_>,
    ) -> anyhow::Result<TokenRequest> {
        let act = self.db.transaction()?;
        let hash: [u8; 32] = act
            .query_row(
                "SELECT hash FROM token_requests WHERE id = ?1 AND state = 'waiting'",
                [id],
                |row| row.get(0),
            )
            .optional()?
            .ok_or_else(|| no_longer(id))?;
        insert_token(&act, new, &Token::of_hash(hash), decision.by, decision.at_ms)?;
        decide(&act, id, "granted", decision, Some(&new.name))?;
        act.commit()?;
        self.decided(id)
    }

    /// Refuses a request that waits.
    ///
    /// # Errors
    /// [`Usage`] when it does not.
    pub fn refuse_request(
        &mut self,
        id: i64,
        decision: Decision<'_>,
    ) -> anyhow::Result<TokenRequest> {
        let act = self.db.transaction()?;
        decide(&act, id, "refused", decision, None)?;
        act.commit()?;
        self.decided(id)
    }

    /// Takes back a request that waits.
    ///
    /// # Errors
    /// [`Usage`] when it does not.
    pub fn withdraw_request(&mut self, id: i64, now_ms: i64) -> anyhow::Result<()> {
        let act = self.db.transaction()?;
        let decision = Decision { by: "", why: "", at_ms: now_ms };
        decide(&act, id, "withdrawn", decision, None)?;
        Ok(act.commit()?)
    }

    /// The tokens of requests that wait, and of those that were not granted, by which whoever asked
    /// looks what became of it. They are good for nothing else.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn known_requests(&self) -> anyhow::Result<Vec<KnownToken>> {
        let mut all = self.db.prepare(
            "SELECT id, name, hash FROM token_requests WHERE state IN ('waiting', 'refused', 'lapsed')",
        )?;
        let one = |row: &Row<'_>| {
            let facts = TokenFacts {
                id: -row.get::<_, i64>(0)?,
                name: row.get(1)?,
                token: Token::of_hash(row.get(2)?),
                roles: Roles::none(),
                scope: Scope::none(),
                topics: TopicScope::none(),
                expires_ms: None,
            };
            Ok(KnownToken::new(facts, 0))
        };
        Ok(all.query_map([], one)?.collect::<Result<_, _>>()?)
    }

    fn decided(&self, id: i64) -> anyhow::Result<TokenRequest> {
        self.token_request(id)?.ok_or_else(|| anyhow::anyhow!("request {id} is gone"))
    }
}

fn decide(
    act: &Transaction<'_>,
    id: i64,
    state: &str,
    Decision { by, why, at_ms }: Decision<'_>,
    token: Option<&str>,
) -> anyhow::Result<()> {
    let [by, why] = [by, why].map(|text| Some(text).filter(|text| !text.is_empty()));
    let changed = act.execute(
        "UPDATE token_requests SET state = ?2, decided_ms = ?3, decided_by = ?4, decided_why = ?5,
             token = ?6 WHERE id = ?1 AND state = 'waiting'",
        params![id, state, at_ms, by, why, token],
    )?;
    if changed == 0 {
        return Err(no_longer(id).into());
    }
    Ok(())
}

fn no_longer(id: i64) -> Usage {
    Usage(format!("request {id} does not wait any more; `seismic token requests --done` tells why"))
}

fn shown(row: &Row<'_>) -> rusqlite::Result<TokenRequest> {
    let list = |text: String| text.split(',').map(str::to_owned).collect();
    Ok(TokenRequest {
        id: row.get(0)?,
        name: row.get(1)?,
        roles: list(row.get(2)?),
        jobs: list(row.get(3)?),
        select: list(row.get(4)?),
        insert: list(row.get(5)?),
        expires_ms: row.get(6)?,
        why: row.get(7)?,
        asked_ms: row.get(8)?,
        asked_by: row.get(9)?,
        state: row.get(10)?,
        decided_ms: row.get(11)?,
        decided_by: row.get(12)?,
        decided_why: row.get(13)?,
        token: row.get(14)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> (tempfile::TempDir, StateFile) {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFile::open(&folder.path().join("serve.db")).unwrap();
        state.db.pragma_update(None, "synchronous", "OFF").unwrap();
        (folder, state)
    }

    fn new(name: &str) -> NewToken {
        NewToken {
            name: name.to_owned(),
            roles: "developer".parse().unwrap(),
            scope: "coast-*".parse().unwrap(),
            topics: TopicScope::all(),
            expires_ms: None,
        }
    }

    const BY_ROOT: Decision<'_> = Decision { by: "root", why: "fine", at_ms: 9 };

    #[test]
    fn what_is_granted_counts_by_the_secret_that_was_given_when_it_was_asked_for() {
        let (folder, mut state) = state();
        let (asked, secret) = state.request_token(&new("anna"), "for tests", "me", 7).unwrap();
        assert_eq!((asked.state.as_str(), asked.why.as_str()), ("waiting", "for tests"));
        assert!(state.known_tokens().unwrap().is_empty());
        let waits = &state.known_requests().unwrap()[0];
        assert!(waits.facts.token == Token::new(&secret) && waits.request() == Some(asked.id));
        // Less than was asked for.
        let less = NewToken { roles: "viewer".parse().unwrap(), ..new("anna") };
        let granted = state.grant_request(asked.id, &less, BY_ROOT).unwrap();
        assert_eq!((granted.state.as_str(), granted.token.as_deref()), ("granted", Some("anna")));
        let known = &state.known_tokens().unwrap()[0];
        assert!(known.facts.token == Token::new(&secret) && known.request().is_none());
        assert_eq!(known.facts.roles.to_string(), "viewer");
        assert!(state.known_requests().unwrap().is_empty());
        assert_eq!(state.request_of_token("anna").unwrap().unwrap().id, asked.id);
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            assert!(!bytes.windows(secret.len()).any(|it| it == secret.as_bytes()));
        }
    }

    #[test]
    fn what_was_decided_stays_so() {
        let (_folder, mut state) = state();
        let mut ask = |name: &str| state.request_token(&new(name), "why", "me", 7).unwrap().0.id;
        let (refused, withdrawn) = (ask("anna"), ask("anna"));
        state.refuse_request(refused, BY_ROOT).unwrap();
        state.withdraw_request(withdrawn, 9).unwrap();
        for id in [refused, withdrawn, 99] {
            assert!(state.grant_request(id, &new("anna"), BY_ROOT).is_err(), "{id}");
            assert!(state.refuse_request(id, BY_ROOT).is_err(), "{id}");
            assert!(state.withdraw_request(id, 9).is_err(), "{id}");
        }
        assert!(state.known_tokens().unwrap().is_empty());
        // Whoever was refused may look why; what was taken back is known no longer.
        let known = state.known_requests().unwrap();
        assert_eq!(known.iter().filter_map(KnownToken::request).collect::<Vec<_>>(), [refused]);
        let done: Vec<_> = state.token_requests(true, 9).unwrap();
        let done: Vec<_> = done.iter().map(|it| (it.id, it.state.as_str())).collect();
        assert_eq!(done, [(withdrawn, "withdrawn"), (refused, "refused")]);
        assert!(state.token_requests(false, 9).unwrap().is_empty());
    }

    #[test]
    fn a_name_that_is_taken_is_said_to_whoever_grants_and_to_nobody_who_asks() {
        let (_folder, mut state) = state();
        state.create_token(&new("anna"), "local", 7).unwrap();
        let (asked, _) = state.request_token(&new("anna"), "why", "me", 8).unwrap();
        let refused = state.grant_request(asked.id, &new("anna"), BY_ROOT).unwrap_err();
        assert!(refused.to_string().contains("names are used once"), "{refused}");
        assert_eq!(state.token_request(asked.id).unwrap().unwrap().state, "waiting");
        state.grant_request(asked.id, &new("anna-2"), BY_ROOT).unwrap();
    }

    #[test]
    fn as_many_wait_as_may_for_a_month_and_of_those_that_are_done_the_newest_stay() {
        let (_folder, mut state) = state();
        for _ in 0..limits::TOKEN_REQUESTS {
            state.request_token(&new("anna"), "why", "me", 7).unwrap();
        }
        let refused = state.request_token(&new("anna"), "why", "me", 8).unwrap_err();
        assert!(refused.downcast_ref::<Usage>().is_some(), "{refused}");
        let month_ms = limits::TOKEN_REQUEST_WAITS.as_millis() as i64;
        state.request_token(&new("bert"), "why", "me", 8 + month_ms).unwrap();
        let waiting = state.token_requests(false, 1_000).unwrap();
        assert_eq!((waiting.len(), waiting[0].name.as_str()), (1, "bert"));
        let done = state.token_requests(true, 1_000).unwrap();
        assert!(done.len() == limits::TOKEN_REQUESTS && done.iter().all(|it| it.state == "lapsed"));
        for at_ms in 0..limits::TOKEN_REQUESTS_DONE as i64 {
            let (asked, _) = state.request_token(&new("carl"), "why", "me", month_ms).unwrap();
            state.withdraw_request(asked.id, 9 + month_ms + at_ms).unwrap();
        }
        state.request_token(&new("dora"), "why", "me", 9 + 2 * month_ms).unwrap();
        let done = state.token_requests(true, 1_000).unwrap();
        assert_eq!(done.len(), limits::TOKEN_REQUESTS_DONE);
        assert!(done.iter().all(|it| it.name != "anna"), "the oldest are gone");
    }
}
