//! The client side of SCRAM (RFC 5802, RFC 7677) as used by Kafka: without channel binding, and
//! with names and passwords taken literally. Pure: no socket and no randomness.
//!
//! Both sides prove that they know the password without sending it; a server that cannot prove it
//! is refused.

#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // It parses foreign bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256, Sha512};

use super::salted::{Hash, keyed, salted};
use crate::limits;

/// Says that there is no channel binding, in the client's first message.
const NO_BINDING: &str = "n,,";

/// The same in base64, in its last one.
const NO_BINDING_AGAIN: &str = "c=biws";

/// A login under way. It has no `Debug`, which would show the password.
pub(super) struct Scram<'a> {
    hash: Hash,
    password: &'a str,
    nonce: &'a str,
    /// The first message without what stands before it.
    bare: String,
}

/// What the server must prove.
pub(super) struct ServerProof {
    hash: Hash,
    key: Vec<u8>,
    message: String,
}

impl<'a> Scram<'a> {
    /// A login with a nonce, which must be random and hold neither a comma nor spaces.
    pub(super) fn new(hash: Hash, user: &str, password: &'a str, nonce: &'a str) -> Scram<'a> {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        Scram { hash, password, nonce, bare: format!("n={user},r={nonce}") }
    }

    /// What the client says first.
    pub(super) fn first(&self) -> String {
        format!("{NO_BINDING}{}", self.bare)
    }

    /// The answer to what the server said first, and what the server must then prove.
    ///
    /// # Errors
    /// Why the server cannot be answered.
    pub(super) fn answer(self, server: &[u8]) -> Result<(String, ServerProof), String> {
        let server = std::str::from_utf8(server).map_err(|_| "its challenge is no text")?;
        let mut fields = server.split(',');
        let nonce = fields.next().and_then(|field| field.strip_prefix("r="));
        let salt = fields.next().and_then(|field| field.strip_prefix("s="));
        let rounds = fields.next().and_then(|field| field.strip_prefix("i="));
        let (Some(nonce), Some(salt), Some(rounds)) = (nonce, salt, rounds) else {
            return Err("its challenge is not one of SCRAM".to_owned());
        };
        // One that only repeats ours would have chosen nothing itself.
        if !nonce.starts_with(self.nonce) || nonce.len() == self.nonce.len() {
            return Err("its challenge does not answer ours".to_owned());
        }
        let salt = STANDARD.decode(salt).map_err(|_| "its salt is not base64")?;
        let rounds = rounds.parse().ok().filter(|it| limits::SCRAM_ROUNDS.contains(it));
        let rounds: u32 = rounds.ok_or_else(|| {
            let (least, most) = limits::SCRAM_ROUNDS.into_inner();
            format!("it asks for a number of rounds that is not between {least} and {most}")
        })?;
        let salted = salted(self.hash, self.password, &salt, rounds);
        let client_key = mac(self.hash, &salted, b"Client Key");
        let stored_key = match self.hash {
            Hash::Sha256 => Sha256::digest(&client_key).to_vec(),
            Hash::Sha512 => Sha512::digest(&client_key).to_vec(),
        };
        let without_proof = format!("{NO_BINDING_AGAIN},r={nonce}");
        let message = format!("{},{server},{without_proof}", self.bare);
        let signature = mac(self.hash, &stored_key, message.as_bytes());
        let proof: Vec<u8> =
            client_key.iter().zip(&signature).map(|(key, sign)| key ^ sign).collect();
        let answer = format!("{without_proof},p={}", STANDARD.encode(proof));
        let key = mac(self.hash, &salted, b"Server Key");
        Ok((answer, ServerProof { hash: self.hash, key, message }))
    }
}

impl ServerProof {
    /// Checks what the server said last.
    ///
    /// # Errors
    /// Why it is not one that knows the password.
    pub(super) fn check(&self, server: &[u8]) -> Result<(), String> {
        let server = std::str::from_utf8(server).map_err(|_| "its proof is no text")?;
        // Extensions may follow.
        let field = server.split(',').next().unwrap_or_default();
        if let Some(error) = field.strip_prefix("e=") {
            return Err(error.to_owned());
        }
        let proof = field.strip_prefix("v=").and_then(|proof| STANDARD.decode(proof).ok());
        let proof = proof.ok_or("its proof is not one of SCRAM")?;
        let is_right = match self.hash {
            Hash::Sha256 => is_mac::<Hmac<Sha256>>(&self.key, self.message.as_bytes(), &proof),
            Hash::Sha512 => is_mac::<Hmac<Sha512>>(&self.key, self.message.as_bytes(), &proof),
        };
        if is_right { Ok(()) } else { Err("it does not know the password itself".to_owned()) }
    }
}

