//! Errors of the API, in the same form for every route.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::remedy::in_one_line;

/// Why a request gets no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// Status of the response.
    pub status: StatusCode,
    /// A word for programs.
    pub code: &'static str,
    /// What happened and what to do, for people.
    pub message: String,
}

/// The codes that there are, with the statuses that they come with.
pub const CODES: [(&str, StatusCode); 13] = [
    ("bad_request", StatusCode::BAD_REQUEST),
    ("unauthorized", StatusCode::UNAUTHORIZED),
    ("forbidden", StatusCode::FORBIDDEN),
    ("not_found", StatusCode::NOT_FOUND),
    ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED),
    ("request_timeout", StatusCode::REQUEST_TIMEOUT),
    ("conflict", StatusCode::CONFLICT),
    ("precondition_failed", StatusCode::PRECONDITION_FAILED),
    ("too_large", StatusCode::PAYLOAD_TOO_LARGE),
    ("too_many_requests", StatusCode::TOO_MANY_REQUESTS),
    ("failed", StatusCode::INTERNAL_SERVER_ERROR),
    ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
    ("not_supported", StatusCode::NOT_IMPLEMENTED),
];

impl ApiError {
    /// An error with one of `CODES`.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> ApiError {
        let found = CODES.iter().find(|(known, _)| *known == code);
        let status = found.map_or(StatusCode::INTERNAL_SERVER_ERROR, |(_, status)| *status);
        ApiError { status, code, message: message.into() }
    }

    /// The request says what cannot be understood.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> ApiError {
        ApiError::new("bad_request", message)
    }

    /// There is no such thing.
    #[must_use]
    pub fn not_found(message: impl Into<String>) -> ApiError {
        ApiError::new("not_found", message)
    }

    /// There is no such job.
    #[must_use]
    pub fn no_job(name: &str) -> ApiError {
        ApiError::not_found(format!("there is no job {name:?} here; /api/v1/jobs lists all"))
    }

    /// It cannot be done as things are.
    #[must_use]
    pub fn conflict(message: impl Into<String>) -> ApiError {
        ApiError::new("conflict", message)
    }

    /// A store or queue cannot be read now.
    #[must_use]
    pub fn unavailable(error: &anyhow::Error) -> ApiError {
        ApiError::new("unavailable", in_one_line(error))
    }

    /// As the body of a response.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({ "error": { "code": self.code, "message": self.message } })
    }
}
