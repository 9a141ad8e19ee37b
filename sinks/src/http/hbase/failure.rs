//! What an answer of the gateway means for the sink.

use seismic_queue::Kind;

use crate::Error;
use crate::http::answer::Answer;

/// What is shown of what a server says, in bytes.
const WORDS_BYTES: usize = 300;

/// What the gateway says in words: the first lines of its answer, before the trace of calls.
fn words(answer: &Answer) -> String {
    let body = String::from_utf8_lossy(&answer.body);
    let said = body.split("\n\tat ").next().unwrap_or_default().trim();
    let words: Vec<&str> = said.split_whitespace().collect();
    let words = words.join(" ");
    words[..words.floor_char_boundary(WORDS_BYTES)].replace(char::is_control, " ")
}

/// What the caller must do after an answer of that status.
pub(super) fn kind(answer: &Answer) -> Kind {
    let says = |word: &str| answer.body.windows(word.len()).any(|part| part == word.as_bytes());
    match answer.status {
        // A cell that is longer than the cluster takes may come with several.
        _ if says("KeyValue size too large") => Kind::Data,
        400 if says("IllegalArgumentException") => Kind::Data,
        _ if says("NoSuchColumnFamilyException") || says("TableNotFoundException") => Kind::Config,
        408 | 413 | 425 | 429 | 500.. => Kind::Retry,
        // Rights, a table or family that is missing.
        _ => Kind::Config,
    }
}

/// The error of an answer that is none of success.
pub(super) fn of_answer(place: &str, doing: &'static str, answer: &Answer) -> Error {
    // A whole request is no row.
    let kind = match kind(answer) {
        Kind::Data => Kind::Config,
        kind => kind,
    };
    let what = said(answer);
    Error::Database { place: place.to_owned(), doing, what, kind }
}

/// An answer in words.
pub(super) fn said(answer: &Answer) -> String {
    format!("the gateway says {}: {}", answer.status, words(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_tried_again_and_what_a_person_must_mend_is_not() {
        for (status, body, expected) in [
            (503, "Unavailable\r\norg.apache.hadoop.hbase.NotServingRegionException", Kind::Retry),
            (500, "", Kind::Retry),
            (502, "<html>", Kind::Retry),
            (404, "Not found\r\n", Kind::Config),
            (503, "Unavailable NoSuchColumnFamilyException", Kind::Config),
            (403, "Forbidden\r\n", Kind::Config),
            (401, "", Kind::Config),
            (400, "Bad request\r\njava.lang.IllegalArgumentException: No columns", Kind::Data),
            (503, "IllegalArgumentException: KeyValue size too large", Kind::Data),
            (400, "Bad request: Column found to be null.", Kind::Config),
        ] {
            let answer = Answer { status, body: body.as_bytes().to_vec() };
            assert_eq!(kind(&answer), expected, "{status} {body}");
        }
    }

    #[test]
    fn the_words_of_a_refusal_are_its_first_lines() {
        let body =
            b"Not found\r\norg.apache.X: no family w\n\tat org.apache.Y\n\tat org.apache.Z\n";
        let answer = Answer { status: 404, body: body.to_vec() };
        let error = of_answer("here", "asking", &answer).to_string();
        assert_eq!(
            error,
            "here: asking failed: the gateway says 404: Not found org.apache.X: no family w"
        );
    }
}
