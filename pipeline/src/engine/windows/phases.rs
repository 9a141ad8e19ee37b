//! Which wave phases a job counts.

use std::fmt;

use crate::engine::windows::decode::Phase;

/// A set of phases, one bit each. What is none of P, S and N is in no set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Phases(u8);

impl fmt::Debug for Phases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = ["P", "S", "N"].into_iter().zip(self.each());
        let names: Vec<_> = all.filter(|(_, has)| *has).map(|(name, _)| name).collect();
        f.write_str(&names.join(","))
    }
}

impl Phases {
    /// P, S and N.
    pub const ALL: Phases = Phases(0b111);

    /// The set with these.
    #[must_use]
    pub fn new(p: bool, s: bool, n: bool) -> Self {
        Phases(u8::from(p) | u8::from(s) << 1 | u8::from(n) << 2)
    }

    /// Whether P, S and N are in it.
    #[must_use]
    pub fn each(self) -> [bool; 3] {
        [0, 1, 2].map(|bit| self.0 >> bit & 1 == 1)
    }

    /// Whether none is in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a record of this phase counts.
    #[inline]
    pub(crate) fn has(self, phase: Phase) -> bool {
        self.0 >> phase as u8 & 1 == 1
    }

    /// As stored: a bit for each phase that is left out, so that a set of all takes no bytes.
    pub(crate) fn left_out(self) -> u32 {
        u32::from(!self.0 & Phases::ALL.0)
    }

    /// From its stored form; `None` for what [`Phases::left_out`] never gives.
    pub(crate) fn without(left_out: u32) -> Option<Self> {
        let left_out = u8::try_from(left_out).ok().filter(|bits| *bits <= Phases::ALL.0)?;
        Some(Phases(!left_out & Phases::ALL.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_its_phases_and_never_another_word() {
        let set = Phases::new(true, false, true);
        let has = [Phase::P, Phase::S, Phase::N, Phase::Other].map(|phase| set.has(phase));
        assert_eq!(has, [true, false, true, false]);
        assert!(!Phases::ALL.has(Phase::Other));
        assert_eq!(Phases::without(set.left_out()), Some(set));
        assert_eq!((Phases::ALL.left_out(), Phases::without(8)), (0, None));
    }
}
