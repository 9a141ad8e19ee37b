//! Where the server is, and who logs in: the target of a sink.

use crate::sql::table_target::has_password;

/// Where the password is taken from when no file is named.
pub(super) const PASSWORD_VARIABLE: &str = "SEISMIC_SINK_MYSQL_PASSWORD";

/// How an address looks.
pub(super) const FORM: &str = "mysql://USER@HOST[:PORT]/DATABASE";

/// The port of a server that none is named for.
const PORT: u16 = 3_306;

/// An address without secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) user: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) database: String,
}

impl Address {
    /// Reads a URL, or says what is wrong with it.
    pub(super) fn read(target: &str) -> Result<Address, String> {
        let schemes = ["mysql://", "mariadb://", "//"];
        let rest = schemes.iter().find_map(|scheme| target.strip_prefix(scheme));
        let rest = rest.ok_or_else(|| format!("its target is no address; write {FORM}"))?;
        let (user, place) = rest.rsplit_once('@').unwrap_or(("", rest));
        if user.contains(':') || rest.contains("password=") {
            return Err(has_password(PASSWORD_VARIABLE));
        }
        if rest.contains('?') {
            return Err("settings of the connection are options of the sink, behind a comma: \
                        sslmode, ssl_ca, password_file"
                .to_owned());
        }
        let (host, database) = place.split_once('/').unwrap_or((place, ""));
        let (host, port) = match host.rsplit_once(':') {
            // The last colon of an address of IPv6 is one of its own.
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok()),
            _ => (host, Some(PORT)),
        };
        let port = port.ok_or_else(|| format!("its port is no number; write {FORM}"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let (user, database) = (decoded(user)?, decoded(database)?);
        if user.is_empty() {
            return Err(format!("its address names no user; write {FORM}"));
        }
        if host.is_empty() || database.is_empty() || database.contains('/') {
            return Err(format!("its address must name one host and a database; write {FORM}"));
        }
        Ok(Address { user, host: host.to_owned(), port, database })
    }
}

/// A part of a URL whose `%XX` are the bytes that they stand for.
fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    let fault = || format!("{text:?} has a % that stands for no letter; write {FORM}");
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next(), rest.next()].map(|digit| digit.and_then(hex));
        let [Some(high), Some(low)] = digits else { return Err(fault()) };
        bytes.push(high * 16 + low);
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).ok_or_else(fault)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_whole() {
        let address = |user: &str, host: &str, port, database: &str| Address {
            user: user.to_owned(),
            host: host.to_owned(),
            port,
            database: database.to_owned(),
        };
        for (text, expected) in [
            ("//me@db/seismic", address("me", "db", 3_306, "seismic")),
            ("mysql://me@db:1/a", address("me", "db", 1, "a")),
            ("mariadb://m%40e@[::1]:2/a%20b", address("m@e", "::1", 2, "a b")),
        ] {
            assert_eq!(Address::read(text), Ok(expected), "{text}");
        }
        for (text, why) in [
            ("me@db/a", "no address"),
            ("//db/a", "no user"),
            ("//me@db", "a database"),
            ("//me@db/a%2fb", "a database"),
            ("//me@db:x/a", "no number"),
            ("//me@db/a?b=c", "options of the sink"),
            ("//me@db/%zz", "stands for no letter"),
            ("//me:pw@db/a", "password_file"),
        ] {
            let fault = Address::read(text).unwrap_err();
            assert!(fault.contains(why) && !fault.contains("pw"), "{text}: {fault}");
        }
    }
}
