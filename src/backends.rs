//! The backends of this program: one line each.

use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::str::FromStr;

use seismic_queue::backend::Registry;
use seismic_queue::{Error, Result};

/// All of them.
const BACKENDS: Registry = Registry(&[
    #[cfg(feature = "sqlite")]
    &seismic_sqlite::BACKEND,
    #[cfg(feature = "kafka")]
    &seismic_kafka::BACKEND,
    #[cfg(feature = "rocketmq")]
    &seismic_rocketmq::BACKEND,
    &seismic_queue::memory::BACKEND,
]);

/// The URL of a queue or of a store, of one of these backends, as options and job files hold it.
#[derive(Clone, PartialEq, Eq)]
pub struct Url(pub seismic_queue::Url);

impl Url {
    /// The embedded queue in that file. In a build without embedded backend, opening it fails.
    #[must_use]
    pub fn of_file(file: &Path) -> Url {
        Url(BACKENDS.parse_unchecked(&format!("sqlite:{}", file.display())))
    }
}

impl FromStr for Url {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        BACKENDS.parse(text).map(Url)
    }
}

impl Deref for Url {
    type Target = seismic_queue::Url;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_of_a_rocketmq_job_is_an_embedded_one() {
        let store = "rocketmq://h".parse::<Url>().unwrap().default_store("seismic");
        assert_eq!(store.to_string(), "sqlite:output/rocketmq-h-9876.seismic.home.db");
        assert!(store.file().is_some());
    }

    #[test]
    fn an_unknown_scheme_says_what_is_known() {
        let error = "file:x".parse::<Url>().unwrap_err().to_string();
        let known = "sqlite:PATH, kafka://HOST:PORT, rocketmq://HOST:PORT and memory:NAME";
        assert!(error.contains("file:x") && error.contains(known), "{error}");
    }
}
