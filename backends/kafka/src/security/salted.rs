//! Salted passwords of SCRAM, kept while they are the same (RFC 5802 says how they are made, and that
//! a client may keep them): thousands of rounds are what makes a password hard to guess, and a command
//! that opens a connection for each thread that reads would do them again for each.
//!
//! A broker has one salt for each user, so few are kept. A password stays in memory no longer than it
//! does without this: the settings of its cluster have it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};

use crate::limits;

/// What everything is hashed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha512,
}

/// What a salted password is made of.
#[derive(PartialEq, Eq)]
struct Made {
    hash: Hash,
    password: String,
    salt: Vec<u8>,
    rounds: u32,
}

static KEPT: Mutex<VecDeque<(Made, Vec<u8>)>> = Mutex::new(VecDeque::new());

/// A password with the salt of a broker. Who needs the same at once waits for the first one.
pub(super) fn salted(hash: Hash, password: &str, salt: &[u8], rounds: u32) -> Vec<u8> {
    let made = Made { hash, password: password.to_owned(), salt: salt.to_owned(), rounds };
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, salted)) = kept.iter().find(|(it, _)| *it == made) {
        return salted.clone();
    }
    let salted = make(hash, password, salt, rounds);
    if kept.len() >= limits::SALTED_PASSWORDS {
        kept.pop_front();
    }
    kept.push_back((made, salted.clone()));
    salted
}

/// PBKDF2 with one block, which is as long as the hash.
fn make(hash: Hash, password: &str, salt: &[u8], rounds: u32) -> Vec<u8> {
    match hash {
        Hash::Sha256 => block::<Hmac<Sha256>>(password.as_bytes(), salt, rounds),
        Hash::Sha512 => block::<Hmac<Sha512>>(password.as_bytes(), salt, rounds),
    }
}

fn block<M: Mac + KeyInit + Clone>(password: &[u8], salt: &[u8], rounds: u32) -> Vec<u8> {
    let keyed = keyed::<M>(password);
    let of = |parts: [&[u8]; 2]| {
        let mut mac = keyed.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes()
    };
    let mut last = of([salt, &1_u32.to_be_bytes()]);
    let mut all = last.to_vec();
    for _ in 1..rounds {
        last = of([&last, &[]]);
        all.iter_mut().zip(&last).for_each(|(all, last)| *all ^= last);
    }
    all
}

pub(super) fn keyed<M: KeyInit>(key: &[u8]) -> M {
    <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_would_be_made_again_for_each_password_salt_and_number_of_rounds() {
        let of = [
            (Hash::Sha256, "one", &b"salt"[..], 2),
            (Hash::Sha512, "one", b"salt", 2),
            (Hash::Sha256, "two", b"salt", 2),
            (Hash::Sha256, "one", b"other", 2),
            (Hash::Sha256, "one", b"salt", 3),
        ];
        // More than are kept, so that some are made again.
        for _ in 0..3 {
            for (hash, password, salt, rounds) in of {
                assert_eq!(
                    salted(hash, password, salt, rounds),
                    make(hash, password, salt, rounds)
                );
            }
        }
        let kept = KEPT.lock().unwrap();
        assert!(kept.len() <= limits::SALTED_PASSWORDS);
    }
}
