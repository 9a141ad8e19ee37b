//! Digests of files. They are part of the name of an import, so that a repeated one is recognised.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// SHA-256 of a file's bytes.
pub(crate) type Digest32 = [u8; 32];

/// The digest of a file.
///
/// # Errors
/// When it cannot be read, or can be read only once.
pub(crate) fn digest(at: &Path) -> Result<Digest32> {
    let failed = |source| Error::Io { at: at.to_owned(), doing: "reading", source };
    let file = File::open(at).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        // A pipe would be empty when it is opened again.
        return Err(Error::NoFile { at: at.to_owned() });
    }
    hash(file).map_err(failed)
}

fn hash(mut file: File) -> io::Result<Digest32> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().into()),
            size => hasher.update(&buffer[..size]),
        }
    }
}
