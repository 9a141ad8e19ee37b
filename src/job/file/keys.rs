//! The keys of a job file: their names, and how values become options.

use std::collections::BTreeMap;

use seismic_sinks::SinkSpec;
use toml::Spanned;
use toml::de::{DeString, DeValue};

use super::nearest::nearest;
use super::service_keys;
use super::statement;
use super::value::{choice, duration, flag, list, millis, number, parsed, put, text};
use crate::http::HttpSettings;
use crate::job::options::JobOptions;
use crate::job::rollup::RollupSpan;
use crate::time;

/// One key.
#[derive(Clone, Copy)]
pub struct Key {
    /// The option that it sets: a field of [`JobOptions`].
    pub name: &'static str,
    /// Sets it.
    pub set: Setter,
}

type Setter = fn(&mut JobOptions, &DeValue<'_>) -> Result<(), String>;

/// Every key, with the names that it had before.
const KEYS: &[(&str, &[&str], Setter)] = &[
    ("queue", &[], |job, value| put(&mut job.location.queue, parsed(value))),
    ("store", &["home"], |job, value| put(&mut job.location.store, parsed(value))),
    ("group", &[], |job, value| put(&mut job.location.group, text(value))),
    ("kafka", &[], |job, value| {
        job.location.kafka = settings(value)?;
        Ok(())
    }),
    ("topic", &[], |job, value| put(&mut job.topic, text(value))),
    ("result_topic", &[], |job, value| put(&mut job.result_topic, text(value))),
    ("dead_topic", &[], |job, value| put(&mut job.dead_topic, text(value))),
    ("sink", &[], |job, value| {
        job.sink = list(value, sink)?;
        Ok(())
    }),
    ("from", &["start"], |job, value| put(&mut job.from, time::parse_from(&text(value)?))),
    ("window", &[], |job, value| put(&mut job.window, duration(value))),
    ("window_ms", &[], |job, value| put(&mut job.window, millis(value))),
    ("lateness", &[], |job, value| put(&mut job.lateness, duration(value))),
    ("lateness_ms", &[], |job, value| put(&mut job.lateness, millis(value))),
    ("allowed_lateness", &[], |job, value| put(&mut job.allowed_lateness, duration(value))),
    ("allowed_lateness_ms", &[], |job, value| put(&mut job.allowed_lateness, millis(value))),
    ("idle_timeout", &[], |job, value| put(&mut job.idle_timeout, duration(value))),
    ("idle_timeout_ms", &[], |job, value| put(&mut job.idle_timeout, millis(value))),
    ("max_ahead", &[], |job, value| put(&mut job.max_ahead, duration(value))),
    ("max_ahead_ms", &[], |job, value| put(&mut job.max_ahead, millis(value))),
    ("max_jump", &[], |job, value| put(&mut job.max_jump, duration(value))),
    ("max_jump_ms", &[], |job, value| put(&mut job.max_jump, millis(value))),
    ("time", &[], |job, value| put(&mut job.time, choice(value))),
    ("dedupe", &[], |job, value| put(&mut job.dedupe, choice(value))),
    ("amplitude", &[], |job, value| put(&mut job.amplitude, parsed(value))),
    ("region", &[], |job, value| put(&mut job.region, parsed(value))),
    ("earliest_event", &[], |job, value| put(&mut job.earliest_event, parsed(value))),
    ("latest_event", &[], |job, value| put(&mut job.latest_event, parsed(value))),
    ("phases", &[], |job, value| put(&mut job.phases, parsed(value))),
    ("rollup", &[], |job, value| {
        job.rollup = list(value, rollup)?;
        Ok(())
    }),
    ("max_sensors", &[], |job, value| put(&mut job.max_sensors, number(value, 0..=u64::MAX))),
    ("spread", &[], |job, value| put(&mut job.spread, choice(value))),
    ("repartition", &[], |job, value| flag(&mut job.repartition, value)),
    ("slots", &["parallelism"], |job, value| {
        put(&mut job.slots, number(value, 1..=1 << 20).map(|slots| slots as usize))
    }),
    ("slot", &[], |job, value| put(&mut job.slot, text(value))),
    ("commit_interval", &[], |job, value| put(&mut job.commit_interval, duration(value))),
    ("commit_interval_ms", &[], |job, value| put(&mut job.commit_interval, millis(value))),
    ("checkpoint_interval", &[], |job, value| put(&mut job.checkpoint_interval, duration(value))),
    ("checkpoints_kept", &[], |job, value| {
        put(&mut job.checkpoints_kept, number(value, 0..=u32::MAX.into()).map(|kept| kept as u32))
    }),
    ("max_records", &[], |job, value| put(&mut job.max_records, number(value, 0..=u64::MAX))),
    ("until_caught_up", &[], |job, value| flag(&mut job.until_caught_up, value)),
    ("drain", &[], |job, value| flag(&mut job.drain, value)),
    ("http", &[], |job, value| put(&mut job.http, http(value))),
    ("quiet", &[], |job, value| flag(&mut job.quiet, value)),
];

/// Options that are decisions for one start: a file that stays must not repeat them.
const ONCE: [&str; 7] = [
    "accept_loss",
    "accept_partitions",
    "from_checkpoint",
    "of_group",
    "of_store",
    "of_home",
    "rewind",
];

/// Whether a key changes what is computed; all others change where and how the job runs.
#[must_use]
pub fn is_semantic(key: &str) -> bool {
    let table = key.split_once('.').map_or(key, |(table, _)| table);
    match key {
        "topic" | "from" => true,
        // Whether a job ends at such sensors, and where rows go.
        "spread" | "output.topic" => false,
        _ => {
            statement::OF_WINDOWS.contains(&key)
                || table == "fork"
                || statement::KEYS.contains(&table)
        }
    }
}

/// The names of all keys, without those that keys had before.
pub fn names() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|(name, ..)| *name).filter(|name| !name.ends_with("_ms"))
}

