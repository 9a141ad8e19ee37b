//! Environments of a job file: what is other in `[env.test]` than in the rest, which is production's.
//!
//! ```toml
//! name = "coast"
//! sink = ["csv:rows-{{env}}"]
//! [env.test]
//! window = "2s"
//! [env.production]
//! workers = 4
//! ```
//!
//! `--env test` puts the keys of that table over the others, a table key by key. The job is an
//! instance of its own then, beside that of production: its name ends in `-test`, and so do group
//! and topics unless the table names them. Sinks and store must be its own.

use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use super::nearest::nearest;

/// Name of the table.
pub const TABLE: &str = "env";

/// The environment that keeps the names of the file. A file that has any has this one, too.
pub const PRODUCTION: &str = "production";

/// Characters of a name: it is a part of the job's.
const NAME_CHARS: usize = 16;

/// The environments that a text has; none of one that is no TOML.
#[must_use]
pub fn names(text: &str) -> BTreeSet<String> {
    let (parsed, _) = DeTable::parse_recoverable(text);
    let table = parsed.get_ref().get(TABLE).map(|value| value.get_ref());
    let Some(DeValue::Table(all)) = table else { return BTreeSet::new() };
    let named = all.keys().map(|name| name.get_ref().to_string());
    named.chain([PRODUCTION.to_owned()]).collect()
}

/// Checks the name of an environment.
///
/// # Errors
/// Why it is none.
pub fn parse_name(name: &str) -> Result<String, String> {
    let is_fine = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    match (1..=NAME_CHARS).contains(&name.len()) && name.chars().all(is_fine) {
        true => Ok(name.to_owned()),
        false => Err(format!(
            "{name:?} is no name of an environment: write up to {NAME_CHARS} small letters and digits"
        )),
    }
}

