//! What stands for operators in a program that was built without modules.

use std::sync::Arc;

use seismic_sql::{Batch, Error, Kept};

use crate::definition::Definition;
use crate::definition::fault::DefinitionFault;
use crate::definition::row_operator::RowOperatorDefinition;
use crate::function::module::Module;
use crate::output::answers::Answers;

/// An operator: there is none.
#[derive(Debug)]
pub struct RowOperator(std::convert::Infallible);

impl RowOperator {
    /// Refuses every one.
    ///
    /// # Errors
    /// Always.
    pub fn new(_: &Definition, _: &RowOperatorDefinition) -> Result<Self, DefinitionFault> {
        let why = "this program was built without modules: build it with --features wasm";
        Err(DefinitionFault::new("operator", why))
    }

    /// Has it log nothing.
    pub fn silence(&mut self) {
        match self.0 {}
    }

    /// Sets a table.
    pub fn set_table(&self, _: usize, _: &Arc<Kept>) {
        match self.0 {}
    }

    /// Sets the module.
    pub fn set_module(&self, _: Arc<Module>) {
        match self.0 {}
    }

    /// Runs it over rows.
    ///
    /// # Errors
    /// Never, since there is none.
    pub fn run(&self, _: Batch, _: usize, _: &mut Answers) -> Result<(), Error> {
        match self.0 {}
    }

    /// Runs it over a window.
    ///
    /// # Errors
    /// Never, since there is none.
    pub fn run_window(&self, _: &Arc<Kept>, _: &mut Answers) -> Result<(), Error> {
        match self.0 {}
    }

    /// Whether messages have a key of their own.
    pub fn has_key(&self) -> bool {
        match self.0 {}
    }
}
