//! The cluster, topic and secrets, from the target and options of a sink.

use std::path::{Path, PathBuf};
use std::{env, fs};

use seismic_kafka::outlet::Outlet;
use seismic_queue::Topic;

use super::failure;
use super::partitioner::Partitioner;
use crate::rows::columns::Choice;
use crate::{Error, Result, SinkSpec};

/// Where the password is taken from when no file is named.
pub(super) const PASSWORD_VARIABLE: &str = "SEISMIC_SINK_KAFKA_PASSWORD";

/// The setting that it is.
const PASSWORD: &str = "sasl.password";

/// How an address looks.
pub(super) const FORM: &str = "kafka://HOST:PORT[,HOST:PORT]";

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Protobuf,
    Json,
}

/// A topic of a cluster, and how the sink writes there.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The same place has the same name, whoever connects.
    pub(super) name: String,
    /// `host:port`, with commas between several.
    pub(super) brokers: String,
    pub(super) topic: String,
    pub(super) format: Format,
    pub(super) choice: Choice,
    pub(super) partitioner: Partitioner,
    /// Whether it makes topics that are missing, and with how many partitions, where that is said.
    pub(super) creates: bool,
    pub(super) partitions: Option<u32>,
    settings_file: Option<PathBuf>,
    password_file: Option<PathBuf>,
    /// Encoded rows that are kept at most before they are written, in bytes.
    pub(super) batch_bytes: usize,
}

impl Target {
    /// Reads a spec; every fault at once. Files are not read yet.
    pub(super) fn read(spec: &SinkSpec) -> std::result::Result<Target, Vec<String>> {
        let mut faults = Vec::new();
        let brokers = brokers(spec.target()).map_err(|fault| faults.push(fault)).ok();
        let topic = spec.text("topic").to_owned();
        if let Err(error) = Topic::check_name(&topic) {
            faults.push(error.to_string());
        }
        let format = match spec.text("format") {
            "json" => Format::Json,
            _ => Format::Protobuf,
        };
        let choice = Choice::read(spec.text("columns"));
        let choice = choice.map_err(|fault| faults.push(fault)).ok();
        if format == Format::Protobuf && !spec.text("columns").is_empty() {
            faults.push("columns needs format=json: Protobuf has the row as it is".to_owned());
        }
        let partitions = u32::try_from(spec.number("partitions")).ok().filter(|&count| count > 0);
        let creates = spec.text("create") == "true";
        if partitions.is_some() && !creates {
            faults.push("partitions says what create=true makes".to_owned());
        }
        let (Some(brokers), Some(choice), true) = (brokers, choice, faults.is_empty()) else {
            return Err(faults);
        };
        let path = |option: &str| {
            Some(spec.text(option)).filter(|file| !file.is_empty()).map(PathBuf::from)
        };
        Ok(Target {
            name: format!("kafka://{brokers},topic={topic}"),
            brokers,
            topic,
            format,
            choice,
            partitioner: Partitioner::of(spec.text("partitioner")),
            creates,
            partitions,
            settings_file: path("settings_file"),
            password_file: path("password_file"),
            batch_bytes: usize::try_from(spec.number("batch_bytes")).unwrap_or(usize::MAX),
        })
    }

    /// As [`Target::read`], for a spec that was checked when it was made.
    pub(super) fn of(spec: &SinkSpec) -> Result<Target> {
        Target::read(spec).map_err(|faults| spec.refusal(&faults))
    }

    /// Connects to the cluster.
    pub(super) fn outlet(&self) -> Result<Outlet> {
        let outlet = Outlet::open(&self.brokers, &self.settings()?, &self.topic);
        outlet.map_err(|error| failure::of(&self.name, "connecting", error))
    }

    /// Settings of the client, with the password where it logs in.
    fn settings(&self) -> Result<Vec<(String, String)>> {
        let mut settings = match &self.settings_file {
            Some(at) => read_settings(at)?,
            None => Vec::new(),
        };
        let is_login = settings.iter().any(|(key, value)| {
            key == "security.protocol" && value.to_ascii_lowercase().starts_with("sasl")
        });
        let password = match &self.password_file {
            Some(at) => {
                Some(fs::read_to_string(at).map_err(Error::io(at, "reading the password"))?)
            }
            None if is_login && settings.iter().all(|(key, _)| key != PASSWORD) => {
                env::var(PASSWORD_VARIABLE).ok()
            }
            None => None,
        };
        if let Some(password) = password {
            settings.retain(|(key, _)| key != PASSWORD);
            // Editors end a file with a line break.
            let password = password.trim_end_matches(['\r', '\n']).to_owned();
            settings.push((PASSWORD.to_owned(), password));
        }
        Ok(settings)
    }
}

