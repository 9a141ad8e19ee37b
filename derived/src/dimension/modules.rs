//! Modules of functions among the versions of a job: stored, named and taken as those of tables are. A
//! function has one module for ever; another content is another job.

use std::sync::Arc;

use seismic_queue::{Offset, Partition};

use super::entry::TableEntry;
use super::tables::{TableError, Tables};
use crate::definition::function::FunctionDefinition;
use crate::function::module::Module;

impl Tables {
    /// Stores the module of a function: as soon as this returns, partitions take it.
    ///
    /// # Errors
    /// [`TableError`], also for a content that is no such module.
    pub fn put_module(
        &self,
        function: &FunctionDefinition,
        content: &[u8],
    ) -> Result<(), TableError> {
        let module = Module::new(function, content).map_err(TableError::Rows)?;
        if module.hash() != function.sha256 {
            let (found, expected) = (module.hash(), &function.sha256);
            let why = format!("the module is {found}, and {expected} is what the job has");
            return Err(TableError::Rows(why));
        }
        let name = function.stored_name();
        self.check_room(content.len() as u64)?;
        self.store().put_table(&name, module.hash(), content)?;
        self.lock().modules.insert(name, Arc::new(module));
        Ok(())
    }

    /// The entry by which a partition that stands at `at` takes the module; `None` when it has it.
    pub(crate) fn module_entry(
        &self,
        function: &FunctionDefinition,
        has_it: bool,
        at: (Partition, Offset),
    ) -> Option<Vec<u8>> {
        if has_it {
            return None;
        }
        let (table, mut state) = (function.stored_name(), self.lock());
        let sha256 = state.modules.get(&table)?.hash().to_owned();
        let entry = TableEntry { table, sha256, rows: 0, read_ms: 0 };
        state.note(&entry, at);
        Some(entry.encode())
    }

    /// The module of a function, which is stored.
    ///
    /// # Errors
    /// Why it is not there, or is another one.
    pub(crate) fn module(
        &self,
        function: &FunctionDefinition,
        hash: &str,
    ) -> Result<Arc<Module>, String> {
        let name = function.stored_name();
        let about = |why: &str| {
            format!("module {hash} of function {name} in {}: {why}", self.store().name())
        };
        if hash != function.sha256 {
            return Err(about(&format!("the job has {}", function.sha256)));
        }
        if let Some(module) = self.lock().modules.get(&name) {
            return Ok(Arc::clone(module));
        }
        let content = self.content(&name, hash).map_err(|why| about(&why))?;
        let content = content.ok_or_else(|| about("it is not there"))?;
        let module = Module::new(function, &content).map_err(|why| about(&why))?;
        if module.hash() != hash {
            return Err(about(&format!("its content is that of {}", module.hash())));
        }
        let module = Arc::new(module);
        self.lock().modules.insert(name, Arc::clone(&module));
        Ok(module)
    }
}
