//! What an answer of the server means for the sink.

use seismic_queue::Kind;
use serde::Deserialize;

use crate::Error;
use crate::http::answer::Answer;

/// What is shown of what a server says, in bytes.
const WORDS_BYTES: usize = 600;

/// The error of a request, or of one document in it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Trouble {
    #[serde(rename = "type", default)]
    pub(super) name: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    caused_by: Option<Box<Trouble>>,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    error: Trouble,
}

impl Trouble {
    /// Its words, with those of its cause.
    pub(super) fn words(&self) -> String {
        let reason = self.reason.as_deref().unwrap_or_default();
        let mut words = format!("{}: {reason}", self.name);
        if let Some(cause) = &self.caused_by {
            let reason = cause.reason.as_deref().unwrap_or_default();
            words += &format!(" ({}: {reason})", cause.name);
        }
        let end = words.floor_char_boundary(WORDS_BYTES);
        words.truncate(end);
        words.replace(char::is_control, " ")
    }
}

/// The error that an answer has, if it has one.
pub(super) fn trouble(answer: &Answer) -> Option<Trouble> {
    serde_json::from_slice::<Refusal>(&answer.body).ok().map(|refusal| refusal.error)
}

/// What the caller must do after an answer of that status and error.
pub(super) fn kind(status: u16, name: &str) -> Kind {
    match status {
        // An index that takes no rows, since its disk is full, comes with several.
        _ if name == "cluster_block_exception" => Kind::Retry,
        408 | 409 | 413 | 425 | 429 | 500.. => Kind::Retry,
        400 if is_of_row(name) => Kind::Data,
        // Rights, an index that is missing and may not be made, too many shards.
        _ => Kind::Config,
    }
}

/// Whether the server says so of a document's content.
fn is_of_row(name: &str) -> bool {
    [
        "mapper_parsing_exception",
        "document_parsing_exception",
        "strict_dynamic_mapping_exception",
        "illegal_argument_exception",
    ]
    .contains(&name)
}

/// The error of an answer that is none of success.
pub(super) fn of_answer(place: &str, doing: &'static str, answer: &Answer) -> Error {
    let trouble = trouble(answer);
    let words = match &trouble {
        Some(trouble) => trouble.words(),
        None => {
            let body = String::from_utf8_lossy(&answer.body);
            let body = body.trim();
            body[..body.floor_char_boundary(WORDS_BYTES)].replace(char::is_control, " ")
        }
    };
    let name = trouble.map(|trouble| trouble.name).unwrap_or_default();
    // A whole request is no row.
    let kind = match kind(answer.status, &name) {
        Kind::Data => Kind::Config,
        kind => kind,
    };
    let what = format!("the server says {}: {words}", answer.status);
    Error::Database { place: place.to_owned(), doing, what, kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_tried_again_and_what_a_person_must_mend_is_not() {
        for (status, name, expected) in [
            (429, "circuit_breaking_exception", Kind::Retry),
            (429, "es_rejected_execution_exception", Kind::Retry),
            (429, "cluster_block_exception", Kind::Retry),
            (403, "cluster_block_exception", Kind::Retry),
            (503, "unavailable_shards_exception", Kind::Retry),
            (413, "", Kind::Retry),
            (400, "mapper_parsing_exception", Kind::Data),
            (400, "document_parsing_exception", Kind::Data),
            (400, "illegal_argument_exception", Kind::Data),
            (400, "validation_exception", Kind::Config),
            (401, "security_exception", Kind::Config),
            (403, "security_exception", Kind::Config),
            (404, "index_not_found_exception", Kind::Config),
        ] {
            assert_eq!(kind(status, name), expected, "{status} {name}");
        }
    }

    #[test]
    fn the_words_of_a_refusal_are_those_of_the_server_with_their_cause() {
        let body = br#"{"error":{"root_cause":[],"type":"a","reason":"b","caused_by":{"type":"c"}},"status":400}"#;
        let answer = Answer { status: 400, body: body.to_vec() };
        let error = of_answer("here", "asking", &answer).to_string();
        assert_eq!(error, "here: asking failed: the server says 400: a: b (c: )");
        let answer = Answer { status: 502, body: b"<html>\nBad Gateway".to_vec() };
        let error = of_answer("here", "asking", &answer);
        assert_eq!(error.kind(), Kind::Retry);
        assert!(error.to_string().ends_with("502: <html> Bad Gateway"), "{error}");
    }
}
