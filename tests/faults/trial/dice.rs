//! Reproducible randomness: everything random in these tests comes from one printed seed.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Range;
use std::time::Duration;

/// SplitMix64, which is enough to be arbitrary.
pub struct Dice {
    state: u64,
}

impl Dice {
    /// Of a new seed, or of `SEISMIC_FAULT_SEED`.
    pub fn new() -> Self {
        let seed = match std::env::var("SEISMIC_FAULT_SEED") {
            Ok(seed) => seed.parse().expect("SEISMIC_FAULT_SEED is a number"),
            Err(_) => RandomState::new().build_hasher().finish() >> 32,
        };
        println!("SEISMIC_FAULT_SEED={seed}");
        Dice { state: seed }
    }

    pub fn draw(&mut self, range: Range<u64>) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        range.start + (z ^ (z >> 31)) % (range.end - range.start)
    }

    pub fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.draw(range))
    }

    pub fn bytes(&mut self, len: u64) -> Vec<u8> {
        (0..len).map(|_| self.draw(0..256) as u8).collect()
    }
}
