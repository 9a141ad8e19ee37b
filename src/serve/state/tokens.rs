//! Tokens of persons and programs: whose they are, what they may do, and their hashes. The tokens
//! themselves are nowhere. One that was withdrawn stays with its name, so that an entry of the audit
//! log means one token for ever.

use rusqlite::{OptionalExtension as _, Row, ToSql, Transaction, params};
use serde::Serialize;

use super::StateFile;
use crate::error::Usage;
use crate::http::{KnownToken, Roles, Scope, Token, TokenFacts, TopicScope};
use crate::serve::limits;

/// A token that is wanted.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Whose it is.
    pub name: String,
    /// What it may do.
    pub roles: Roles,
    /// With which jobs.
    pub scope: Scope,
    /// With which topics.
    pub topics: TopicScope,
    /// When it ends, ms since 1970 UTC.
    pub expires_ms: Option<i64>,
}

/// A token as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredToken {
    /// Its number.
    pub id: i64,
    /// Whose it is.
    pub name: String,
    /// What it may do.
    pub roles: Vec<String>,
    /// With which jobs.
    pub jobs: Vec<String>,
    /// Topics that it may have read.
    pub select: Vec<String>,
    /// Topics that it may have written.
    pub insert: Vec<String>,
    /// When it was made.
    pub created_ms: i64,
    /// By whom.
    pub created_by: String,
    /// When its secret was replaced.
    pub rotated_ms: Option<i64>,
    /// When it was used last, to within [`limits::TOKENS_USED_EVERY`] after a kill of the server.
    pub last_used_ms: Option<i64>,
    /// When it ends.
    pub expires_ms: Option<i64>,
    /// When it was withdrawn.
    pub revoked_ms: Option<i64>,
}

const SHOWN: &str = "id, name, roles, jobs, created_ms, created_by, rotated_ms, last_used_ms, \
                     expires_ms, revoked_ms, selects, inserts";

impl StateFile {
    /// Makes a token; the text is known only here and to whoever gets it.
    ///
    /// # Errors
    /// [`Usage`] for a name that is taken or none, and when there are as many as may be.
    pub fn create_token(
        &mut self,
        new: &NewToken,
        by: &str,
        now_ms: i64,
    ) -> anyhow::Result<(StoredToken, String)> {
        let (token, text) = Token::random()?;
        let act = self.db.transaction()?;
        insert_token(&act, new, &token, by, now_ms)?;
        act.commit()?;
        Ok((self.the_token(&new.name)?, text))
    }

    /// Gives a token another secret; the one before counts no longer.
    ///
    /// # Errors
    /// [`Usage`] when it was withdrawn; `None`: there is no such token.
    pub fn rotate_token(
        &mut self,
        name: &str,
        now_ms: i64,
    ) -> anyhow::Result<Option<(StoredToken, String)>> {
        let Some(stored) = self.token(name)? else { return Ok(None) };
        if stored.revoked_ms.is_some() {
            return Err(Usage(format!("the token {name} was withdrawn: create another one")).into());
        }
        let (token, text) = Token::random()?;
        self.db.execute(
            "UPDATE tokens SET hash = ?2, rotated_ms = ?3 WHERE name = ?1 AND revoked_ms IS NULL",
            params![name, token.hash(), now_ms],
        )?;
        Ok(Some((self.the_token(name)?, text)))
    }