fn read_settings(at: &Path) -> Result<Vec<(String, String)>> {
    let text = fs::read_to_string(at).map_err(Error::io(at, "reading the settings"))?;
    let lines = text.lines().map(str::trim);
    let lines = lines.enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let setting = |(number, line): (usize, &str)| match line.split_once('=') {
        Some((key, value)) => Ok((key.trim().to_owned(), value.trim().to_owned())),
        // It may be a secret that lost its beginning.
        None => Err(Error::Config {
            at: at.to_owned(),
            what: format!("line {} is no KEY=VALUE", number + 1),
        }),
    };
    lines.map(setting).collect()
}

/// The brokers of an address, or what is wrong with it.
fn brokers(target: &str) -> std::result::Result<String, String> {
    let refuse = |what: &str| Err(format!("{what}; write {FORM}"));
    let Some(brokers) = target.strip_prefix("//") else {
        return refuse("its target is no address");
    };
    if brokers.contains('@') {
        return Err(format!(
            "its address has a user, or a password, which lists of processes, the shell's history and \
             backups would show: write sasl.username into a file and name that, as in \
             settings_file=FILE, and the password into another, as in password_file=FILE, or set the \
             variable {PASSWORD_VARIABLE}"
        ));
    }
    let brokers = brokers.trim_end_matches('/');
    if brokers.contains('/') {
        return refuse("a topic stands in the option topic, and not in the address");
    }
    let is_broker = |broker: &str| {
        !broker.is_empty() && !broker.starts_with(':') && !broker.contains(char::is_whitespace)
    };
    if !brokers.split(',').all(is_broker) {
        return refuse("its address names no host");
    }
    Ok(brokers.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        text.parse::<SinkSpec>().unwrap_err().to_string()
    }

    #[test]
    fn a_place_is_named_by_brokers_and_topic_and_reads_back() {
        let spec: SinkSpec = "kafka://a:1,b:2,topic=rows,create=true".parse().unwrap();
        let target = Target::of(&spec).unwrap();
        assert_eq!((target.brokers.as_str(), target.topic.as_str()), ("a:1,b:2", "rows"));
        assert_eq!(spec.name(), "kafka://a:1,b:2,topic=rows");
        assert!(spec.name().parse::<SinkSpec>().unwrap().is_same_place(&spec));
        let spec: SinkSpec = "kafka://a:1".parse().unwrap();
        assert_eq!(spec.name(), "kafka://a:1,topic=seismic_windows");
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_to_write() {
        for (text, part) in [
            ("kafka", "write kafka://HOST:PORT"),
            ("kafka:a:1", "write kafka://HOST:PORT"),
            ("kafka://a:1/rows", "in the option topic"),
            ("kafka://a:1,,", "names no host"),
            ("kafka://a:1,topic=a b", "a b"),
            ("kafka://a:1,columns=sensor_id", "format=json"),
            ("kafka://a:1,partitions=3", "create=true"),
            ("kafka://a:1,format=avro", "protobuf, json"),
        ] {
            let fault = fault(text);
            assert!(fault.contains(part), "{text}: {fault}");
        }
        let fault = fault("kafka://me:hunter2@a:1");
        assert!(fault.contains("password_file=FILE") && !fault.contains("hunter2"), "{fault}");
    }

    #[test]
    fn settings_come_from_a_file_and_a_line_that_is_none_is_named_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("client.properties");
        fs::write(&file, "# who\nsecurity.protocol = ssl\n\nssl.ca.location=/ca.pem\n").unwrap();
        let settings = read_settings(&file).unwrap();
        let of = |(key, value): &(String, String)| format!("{key}={value}");
        let lines: Vec<_> = settings.iter().map(of).collect();
        assert_eq!(lines, ["security.protocol=ssl", "ssl.ca.location=/ca.pem"]);
        fs::write(&file, "client.id=me\nhunter2\n").unwrap();
        let error = read_settings(&file).unwrap_err().to_string();
        assert!(error.contains("line 2") && !error.contains("hunter2"), "{error}");
    }
}
