//! What a server has a worker do.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Usage;
use crate::job::JobSpec;
use crate::job::describe::Resolved;
use crate::job::file::{self, variables::Given};
use crate::job::options::JobOptions;
use crate::job::origin::Once;
use crate::job::service::Service;
use crate::time::parse_from;

/// A job file with all that it takes to understand it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Its text.
    pub text: String,
    /// Where it came from, as messages name it.
    pub file: String,
    /// Variables that were given with it.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Variables of the server.
    #[serde(default)]
    pub server: BTreeMap<String, String>,
}

impl Description {
    /// The job, and what a service keeps of it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn resolve(&self) -> Result<(JobSpec, Service), Usage> {
        let given = Given {
            line: self.variables.clone().into_iter().collect(),
            server: self.server.clone(),
            ..Given::default()
        };
        let file = file::read_given(&self.text, Path::new(&self.file), &given);
        let Resolved { spec, service, .. } = Resolved::of(JobOptions::default(), file)?;
        Ok((spec, service))
    }
}

/// Where one start begins, if not where the job was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Begin {
    /// A checkpoint of this job: results after it are computed again.
    pub from_checkpoint: Option<String>,
    /// The store of another job of which `from_checkpoint` is: this job begins as a fork of it.
    pub of_store: Option<String>,
    /// Where a job without progress begins.
    pub from: Option<String>,
}

impl Begin {
    /// Puts it into the job.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn apply(&self, spec: &mut JobSpec) -> Result<(), Usage> {
        if let Some(from) = &self.from {
            spec.from = Some(parse_from(from).map_err(|why| Usage(format!("from: {why}")))?);
        }
        if let Some(checkpoint) = &self.from_checkpoint {
            if self.from.is_some() {
                return Err(Usage("from and from_checkpoint exclude each other".to_owned()));
            }
            let from_checkpoint = checkpoint.parse().map_err(|why| Usage(format!("{why}")))?;
            let of_store = self.of_store.as_deref().map(str::parse).transpose();
            let of_store = of_store.map_err(|why| Usage(format!("of_store: {why}")))?;
            spec.from = None;
            spec.once = Once {
                from_checkpoint: Some(from_checkpoint),
                rewind: of_store.is_none(),
                of_store,
                ..Once::default()
            };
        }
        Ok(())
    }
}

/// What a server has a worker do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Version of this layout.
    pub version: u32,
    /// Name of the job.
    pub name: String,
    /// The job.
    pub job: Description,
    /// Where this start begins.
    #[serde(default)]
    pub begin: Begin,
}
