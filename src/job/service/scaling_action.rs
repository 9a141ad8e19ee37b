//! Who carries out what is decided about the number of workers.

use clap::ValueEnum;

/// What `seismic serve` does with decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Action {
    /// It takes none.
    #[default]
    None,
    /// It takes them, and carries none out by itself.
    Observe,
    /// It starts, replaces and ends workers on this machine.
    Local,
    /// A command of the operator starts, replaces and ends all but the first one.
    Command,
    /// Kubernetes has as many pods as it is told: all workers but the first one.
    Kubernetes,
}

impl Action {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Action::None => "none",
            Action::Observe => "observe",
            Action::Local => "local",
            Action::Command => "command",
            Action::Kubernetes => "kubernetes",
        }
    }

    /// Whether the server carries decisions out.
    #[must_use]
    pub fn acts(self) -> bool {
        matches!(self, Action::Local | Action::Command | Action::Kubernetes)
    }

    /// Whether all workers but the first one run on other machines.
    #[must_use]
    pub fn is_elsewhere(self) -> bool {
        matches!(self, Action::Command | Action::Kubernetes)
    }
}
