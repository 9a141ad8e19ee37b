//! The fencing token of a commit, by which a store refuses owners that were replaced.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// What proves that a slot still owns its partitions when it commits.
#[derive(Clone, Debug)]
pub enum FencingToken {
    /// Partitions never move: the store's lock and epoch are the proof.
    Sole,
    /// Partitions move between workers: a proof that only the backend understands, as it was when
    /// the partitions were assigned.
    Held(Arc<dyn Proof>),
}

/// A backend's own proof, such as its member and generation in a group.
pub trait Proof: Any + Debug + Send + Sync {
    /// Whether `other` proves the same.
    fn is_same(&self, other: &dyn Proof) -> bool;
}

impl<P: Any + Debug + PartialEq + Send + Sync> Proof for P {
    fn is_same(&self, other: &dyn Proof) -> bool {
        (other as &dyn Any).downcast_ref::<P>() == Some(self)
    }
}

impl FencingToken {
    /// A token with a backend's own proof.
    pub fn of(proof: impl Proof) -> Self {
        FencingToken::Held(Arc::new(proof))
    }

    /// The proof, if it is one of that backend.
    #[must_use]
    pub fn of_backend<P: Proof>(&self) -> Option<&P> {
        match self {
            FencingToken::Sole => None,
            FencingToken::Held(proof) => (&**proof as &dyn Any).downcast_ref(),
        }
    }
}

impl PartialEq for FencingToken {
    fn eq(&self, other: &FencingToken) -> bool {
        match (self, other) {
            (FencingToken::Sole, FencingToken::Sole) => true,
            (FencingToken::Held(ours), FencingToken::Held(theirs)) => ours.is_same(&**theirs),
            _ => false,
        }
    }
}

impl Eq for FencingToken {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_equal_to_one_with_the_same_proof_and_is_its_backends_alone() {
        let token = FencingToken::of(7_u32);
        assert_eq!(token, FencingToken::of(7_u32));
        assert_ne!(token, FencingToken::of(8_u32));
        assert_ne!(token, FencingToken::of(7_u64));
        assert_ne!(token, FencingToken::Sole);
        assert_eq!(token.of_backend::<u32>(), Some(&7));
        assert_eq!(token.of_backend::<u64>(), None);
    }
}
