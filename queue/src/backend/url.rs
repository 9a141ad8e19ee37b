//! The address of a queue or a store, parsed by one of the backends.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, fs};

use super::{Address, Capabilities, Registry};
use crate::{JobStore, Queue, Result};

/// Ending of the files that are default stores.
const STORE_FILE: &str = ".home.db";

/// The URL of a queue or of a store, parsed by its backend. Cheap to clone.
#[derive(Clone)]
pub struct Url {
    registry: Registry,
    address: Arc<dyn Address>,
}

impl Url {
    pub(super) fn new(registry: Registry, address: Arc<dyn Address>) -> Self {
        Url { registry, address }
    }

    pub(super) fn unusable(registry: Registry, text: &str) -> Self {
        Url { registry, address: Arc::new(Unusable { registry, text: text.to_owned() }) }
    }

    /// Opens the queue there; see [`Address::open`].
    ///
    /// # Errors
    /// As [`Address::open`].
    pub fn open(&self) -> Result<Box<dyn Queue>> {
        self.address.open()
    }

    /// Opens the store there; see [`Address::open_store`].
    ///
    /// # Errors
    /// As [`Address::open_store`].
    pub fn open_store(&self) -> Result<Box<dyn JobStore>> {
        self.address.open_store()
    }

    /// Deletes the store there; see [`Address::delete_store`].
    ///
    /// # Errors
    /// As [`Address::delete_store`].
    pub fn delete_store(&self) -> Result<()> {
        self.address.delete_store()
    }

    /// What its backend can do.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.address.capabilities()
    }

    /// The file that it is, for an embedded backend.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.address.file()
    }

    /// Whether someone takes connections there; see [`Address::is_reachable`].
    #[must_use]
    pub fn is_reachable(&self, wait: Duration) -> bool {
        self.address.is_reachable(wait)
    }

    /// Copies an embedded queue or store into a new file; see [`Address::copy_file`].
    ///
    /// # Errors
    /// As [`Address::copy_file`].
    pub fn copy_file(&self, to: &Path) -> Result<()> {
        self.address.copy_file(to)
    }

    /// The same backend in another file; `None` for one that is not embedded.
    #[must_use]
    pub fn at_file(&self, file: &Path) -> Option<Url> {
        self.address.at_file(file).map(|address| self.with(address))
    }

    /// The same place with further settings of its client, where the client has any.
    #[must_use]
    pub fn with_settings(&self, settings: &[(String, String)]) -> Url {
        self.address.with_settings(settings).map_or_else(|| self.clone(), |it| self.with(it))
    }

    /// The store there for a worker whose slots have that name; `None` where slots have no names.
    #[must_use]
    pub fn with_slot(&self, slot: &str) -> Option<Url> {
        self.address.with_slot(slot).map(|address| self.with(address))
    }

    /// The address as its own backend knows it; `None` for that of another backend.
    #[must_use]
    pub fn address<A: Address>(&self) -> Option<&A> {
        (&*self.address as &dyn Any).downcast_ref()
    }

    /// Where a job's store is when no one names one: named by the group, next to the queue's file
    /// or in its cluster.
    #[must_use]
    pub fn default_store(&self, group: &str) -> Url {
        self.registry.parse_unchecked(&self.address.default_store(group))
    }

    /// The default stores that exist as files next to the queue, sorted by name.
    #[must_use]
    pub fn stores_beside(&self) -> Vec<Url> {
        let any = self.default_store("");
        let Some(file) = any.file() else { return Vec::new() };
        files_like(file).iter().filter_map(|file| any.at_file(file)).collect()
    }

    fn with(&self, address: Arc<dyn Address>) -> Url {
        Url { registry: self.registry, address }
    }
}

/// Files that are named as `any`, the default store of a group without a name.
fn files_like(any: &Path) -> Vec<PathBuf> {
    let name = any.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = name.strip_suffix(STORE_FILE).unwrap_or_default();
    let folder = any.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(entries) = fs::read_dir(folder.unwrap_or(Path::new("."))) else {
        return Vec::new();
    };
    let least = stem.len() + STORE_FILE.len();
    let is_store = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(stem) && name.ends_with(STORE_FILE) && name.len() > least
    };
    let paths = entries.filter_map(|entry| Some(any.with_file_name(entry.ok()?.file_name())));
    let mut files: Vec<_> = paths.filter(is_store).collect();
    files.sort();
    files
}

