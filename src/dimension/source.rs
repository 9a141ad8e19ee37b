//! Where the rows of a table are.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use seismic_derived::{Column, InputFormat, TableRow, TextFormat, limits};
use seismic_queue::Topic;
use sha2::{Digest as _, Sha256};

use super::database::{DatabaseTable, SourceFormat, SourceKeys, Unread};
use super::document::DocumentTable;
use super::topic::TopicTable;
use crate::job::file::pinned::{self, PinnedFile, PinnedResources, ResourceName};
use crate::job::location::Location;

/// A place with rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableSource {
    /// A file.
    File {
        /// Its path.
        path: PathBuf,
        /// Its form.
        format: TextFormat,
    },
    /// A file that a server keeps.
    Resource {
        /// Its name.
        name: ResourceName,
        /// Its form.
        format: TextFormat,
        /// The content that the name had when the job was submitted; `None` where no server runs it.
        pinned: Option<PinnedFile>,
    },
    /// A topic, by key.
    Topic(TopicTable),
    /// A document over HTTP.
    Document(DocumentTable),
    /// A table at a server, or what a query answers there.
    Database(DatabaseTable),
}

impl TableSource {
    /// That of a job file: `file:PATH` or `resource:NAME`, with the form if the name does not say it,
    /// `topic:NAME`, or the address of a document or of a server.
    ///
    /// # Errors
    /// What to write instead.
    pub fn new(text: &str, keys: &SourceKeys) -> Result<TableSource, String> {
        if let Some(topic) = text.strip_prefix("topic:") {
            return of_topic(topic, keys).map(TableSource::Topic);
        }
        if DocumentTable::is_address(text) {
            return DocumentTable::new(text, keys).map(TableSource::Document);
        }
        let (place, is_resource) =
            match (text.strip_prefix("file:"), text.strip_prefix(pinned::PREFIX)) {
                (Some(path), _) if !path.is_empty() => (path, false),
                (_, Some(name)) => (name, true),
                _ => return DatabaseTable::new(text, keys).map(TableSource::Database),
            };
        if let Some(key) = keys.of_servers() {
            return Err(format!("{key} is for tables of a server, and {text} is a file"));
        }
        if let Some(key) = keys.of_topics() {
            return Err(format!("{key} is for topics, and {text} is a file"));
        }
        let said = match keys.format {
            Some(SourceFormat::Windows) => {
                return Err(format!("rows of windows are in topics, and {text} is a file"));
            }
            Some(SourceFormat::Text(format)) => Some(format),
            None => TextFormat::of_name(place),
        };
        let format = said.ok_or_else(|| {
            format!(
                "the name of {place} does not say what is in it: add format = \"csv\" or format = \"json\""
            )
        });
        match is_resource {
            true => {
                Ok(TableSource::Resource { name: place.parse()?, format: format?, pinned: None })
            }
            false => Ok(TableSource::File { path: PathBuf::from(place), format: format? }),
        }
    }

    /// The form of its file; `None` where it is none.
    #[must_use]
    pub fn format(&self) -> Option<TextFormat> {
        match self {
            TableSource::File { format, .. } | TableSource::Resource { format, .. } => {
                Some(*format)
            }
            TableSource::Database(_) | TableSource::Document(_) | TableSource::Topic(_) => None,
        }
    }

    /// Whether its rows are found by one column alone.
    #[must_use]
    pub fn has_one_key(&self) -> bool {
        matches!(self, TableSource::Database(table) if table.has_one_key())
    }

    /// The keys of a job file that make it.
    #[must_use]
    pub fn keys(&self) -> BTreeMap<String, String> {
        let format = match self.format() {
            Some(TextFormat::Csv) => "csv",
            Some(TextFormat::Json) => "json",
            None => "",
        };
        match self {
            TableSource::Database(table) => table.keys(),
            TableSource::Document(table) => table.keys(),
            TableSource::Topic(table) => table.keys(),
            _ => [("source", self.to_string()), ("format", format.to_owned())]
                .map(|(key, value)| (key.to_owned(), value))
                .into(),
        }
    }

    /// The files of this machine that a job file names, with their keys; none of a resource.
    #[must_use]
    pub fn files(&self) -> Vec<(&'static str, PathBuf)> {
        match self {
            TableSource::File { path, .. } => vec![("source", path.clone())],
            TableSource::Resource { .. } | TableSource::Topic(_) => Vec::new(),
            TableSource::Document(table) => table.files(),
            TableSource::Database(table) => table.files(),
        }
    }

