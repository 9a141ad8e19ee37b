//! The files of one database as they were at one moment.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// `None`: there is no such file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    pub main: Option<Vec<u8>>,
    pub wal: Option<Vec<u8>>,
    pub shm: Option<Vec<u8>>,
}

impl Files {
    pub fn read(path: &Path) -> Self {
        let [main, wal, shm] = names(path).map(|name| fs::read(name).ok());
        Files { main, wal, shm }
    }

    pub fn write(&self, path: &Path) {
        for (name, content) in names(path).iter().zip([&self.main, &self.wal, &self.shm]) {
            match content {
                Some(content) => fs::write(name, content).unwrap(),
                None => drop(fs::remove_file(name)),
            }
        }
    }
}

fn names(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|suffix| {
        let mut name = OsString::from(path);
        name.push(suffix);
        name.into()
    })
}
