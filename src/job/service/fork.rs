//! Whose checkpoint a job begins with.

use crate::backends::Url;
use crate::job::origin::Once;

/// The table `[fork]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fork {
    /// The checkpoint; `None`: the job begins with empty state.
    pub checkpoint: Option<String>,
    /// The group that made it.
    pub of_group: Option<String>,
    /// The store that holds it.
    pub of_store: Option<Url>,
}

impl Fork {
    /// What each start is to do, where nothing else was decided for it; `None` without a
    /// checkpoint.
    ///
    /// # Errors
    /// The key that is wrong, and why.
    pub fn once(&self) -> Result<Option<Once>, (&'static str, &'static str)> {
        let Fork { checkpoint, of_group, of_store, .. } = self;
        match (checkpoint, of_group, of_store) {
            (None, None, None) => Ok(None),
            (None, Some(_), _) => {
                Err(("fork.of_group", "of which checkpoint? fork.checkpoint is missing"))
            }
            (None, None, Some(_)) => {
                Err(("fork.of_store", "of which checkpoint? fork.checkpoint is missing"))
            }
            (Some(_), None, None) => {
                Err(("fork.checkpoint", "whose is it? fork.of_group or fork.of_store is missing"))
            }
            (Some(_), _, _) => Ok(Some(Once {
                from_checkpoint: checkpoint.as_deref().and_then(|it| it.parse().ok()),
                of_group: of_group.clone(),
                of_store: of_store.clone(),
                only_first: true,
                ..Once::default()
            })),
        }
    }
}
