//! Who asks, as far as that is known without tokens of persons: what the request says of itself.

use axum::http::HeaderMap;

/// The header with the name of who asks. Nobody has proved it.
pub const USER_HEADER: &str = "x-seismic-user";

/// Characters of a name.
const MOST: usize = 64;

/// The name that is told, or `local`.
#[must_use]
pub fn who(headers: &HeaderMap) -> String {
    let told = headers.get(USER_HEADER).and_then(|name| name.to_str().ok()).unwrap_or_default();
    let is_fine =
        |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '_' | '-' | '@' | ' ');
    let name = told.trim();
    match !name.is_empty() && name.chars().count() <= MOST && name.chars().all(is_fine) {
        true => name.to_owned(),
        false => "local".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strange_name_is_nobody() {
        let named = |name: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(USER_HEADER, name.parse().unwrap());
            who(&headers)
        };
        assert_eq!(named("anna@coast"), "anna@coast");
        for strange in ["", " ", "<b>", &"x".repeat(65), "a\tb"] {
            assert_eq!(named(strange), "local", "{strange}");
        }
        assert_eq!(who(&HeaderMap::new()), "local");
    }
}