fn mac(hash: Hash, key: &[u8], message: &[u8]) -> Vec<u8> {
    fn of<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
        let mut mac = keyed::<M>(key);
        mac.update(message);
        mac.finalize().into_bytes().to_vec()
    }
    match hash {
        Hash::Sha256 => of::<Hmac<Sha256>>(key, message),
        Hash::Sha512 => of::<Hmac<Sha512>>(key, message),
    }
}

/// Compares in a time that says nothing of where they differ.
fn is_mac<M: Mac + KeyInit>(key: &[u8], message: &[u8], claimed: &[u8]) -> bool {
    let mut mac = keyed::<M>(key);
    mac.update(message);
    mac.verify_slice(claimed).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    /// The example of RFC 7677.
    const CHALLENGE: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const ANSWER: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
        p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    const PROOF: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    fn answer(challenge: &str) -> Result<(String, ServerProof), String> {
        Scram::new(Hash::Sha256, "user", "pencil", NONCE).answer(challenge.as_bytes())
    }

    #[test]
    fn the_example_of_rfc_7677_is_spoken_word_by_word() {
        let scram = Scram::new(Hash::Sha256, "user", "pencil", NONCE);
        assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let (said, proof) = scram.answer(CHALLENGE.as_bytes()).unwrap();
        assert_eq!(said, ANSWER);
        proof.check(PROOF.as_bytes()).unwrap();
        proof.check(format!("{PROOF},x=later").as_bytes()).unwrap();
    }

    /// Computed with Python's `hashlib.pbkdf2_hmac` and `hmac`.
    #[test]
    fn sha_512_and_names_with_commas_and_equal_signs_are_spoken_as_others_speak_them() {
        let scram = Scram::new(Hash::Sha512, "a=b,c", "pëncil", NONCE);
        assert_eq!(scram.first(), "n,,n=a=3Db=2Cc,r=rOprNGfwEbeRWgbNEkqO");
        let challenge = b"r=rOprNGfwEbeRWgbNEkqOxyz,s=c2FsdA==,i=4096";
        let (said, proof) = scram.answer(challenge).unwrap();
        assert_eq!(
            said,
            "c=biws,r=rOprNGfwEbeRWgbNEkqOxyz,\
             p=AUvE0mVTEDaJL4cBpZ7OQVSpsb7e0rPSKb0iuwtpUUdMK3jVNcXHIvaSKXE5vxWiLGsjIl1ik2xI6ZKpt5lcBw=="
        );
        let theirs = "v=1XeniRFEWmW0I2AjFXi5/zkvTAmwmvvF44y/89SqafbO2vtb3TmnBJ+jzZ9cxCedAyrQno7iELbp\
            JZ8wkyGD7A==";
        proof.check(theirs.as_bytes()).unwrap();
    }

    #[test]
    fn a_server_that_proves_nothing_is_refused() {
        let (_, proof) = answer(CHALLENGE).unwrap();
        for said in ["", "v=", "v=AAAA", "v=!", "e=invalid-proof", "x=y"] {
            assert!(proof.check(said.as_bytes()).is_err(), "{said}");
        }
        assert_eq!(proof.check(b"e=invalid-proof").unwrap_err(), "invalid-proof");
        let other = Scram::new(Hash::Sha256, "user", "pencils", NONCE);
        assert!(other.answer(CHALLENGE.as_bytes()).unwrap().1.check(PROOF.as_bytes()).is_err());
    }

    #[test]
    fn a_challenge_that_is_weak_costly_or_not_of_ours_is_refused() {
        for challenge in [
            "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=another,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4095",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=2000000000",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=99999999999",
            "r=rOprNGfwEbeRWgbNEkqOx,s=?,i=4096",
            "m=must,r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA==,i=4096",
            "r=rOprNGfwEbeRWgbNEkqOx",
            "",
        ] {
            assert!(answer(challenge).is_err(), "{challenge}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_or_refused(bytes: Vec<u8>) {
            let _ = Scram::new(Hash::Sha256, "u", "p", NONCE).answer(&bytes);
            let proof = ServerProof { hash: Hash::Sha512, key: vec![1], message: "m".to_owned() };
            prop_assert!(proof.check(&bytes).is_err());
        }
    }
}
