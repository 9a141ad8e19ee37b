//! Serialization, defaults and validation of specs.

use clap::Args as _;

use super::*;
use crate::job::options::JobOptions;

#[test]
fn a_spec_reads_back_as_written() {
    let spec = JobSpec {
        store: Some("memory:s".parse().unwrap()),
        kafka: BTreeMap::from([("linger.ms".to_owned(), "5".to_owned())]),
        sink: vec!["console".parse().unwrap(), "csv:rows".parse().unwrap()],
        from: Some(StartFrom::Time(1_592_926_145_250)),
        window: TimeSpan::from_ms(250),
        dedupe: Repeats::Time,
        amplitude: "..419.2".parse().unwrap(),
        region: "-100..-90,14..20".parse().unwrap(),
        earliest_event: "2020-01-01".parse().unwrap(),
        phases: "P,S".parse().unwrap(),
        rollup: vec!["10s".parse().unwrap()],
        slots: Some(2),
        drain: true,
        ..JobSpec::default()
    };
    for spec in [spec, JobSpec::default()] {
        let text = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<JobSpec>(&text).unwrap(), spec, "{text}");
    }
    assert_eq!(serde_json::from_str::<JobSpec>("{}").unwrap(), JobSpec::default());
    assert!(serde_json::from_str::<JobSpec>(r#"{"windw": "1s"}"#).is_err());
}

#[test]
fn the_help_names_the_defaults_that_hold() {
    let command = JobOptions::augment_args(clap::Command::new("run"));
    let spec = serde_json::to_value(JobSpec::default()).unwrap();
    for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let Some((_, default)) = help.split_once("[default: ") else { continue };
        let default = default.trim_end_matches(']');
        let key = arg.get_id().as_str();
        let held = match &spec[key] {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Array(all) if all.len() == 1 => all[0].as_str().unwrap().to_owned(),
            serde_json::Value::Number(number) => number.to_string(),
            // What the default depends on is said as text.
            _ => continue,
        };
        assert_eq!(default, held, "{key}");
    }
}

#[test]
fn all_faults_are_named_at_once_with_their_options() {
    let spec = JobSpec {
        window: TimeSpan::from_ms(0),
        lateness: TimeSpan::from_ms(-1),
        topic: "a/b".to_owned(),
        sink: vec!["csv".parse().unwrap(), "csv".parse().unwrap()],
        slots: Some(0),
        drain: true,
        until_caught_up: true,
        ..JobSpec::default()
    };
    let keys: Vec<_> = spec.faults().iter().map(|fault| fault.key).collect();
    assert_eq!(keys, ["window", "lateness", "topic", "sink", "slots", "drain"]);
}
