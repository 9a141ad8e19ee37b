//! Options that every command shares: where a job is, and the topic that it reads.

use std::path::PathBuf;

use clap::Args;

use crate::error::Usage;
use crate::job::file;
use crate::job::file::envs::parse_name;
use crate::job::file::variables::{Given, parse_pair};
use crate::job::location::{Location, LocationOptions};
use crate::serve::config::ServeConfig;

/// Where a job reads and keeps its state. Every command takes all of it, so that a script can set
/// it once; commands that only publish use the queue alone.
#[derive(Args, Clone, Debug)]
pub struct Target {
    #[command(flatten)]
    pub file: JobFileArg,
    #[command(flatten)]
    pub options: LocationOptions,
}

/// The file that holds a job's permanent options.
#[derive(Args, Clone, Debug)]
pub struct JobFileArg {
    /// Job file: options of the job in TOML; options on the command line override it
    #[arg(long, value_name = "FILE")]
    pub job: Option<PathBuf>,
    #[command(flatten)]
    pub variables: VariableArgs,
    #[command(flatten)]
    pub server_file: ServerFileArg,
}

/// The file of a server.
#[derive(Args, Clone, Debug, Default)]
pub struct ServerFileArg {
    /// File of a server, as `seismic serve --config` has it: its variables, defaults and
    /// connections count below what the job file says
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl ServerFileArg {
    /// What the file says; nothing without one.
    ///
    /// # Errors
    /// [`Usage`] with what is wrong with it.
    pub fn read(&self) -> Result<ServeConfig, Usage> {
        self.config.as_deref().map(ServeConfig::read).transpose().map(Option::unwrap_or_default)
    }

    /// What is given for a job file, with this.
    ///
    /// # Errors
    /// As [`ServerFileArg::read`].
    pub fn given(&self, variables: &VariableArgs) -> Result<Given, Usage> {
        let ServeConfig { variables: server, defaults, connections, .. } = self.read()?;
        Ok(Given { server, defaults, connections, ..variables.given() })
    }
}

/// Values for the variables of a job file.
#[derive(Args, Clone, Debug, Default)]
pub struct VariableArgs {
    /// Value of {{NAME}} in the job file, instead of SEISMIC_VAR_NAME in the environment and of the
    /// file's own [variables]; repeatable
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_pair)]
    var: Vec<(String, String)>,
    /// Environment of the job file: the table [env.NAME] of it counts over the rest, and the job is an
    /// instance of its own, beside that of `production`
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    env: Option<String>,
}

impl VariableArgs {
    /// These, and what the environment gives.
    #[must_use]
    pub fn given(&self) -> Given {
        Given { env: self.env.clone(), ..Given::from_environment(self.var.clone()) }
    }

    /// The environment of the job file.
    #[must_use]
    pub fn env(&self) -> Option<&str> {
        self.env.as_deref()
    }

    /// The same for another environment.
    #[must_use]
    pub fn with_env(&self, env: &str) -> VariableArgs {
        VariableArgs { env: Some(env.to_owned()), ..self.clone() }
    }
}

impl JobFileArg {
    /// What the file says; nothing without one.
    ///
    /// # Errors
    /// [`Usage`] with everything that is wrong with it.
    pub fn read(&self) -> Result<file::JobFile, Usage> {
        match (&self.job, &self.variables.var[..]) {
            (Some(path), _) => file::open(path, &self.server_file.given(&self.variables)?),
            (None, _) if self.variables.env.is_some() => {
                Err(Usage("--env is for a job file: pass it with --job".to_owned()))
            }
            (None, []) => Ok(file::JobFile::default()),
            (None, [..]) => Err(Usage("--var is for a job file: pass it with --job".to_owned())),
        }
    }
}

impl Target {
    /// Where it is: as the command line says, else as the job file says, else the default.
    ///
    /// # Errors
    /// [`Usage`] for a job file that cannot be used.
    pub fn location(&self) -> Result<Location, Usage> {
        self.location_options().map(Location::from)
    }

    /// What is said about it, on the command line or else in the job file.
    ///
    /// # Errors
    /// [`Usage`] for a job file that cannot be used.
    pub fn location_options(&self) -> Result<LocationOptions, Usage> {
        let file = self.file.read()?;
        file.check()?;
        Ok(self.options.clone().or(file.options.location))
    }
}

/// The topic that a job reads and a generator fills.
#[derive(Args, Clone, Debug)]
pub struct InputTopic {
    /// Topic of records [default: seismic-data-topic]
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
}

impl InputTopic {
    /// Its name.
    pub fn name(&self) -> String {
        self.name_or(None)
    }

    /// The same, where a job file may say it.
    pub fn name_or(&self, of_job: Option<String>) -> String {
        let named = self.topic.clone().or(of_job);
        named.unwrap_or_else(|| crate::job::spec::DATA_TOPIC.to_owned())
    }
}
