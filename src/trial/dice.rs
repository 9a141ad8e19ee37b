//! Decisions that look random and follow from a seed: of one message none depends on another
//! message or on another kind of decision, so that an option more changes nothing of the others.

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Throw {
    /// Whether a message is dropped.
    Drop = 1,
    /// Whether it comes twice.
    Duplicate = 2,
    /// How long it is on the way.
    Delay = 3,
    /// How long its repetition is.
    DelayOfRepeat = 4,
}

/// A number in `[0, 1)` for a decision on the message at that place of the input.
#[must_use]
pub fn throw(seed: u64, place: u64, what: Throw) -> f64 {
    let mixed = mix(mix(mix(seed) ^ place) ^ what as u64);
    // The 53 bits that a double can tell apart.
    (mixed >> 11) as f64 / (1u64 << 53) as f64
}

/// SplitMix64 (Steele, Lea and Flood 2014).
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throws_are_spread_evenly_and_do_not_follow_each_other() {
        let all: Vec<f64> = (0..10_000).map(|place| throw(7, place, Throw::Drop)).collect();
        assert!(all.iter().all(|it| (0.0..1.0).contains(it)));
        let below = all.iter().filter(|it| **it < 0.1).count();
        assert!((800..1_200).contains(&below), "{below}");
        let same = |seed| (0..1_000).filter(|&at| throw(seed, at, Throw::Drop) < 0.1).count();
        assert_eq!(same(7), same(7));
        assert_ne!(throw(7, 1, Throw::Drop), throw(8, 1, Throw::Drop));
        assert_ne!(throw(7, 1, Throw::Drop), throw(7, 1, Throw::Duplicate));
    }
}
