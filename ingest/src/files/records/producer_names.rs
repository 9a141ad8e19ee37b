//! Names of the producers of files, for queues without an import log.

use std::path::Path;

use super::options::Options;
use crate::files::file_digest::{Digest32, digest};
use crate::files::parse::read_options::ReadOptions;
use crate::{Result, producer_name};

/// Names the producers of files.
pub(super) struct ProducerNames {
    before: Vec<u8>,
    /// How files are read and which table is applied, where that is not the default. The messages
    /// depend on it: numbered as those of another way of reading, some would be taken for repeats.
    behind: Vec<u8>,
}

impl ProducerNames {
    /// # Errors
    /// A table of sensors that cannot be read.
    pub(super) fn new(options: &Options) -> Result<Self> {
        let Options { format, topic, partitions, pack, read, sensors, .. } = options;
        let before = format!("1 {format:?} {topic} {partitions} {pack} ").into_bytes();
        let mut behind = Vec::new();
        if *read != ReadOptions::default() {
            behind.extend_from_slice(format!(" {read:?}").as_bytes());
        }
        if let Some(table) = sensors {
            behind.extend_from_slice(b" sensors ");
            behind.extend_from_slice(&digest(table)?);
        }
        Ok(ProducerNames { before, behind })
    }

    /// The name of the producer of a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn of(&self, file: &Path) -> Result<String> {
        Ok(self.of_digest(&digest(file)?))
    }

    /// The name of the producer of a file with that digest.
    pub(super) fn of_digest(&self, digest: &Digest32) -> String {
        let content = [&self.before[..], digest, &self.behind].concat();
        producer_name::by_content("records", &content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::parse::event_time::TimeUnit;
    use crate::files::parse::field::RecordField;
    use crate::files::parse::format::Format;

    #[test]
    fn a_file_that_is_read_otherwise_is_another_one_and_the_default_keeps_its_old_name() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let file = write("a", "a,b\n");
        let (table, other) = (write("t", "id\nS1\n"), write("u", "id\nS1\nS2\n"));
        let plain = Options::new(Format::Csv, vec![]);
        let name = |options: &Options| ProducerNames::new(options).unwrap().of(&file).unwrap();
        let Options { topic, partitions, .. } = &plain;
        let mut old = format!("1 Csv {topic} {partitions} 1 ").into_bytes();
        old.extend_from_slice(&digest(&file).unwrap());
        assert_eq!(name(&plain), producer_name::by_content("records", &old));
        let read = ReadOptions::default;
        let reads = [
            ReadOptions { time_unit: Some(TimeUnit::Seconds), ..read() },
            ReadOptions { has_decimal_comma: true, ..read() },
            ReadOptions { is_utc: true, ..read() },
            ReadOptions { set: vec![(RecordField::Depth, "1".into())], ..read() },
            ReadOptions { set: vec![(RecordField::Depth, "2".into())], ..read() },
            ReadOptions { columns: vec![(RecordField::Depth, "z".into())], ..read() },
        ];
        let mut names: Vec<_> = reads.map(|read| name(&Options { read, ..plain.clone() })).to_vec();
        for sensors in [None, Some(table), Some(other)] {
            names.push(name(&Options { sensors, ..plain.clone() }));
        }
        let different: std::collections::HashSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len());
    }
}
