//! A module: checked before anything of it runs, and compiled once for all partitions.

use std::fmt;

use seismic_sql::{Answer, Cell};
use sha2::{Digest as _, Sha256};
use wasmi::{CompilationMode, Config, EnforcedLimits, Engine, ExternType, ValType};

pub use super::instance::Instance;
use super::instance::{ALLOC, MEMORY};
use super::{host, purity};
use crate::definition::column::ColumnKind;
use crate::definition::function::FunctionDefinition;
use crate::limits;

/// Whether this program runs modules.
pub const IS_THERE: bool = true;

/// A module with one function that is called.
pub struct Module {
    definition: FunctionDefinition,
    wasm: wasmi::Module,
    hash: String,
    writes_nothing: bool,
}

impl Module {
    /// The module with that content, if it has what the definition says and nothing that reaches
    /// outside.
    ///
    /// # Errors
    /// What of it cannot be.
    pub fn new(definition: &FunctionDefinition, content: &[u8]) -> Result<Module, String> {
        if content.len() > limits::MODULE_BYTES {
            let (bytes, most) = (content.len(), limits::MODULE_BYTES >> 10);
            return Err(format!("the module has {bytes} bytes, more than {most} KiB"));
        }
        if !content.starts_with(b"\0asm") {
            return Err("this is no WebAssembly module: it does not begin with \\0asm".to_owned());
        }
        let wasm = wasmi::Module::new(&engine(), content)
            .map_err(|error| format!("the module is not valid: {error}"))?;
        let hash = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
        if definition.is_operator {
            host::check(definition, &wasm)?;
            let writes_nothing = purity::writes_nothing(content, &[&definition.export]);
            return Ok(Module { definition: definition.clone(), wasm, hash, writes_nothing });
        }
        if let Some(import) = wasm.imports().next() {
            let (module, name) = (import.module(), import.name());
            return Err(format!(
                "the module imports {module}.{name}: a function gets its arguments and nothing else, no \
                 clock, no chance and no file, so that it answers alike in every run; build it without \
                 imports (`seismic function new` shows how)"
            ));
        }
        check_export(definition, &wasm)?;
        let takes_text = definition.args.contains(&ColumnKind::Text);
        let called = [&*definition.export, ALLOC];
        let writes_nothing =
            purity::writes_nothing(content, &called[..1 + usize::from(takes_text)]);
        let module = Module { definition: definition.clone(), wasm, hash, writes_nothing };
        // Its memory and its data fit.
        Instance::new(&module.definition, &module.wasm)?;
        Ok(module)
    }

    /// SHA-256 of its content, in hex.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Whether calls leave nothing behind, so that one instance serves all.
    pub fn writes_nothing(&self) -> bool {
        self.writes_nothing
    }

    /// What it is, and what a call may take.
    pub fn definition(&self) -> &FunctionDefinition {
        &self.definition
    }

    /// Itself, compiled.
    pub fn wasm(&self) -> &wasmi::Module {
        &self.wasm
    }

    /// Calls it, in `kept` where an instance can be kept.
    ///
    /// # Errors
    /// Why there is no answer, in the same words each time.
    pub fn call(
        &self,
        kept: &mut Option<Instance>,
        arguments: &[Cell<'_>],
    ) -> Result<Answer, String> {
        if !self.writes_nothing {
            return Instance::new(&self.definition, &self.wasm)?.call(&self.definition, arguments);
        }
        let instance = match kept {
            Some(instance) => instance,
            None => kept.insert(Instance::new(&self.definition, &self.wasm)?),
        };
        instance.call(&self.definition, arguments)
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "module {}", self.hash)
    }
}

/// The engine, with bounds and without anything whose answer may differ between machines.
fn engine() -> Engine {
    let mut config = Config::default();
    config
        .consume_fuel(true)
        .wasm_multi_memory(false)
        .ignore_custom_sections(true)
        .set_max_recursion_depth(limits::FUNCTION_DEPTH)
        .set_max_stack_height(limits::FUNCTION_STACK_BYTES)
        .enforced_limits(EnforcedLimits::strict())
        // Compiled when it is first called, the first call would take more fuel than the others.
        .compilation_mode(CompilationMode::Eager);
    Engine::new(&config)
}

/// Whether the module exports the function that the definition says.
fn check_export(definition: &FunctionDefinition, wasm: &wasmi::Module) -> Result<(), String> {
    let export = &definition.export;
    let names = || wasm.exports().filter(|it| it.ty().func().is_some()).map(|it| it.name());
    let Some(ExternType::Func(found)) = wasm.get_export(export) else {
        let near = match seismic_sql::nearest(export, names()) {
            Some(near) => format!("; did you mean {near}?"),
            None => format!("; it exports {}", names().collect::<Vec<_>>().join(", ")),
        };
        return Err(format!("the module exports no function {export}{near}"));
    };
    let mut expected = Vec::new();
    for kind in &definition.args {
        match kind {
            ColumnKind::Int => expected.push(ValType::I64),
            ColumnKind::Real => expected.push(ValType::F64),
            ColumnKind::Text => expected.extend([ValType::I32, ValType::I32]),
        }
    }
    let returns = match definition.returns {
        ColumnKind::Int | ColumnKind::Text => ValType::I64,
        ColumnKind::Real => ValType::F64,
    };
    if found.params() != expected || found.results() != [returns] {
        let kinds: Vec<_> = definition.args.iter().map(ToString::to_string).collect();
        return Err(format!(
            "{export} takes {} and gives {} in the module; args = [{}] and returns = {} are {} and {}: \
             int is i64, real is f64, text is two i32 (place and length), and a text that is returned \
             is one i64 (place times 2^32 plus length)",
            shown(found.params()),
            shown(found.results()),
            kinds.join(", "),
            definition.returns,
            shown(&expected),
            shown(&[returns]),
        ));
    }
    if definition.has_text() {
        let Some(ExternType::Memory(_)) = wasm.get_export(MEMORY) else {
            return Err(format!("for texts a module exports its {MEMORY}, and this one does not"));
        };
        let is_alloc = |found: Option<ExternType>| match found {
            Some(ExternType::Func(it)) => {
                it.params() == [ValType::I32] && it.results() == [ValType::I32]
            }
            _ => false,
        };
        let takes_text = definition.args.contains(&ColumnKind::Text);
        if takes_text && !is_alloc(wasm.get_export(ALLOC)) {
            return Err(format!(
                "for texts a module exports {ALLOC}(bytes: i32) -> i32, which gives a free place"
            ));
        }
    }
    Ok(())
}

fn shown(all: &[ValType]) -> String {
    let names: Vec<_> = all.iter().map(|it| format!("{it:?}").to_lowercase()).collect();
    format!("({})", names.join(", "))
}
