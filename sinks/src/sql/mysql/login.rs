//! The beginning of a connection: the server's greeting, TLS, and proof of the password. See
//! "Connection Phase" in the documentation of the protocol.

#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // It parses foreign bytes.

use std::io;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::failure::{Trouble, of_packet};
use super::packets::{Bytes, Packets, put_counted};
use rustls::ClientConfig;

/// What both sides can do, of the flags of the protocol.
mod can {
    pub(super) const LONG_PASSWORD: u32 = 1;
    /// Affected rows are those that were found, also where nothing changed.
    pub(super) const FOUND_ROWS: u32 = 1 << 1;
    pub(super) const CONNECT_WITH_DB: u32 = 1 << 3;
    pub(super) const PROTOCOL_41: u32 = 1 << 9;
    pub(super) const SSL: u32 = 1 << 11;
    pub(super) const TRANSACTIONS: u32 = 1 << 13;
    pub(super) const SECURE_CONNECTION: u32 = 1 << 15;
    pub(super) const PLUGIN_AUTH: u32 = 1 << 19;
}

/// What no server may lack.
const NEEDED: u32 = can::PROTOCOL_41 | can::SECURE_CONNECTION | can::TRANSACTIONS;

/// `utf8mb4_general_ci`, by its number, which every server knows.
const CHARACTERS: u8 = 45;

/// Longest packet that we say we take.
const PACKET_BYTES: u32 = 256 << 20;

const NATIVE: &[u8] = b"mysql_native_password";
const SHA2: &[u8] = b"caching_sha2_password";

/// Who logs in, and how.
pub(super) struct Login<'a> {
    pub(super) user: &'a str,
    pub(super) password: &'a str,
    pub(super) database: &'a str,
    pub(super) host: &'a str,
    /// `None`: the connection stays plain.
    pub(super) tls: Option<ClientConfig>,
    /// Whether a server without TLS is refused.
    pub(super) needs_tls: bool,
}

/// What the server said of itself.
struct Greeting {
    version: String,
    capabilities: u32,
    challenge: Vec<u8>,
    plugin: Vec<u8>,
}

impl Login<'_> {
    /// Logs in. The connection, and the server's version.
    pub(super) fn enter(mut self, mut packets: Packets) -> Result<(Packets, String), Trouble> {
        let mut packet = Vec::new();
        packets.next_into(&mut packet)?;
        let greeting = read_greeting(&packet)?;
        if greeting.capabilities & NEEDED != NEEDED {
            return Err(Trouble::Refused(format!("server {} is too old", greeting.version)));
        }
        let mut flags = NEEDED | can::LONG_PASSWORD | can::FOUND_ROWS | can::CONNECT_WITH_DB;
        flags |= greeting.capabilities & can::PLUGIN_AUTH;
        let has_tls = greeting.capabilities & can::SSL != 0;
        match self.tls.take() {
            Some(config) if has_tls => {
                flags |= can::SSL;
                packets.send(&[&head(flags)])?;
                packets = packets.over(|stream| stream.encrypted(config, self.host))?;
            }
            Some(_) if self.needs_tls => {
                return Err(Trouble::Refused("the server does not support TLS".to_owned()));
            }
            _ => {}
        }
        let mut response = head(flags).to_vec();
        let plugin = if greeting.plugin == SHA2 { SHA2 } else { NATIVE };
        let proof = self.proof(plugin, &greeting.challenge);
        for text in [self.user.as_bytes(), b"\0"] {
            response.extend_from_slice(text);
        }
        put_counted(&proof, &mut response);
        for text in [self.database.as_bytes(), b"\0", plugin, b"\0"] {
            response.extend_from_slice(text);
        }
        packets.send(&[&response])?;
        self.prove(&mut packets, plugin.to_vec())?;
        packets.stream().is_in()?;
        Ok((packets, greeting.version))
    }

    /// Answers what the server asks until it lets us in.
    fn prove(&self, packets: &mut Packets, mut plugin: Vec<u8>) -> Result<(), Trouble> {
        let (mut packet, mut switches) = (Vec::new(), 0u8);
        loop {
            packets.next_into(&mut packet)?;
            let mut bytes = Bytes(&packet);
            match (bytes.u8(), switches) {
                (Some(0x00), _) => return Ok(()),
                (Some(0xff), _) => return Err(of_packet(&packet)),
                // Another way to prove it.
                (Some(0xfe), 0) => {
                    switches = 1;
                    bytes.until_zero().unwrap_or_default().clone_into(&mut plugin);
                    let challenge = bytes.rest();
                    let challenge = challenge.strip_suffix(b"\0").unwrap_or(challenge);
                    if plugin != NATIVE && plugin != SHA2 {
                        let name = String::from_utf8_lossy(&plugin);
                        return Err(Trouble::Refused(format!(
                            "the user logs in by {name:?}, and this program knows mysql_native_password and \
                             caching_sha2_password"
                        )));
                    }
                    packets.send(&[&self.proof(&plugin, challenge)])?;
                }
                (Some(0x01), _) if plugin == SHA2 => match bytes.u8() {
                    // It knows the password, and says next that we may come in.
                    Some(3) => {}
                    // It wants to see it once.
                    Some(4) if packets.stream().is_encrypted() => {
                        packets.send(&[self.password.as_bytes(), b"\0"])?;
                    }
                    Some(4) => {
                        return Err(Trouble::Refused(
                            "the server wants to see the password, which goes over TLS alone: it does not \
                             support TLS, or sslmode=disable"
                                .to_owned(),
                        ));
                    }
                    _ => return Err(Trouble::Broken),
                },
                _ => return Err(Trouble::Broken),
            }
        }
    }

    /// What shows that we know the password, without it.
    fn proof(&self, plugin: &[u8], challenge: &[u8]) -> Vec<u8> {
        // What is behind these is a zero.
        let challenge = challenge.get(..20).unwrap_or(challenge);
        match self.password.as_bytes() {
            b"" => Vec::new(),
            password if plugin == SHA2 => sha2(password, challenge),
            password => native(password, challenge),
        }
    }
}