    /// The name of the resource that it is.
    #[must_use]
    pub fn resource(&self) -> Option<&ResourceName> {
        match self {
            TableSource::Resource { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Takes the content to which its name is pinned.
    pub fn pin(&mut self, resources: &PinnedResources) {
        if let TableSource::Resource { name, pinned, .. } = self {
            *pinned = resources.file(name);
        }
    }

    /// The topic that it is.
    #[must_use]
    pub fn topic(&self) -> Option<&TopicTable> {
        match self {
            TableSource::Topic(table) => Some(table),
            _ => None,
        }
    }

    /// Takes where the job is that reads it.
    pub fn read_from(&mut self, location: &Location) {
        if let TableSource::Topic(table) = self {
            table.location = Some(location.clone());
        }
    }

    /// Whether it can be read here at all.
    ///
    /// # Errors
    /// For a resource of a job that no server runs.
    pub fn check_pinned(&self) -> Result<(), String> {
        match self {
            TableSource::Resource { name, pinned: None, .. } => Err(format!(
                "the resource {name} is kept by a server, and no server runs this job: submit it with \
                 `seismic job submit`, or write file:PATH"
            )),
            _ => Ok(()),
        }
    }

    /// Reads all rows, with these columns, of which some are the key.
    ///
    /// # Errors
    /// What happened there.
    pub fn read(&self, columns: &[Column], key: &[String]) -> Result<Vec<TableRow>, Unread> {
        self.check_pinned().map_err(Unread::for_good)?;
        let (text, format) = match self {
            TableSource::Database(table) => return table.read(columns, key),
            TableSource::Document(table) => return table.read(columns),
            TableSource::Topic(table) => return table.read(columns),
            TableSource::File { path, format } => (text_of(path), format),
            TableSource::Resource { pinned, format, .. } => {
                (pinned.as_ref().map_or_else(|| Ok(Vec::new()), pinned_text), format)
            }
        };
        text.and_then(|text| format.rows(&text, columns)).map_err(Unread::for_good)
    }
}

fn of_topic(topic: &str, keys: &SourceKeys) -> Result<TopicTable, String> {
    Topic::check_name(topic).map_err(|error| error.to_string())?;
    if let Some(key) = keys.of_servers() {
        return Err(format!("{key} is for tables of a server, and {topic} is a topic"));
    }
    let format = match keys.format {
        None | Some(SourceFormat::Text(TextFormat::Json)) => InputFormat::Json,
        Some(SourceFormat::Windows) => InputFormat::Windows,
        Some(SourceFormat::Text(TextFormat::Csv)) => {
            return Err(format!("messages of {topic} are \"json\" or \"windows\", and no CSV"));
        }
    };
    Ok(TopicTable::new(topic, keys.of.clone(), format, keys.keep))
}

/// SHA-256 of a content, in hexadecimal digits.
pub fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A content, if it is still the one that was pinned.
fn pinned_text(pinned: &PinnedFile) -> Result<Vec<u8>, String> {
    let bytes = text_of(&pinned.path)?;
    match sha256(&bytes) == pinned.hash {
        true => Ok(bytes),
        false => Err(format!(
            "{} has another content than the one with that hash: put the resource again, from where it \
             came from",
            pinned.path.display()
        )),
    }
}

/// The content of a file of a sensible size.
fn text_of(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("it cannot be read: {error}");
    let most = limits::DIMENSION_FILE_BYTES;
    let (mut bytes, file) = (Vec::new(), File::open(path).map_err(unreadable)?);
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    match bytes.len() > most {
        true => Err(format!("it is longer than {} MiB", most >> 20)),
        false => Ok(bytes),
    }
}

impl fmt::Display for TableSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TableSource::File { path, .. } => write!(f, "file:{}", path.display()),
            TableSource::Resource { name, .. } => write!(f, "{}{name}", pinned::PREFIX),
            TableSource::Document(table) => table.fmt(f),
            TableSource::Database(table) => table.fmt(f),
            TableSource::Topic(table) => table.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_read_as_it_was_pinned_and_not_without_a_server() {
        let folder = tempfile::tempdir().unwrap();
        let mut source = TableSource::new("resource:names.csv", &SourceKeys::default()).unwrap();
        assert_eq!((&*source.to_string(), source.files()), ("resource:names.csv", vec![]));
        let why = source.read(&[], &[]).unwrap_err().why;
        assert!(why.contains("no server runs this job"), "{why}");
        let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".to_owned();
        let hashes = [("names.csv".to_owned(), hash.clone())].into();
        source.pin(&PinnedResources { folder: folder.path().to_owned(), hashes });
        std::fs::write(folder.path().join(&hash), "").unwrap();
        assert!(source.check_pinned().is_ok());
        // An empty file has no header, and is what was pinned.
        assert!(!source.read(&[], &[]).is_err_and(|it| it.why.contains("another content")));
        std::fs::write(folder.path().join(hash), "Type\n").unwrap();
        let why = source.read(&[], &[]).unwrap_err().why;
        assert!(why.contains("another content"), "{why}");
        for wrong in ["resource:", "resource:../x.csv", "resource:a/b.csv", "names.csv", "file:"] {
            assert!(TableSource::new(wrong, &SourceKeys::default()).is_err(), "{wrong}");
        }
    }
}
