//! A document of JSON or CSV over HTTP with the rows of a table.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use seismic_derived::{Column, TableRow, TextFormat, limits, rows_of_json};
use seismic_sinks::document::HttpDocument;

use super::database::{SourceFormat, SourceKeys, Unread};

/// Where it is, and where in it the rows are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentTable {
    document: HttpDocument,
    /// Names with dots between them; empty: the document is the list.
    path: Option<String>,
    is_csv: bool,
}

impl DocumentTable {
    /// Whether that is an address of such a one.
    pub(super) fn is_address(text: &str) -> bool {
        ["http:", "https:"].iter().any(|scheme| text.starts_with(scheme))
    }

    /// The document at that address.
    ///
    /// # Errors
    /// What to write instead.
    pub fn new(address: &str, keys: &SourceKeys) -> Result<DocumentTable, String> {
        if keys.query.is_some() {
            return Err("query is for tables of a database: leave it out".to_owned());
        }
        if let Some(key) = keys.of_topics() {
            return Err(format!("{key} is for topics: leave it out"));
        }
        let is_csv = match keys.format {
            None | Some(SourceFormat::Text(TextFormat::Json)) => false,
            Some(SourceFormat::Text(TextFormat::Csv)) => true,
            Some(SourceFormat::Windows) => {
                return Err("rows of windows are in topics: leave format out".to_owned());
            }
        };
        if is_csv && keys.path.is_some() {
            return Err("path is for documents of JSON: leave it out".to_owned());
        }
        let document = HttpDocument::new(address, &keys.options)?;
        Ok(DocumentTable { document, path: keys.path.clone(), is_csv })
    }

    /// Reads all rows, of one answer.
    ///
    /// # Errors
    /// What happened there.
    pub fn read(&self, columns: &[Column]) -> Result<Vec<TableRow>, Unread> {
        let text = self.document.read(limits::DIMENSION_FILE_BYTES);
        let text = text.map_err(|error| Unread::of_server(self.document.address(), &error))?;
        let rows = match self.is_csv {
            true => TextFormat::Csv.rows(&text, columns),
            false => rows_of_json(&text, self.path.as_deref().unwrap_or_default(), columns),
        };
        rows.map_err(Unread::for_good)
    }

    /// The keys of a job file that make it.
    pub(super) fn keys(&self) -> BTreeMap<String, String> {
        let mut keys = self.document.options().clone();
        keys.insert("source".to_owned(), self.document.address().to_owned());
        keys.extend(self.path.clone().map(|path| ("path".to_owned(), path)));
        if self.is_csv {
            keys.insert("format".to_owned(), "csv".to_owned());
        }
        keys
    }

    /// The files that it reads, with the keys that name them.
    pub(super) fn files(&self) -> Vec<(&'static str, PathBuf)> {
        self.document.files()
    }
}

impl fmt::Display for DocumentTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.document.address())
    }
}
