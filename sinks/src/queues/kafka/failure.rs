//! What an error of the cluster means for the sink.

use std::error::Error as StdError;

use seismic_queue::Kind;

use crate::Error;

/// An error of `doing` at the sink `place`. What a person must mend stays as it is; everything else may
/// pass, since a new client asks what became of the last transaction.
pub(super) fn of(place: &str, doing: &'static str, error: seismic_queue::Error) -> Error {
    match error {
        seismic_queue::Error::TopicMissing { topic, .. } => {
            Error::TableMissing { place: place.to_owned(), table: topic }
        }
        seismic_queue::Error::Unreachable { .. } => retry(place, doing, &error),
        error if matches!(error.kind(), Kind::Config | Kind::Data) => Error::Queue(error),
        error => retry(place, doing, &error),
    }
}

fn retry(place: &str, doing: &'static str, error: &dyn StdError) -> Error {
    let mut what = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        what = format!("{what}: {error}");
        cause = error.source();
    }
    Error::Database { place: place.to_owned(), doing, what, kind: Kind::Retry }
}
