//! Addresses of servers over HTTP, and the secrets of who logs in.

use std::path::{Path, PathBuf};
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{Error, Result};

/// Where a server is, without its user, and the user; or what is wrong with it. `form` is how an
/// address looks, `variable` where the password is taken from.
pub(super) fn read(
    target: &str,
    form: &str,
    variable: &str,
) -> std::result::Result<(String, Option<String>), String> {
    let refuse = |what: &str| Err(format!("{what}; write {form}"));
    let (scheme, rest) = target.split_once("://").unwrap_or_default();
    if !["http", "https"].contains(&scheme) {
        return refuse("its target is no address");
    }
    let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
    // A password may have a slash.
    if rest.contains('@') && !place.contains('@') || place.matches('@').count() > 1 {
        return Err(has_password(variable));
    }
    let (user, host) = match place.split_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, place),
    };
    if user.is_some_and(|user| user.contains(':')) {
        return Err(has_password(variable));
    }
    if host.is_empty() || host.starts_with(':') {
        return refuse("its address names no host");
    }
    if rest.contains(['?', '#', ' ']) {
        return refuse("its address has more than host, port and path");
    }
    let path = path.trim_end_matches('/');
    let base = format!("{scheme}://{host}{}{path}", if path.is_empty() { "" } else { "/" });
    Ok((base, user.filter(|user| !user.is_empty()).map(str::to_owned)))
}

fn has_password(variable: &str) -> String {
    format!(
        "its address has a password, which lists of processes, the shell's history and backups would \
         show: write the password into a file and name that, as in password_file=FILE, or set the \
         variable {variable}"
    )
}

/// A secret of a file, or of the variable of that name.
pub(super) fn secret(file: Option<&Path>, variable: &str) -> Result<Option<String>> {
    let secret = match file {
        Some(at) => Some(fs::read_to_string(at).map_err(Error::io(at, "reading the secret"))?),
        None => env::var(variable).ok(),
    };
    // Editors end a file with a line break.
    Ok(secret.map(|it| it.trim_end_matches(['\r', '\n']).to_owned()))
}

/// The header of a user who logs in with a password.
pub(super) fn basic(user: &str, password: Option<String>) -> String {
    let words = format!("{user}:{}", password.unwrap_or_default());
    format!("Basic {}", STANDARD.encode(words))
}

/// The file that an option names; `None` where it is empty.
pub(super) fn some_path(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| PathBuf::from(text))
}
