//! Modules of the functions of a job, as far as they are in the world outside: where their contents
//! are.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use seismic_derived::{Definition, FunctionDefinition, Module, limits};

use super::source::sha256;
use crate::job::file::pinned::{self, PinnedFile, PinnedResources, ResourceName};

/// Where the module of a function is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionSpec {
    /// What a job file calls the function, as `function.NAME`.
    pub key: String,
    /// Where its module is.
    pub source: ModuleSource,
}

/// A place with a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleSource {
    /// A file.
    File(PathBuf),
    /// A file that a server keeps.
    Resource {
        /// Its name.
        name: ResourceName,
        /// The content that the name had when the job was submitted; `None` where no server runs it.
        pinned: Option<PinnedFile>,
    },
}

impl ModuleSource {
    /// That of a job file: `file:PATH` or `resource:NAME`.
    ///
    /// # Errors
    /// What to write instead.
    pub fn new(text: &str) -> Result<ModuleSource, String> {
        match (text.strip_prefix("file:"), text.strip_prefix(pinned::PREFIX)) {
            (Some(path), _) if !path.is_empty() => Ok(ModuleSource::File(PathBuf::from(path))),
            (_, Some(name)) => Ok(ModuleSource::Resource { name: name.parse()?, pinned: None }),
            _ => Err(format!("{text:?} is no place of a module: write file:PATH or resource:NAME")),
        }
    }

    /// The name of the resource that it is.
    #[must_use]
    pub fn resource(&self) -> Option<&ResourceName> {
        match self {
            ModuleSource::Resource { name, .. } => Some(name),
            ModuleSource::File(_) => None,
        }
    }

    /// The file of this machine that it is.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            ModuleSource::File(path) => Some(path),
            ModuleSource::Resource { .. } => None,
        }
    }

    /// Takes the content to which its name is pinned.
    pub fn pin(&mut self, resources: &PinnedResources) {
        if let ModuleSource::Resource { name, pinned } = self {
            *pinned = resources.file(name);
        }
    }

    /// The content that it is pinned to.
    #[must_use]
    pub fn pinned(&self) -> Option<&PinnedFile> {
        match self {
            ModuleSource::Resource { pinned, .. } => pinned.as_ref(),
            ModuleSource::File(_) => None,
        }
    }

    /// The content.
    fn read(&self) -> Result<Vec<u8>, String> {
        match self {
            ModuleSource::File(path) => content_of(path),
            ModuleSource::Resource { name, pinned: None } => Err(format!(
                "the resource {name} is kept by a server, and no server runs this job: submit it with \
                 `seismic job submit`, or write file:PATH"
            )),
            ModuleSource::Resource { name, pinned: Some(pinned) } => {
                let content = content_of(&pinned.path)?;
                match sha256(&content) == pinned.hash {
                    true => Ok(content),
                    false => Err(format!(
                        "the resource {name} has another content than the one with its hash: put it \
                         again, from where it came from"
                    )),
                }
            }
        }
    }
}

/// The content of a file of a sensible size.
fn content_of(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("it cannot be read: {error}");
    let most = limits::MODULE_BYTES;
    let (mut bytes, file) = (Vec::new(), File::open(path).map_err(unreadable)?);
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

impl fmt::Display for ModuleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModuleSource::File(path) => write!(f, "file:{}", path.display()),
            ModuleSource::Resource { name, .. } => write!(f, "{}{name}", pinned::PREFIX),
        }
    }
}

/// A function with the content of its module.
#[derive(Clone, Debug)]
pub struct LoadedFunction {
    /// The function, with the hash of the module.
    pub definition: FunctionDefinition,
    /// The module.
    pub content: Vec<u8>,
}

/// Reads the module of a function, and checks that it is one.
///
/// # Errors
/// What is wrong with it.
pub fn load(
    definition: &FunctionDefinition,
    spec: &FunctionSpec,
) -> Result<(LoadedFunction, Module), String> {
    let about = |why: String| format!("{}: {}: {why}", spec.key, spec.source);
    let content = spec.source.read().map_err(about)?;
    let (mut definition, found) = (definition.clone(), sha256(&content));
    if !definition.sha256.is_empty() && definition.sha256 != found {
        return Err(about(format!(
            "its SHA-256 is {found}, and the job file says {}: it is another module than was meant",
            definition.sha256
        )));
    }
    let module = Module::new(&definition, &content).map_err(about)?;
    definition.sha256 = found;
    Ok((LoadedFunction { definition, content }, module))
}

/// Reads the modules of all functions of a job, and puts their hashes into its definition.
///
/// # Errors
/// Everything that is wrong with them.
pub fn load_all(
    definition: &mut Definition,
    specs: &[FunctionSpec],
) -> Result<Vec<LoadedFunction>, Vec<String>> {
    let (mut loaded, mut faults) = (Vec::new(), Vec::new());
    for (function, spec) in definition.functions.iter_mut().zip(specs) {
        match load(function, spec) {
            Ok((found, _)) => {
                function.sha256.clone_from(&found.definition.sha256);
                loaded.push(found);
            }
            Err(why) => faults.push(why),
        }
    }
    if faults.is_empty() { Ok(loaded) } else { Err(faults) }
}

/// Has each function that is pinned the hash of that, unless the job file says another one.
pub fn take_pinned(definition: &mut Definition, specs: &[FunctionSpec]) {
    for (function, spec) in definition.functions.iter_mut().zip(specs) {
        if let (true, Some(pinned)) = (function.sha256.is_empty(), spec.source.pinned()) {
            function.sha256.clone_from(&pinned.hash);
        }
    }
}

/// What is wrong with the modules that are files.
#[must_use]
pub fn faults_of_files(definition: &Definition, specs: &[FunctionSpec]) -> Vec<String> {
    let all = definition.functions.iter().zip(specs);
    let files = all.filter(|(_, spec)| spec.source.file().is_some());
    files.filter_map(|(function, spec)| load(function, spec).err()).collect()
}

/// What is wrong with the modules that are pinned.
#[must_use]
pub fn faults_of_pinned(definition: &Definition, specs: &[FunctionSpec]) -> Vec<String> {
    let all = definition.functions.iter().zip(specs);
    let pinned = all.filter(|(_, spec)| spec.source.pinned().is_some());
    pinned.filter_map(|(function, spec)| load(function, spec).err()).collect()
}
