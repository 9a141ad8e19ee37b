//! Seeded random numbers: one ChaCha8 stream per purpose, so that the draws of one part never
//! affect another.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What numbers are drawn for. The order is part of what a seed means: add at the end.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Network,
    Noise,
    Earthquakes,
    Anomalies,
}

/// An endless sequence of numbers, the same for the same seed and purpose.
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub(crate) fn new(seed: u64, purpose: Purpose) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(purpose as u64);
        Random(random)
    }

    pub(crate) fn bits(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Evenly in [`from`, `to`).
    pub(crate) fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * (f64::from(self.bits()) / 4_294_967_296.0)
    }

    /// Evenly among 0..`count`, as far as 32 bits divide evenly.
    pub(crate) fn below(&mut self, count: u32) -> u32 {
        ((u64::from(self.bits()) * u64::from(count)) >> 32) as u32
    }

    /// One of them; `choices` is not empty.
    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u32) as usize]
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}
