//! Another member with the name of a slot, which lives or is gone (`slot_name.rs`).

use std::time::Instant;

/// Letters of what a broker puts behind a name to make a member id of it: `-` and a UUID.
const OF_ID: usize = 37;

/// Who has the name of a slot whose client is fenced.
#[derive(Debug)]
pub(super) struct Rival {
    /// The member id that the slot had itself, if it was given anything by it.
    pub(super) own: Option<String>,
    /// Those that have its name.
    pub(super) ids: Vec<String>,
    /// Since when it waits whether they are gone, and when it looks again.
    pub(super) since: Instant,
    pub(super) look_at: Instant,
}

impl Rival {
    /// Member ids of a slot of that name among these, but for the one that it had itself.
    pub(super) fn ids<'a>(
        slot: &str,
        own: Option<&str>,
        ids: impl Iterator<Item = &'a str>,
    ) -> Vec<String> {
        let is_of_slot = |id: &str| {
            let rest = id.strip_prefix(slot);
            rest.is_some_and(|rest| rest.starts_with('-') && rest.len() == OF_ID)
        };
        ids.filter(|id| Some(*id) != own && is_of_slot(id)).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Rival;

    #[test]
    fn a_slot_is_free_while_only_the_id_that_it_had_itself_has_its_name() {
        const OWN: &str = "left-0-0b5ed4b2-3a7a-4d0e-9d0c-5d6f3a1f2b3c";
        const OTHER: &str = "left-0-1b5ed4b2-3a7a-4d0e-9d0c-5d6f3a1f2b3c";
        const NEXT: &str = "left-01-1b5ed4b2-3a7a-4d0e-9d0c-5d6f3a1f2b3c";
        let of = |own, ids: &[&str]| Rival::ids("left-0", own, ids.iter().copied());
        let is_free = |ids: &[&str]| of(Some(OWN), ids).is_empty();
        assert!(is_free(&[]) && is_free(&[OWN]) && is_free(&[NEXT, OWN]));
        assert!(!is_free(&[OTHER]) && !is_free(&[OWN, OTHER]));
        // One that had not been given anything yet does not know its own.
        assert_eq!(of(None, &[NEXT, OTHER]), [OTHER]);
    }
}
