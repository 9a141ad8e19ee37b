//! Drivers of ODBC that this machine has.

use std::env;
use std::process::Command;

/// What a test is skipped without.
const INSTALL: &str = "apt-get install --no-install-recommends unixodbc odbc-postgresql odbc-mariadb \
                       libsqliteodbc";

/// The name under which the driver manager knows a driver whose name begins so, as `MariaDB`; `None`
/// where there is none, after a loud word.
///
/// # Panics
/// With `CI=true` where it is missing.
#[must_use]
pub fn odbc_driver(begins: &str) -> Option<String> {
    let listed = Command::new("odbcinst").args(["-q", "-d"]).output();
    let listed = listed.map_or_else(|_| Vec::new(), |output| output.stdout);
    let listed = String::from_utf8_lossy(&listed);
    let names = listed.lines().filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'));
    let found = names.filter(|name| name.starts_with(begins)).max_by_key(|name| name.len());
    if found.is_none() {
        let missing = format!("the ODBC driver of {begins} is missing");
        assert!(!env::var("CI").is_ok_and(|ci| ci == "true"), "{missing}: {INSTALL}");
        eprintln!("SKIPPED: {missing}; to run this test: {INSTALL}");
    }
    found.map(str::to_owned)
}
