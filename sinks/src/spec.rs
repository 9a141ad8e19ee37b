//! Which sink is meant, where it writes, and its options, as a command line or a job file has them.
//!
//! On the command line a sink is one word: `SCHEME[:TARGET][,KEY=VALUE]...`, for example
//! `csv:/data/rows,file_bytes=16MiB,flush_ms=2s`. The options begin at the first comma that is
//! followed by a key (lower-case letters and `_`) and `=`. Other commas belong to the target, as in
//! `csv:/data/a,b`; one before text that looks like an option is written twice:
//! `csv:/data/a,,b=c` writes to `/data/a,b=c`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::entry::SinkSpec;
use crate::options::{SECRETS_OF_ODBC, nearest};
use crate::rows::{filter, source};
use crate::{Error, Result, registry};

impl SinkSpec {
    /// The sink of that scheme. Without a target it takes its default.
    ///
    /// # Errors
    /// [`Error::Spec`] with every fault: there is no such sink or option, the target or an option's
    /// value is not one.
    pub fn new(
        scheme: &str,
        target: Option<&str>,
        options: BTreeMap<String, String>,
    ) -> Result<Self> {
        let mut words = scheme.to_owned();
        words.extend(target.iter().flat_map(|target| [":", *target]));
        let words = without_password(&words);
        let refuse = |why: String| {
            let known = registry::all().map(|entry| entry.form).collect::<Vec<_>>().join(", ");
            Err(Error::Spec { spec: words.clone(), why, known })
        };
        let Some(entry) = registry::find(scheme) else {
            if let Some(feature) = registry::missing_feature(scheme) {
                return refuse(format!(
                    "this program was built without it: its feature `{feature}` was left out"
                ));
            }
            let known = registry::all().map(|entry| entry.scheme);
            return refuse(match nearest(scheme, known) {
                Some(near) if !scheme.is_empty() => format!("did you mean {near}?"),
                _ => "there is none of that name".to_owned(),
            });
        };
        let target = match (target, entry.target) {
            (Some(""), Some(_)) => return refuse("nothing stands after the colon".to_owned()),
            (Some(_), None) => return refuse("nothing may stand after its name".to_owned()),
            (given, default) => given.or(default).unwrap_or_default().to_owned(),
        };
        let spec = SinkSpec { entry, target, options };
        let mut faults = spec.faults();
        if faults.is_empty() {
            faults = (entry.check)(&spec);
        }
        if faults.is_empty() { Ok(spec) } else { refuse(faults.join("; ")) }
    }

    fn faults(&self) -> Vec<String> {
        let fault = |(name, value): (&String, &String)| match self.option(name) {
            Some(option) => option.parse(value).err(),
            None => {
                let known = || self.entry.all_options().map(|option| option.name);
                let near = nearest(name, known());
                let advice = near.map_or_else(
                    || format!("its options are {}", known().collect::<Vec<_>>().join(", ")),
                    |near| format!("did you mean {near}?"),
                );
                Some(format!("{} has no option {name:?}: {advice}", self.entry.scheme))
            }
        };
        let condition = self.options.get("where").map_or("", String::as_str);
        let of_condition = match filter::read(condition) {
            Ok(terms) if !terms.is_empty() && !self.entry.passes_over => {
                Some(format!("{} has no option \"where\": it takes every row", self.entry.scheme))
            }
            read => read.err(),
        };
        self.options
            .iter()
            .filter_map(fault)
            .chain(of_condition)
            .chain(source::fault(self))
            .collect()
    }
}

/// Parameters of addresses whose values are secret.
const SECRETS: [&str; 5] = ["password", "p", "token", "authKey", "api_key"];

/// A sink as it was given, with stars where it has a password: that of a user before `@`, or a
/// parameter.
pub fn without_password(words: &str) -> String {
    if let Some(shown) = without_secrets_of_odbc(words) {
        return shown;
    }
    let mut shown = words.to_owned();
    let begin = login_begins(words);
    if let Some(end) = words[begin..].rfind('@').map(|at| begin + at)
        && let Some(colon) = words[begin..end].find(':').map(|at| begin + at)
    {
        shown.replace_range(colon + 1..end, "***");
    }
    let mut from = 0;
    while let Some(at) = shown[from..].find(['?', '&', ',', ' ']).map(|at| from + at + 1) {
        from = at;
        let Some((name, value)) = shown[at..].split_once('=') else { break };
        if SECRETS.iter().any(|secret| name.eq_ignore_ascii_case(secret)) {
            let begin = at + name.len() + 1;
            let is_end =
                |&(at, c): &(usize, char)| c == '&' || c == ',' && is_option(&value[at + 1..]);
            let end = value.char_indices().find(is_end).map_or(value.len(), |(at, _)| at);
            shown.replace_range(begin..begin + end, "***");
            from = begin;
        }
    }
    shown
}