/// The key that a file writes as `written`.
///
/// # Errors
/// Why there is none, with the key that may be meant.
pub fn find(written: &str) -> Result<Key, String> {
    if ONCE.contains(&written) {
        let option = written.replace('_', "-");
        let fork = match written {
            "from_checkpoint" | "of_group" | "of_store" => {
                "; the checkpoint of another job that a job begins with stands in the table [fork]"
            }
            _ => "",
        };
        let what = "this is decided at each start; pass";
        return Err(format!("{what} --{option} on the command line{fork}"));
    }
    let is_it = |(name, before, _): &&(&str, &[&str], Setter)| {
        *name == written || before.contains(&written)
    };
    if let Some(&(name, _, set)) = KEYS.iter().find(is_it) {
        // A number of ms is the same option as its duration.
        return Ok(Key { name: name.strip_suffix("_ms").unwrap_or(name), set });
    }
    Err(
        match nearest(
            written,
            (KEYS.iter().map(|(name, ..)| *name))
                .chain(service_keys::top_names())
                .chain(statement::KEYS),
        ) {
            Some(name) => format!("there is no such option; did you mean {name:?}?"),
            None => "there is no such option; `seismic run --help` lists all".to_owned(),
        },
    )
}

fn rollup(value: &DeValue<'_>) -> Result<RollupSpan, String> {
    duration(value)?;
    parsed(value)
}

/// A sink as one word, or as a table of `type`, `target` and its options.
fn sink(value: &DeValue<'_>) -> Result<SinkSpec, String> {
    let DeValue::Table(pairs) = value else {
        return parsed(value);
    };
    let (mut scheme, mut target, mut options) = (None, None, BTreeMap::new());
    for (key, value) in pairs {
        let key = key.get_ref();
        let value = text(value.get_ref()).map_err(|why| format!("{key}: {why}"))?;
        match key.as_ref() {
            "type" => scheme = Some(value),
            "target" => target = Some(value),
            _ => {
                options.insert(key.to_string(), value);
            }
        }
    }
    let scheme = scheme.ok_or("the table has no type, as in type = \"csv\"")?;
    SinkSpec::new(&scheme, target.as_deref(), options).map_err(|error| error.to_string())
}

/// An address, or a table of `address` and what is set beside it.
fn http(value: &DeValue<'_>) -> Result<HttpSettings, String> {
    let DeValue::Table(pairs) = value else {
        return parsed(value);
    };
    let all: BTreeMap<String, String> = pairs
        .iter()
        .map(|(key, value)| {
            let key = key.get_ref();
            let texts = list(value.get_ref(), text).map_err(|why| format!("{key}: {why}"))?;
            Ok((key.to_string(), texts.join("|")))
        })
        .collect::<Result<_, String>>()?;
    let address = all.get("address").ok_or("the table has no address, as 127.0.0.1:9100")?;
    let mut http: HttpSettings = address.parse()?;
    all.iter().filter(|(key, _)| *key != "address").try_for_each(|(key, it)| http.set(key, it))?;
    Ok(http)
}

fn settings(value: &DeValue<'_>) -> Result<Vec<(String, String)>, String> {
    let DeValue::Table(pairs) = value else {
        return Err("write a table, as in { \"linger.ms\" = \"5\" }".to_owned());
    };
    let one = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| {
        let key = key.get_ref();
        let value = text(value.get_ref()).map_err(|why| format!("{key}: {why}"))?;
        Ok((key.to_string(), value))
    };
    pairs.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::job::JobSpec;

    #[test]
    fn a_file_may_set_every_field_of_a_job() {
        let names: BTreeSet<_> =
            KEYS.iter().map(|(name, ..)| find(name).unwrap().name.to_owned()).collect();
        let spec = serde_json::to_value(JobSpec::default()).unwrap();
        let mut expected: BTreeSet<_> = spec.as_object().unwrap().keys().cloned().collect();
        // Of the command that runs the job.
        expected.insert("quiet".to_owned());
        assert_eq!(names, expected);
    }

    #[test]
    fn what_is_computed_is_changed_by_windows_statements_and_where_a_job_begins_and_by_nothing_else()
     {
        assert!(statement::OF_WINDOWS.iter().all(|key| find(key).is_ok()));
        for key in ["window", "topic", "sql", "input.columns", "dimension", "fork.checkpoint"] {
            assert!(is_semantic(key), "{key}");
        }
        for key in ["sink", "spread", "slots", "output.topic", "result_topic", "restart.retry"] {
            assert!(!is_semantic(key), "{key}");
        }
    }

    #[test]
    fn the_nearest_name_is_suggested_and_a_strange_one_is_not() {
        for (written, meant) in [("latenes", "lateness"), ("sinks", "sink"), ("windw", "window")] {
            let why = find(written).err().unwrap();
            assert!(why.contains(&format!("did you mean {meant:?}")), "{written}: {why}");
        }
        assert!(find("colour").err().unwrap().contains("--help"));
    }
}
