//! Who asks: what they are called, what they may do, and with which jobs.

use std::sync::Arc;

use super::book::KnownToken;
use super::role::{Right, Roles};
use super::scope::Scope;
use super::topics::TopicScope;
use crate::http::ApiError;
use crate::time::now_ms;

/// Whoever has passed the guards, or a probe that nobody looked at.
#[derive(Clone, Debug)]
pub struct Caller {
    /// What they are called.
    pub who: String,
    roles: Roles,
    scope: Scope,
    topics: TopicScope,
    proof: Proof,
}

/// How it is known who asks.
#[derive(Clone, Debug)]
enum Proof {
    /// Somebody on this machine, who says so.
    Said,
    /// Nobody is known of them.
    Stranger,
    /// The token of the server itself.
    OwnToken,
    /// A token that was made for them.
    Token(Arc<KnownToken>),
    /// A token that they have asked for, and that is not granted.
    Request(Arc<KnownToken>),
}

impl Caller {
    /// Whoever is on this machine and needs no token, as they call themselves.
    #[must_use]
    pub fn local(who: impl Into<String>) -> Caller {
        let (roles, scope) = (Roles::admin(), Scope::all());
        Caller { who: who.into(), roles, scope, topics: TopicScope::all(), proof: Proof::Said }
    }

    /// Whoever may do nothing, and asks what is for everybody: a probe, or for a token.
    #[must_use]
    pub fn stranger(who: impl Into<String>) -> Caller {
        let (roles, scope) = (Roles::none(), Scope::none());
        Caller { who: who.into(), roles, scope, topics: TopicScope::none(), proof: Proof::Stranger }
    }

    /// Whoever has the server's own token.
    #[must_use]
    pub fn of_server() -> Caller {
        let (roles, scope) = (Roles::admin(), Scope::all());
        let topics = TopicScope::all();
        Caller { who: "server token".to_owned(), roles, scope, topics, proof: Proof::OwnToken }
    }

    /// Whoever has this token.
    #[must_use]
    pub fn with(token: Arc<KnownToken>) -> Caller {
        // Whatever name was asked for, it is nobody's yet.
        if let Some(number) = token.request() {
            let who = format!("request {number}");
            return Caller { proof: Proof::Request(token), ..Caller::stranger(who) };
        }
        let (roles, scope) = (token.facts.roles.clone(), token.facts.scope.clone());
        let (who, topics) = (token.facts.name.clone(), token.facts.topics.clone());
        Caller { who, roles, scope, topics, proof: Proof::Token(token) }
    }

    /// Whether a token says who they are.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        matches!(self.proof, Proof::OwnToken | Proof::Token(_))
    }

    /// Whether anybody can be that: what they do is noted apart, so that it pushes out nothing else.
    #[must_use]
    pub fn is_anybody(&self) -> bool {
        matches!(self.proof, Proof::Stranger | Proof::Request(_))
    }

    /// The number of the request of which they have the token, while it is not granted.
    #[must_use]
    pub fn request(&self) -> Option<i64> {
        match &self.proof {
            Proof::Request(token) => token.request(),
            _ => None,
        }
    }

    /// The name of their token, if it is one that was made for them.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        match &self.proof {
            Proof::Token(token) => Some(&token.facts.name),
            _ => None,
        }
    }

    /// Whether what let them in still would: their token is neither withdrawn nor expired.
    #[must_use]
    pub fn is_still_let_in(&self) -> bool {
        match &self.proof {
            Proof::Said | Proof::Stranger | Proof::OwnToken => true,
            Proof::Token(token) | Proof::Request(token) => token.is_valid_at(now_ms()),
        }
    }

    /// When their token expires, if it does.
    #[must_use]
    pub fn expires_ms(&self) -> Option<i64> {
        match &self.proof {
            Proof::Said | Proof::Stranger | Proof::OwnToken => None,
            Proof::Token(token) | Proof::Request(token) => token.facts.expires_ms,
        }
    }

    /// Whether they may do what needs this right.
    #[must_use]
    pub fn may(&self, right: Right) -> bool {
        let is_request = matches!(self.proof, Proof::Request(_));
        self.roles.may(right) || (is_request && right == Right::Own)
    }

    /// Their roles.
    #[must_use]
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// The jobs that they reach.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether they may have to do with the job. A further worker of it, as `coast/2`, is the same.
    #[must_use]
    pub fn reaches(&self, job: &str) -> bool {
        self.scope.reaches(job.split('/').next().unwrap_or_default())
    }

    /// The same.
    ///
    /// # Errors
    /// `forbidden` for a job that is not theirs, whether it exists or not.
    pub fn check_reach(&self, job: &str) -> Result<(), ApiError> {
        if self.reaches(job) {
            return Ok(());
        }
        let (who, scope) = (&self.who, &self.scope);
        Err(ApiError::new("forbidden", format!("token {who} is for jobs {scope}, not for {job:?}")))
    }

    /// The topics that they may have read and written.
    #[must_use]
    pub fn topics(&self) -> &TopicScope {
        &self.topics
    }

    /// Whether they may read the topic, also by a job.
    ///
    /// # Errors
    /// `forbidden` for a topic that is not theirs, whether it exists or not.
    pub fn check_select(&self, topic: &str) -> Result<(), ApiError> {
        self.check_topic(topic, &self.topics.select, "read")
    }

    /// Whether a job of theirs may write the topic, or what a sink writes under that name.
    ///
    /// # Errors
    /// `forbidden` for a topic that is not theirs, whether it exists or not.
    pub fn check_insert(&self, topic: &str) -> Result<(), ApiError> {
        self.check_topic(topic, &self.topics.insert, "write")
    }

    /// Whether a job of theirs may write all that has names with this beginning.
    ///
    /// # Errors
    /// `forbidden` where some of it is not theirs.
    pub fn check_insert_all_of(&self, beginning: &str) -> Result<(), ApiError> {
        let scope = &self.topics.insert;
        if scope.reaches_beginning(beginning) {
            return Ok(());
        }
        let what = format!("all that begins with {beginning:?}");
        Err(self.refused_topic(scope, "write", &what))
    }

    fn check_topic(&self, topic: &str, scope: &Scope, verb: &str) -> Result<(), ApiError> {
        match scope.reaches(topic) {
            true => Ok(()),
            false => Err(self.refused_topic(scope, verb, &format!("{topic:?}"))),
        }
    }

    fn refused_topic(&self, scope: &Scope, verb: &str, what: &str) -> ApiError {
        let why = format!("token {} may {verb} topics {scope}, and not {what}", self.who);
        ApiError::new("forbidden", why)
    }
}
