//! A value of a job with its origin.

use serde_json::Value;

/// A value.
#[derive(Clone, Debug)]
pub struct ResolvedValue {
    /// Its key in a job file.
    pub key: &'static str,
    /// Itself.
    pub value: Value,
    /// Where it was said.
    pub source: String,
    /// The default as text, where there is no value.
    pub default: Option<String>,
}