    /// Withdraws a token; `None`: there is no such token.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn revoke_token(&mut self, name: &str, now_ms: i64) -> anyhow::Result<Option<StoredToken>> {
        self.db.execute(
            "UPDATE tokens SET revoked_ms = coalesce(revoked_ms, ?2) WHERE name = ?1",
            params![name, now_ms],
        )?;
        self.token(name)
    }

    /// All tokens, those that count first, in the order of their names.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn tokens(&self) -> anyhow::Result<Vec<StoredToken>> {
        let order = "ORDER BY revoked_ms IS NOT NULL, name";
        let mut all = self.db.prepare(&format!("SELECT {SHOWN} FROM tokens {order}"))?;
        Ok(all.query_map([], stored)?.collect::<Result<_, _>>()?)
    }

    /// Those that were not withdrawn, as requests are compared with them.
    ///
    /// # Errors
    /// Those of SQLite. A token that cannot be read is left out: whoever has it is refused.
    pub fn known_tokens(&self) -> anyhow::Result<Vec<KnownToken>> {
        let mut all = self.db.prepare(
            "SELECT id, name, hash, roles, jobs, expires_ms, last_used_ms, selects, inserts FROM tokens
             WHERE revoked_ms IS NULL",
        )?;
        let mut rows = all.query([])?;
        let mut known = Vec::new();
        while let Some(row) = rows.next()? {
            let (name, roles, scope): (String, String, String) =
                (row.get(1)?, row.get(3)?, row.get(4)?);
            let (select, insert): (String, String) = (row.get(7)?, row.get(8)?);
            let (Ok(roles), Ok(scope), Ok(select), Ok(insert)) =
                (roles.parse(), scope.parse(), select.parse(), insert.parse())
            else {
                tracing::error!("the token {name} cannot be read and counts no longer");
                continue;
            };
            let (id, expires_ms) = (row.get(0)?, row.get(5)?);
            let token = Token::of_hash(row.get(2)?);
            let topics = TopicScope { select, insert };
            let facts = TokenFacts { id, name, token, roles, scope, topics, expires_ms };
            known.push(KnownToken::new(facts, row.get::<_, Option<i64>>(6)?.unwrap_or_default()));
        }
        Ok(known)
    }

    /// Stores when tokens were used, by their numbers.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn save_uses(&mut self, used: &[(i64, i64)]) -> anyhow::Result<()> {
        let act = self.db.transaction()?;
        for (id, at_ms) in used {
            act.execute(
                "UPDATE tokens SET last_used_ms = max(coalesce(last_used_ms, 0), ?2) WHERE id = ?1",
                params![id, at_ms],
            )?;
        }
        Ok(act.commit()?)
    }

    fn token(&self, name: &str) -> anyhow::Result<Option<StoredToken>> {
        let sql = format!("SELECT {SHOWN} FROM tokens WHERE name = ?1");
        Ok(self.db.query_row(&sql, [name], stored).optional()?)
    }

    /// The token that was stored just now.
    fn the_token(&self, name: &str) -> anyhow::Result<StoredToken> {
        self.token(name)?.ok_or_else(|| anyhow::anyhow!("the token {name} was not stored"))
    }
}

/// Stores a new token.
///
/// # Errors
/// As [`StateFile::create_token`].
pub(super) fn insert_token(
    act: &Transaction<'_>,
    new: &NewToken,
    token: &Token,
    by: &str,
    now_ms: i64,
) -> anyhow::Result<()> {
    check_name(&new.name).map_err(Usage)?;
    if new.expires_ms.is_some_and(|end_ms| end_ms <= now_ms) {
        return Err(Usage("expires_ms: that time is over".to_owned()).into());
    }
    let count = |sql: &str, args: &[&dyn ToSql]| -> rusqlite::Result<usize> {
        act.query_row(sql, args, |row| row.get(0))
    };
    if count("SELECT count(*) FROM tokens WHERE name = ?1", &[&new.name])? > 0 {
        let why = format!(
            "there is, or was, a token {}: names are used once, so that the audit log says who it was; \
             `seismic token rotate` gives one that counts another secret",
            new.name
        );
        return Err(Usage(why).into());
    }
    let valid = count("SELECT count(*) FROM tokens WHERE revoked_ms IS NULL", &[])?;
    if valid >= limits::TOKENS {
        let why = format!("there are {valid} tokens, and no more may be: revoke some first");
        return Err(Usage(why).into());
    }
    act.execute(
        "INSERT INTO tokens (name, hash, roles, jobs, created_ms, created_by, expires_ms, selects, inserts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            new.name,
            token.hash(),
            new.roles.to_string(),
            new.scope.to_string(),
            now_ms,
            by,
            new.expires_ms,
            new.topics.select.to_string(),
            new.topics.insert.to_string(),
        ],
    )?;
    // Of those that were withdrawn, the newest stay.
    act.execute(
        "DELETE FROM tokens WHERE id IN (SELECT id FROM tokens WHERE revoked_ms IS NOT NULL
         ORDER BY revoked_ms DESC, id DESC LIMIT -1 OFFSET ?1)",
        [limits::REVOKED_TOKENS],
    )?;
    Ok(())
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredToken> {
    let list = |text: String| text.split(',').map(str::to_owned).collect();
    Ok(StoredToken {
        id: row.get(0)?,
        name: row.get(1)?,
        roles: list(row.get(2)?),
        jobs: list(row.get(3)?),
        select: list(row.get(10)?),
        insert: list(row.get(11)?),
        created_ms: row.get(4)?,
        created_by: row.get(5)?,
        rotated_ms: row.get(6)?,
        last_used_ms: row.get(7)?,
        expires_ms: row.get(8)?,
        revoked_ms: row.get(9)?,
    })
}

