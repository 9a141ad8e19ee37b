//! The URL of a queue in memory: `memory:NAME`. The name distinguishes several of them.

use std::fmt;
use std::sync::Arc;

use super::{Memory, MemoryStore};
use crate::backend::{Address, Backend, Capabilities};
use crate::{Error, JobStore, Queue, Result};

/// Its place in a list of backends.
pub static BACKEND: Backend =
    Backend { schemes: &["memory"], form: "memory:NAME", parse: |text| Ok(Arc::new(parse(text))) };

/// A place of this process, gone with it.
struct MemoryAddress(String);

fn parse(text: &str) -> MemoryAddress {
    MemoryAddress(text.split_once(':').map_or("", |(_, name)| name).to_owned())
}

impl Address for MemoryAddress {
    fn open(&self) -> Result<Box<dyn Queue>> {
        Ok(Box::new(Memory::named(&self.0)))
    }

    fn open_store(&self) -> Result<Box<dyn JobStore>> {
        Ok(Box::new(MemoryStore::named(&self.0)))
    }

    fn delete_store(&self) -> Result<()> {
        Err(Error::url(self, "a store in memory goes with its process"))
    }

    fn default_store(&self, group: &str) -> String {
        format!("{self}.{group}.home")
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }
}

impl fmt::Display for MemoryAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "memory:{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_reads_back_as_written_and_a_store_has_the_name_of_its_group() {
        assert_eq!(parse("memory:").to_string(), "memory:");
        assert_eq!(parse("memory:a").to_string(), "memory:a");
        assert_eq!(parse("memory:a").default_store("g"), "memory:a.g.home");
    }
}
