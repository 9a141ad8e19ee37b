//! The place of a function in a statement that is compiled before its module is there.

use std::sync::{Arc, Mutex, PoisonError};

use seismic_sql::{Answer, Cell, Function};

use super::module::{Instance, Module};
use crate::definition::function::FunctionDefinition;

/// A function as a statement has it.
#[derive(Debug)]
pub struct Slot {
    definition: FunctionDefinition,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    module: Option<Arc<Module>>,
    instance: Option<Instance>,
}

impl Slot {
    /// Without a module.
    pub fn new(definition: FunctionDefinition) -> Self {
        Slot { definition, inside: Mutex::default() }
    }

    /// From here on calls are calls of this module.
    pub fn put(&self, module: Arc<Module>) {
        *self.lock() = Inside { module: Some(module), instance: None };
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A function with its module, for statements of any engine.
///
/// # Errors
/// What is wrong with the module.
pub fn with_module(
    definition: FunctionDefinition,
    content: &[u8],
) -> Result<Arc<dyn Function>, String> {
    let module = Module::new(&definition, content)?;
    let slot = Slot::new(definition);
    slot.put(Arc::new(module));
    Ok(Arc::new(slot))
}

impl Function for Slot {
    fn name(&self) -> &str {
        &self.definition.name
    }

    fn arguments(&self) -> usize {
        self.definition.args.len()
    }

    fn call(&self, arguments: &[Cell<'_>]) -> Result<Answer, String> {
        let Inside { module, instance } = &mut *self.lock();
        match module {
            Some(module) => module.call(instance, arguments),
            None => Err("its module is not there yet".to_owned()),
        }
    }
}
