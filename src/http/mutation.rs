//! What somebody wanted changed, and what became of it, for whoever keeps a log of that.

use serde_json::{Value, json};

/// A request that changes something.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mutation {
    /// Who asked.
    pub who: String,
    /// Whether a token says so, and not only they themselves.
    pub is_proved: bool,
    /// What is to be done, in a word or two.
    pub action: String,
    /// The job that is named in the path.
    pub job: Option<String>,
    /// `done`, or the code of the refusal.
    pub result: String,
    /// Why it was refused; else what was said with it.
    pub detail: String,
    /// The answer.
    pub answer: Value,
    /// Whether a guard refused it, or it was done by whom nobody knows: anybody can cause that.
    pub by_guard: bool,
}

/// Notes each of them.
pub trait Auditor: Send + Sync + 'static {
    /// Notes one.
    fn note(&self, mutation: Mutation);
}

/// Words of a body that say what was wanted. Texts and values of a job file are not among them:
/// they may hold secrets.
const TOLD: [&str; 19] = [
    "name",
    "comment",
    "from",
    "from_checkpoint",
    "savepoint",
    "version",
    "untested",
    "to",
    "env",
    "input",
    "result",
    "roles",
    "jobs",
    "select",
    "insert",
    "expires_ms",
    "why",
    "workers",
    "slots",
];

/// What a body says, in a line.
#[must_use]
pub fn told(body: &Value) -> String {
    let one = |name: &&str| match &body[*name] {
        Value::Null => None,
        Value::String(text) => {
            Some(format!("{name}: {}", text.chars().take(200).collect::<String>()))
        }
        other => {
            Some(format!("{name}: {}", other.to_string().chars().take(50).collect::<String>()))
        }
    };
    TOLD.iter().filter_map(one).collect::<Vec<_>>().join(", ")
}

/// What of an answer says which job, and which version: all else may be a secret.
#[must_use]
pub fn named(answer: &Value) -> Value {
    json!({ "name": answer["name"], "version": answer["version"] })
}

/// What a route does: the end of its path, and `delete` before that.
#[must_use]
pub fn action(method: &axum::http::Method, path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.starts_with('{')).collect();
    let last = match parts[..] {
        // What is done with tokens is said with what it is done to.
        [.., "tokens"] if method == axum::http::Method::DELETE => return "revoke token".to_owned(),
        [.., "tokens"] if method == axum::http::Method::POST => return "create token".to_owned(),
        [.., "tokens", last] => return format!("{last} token"),
        [.., "resources"] if method == axum::http::Method::DELETE => {
            return "delete resource".to_owned();
        }
        [.., "resources"] if method == axum::http::Method::PUT => return "put resource".to_owned(),
        [.., "token-requests"] if method == axum::http::Method::POST => {
            return "request token".to_owned();
        }
        [.., "token-requests", "own"] if method == axum::http::Method::DELETE => {
            return "withdraw token".to_owned();
        }
        [.., "token-requests", last @ ("grant" | "refuse")] => return format!("{last} token"),
        [.., "jobs"] => "",
        [.., before, last] if before != "jobs" && before != "v1" => &format!("{before} {last}"),
        [.., last] => last,
        [] => "",
    };
    let verb = match (method.as_str(), last) {
        ("GET", "") => "list jobs",
        ("DELETE", _) => "delete",
        ("PUT", _) => "save",
        (_, "") => "submit",
        _ => "",
    };
    format!("{verb} {last}").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Method;

    #[test]
    fn each_route_has_a_word_for_what_it_does() {
        for (method, path, word) in [
            (Method::POST, "/api/v1/jobs", "submit"),
            (Method::GET, "/api/v1/jobs", "list jobs"),
            (Method::GET, "/metrics", "metrics"),
            (Method::POST, "/api/v1/tokens", "create token"),
            (Method::POST, "/api/v1/tokens/{token}/rotate", "rotate token"),
            (Method::DELETE, "/api/v1/tokens/{token}", "revoke token"),
            (Method::GET, "/api/v1/tokens", "tokens"),
            (Method::PUT, "/api/v1/resources/{resource}", "put resource"),
            (Method::DELETE, "/api/v1/resources/{resource}", "delete resource"),
            (Method::POST, "/api/v1/token-requests", "request token"),
            (Method::DELETE, "/api/v1/token-requests/own", "withdraw token"),
            (Method::POST, "/api/v1/token-requests/{request}/grant", "grant token"),
            (Method::POST, "/api/v1/jobs/{name}/start", "start"),
            (Method::DELETE, "/api/v1/jobs/{name}", "delete"),
            (Method::PUT, "/api/v1/jobs/{name}/draft", "save draft"),
            (Method::DELETE, "/api/v1/jobs/{name}/draft", "delete draft"),
            (Method::POST, "/api/v1/jobs/{name}/draft/submit", "draft submit"),
        ] {
            assert_eq!(action(&method, path), word, "{path}");
        }
    }

    #[test]
    fn the_text_of_a_job_is_not_told() {
        let body = json!({ "text": "password = 'x'", "comment": "why", "from": null, "set": {} });
        assert_eq!(told(&body), "comment: why");
    }
}
