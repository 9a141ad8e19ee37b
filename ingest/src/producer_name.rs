//! Names of producers. A queue recognises the messages of a producer that it has seen before, so a
//! publication that can be repeated is named by everything that determines its messages.

use std::hash::{BuildHasher, Hasher, RandomState};

use sha2::{Digest, Sha256};

/// The name of a publication that can be repeated: the same `content`, the same name.
#[must_use]
pub fn by_content(what: &str, content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    let hex: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{what}-{hex}")
}

/// The name of a publication that no other one repeats.
#[must_use]
pub fn unique(what: &str) -> String {
    format!("{what}-{:016x}", random())
}

/// An unpredictable number: the standard library seeds its hashers from the operating
/// system, which is all the randomness that is needed here.
#[must_use]
pub fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