impl PartialEq for Url {
    fn eq(&self, other: &Url) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Url {}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<&Url> for String {
    fn from(url: &Url) -> String {
        url.to_string()
    }
}

/// A URL that cannot be opened: no backend of this build has its scheme, or the backend refuses it.
/// Opening it returns that error.
struct Unusable {
    registry: Registry,
    text: String,
}

impl Address for Unusable {
    fn open(&self) -> Result<Box<dyn Queue>> {
        self.registry.parse(&self.text)?.open()
    }

    fn open_store(&self) -> Result<Box<dyn JobStore>> {
        self.registry.parse(&self.text)?.open_store()
    }

    fn delete_store(&self) -> Result<()> {
        self.registry.parse(&self.text)?.delete_store()
    }

    fn default_store(&self, _group: &str) -> String {
        self.text.clone()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Backend;
    use crate::{Error, memory};

    /// A queue in a file, as far as its address goes.
    #[derive(Clone)]
    struct File(PathBuf);

    static FILE: Backend = Backend {
        schemes: &["file"],
        form: "file:PATH",
        parse: |text| Ok(Arc::new(File(text.trim_start_matches("file:").into()))),
    };

    const ALL: Registry = Registry(&[&FILE, &memory::BACKEND]);

    impl Address for File {
        fn open(&self) -> Result<Box<dyn Queue>> {
            unreachable!("only its address is of interest")
        }

        fn open_store(&self) -> Result<Box<dyn JobStore>> {
            unreachable!("only its address is of interest")
        }

        fn delete_store(&self) -> Result<()> {
            unreachable!("only its address is of interest")
        }

        fn default_store(&self, group: &str) -> String {
            let stem = self.0.file_stem().unwrap().to_string_lossy();
            let file = self.0.with_file_name(format!("{stem}.{group}.home.db"));
            format!("file:{}", file.display())
        }

        fn capabilities(&self) -> Capabilities {
            Capabilities::default()
        }

        fn file(&self) -> Option<&Path> {
            Some(&self.0)
        }

        fn at_file(&self, file: &Path) -> Option<Arc<dyn Address>> {
            Some(Arc::new(File(file.to_owned())))
        }
    }

    impl fmt::Display for File {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "file:{}", self.0.display())
        }
    }

    #[test]
    fn an_unknown_scheme_says_what_is_known() {
        let error = ALL.parse("tape:x").unwrap_err().to_string();
        assert!(error.contains("tape:x") && error.contains("file:PATH and memory:NAME"), "{error}");
        assert!(matches!(ALL.parse("output/queue.db"), Err(Error::Url { .. })));
    }

    #[test]
    fn stores_of_other_queues_are_not_beside_this_one() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["q.a.home.db", "q.b.home.db", "qq.c.home.db", "q.db", "q.a.home.db.lock"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let queue = ALL.parse(&format!("file:{}", folder.path().join("q.db").display())).unwrap();
        let expected = ["q.a.home.db", "q.b.home.db"].map(|name| folder.path().join(name));
        let stores: Vec<_> = queue.stores_beside();
        let files: Vec<_> = stores.iter().filter_map(Url::file).collect();
        assert_eq!(files, expected);
        assert!(ALL.parse("memory:").unwrap().stores_beside().is_empty());
    }

    #[test]
    fn a_url_that_nobody_gave_is_refused_when_it_is_opened() {
        const ALONE: Registry = Registry(&[&FILE]);
        let url = ALONE.parse_unchecked("x:y");
        assert_eq!(url.to_string(), "x:y");
        assert!(matches!(url.open_store().err(), Some(Error::Url { .. })));
    }

    #[test]
    fn what_a_backend_cannot_do_is_none_and_its_own_address_is_its_alone() {
        let url = ALL.parse("file:a").unwrap();
        assert!(url.with_slot("s").is_none());
        assert_eq!(url.with_settings(&[("k".to_owned(), "v".to_owned())]), url);
        assert!(url.address::<File>().is_some());
        assert!(ALL.parse("memory:a").unwrap().address::<File>().is_none());
    }
}
