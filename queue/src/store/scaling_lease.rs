//! The right to decide how many workers a job has.

use crate::Result;

/// What the newest holder of a [`ScalingLease`] has noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalingNote {
    /// Who it is, in its own words.
    pub holder: String,
    /// How often it was noted, by all holders together; it rises with each note.
    pub number: u64,
}

/// The right to decide how many workers a job has: of whoever has taken it last.
///
/// A note is durable when [`acquire`](Self::acquire) or [`renew`](Self::renew) returns. Nobody can note
/// anything any more who had it before somebody else's `take` has returned. It says nothing about
/// time: whoever acts on it has to stop a while after its last note, and to begin as much later than
/// its `take`.
pub trait ScalingLease: Send {
    /// The newest note; `None`: nobody has ever had it.
    fn note(&self) -> Result<Option<ScalingNote>>;

    /// Takes it for that holder, whoever has it, and notes that; the note that was there when nobody else
    /// could note anything any more.
    fn acquire(&mut self, holder: &str) -> Result<Option<ScalingNote>>;

    /// Notes once more that it is held.
    ///
    /// # Errors
    /// [`Error::Owned`](crate::Error::Owned) when somebody else has taken it. After any error it has
    /// to be taken again, since what became of the note is not known.
    fn renew(&mut self) -> Result<()>;
}
