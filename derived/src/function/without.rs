//! What stands for modules in a program that was built without them.

use crate::definition::function::FunctionDefinition;

/// Whether this program runs modules.
pub const IS_THERE: bool = false;

/// A module: there is none.
#[derive(Debug)]
pub struct Module(std::convert::Infallible);

/// Where its calls run: nowhere.
pub type Instance = std::convert::Infallible;

impl Module {
    /// Refuses every one.
    ///
    /// # Errors
    /// Always.
    pub fn new(_: &FunctionDefinition, _: &[u8]) -> Result<Module, String> {
        Err("this program was built without functions: build it with --features wasm".to_owned())
    }

    /// That of the content.
    pub fn hash(&self) -> &str {
        match self.0 {}
    }

    /// Whether calls leave nothing behind.
    pub fn writes_nothing(&self) -> bool {
        match self.0 {}
    }

    /// Calls it.
    ///
    /// # Errors
    /// Never, since there is none.
    pub fn call(
        &self,
        _: &mut Option<Instance>,
        _: &[seismic_sql::Cell<'_>],
    ) -> Result<seismic_sql::Answer, String> {
        match self.0 {}
    }
}
