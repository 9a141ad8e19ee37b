//! Files that a command is given as paths, or as `resource:NAME`: those of a server are fetched into a
//! folder of their own, which is deleted at the end.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::commands::serve::resource;
use crate::dimension::function::{ModuleSource, take_pinned};
use crate::dimension::source::TableSource;
use crate::error::Usage;
use crate::job::JobSpec;
use crate::job::file::pinned::{PREFIX, PinnedFile, ResourceName};
use crate::serve::client::Client;
use crate::time::now_ms;

/// What fetches them, at the first that is named.
pub struct Fetched<'a> {
    client: Box<dyn Fn() -> anyhow::Result<Client> + 'a>,
    from: Option<(Client, Folder)>,
    /// Where each is, and the hash of its content.
    known: BTreeMap<ResourceName, (PathBuf, String)>,
}

/// A folder that only its user can read.
struct Folder(PathBuf);

impl<'a> Fetched<'a> {
    /// None yet; `client` is asked for a way to the server.
    pub fn by(client: impl Fn() -> anyhow::Result<Client> + 'a) -> Fetched<'a> {
        Fetched { client: Box::new(client), from: None, known: BTreeMap::new() }
    }

    /// The file that was given, once it is here.
    ///
    /// # Errors
    /// When what was given is no name, or the server has no resource of that name.
    pub fn file(&mut self, given: &Path) -> anyhow::Result<PathBuf> {
        let Some(name) = name_of(given)? else { return Ok(given.to_owned()) };
        self.resource(&name).map(|(path, _)| path)
    }

    /// Where the content of a resource is, and its hash.
    fn resource(&mut self, name: &ResourceName) -> anyhow::Result<(PathBuf, String)> {
        if let Some(known) = self.known.get(name) {
            return Ok(known.clone());
        }
        if self.from.is_none() {
            self.from = Some(((self.client)()?, Folder::make()?));
        }
        let (client, folder) = self.from.as_ref().context("a server was named just now")?;
        let fetched = resource::fetch(client, name, &folder.0)?;
        self.known.insert(name.clone(), fetched.clone());
        Ok(fetched)
    }

    /// The same of a list.
    ///
    /// # Errors
    /// As [`Fetched::file`].
    pub fn files(&mut self, given: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
        given.iter().map(|it| self.file(it)).collect()
    }

    /// Fetches what tables and functions of a job name, which they have from now on. Gives the hash of each content
    /// by its name.
    ///
    /// # Errors
    /// As [`Fetched::file`].
    pub fn pin(&mut self, spec: &mut JobSpec) -> anyhow::Result<BTreeMap<String, String>> {
        let mut hashes = BTreeMap::new();
        for table in &mut spec.tables {
            let TableSource::Resource { name, pinned, .. } = &mut table.source else { continue };
            let (path, hash) = self.resource(name)?;
            hashes.insert(name.to_string(), hash.clone());
            *pinned = Some(PinnedFile { hash, path });
        }
        for function in &mut spec.functions {
            let ModuleSource::Resource { name, pinned } = &mut function.source else { continue };
            let (path, hash) = self.resource(name)?;
            hashes.insert(name.to_string(), hash.clone());
            *pinned = Some(PinnedFile { hash, path });
        }
        if let Some(statement) = &mut spec.statement {
            take_pinned(statement, &spec.functions);
        }
        Ok(hashes)
    }

    /// What was given, with the hash of the content that was fetched.
    pub fn said(&self, given: &Path) -> String {
        let shown = given.display().to_string();
        let name = shown.strip_prefix(PREFIX).and_then(|name| name.parse().ok());
        match name.and_then(|name: ResourceName| self.known.get(&name)) {
            Some((_, hash)) => format!("{shown} (sha256 {hash})"),
            None => shown,
        }
    }
}

fn name_of(given: &Path) -> Result<Option<ResourceName>, Usage> {
    let name = given.to_str().and_then(|given| given.strip_prefix(PREFIX));
    name.map(|name| name.parse().map_err(Usage)).transpose()
}

impl Folder {
    fn make() -> anyhow::Result<Folder> {
        let name = format!("seismic-{}-{}", std::process::id(), now_ms());
        let path = std::env::temp_dir().join(name);
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.with_context(|| format!("making the folder {} for resources", path.display()))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}
