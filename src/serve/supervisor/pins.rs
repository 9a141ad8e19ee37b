//! Which content each resource is that a job names: the one that the name has when the job is
//! submitted, and for this version of the job for ever.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Supervisor;
use crate::dimension::function::faults_of_pinned;
use crate::error::Usage;
use crate::job::JobSpec;
use crate::job::file::pinned::ResourceName;
use crate::serve::worker::order::Description;

impl Supervisor {
    /// Pins what the description names. What it has pinned already stays, as where a version moves on
    /// to another environment.
    ///
    /// # Errors
    /// Everything that is wrong with it, and a resource that there is not.
    pub fn pin(&self, description: &mut Description) -> anyhow::Result<()> {
        let (spec, _) = description.resolve()?;
        let mut hashes = BTreeMap::new();
        for (what, name) in named(&spec) {
            let pinned = description.resources.hashes.get(name.as_str());
            let hash = match pinned {
                Some(pinned) if self.state.has_content(pinned)? => pinned.clone(),
                _ => match self.state.resource(name)? {
                    Some(now) => now.sha256,
                    None => return Err(Usage(missing(&what, name)).into()),
                },
            };
            hashes.insert(name.as_str().to_owned(), hash);
        }
        description.resources.hashes = hashes;
        self.find_resources(description);
        if spec.functions.is_empty() {
            return Ok(());
        }
        // A module that is none is told to whoever submits it, and not to the worker.
        let (spec, _) = description.resolve()?;
        let faults = spec.statement.iter().flat_map(|it| faults_of_pinned(it, &spec.functions));
        let faults: Vec<String> = faults.collect();
        if faults.is_empty() { Ok(()) } else { Err(Usage(faults.join("\n       ")).into()) }
    }

    /// Has a description look for contents where this server has them.
    pub(super) fn find_resources(&self, description: &mut Description) {
        let folder = self.settings.resources_folder();
        let is_needed = !description.resources.is_empty();
        description.resources.folder = if is_needed { folder } else { PathBuf::new() };
    }

    /// Which resources are missing that a job names, for one who submits it now.
    #[must_use]
    pub fn missing_resources(&self, spec: &JobSpec) -> Vec<String> {
        let lacking = named(spec).filter_map(|(what, name)| {
            matches!(self.state.resource(name), Ok(None)).then(|| missing(&what, name))
        });
        lacking.collect()
    }
}

/// What of a job names which resource.
fn named(spec: &JobSpec) -> impl Iterator<Item = (String, &ResourceName)> {
    let of_tables = spec
        .tables
        .iter()
        .filter_map(|it| Some((format!("dimension.{}", it.table), it.source.resource()?)));
    let of_functions =
        spec.functions.iter().filter_map(|it| Some((it.key.clone(), it.source.resource()?)));
    of_tables.chain(of_functions)
}

fn missing(what: &str, name: &ResourceName) -> String {
    format!("{what}: this server has no resource {name}: put it there with `seismic resource put`")
}