/// A connection string of ODBC up to its first secret, and stars; `None` where it is none. What is
/// behind a secret may be part of it.
fn without_secrets_of_odbc(words: &str) -> Option<String> {
    let target = words.strip_prefix("odbc:")?;
    let is_secret = |key: &str| {
        let key = key.to_lowercase();
        SECRETS_OF_ODBC.iter().any(|secret| key.contains(secret))
    };
    let mut begin = 0;
    while let Some(equals) = target[begin..].find('=').map(|at| begin + at) {
        let key = target[begin..equals].rsplit([';', ',']).next().unwrap_or_default();
        if is_secret(key) && key.trim() != "password_file" {
            return Some(format!("odbc:{}=***", &target[..equals]));
        }
        begin = equals + 1;
    }
    Some(words.to_owned())
}

/// Where user and password would begin: behind the name of a sink and the `//` of an address.
fn login_begins(words: &str) -> usize {
    let mut begin = 0;
    if let Some((scheme, _)) = words.split_once(':')
        && registry::find(scheme).is_some()
    {
        begin = scheme.len() + 1;
    }
    let rest = &words[begin..];
    match rest.find("//") {
        Some(0) => begin + 2,
        Some(at) if rest.find(':') == Some(at - 1) => begin + at + 2,
        _ => begin,
    }
}

impl SinkSpec {
    /// As it reads, for people: with stars for what is secret in its address.
    #[must_use]
    pub fn shown(&self) -> String {
        without_password(&self.to_string())
    }

    /// The error of a spec with these faults.
    #[cfg(any(
        feature = "hbase",
        feature = "kafka",
        feature = "mysql",
        feature = "odbc",
        feature = "opensearch",
        feature = "parquet",
        feature = "postgres",
        feature = "redis"
    ))]
    pub(crate) fn refusal(&self, faults: &[String]) -> Error {
        let (why, known) = (faults.join("; "), self.entry().form.to_owned());
        Error::Spec { spec: self.shown(), why, known }
    }
}

impl FromStr for SinkSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (sink, options) = split_options(text);
        match sink.split_once(':') {
            Some((scheme, target)) => SinkSpec::new(scheme, Some(target), options),
            None => SinkSpec::new(&sink, None, options),
        }
    }
}

/// The sink with doubled commas made single, and the options.
fn split_options(text: &str) -> (String, BTreeMap<String, String>) {
    let mut sink = String::new();
    let mut options = BTreeMap::new();
    // The option that the text so far ends with.
    let mut option: Option<(String, String)> = None;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c == ',' && option.is_none() && rest.strip_prefix(',').is_some_and(is_option) {
            rest = &rest[1..];
        } else if c == ',' && is_option(rest) {
            options.extend(option.take());
            let (name, value) = rest.split_once('=').expect("an option has one");
            option = Some((name.to_owned(), String::new()));
            rest = value;
            continue;
        }
        option.as_mut().map_or(&mut sink, |(_, value)| value).push(c);
    }
    options.extend(option);
    (sink, options)
}