/// What a request for TLS and a login begin with.
fn head(flags: u32) -> [u8; 32] {
    let mut head = [0; 32];
    let fields = flags.to_le_bytes().into_iter().chain(PACKET_BYTES.to_le_bytes());
    for (to, from) in head.iter_mut().zip(fields.chain([CHARACTERS])) {
        *to = from;
    }
    head
}

fn read_greeting(packet: &[u8]) -> Result<Greeting, Trouble> {
    if packet.first() == Some(&0xff) {
        return Err(of_packet(packet));
    }
    let read = |mut bytes: Bytes<'_>| {
        let protocol = bytes.u8()?;
        let version = String::from_utf8_lossy(bytes.until_zero()?).into_owned();
        bytes.u32()?;
        let mut challenge = bytes.some(8)?.to_vec();
        bytes.u8()?;
        let low = bytes.u16()?;
        bytes.some(3)?;
        let high = bytes.u16()?;
        let length = usize::from(bytes.u8()?);
        bytes.some(10)?;
        let rest = bytes.some(length.saturating_sub(8).max(13).min(bytes.0.len()))?;
        challenge.extend_from_slice(rest.strip_suffix(b"\0").unwrap_or(rest));
        let plugin = bytes.until_zero().unwrap_or(bytes.0).to_vec();
        let capabilities = u32::from(low) | u32::from(high) << 16;
        Some((protocol, Greeting { version, capabilities, challenge, plugin }))
    };
    match read(Bytes(packet)) {
        Some((10, greeting)) => Ok(greeting),
        _ => Err(Trouble::Io(io::Error::new(
            io::ErrorKind::InvalidData,
            "what listens there does not speak the protocol of MySQL",
        ))),
    }
}

/// `SHA1(password) xor SHA1(challenge, SHA1(SHA1(password)))`
fn native(password: &[u8], challenge: &[u8]) -> Vec<u8> {
    let once = Sha1::digest(password);
    let of_challenge = Sha1::new().chain_update(challenge).chain_update(Sha1::digest(once));
    once.iter().zip(of_challenge.finalize()).map(|(a, b)| a ^ b).collect()
}

/// `SHA256(password) xor SHA256(SHA256(SHA256(password)), challenge)`
fn sha2(password: &[u8], challenge: &[u8]) -> Vec<u8> {
    let once = Sha256::digest(password);
    let twice = Sha256::digest(Sha256::digest(once));
    let of_challenge = Sha256::new().chain_update(twice).chain_update(challenge);
    once.iter().zip(of_challenge.finalize()).map(|(a, b)| a ^ b).collect()
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
mod tests {
    use super::*;

    /// What MariaDB 10.11 says first.
    fn greeting() -> Vec<u8> {
        let mut packet = b"\x0a5.5.5-10.11.6-MariaDB\0".to_vec();
        packet.extend_from_slice(&7u32.to_le_bytes());
        packet.extend_from_slice(b"abcdefgh\0");
        packet.extend_from_slice(&[0xfe, 0xf7, 45, 2, 0, 0xff, 0x81, 21]);
        packet.extend_from_slice(&[0; 10]);
        packet.extend_from_slice(b"ijklmnopqrst\0mysql_native_password\0");
        packet
    }

    #[test]
    fn a_greeting_is_read_and_no_piece_of_it_does_harm() {
        let read = read_greeting(&greeting()).ok().unwrap();
        assert_eq!(read.version, "5.5.5-10.11.6-MariaDB");
        assert_eq!(read.challenge, b"abcdefghijklmnopqrst");
        assert_eq!(read.plugin, NATIVE);
        assert_eq!(read.capabilities & NEEDED, NEEDED);
        for length in 0..greeting().len() {
            // It may be an answer of an older server.
            let _ = read_greeting(&greeting()[..length]);
        }
        let refused = read_greeting(b"\xff\x10\x04Too many connections").err();
        assert!(matches!(refused, Some(Trouble::Server { code: 1040, .. })), "{refused:?}");
        assert!(read_greeting(b"SSH-2.0-OpenSSH_9.2\r\n").is_err());
    }

    #[test]
    fn proofs_are_what_servers_compute() {
        // Each side from its own end: the server knows SHA1(SHA1(password)).
        let challenge = b"abcdefghijklmnopqrst";
        let proof = native(b"hunter2", challenge);
        let twice = Sha1::digest(Sha1::digest(b"hunter2"));
        let mask = Sha1::new().chain_update(challenge).chain_update(twice).finalize();
        let once: Vec<u8> = proof.iter().zip(mask).map(|(a, b)| a ^ b).collect();
        assert_eq!(Sha1::digest(once), twice);
        let proof = sha2(b"hunter2", challenge);
        let thrice = Sha256::digest(Sha256::digest(Sha256::digest(b"hunter2")));
        let mask = Sha256::new().chain_update(thrice).chain_update(challenge).finalize();
        let once: Vec<u8> = proof.iter().zip(mask).map(|(a, b)| a ^ b).collect();
        assert_eq!(once, Sha256::digest(b"hunter2").to_vec());
    }
}