/// Takes the environments out of a file, and puts what the wanted one says over the rest; the keys
/// that it sets. What is wrong is handed to `fault` with its place in the file.
pub(super) fn put_over<'i>(
    table: &mut DeTable<'i>,
    wanted: Option<&str>,
    mut fault: impl FnMut(usize, String),
) -> BTreeSet<String> {
    let mut set = BTreeSet::new();
    let Some((key, all)) = table.remove_entry(TABLE) else {
        if let Some(wanted) = wanted {
            fault(0, format!("--env {wanted}: the file has no table [env.{wanted}]"));
        }
        return set;
    };
    let DeValue::Table(mut all) = all.into_inner() else {
        fault(key.span().start, format!("{TABLE}: write tables, as [env.test]"));
        return set;
    };
    let names: Vec<String> = all.keys().map(|name| name.get_ref().to_string()).collect();
    for name in all.keys() {
        if let Err(why) = parse_name(name.get_ref()) {
            fault(name.span().start, format!("{TABLE}: {why}"));
        }
    }
    let Some(wanted) = wanted else {
        let names = names.join(", ");
        fault(
            key.span().start,
            format!("{TABLE}: say which environment counts with --env: {PRODUCTION}, {names}"),
        );
        return set;
    };
    let Some((name, over)) = all.remove_entry(wanted) else {
        if wanted != PRODUCTION {
            let meant = nearest(wanted, names.iter().map(String::as_str));
            let meant = meant.map_or(String::new(), |it| format!("; did you mean {it:?}?"));
            let what = format!("there is no table [env.{wanted}]{meant}");
            fault(key.span().start, format!("{TABLE}: {what}"));
        }
        return set;
    };
    let DeValue::Table(over) = over.into_inner() else {
        fault(name.span().start, format!("{TABLE}.{wanted}: write a table, as [env.{wanted}]"));
        return set;
    };
    for (key, value) in over {
        let written = key.get_ref().to_string();
        if matches!(&*written, "name" | TABLE) {
            let why = format!("{TABLE}.{wanted}.{written}: instances are named after the job");
            fault(key.span().start, why);
            continue;
        }
        match (table.get_mut(&*written).map(|known| known.get_mut()), value.get_ref()) {
            (Some(DeValue::Table(known)), DeValue::Table(_)) => {
                let DeValue::Table(over) = value.into_inner() else { continue };
                for (key, value) in over {
                    // With the key, its place is that of the environment.
                    known.remove_entry(&**key.get_ref());
                    known.insert(key, value);
                }
            }
            _ => {
                table.remove_entry(&*written);
                table.insert(key, value);
            }
        }
        set.insert(written);
    }
    set
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::job::file::variables::Given;
    use crate::job::file::{self, JobFile};

    const FILE: &str = "name = 'coast'\nwindow = '1s'\nsink = ['csv:rows-{{env}}', 'console']\n\
                        group = 'coast'\n[restart]\nretry = false\nmax_per_hour = 3\n\
                        [env.test]\nwindow = '2s'\ndead_topic = 'trash'\n[env.test.restart]\nmax_per_hour = 9\n\
                        [env.production]\nworkers = 1\n";

    fn read(text: &str, env: Option<&str>) -> JobFile {
        let given = Given { env: env.map(str::to_owned), ..Given::default() };
        file::read_given(text, Path::new("coast.toml"), &given)
    }

    #[test]
    fn an_environment_stands_over_the_file_and_is_an_instance_of_its_own() {
        let test = read(FILE, Some("test"));
        assert_eq!(test.faults, [""; 0]);
        assert_eq!(test.options.window.unwrap().ms(), 2_000);
        assert_eq!(test.place_of("window").unwrap(), "coast.toml:9: window");
        let restart = &test.service.restart;
        assert_eq!((restart.retry, restart.max_per_hour), (false, Some(9)));
        assert_eq!(test.service.name.as_ref().unwrap().as_str(), "coast-test");
        assert_eq!(test.options.location.group.as_deref(), Some("coast-test"));
        assert_eq!(test.options.dead_topic.as_deref(), Some("trash"));
        // Topics without names are named after the instance.
        let rows = test.options.result_topic.unwrap();
        assert!(rows.starts_with("coast-test-") && rows.ends_with("-rows"), "{rows}");
        assert_eq!(test.options.sink[0].to_string(), "csv:rows-test");
        let production = read(FILE, Some("production"));
        assert_eq!(production.faults, [""; 0]);
        assert_eq!(production.options.window.unwrap().ms(), 1_000);
        assert_eq!(production.service.restart.max_per_hour, Some(3));
        assert_eq!(production.service.name.unwrap().as_str(), "coast");
        assert_eq!(production.options.location.group.as_deref(), Some("coast"));
        assert_eq!(production.options.sink[0].to_string(), "csv:rows-production");
        // A file with another one has that of production, as the rest of it is.
        let only = FILE.split("[env.production]").next().unwrap();
        assert_eq!(read(only, Some("production")).faults, [""; 0]);
        assert_eq!(names(only).into_iter().collect::<Vec<_>>(), ["production", "test"]);
        assert!(names("window = '1s'").is_empty());
    }

    #[test]
    fn what_an_environment_cannot_be_is_said_with_its_line() {
        let of = |text: &str, env: Option<&str>| read(text, env).faults.join("\n");
        let said = of(FILE, None);
        assert!(said.contains("coast.toml:8: env: say which") && said.contains("test"), "{said}");
        assert!(of(FILE, Some("tset")).contains("did you mean \"test\"?"));
        assert!(of("name = 'a'\n", Some("test")).contains("--env test: the file has no table"));
        let wrong = "name = 'a'\n[env.Test]\n[env.test]\nname = 'b'\nlatenes = '1s'\n";
        let said = of(wrong, Some("test"));
        for part in [
            "coast.toml:2: env: \"Test\" is no name",
            "coast.toml:4: env.test.name: instances are named",
            "coast.toml:5: latenes: there is no such option",
        ] {
            assert!(said.contains(part), "{said}");
        }
        assert!(of("env = 1\n", Some("test")).contains("write tables"));
        assert!(of("window = '1s'\n[env.test]\n", Some("test")).contains("give it a name"));
        let long = format!("name = '{}'\n[env.test]\n", "x".repeat(57));
        assert!(
            of(&long, Some("test")).contains("with -test: 62 bytes"),
            "{}",
            of(&long, Some("test"))
        );
    }

    #[test]
    fn an_instance_does_not_write_where_production_does() {
        let shared =
            "name = 'a'\nsink = ['csv:rows', 'console']\nstore = 'sqlite:a.db'\n[env.test]\n";
        let said = read(shared, Some("test")).faults.join("\n");
        assert!(said.contains("coast.toml:2: sink: csv:rows is production's"), "{said}");
        assert!(said.contains("coast.toml:3: store: a.db is production's"), "{said}");
        assert!(!said.contains("console"), "{said}");
        assert_eq!(read(shared, Some("production")).faults, [""; 0]);
        let own = format!("{shared}sink = ['csv:other']\nstore = 'sqlite:b.db'\n");
        assert_eq!(read(&own, Some("test")).faults, [""; 0]);
    }
}