/// Whether a text begins as an option does.
fn is_option(text: &str) -> bool {
    let name = text.split_once('=').map_or("", |(name, _)| name);
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

impl fmt::Display for SinkSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme())?;
        if !self.target.is_empty() {
            f.write_str(":")?;
        }
        for (i, c) in self.target.char_indices() {
            let is_doubled = c == ',' && is_option(&self.target[i + 1..]);
            f.write_str(if is_doubled {
                ",,"
            } else {
                self.target.get(i..i + c.len_utf8()).unwrap_or_default()
            })?;
        }
        self.options.iter().try_for_each(|(name, value)| write!(f, ",{name}={value}"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::entry::Entry;
    use crate::limits;

    #[test]
    fn specs_read_back_as_written_with_the_default_filled_in() {
        for (text, whole) in [
            ("console", "console"),
            ("csv", "csv:output/seismic_agg_result"),
            ("csv:/tmp/a:b", "csv:/tmp/a:b"),
            ("csv:/tmp/a,b", "csv:/tmp/a,b"),
            ("csv:/tmp/a,,b=c,flush_ms=2s", "csv:/tmp/a,,b=c,flush_ms=2s"),
            ("csv,flush_ms=1s", "csv:output/seismic_agg_result,flush_ms=1s"),
        ] {
            let spec: SinkSpec = text.parse().unwrap();
            assert_eq!(spec.to_string(), whole);
            assert_eq!(whole.parse::<SinkSpec>().unwrap(), spec);
        }
    }

    #[test]
    fn options_stand_after_the_target_whose_own_commas_stay() {
        let spec: SinkSpec = "csv:/data/a,b,batch_rows=500,flush_ms=2s".parse().unwrap();
        assert_eq!(spec.target(), "/data/a,b");
        assert_eq!((spec.batch_rows(), spec.flush_every()), (500, Duration::from_secs(2)));
        let spec: SinkSpec = "csv:/data/a,,b=c".parse().unwrap();
        assert_eq!(spec.target(), "/data/a,b=c");
        assert!(spec.options().is_empty());
    }

    #[test]
    fn without_options_a_sink_flushes_as_it_always_did() {
        let spec: SinkSpec = "console".parse().unwrap();
        assert_eq!(spec.flush_every(), limits::FLUSH_EVERY);
        assert!(spec.batch_rows() >= 1_000_000, "no batch of a reader is cut");
    }

    #[test]
    fn an_unknown_or_incomplete_spec_says_what_is_known() {
        for text in ["", "paper", "csv:", "console:x", "CSV", ":"] {
            let error = text.parse::<SinkSpec>().unwrap_err().to_string();
            assert!(error.contains("console, csv[:DIR]"), "{error}");
        }
        let error = "cvs:x".parse::<SinkSpec>().unwrap_err().to_string();
        assert!(error.contains("did you mean csv?"), "{error}");
    }

    #[test]
    fn every_wrong_option_is_named_with_what_was_meant() {
        let error = "csv:x,flush=2s,batch_rows=0,colour=red".parse::<SinkSpec>().unwrap_err();
        let text = error.to_string();
        for part in [
            "csv has no option \"flush\": did you mean flush_ms?",
            "batch_rows is \"0\"; it must be a whole number from 1 to 1000000",
            "csv has no option \"colour\": its options are file_bytes, time, batch_rows, flush_ms",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        for (text, shown) in [
            ("csv:/data/a:b,flush_ms=2s", "csv:/data/a:b,flush_ms=2s"),
            ("csv:/data/a@b", "csv:/data/a@b"),
            ("redis://me:pw@db:1/0,name=a", "redis://me:***@db:1/0,name=a"),
            ("redis://db:1/0,name=a", "redis://db:1/0,name=a"),
            ("redis:me:pw@db", "redis:me:***@db"),
            ("redis:me:p//w@db", "redis:me:***@db"),
            ("me:pw@db", "me:***@db"),
            ("postgres://me:p:w@x@db/d", "postgres://me:***@db/d"),
            ("postgres://me@db/d?password=pw&a=b", "postgres://me@db/d?password=***&a=b"),
            ("influx:http://me:pw@db/w?db=x", "influx:http://me:***@db/w?db=x"),
            ("influx:http://db/w?u=me&p=pw&db=x", "influx:http://db/w?u=me&p=***&db=x"),
            ("influx:http://db/w?db=x&p=p,w,time=t", "influx:http://db/w?db=x&p=***,time=t"),
            ("influx:http://db/w?token=pw&authkey=pw", "influx:http://db/w?token=***&authkey=***"),
            ("influx:http://db/w?rp=a,password=pw", "influx:http://db/w?rp=a,password=***"),
            ("influx:x,token_file=f", "influx:x,token_file=f"),
            ("odbc:DSN=a;PWD=p;w,table=t", "odbc:DSN=a;PWD=***"),
            ("odbc:Access_Token={a};DSN=a", "odbc:Access_Token=***"),
            ("odbc:DSN=a,password_file=f,table=t", "odbc:DSN=a,password_file=f,table=t"),
        ] {
            assert_eq!(without_password(text), shown);
        }
        let text = "influx:http://db/w?token=pw&precision=ms";
        let spec: SinkSpec = text.parse().unwrap();
        assert_eq!(spec.to_string(), text);
        assert_eq!(spec.shown(), "influx:http://db/w?token=***&precision=ms");
    }

    #[test]
    fn every_default_of_every_sink_is_a_value() {
        for option in registry::all().flat_map(Entry::all_options) {
            assert!(option.parse(option.default).is_ok(), "{}", option.name);
        }
    }
}
