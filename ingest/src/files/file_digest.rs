//! Digests of files. They are part of the name of an import, so that a repeated one is recognised.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// SHA-256 of a file's bytes.
pub(crate) type Digest32 = [u8; 32];

/// Digests of the files, in their order.
///
/// # Errors
/// When a file cannot be read, is no file that can be read twice, or is named twice.
pub(crate) fn digests(files: &[PathBuf]) -> Result<Vec<Digest32>> {
    let mut seen: HashMap<Digest32, &Path> = HashMap::with_capacity(files.len());
    let mut digests = Vec::with_capacity(files.len());
    for file in files {
        let digest = digest(file)?;
        if let Some(first) = seen.insert(digest, file) {
            return Err(Error::SameFile { first: first.to_owned(), second: file.clone() });
        }
        digests.push(digest);
    }
    Ok(digests)
}

fn digest(at: &Path) -> Result<Digest32> {
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