/// A name is a word of the audit log and a part of an address.
///
/// # Errors
/// Why this is none.
pub fn check_name(name: &str) -> Result<(), String> {
    let is_fine = |it: char| it.is_alphanumeric() || matches!(it, '-' | '_' | '.' | '@');
    let count = name.chars().count();
    match (1..=limits::TOKEN_NAME).contains(&count) && name.chars().all(is_fine) {
        true => Ok(()),
        false => Err(format!(
            "{name:?} names no token: write 1 to {} letters, digits, '-', '_', '.' and '@'",
            limits::TOKEN_NAME
        )),
    }
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
            roles: "viewer,operator".parse().unwrap(),
            scope: "coast-*".parse().unwrap(),
            topics: TopicScope {
                select: "seismic-*".parse().unwrap(),
                insert: "coast-*".parse().unwrap(),
            },
            expires_ms: Some(5_000),
        }
    }

    #[test]
    fn the_file_has_a_tokens_hash_and_never_the_token() {
        let (folder, mut state) = state();
        let (stored, text) = state.create_token(&new("anna"), "local", 7).unwrap();
        assert_eq!(
            (stored.roles, stored.jobs),
            (vec!["viewer".into(), "operator".into()], vec!["coast-*".into()])
        );
        let topics = (stored.select, stored.insert);
        assert_eq!(topics, (vec!["seismic-*".to_owned()], vec!["coast-*".to_owned()]));
        let (_, other) = state.rotate_token("anna", 9).unwrap().unwrap();
        let known = state.known_tokens().unwrap();
        assert!(known[0].facts.token == Token::new(&other) && known.len() == 1);
        assert_eq!(known[0].facts.topics, new("anna").topics);
        state.revoke_token("anna", 11).unwrap();
        assert!(state.known_tokens().unwrap().is_empty());
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            for secret in [&text, &other] {
                assert!(!bytes.windows(secret.len()).any(|it| it == secret.as_bytes()));
            }
        }
    }

    #[test]
    fn a_name_is_used_once_and_withdrawn_tokens_stay_withdrawn() {
        let (_folder, mut state) = state();
        state.create_token(&new("anna"), "local", 7).unwrap();
        assert!(state.create_token(&new("anna"), "local", 8).is_err());
        let revoked = state.revoke_token("anna", 9).unwrap().unwrap();
        assert_eq!(revoked.revoked_ms, Some(9));
        assert_eq!(state.revoke_token("anna", 10).unwrap().unwrap().revoked_ms, Some(9));
        let refused = state.rotate_token("anna", 11).unwrap_err().to_string();
        assert!(refused.contains("was withdrawn"), "{refused}");
        assert!(state.create_token(&new("anna"), "local", 12).is_err());
        assert!(state.rotate_token("bert", 13).unwrap().is_none());
        assert!(state.revoke_token("bert", 13).unwrap().is_none());
        for wrong in ["", "a b", "a/b", "a\n", "<b>", "a,b", &"x".repeat(65)] {
            assert!(state.create_token(&new(wrong), "local", 14).is_err(), "{wrong}");
        }
        assert!(state.create_token(&new("late"), "local", 5_000).is_err(), "its time is over");
    }

    #[test]
    fn it_is_stored_when_a_token_was_used_and_the_newest_use_counts() {
        let (_folder, mut state) = state();
        let (stored, _) = state.create_token(&new("anna"), "local", 7).unwrap();
        state.save_uses(&[(stored.id, 30), (99, 1)]).unwrap();
        state.save_uses(&[(stored.id, 20)]).unwrap();
        assert_eq!(state.tokens().unwrap()[0].last_used_ms, Some(30));
        assert_eq!(state.known_tokens().unwrap()[0].last_used_ms(), 30);
    }
}
