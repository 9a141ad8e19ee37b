//! A module at work: its memory, and one call after the other.

use std::fmt;

use seismic_sql::{Answer, Cell};
use wasmi::{Func, Memory, Store, StoreLimits, StoreLimitsBuilder, TrapCode, TypedFunc, Val};

use super::undo::Undo;
use crate::definition::column::ColumnKind;
use crate::definition::function::FunctionDefinition;
use crate::limits;

/// What a module says where its memory is free: `alloc(bytes: i32) -> i32`.
pub const ALLOC: &str = "alloc";

/// What it calls its memory.
pub const MEMORY: &str = "memory";

/// A text that is none: what a function returns for NULL.
const NULL_TEXT: i64 = -1;

/// A module at work.
pub struct Instance {
    store: Store<StoreLimits>,
    function: Func,
    memory: Option<Memory>,
    alloc: Option<TypedFunc<i32, i32>>,
    values: Vec<Val>,
    undo: Undo,
}

impl Instance {
    /// A new one, as if nothing had been called.
    ///
    /// # Errors
    /// When its memory or its data does not fit.
    pub fn new(definition: &FunctionDefinition, wasm: &wasmi::Module) -> Result<Instance, String> {
        let most = definition.memory_bytes;
        let mut store = Store::new(wasm.engine(), bounds(definition));
        store.limiter(|bounds| bounds);
        let unfit = |error: wasmi::Error| {
            format!("the module cannot begin with {} MiB of memory: {error}", most >> 20)
        };
        store.set_fuel(limits::FUEL_OF_BEGINNING).map_err(unfit)?;
        let instance = wasmi::Instance::new(&mut store, wasm, &[]).map_err(unfit)?;
        let function = instance
            .get_func(&store, &definition.export)
            .ok_or_else(|| format!("the module exports no function {}", definition.export))?;
        let memory = instance.get_memory(&store, MEMORY);
        let alloc = instance.get_typed_func(&store, ALLOC).ok();
        Ok(Instance { store, function, memory, alloc, values: Vec::new(), undo: Undo::default() })
    }

    /// Calls the function, and takes back what was written for that.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn call(
        &mut self,
        definition: &FunctionDefinition,
        arguments: &[Cell<'_>],
    ) -> Result<Answer, String> {
        let answer = self.call_once(definition, arguments);
        if let Some(memory) = self.memory {
            self.undo.put_back(memory, &mut self.store);
        }
        answer
    }

    fn call_once(
        &mut self,
        definition: &FunctionDefinition,
        arguments: &[Cell<'_>],
    ) -> Result<Answer, String> {
        let words = |error: wasmi::Error| words(&error, definition);
        self.store.set_fuel(definition.fuel).map_err(words)?;
        self.values.clear();
        for (number, (kind, cell)) in (1..).zip(definition.args.iter().zip(arguments)) {
            match (kind, *cell) {
                (ColumnKind::Int, Cell::Integer(value)) => self.values.push(Val::I64(value)),
                (ColumnKind::Real, Cell::Real(value)) => self.values.push(Val::F64(value.into())),
                (ColumnKind::Real, Cell::Integer(value))
                    if value as f64 as i128 == i128::from(value) =>
                {
                    self.values.push(Val::F64((value as f64).into()));
                }
                (ColumnKind::Text, Cell::Text(text)) => self.push_text(text, definition)?,
                (kind, cell) => {
                    let found = found(&cell);
                    return Err(format!("argument {number} is to be {kind}, and is {found}"));
                }
            }
        }
        let mut result = [Val::I64(0)];
        self.function.call(&mut self.store, &self.values, &mut result).map_err(words)?;
        match (definition.returns, &result[0]) {
            (ColumnKind::Int, Val::I64(value)) => Ok(Answer::Integer(*value)),
            (ColumnKind::Real, Val::F64(value)) => Ok(Answer::Real(value.to_float())),
            (ColumnKind::Text, Val::I64(NULL_TEXT)) => Ok(Answer::Null),
            (ColumnKind::Text, Val::I64(place)) => self.text_at(*place),
            (kind, _) => Err(format!("it gives no {kind}")),
        }
    }

    /// Puts a text into the memory, and its place among the values.
    fn push_text(&mut self, text: &str, definition: &FunctionDefinition) -> Result<(), String> {
        let (Some(alloc), Some(memory)) = (self.alloc, self.memory) else {
            return Err(format!("its module has no {ALLOC} or no {MEMORY}"));
        };
        let bytes = i32::try_from(text.len()).map_err(|_| "a text is too long".to_owned())?;
        let place =
            alloc.call(&mut self.store, bytes).map_err(|error| words(&error, definition))?;
        let at = place.cast_unsigned() as usize;
        self.undo.keep(memory.data(&self.store), at, text.len());
        memory.write(&mut self.store, at, text.as_bytes()).map_err(|_| {
            format!("its {ALLOC} gave a place outside of its memory for {bytes} bytes")
        })?;
        self.values.extend([Val::I32(place), Val::I32(bytes)]);
        Ok(())
    }

    /// The text at place times 2^32 plus length.
    fn text_at(&self, packed: i64) -> Result<Answer, String> {
        let packed = packed.cast_unsigned();
        let (place, bytes) = ((packed >> 32) as usize, (packed & 0xffff_ffff) as usize);
        let memory = self.memory.as_ref().map_or(&[][..], |memory| memory.data(&self.store));
        let text = place.checked_add(bytes).and_then(|end| memory.get(place..end));
        let text = text.ok_or("it returned a text outside of its memory")?;
        match str::from_utf8(text) {
            Ok(text) => Ok(Answer::Text(text.to_owned())),
            Err(_) => Err("it returned a text that is not UTF-8".to_owned()),
        }
    }
}

/// What an instance may have.
pub fn bounds(definition: &FunctionDefinition) -> StoreLimits {
    StoreLimitsBuilder::new()
        .memory_size(usize::try_from(definition.memory_bytes).unwrap_or(usize::MAX))
        .table_elements(limits::FUNCTION_TABLE_ENTRIES)
        .instances(1)
        .memories(1)
        .tables(4)
        .build()
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").finish_non_exhaustive()
    }
}

fn found(cell: &Cell<'_>) -> &'static str {
    match cell {
        Cell::Null => "NULL",
        Cell::Integer(_) => "an integer",
        Cell::Real(_) => "a real number",
        Cell::Text(_) => "text",
        Cell::Blob(_) => "bytes",
    }
}

/// Why a call ended, in words that do not change with the engine's.
pub fn words(error: &wasmi::Error, definition: &FunctionDefinition) -> String {
    let FunctionDefinition { fuel, memory_bytes, .. } = definition;
    match error.as_trap_code() {
        Some(TrapCode::OutOfFuel) => format!(
            "the call was ended after {fuel} steps: a loop without end, or fuel = {fuel} is not enough"
        ),
        Some(TrapCode::StackOverflow) => "it calls itself too deep".to_owned(),
        Some(TrapCode::GrowthOperationLimited) => {
            format!("it needs more than {} MiB of memory", memory_bytes >> 20)
        }
        Some(TrapCode::UnreachableCodeReached) => {
            "it gave up (unreachable), as a panic or an assertion does".to_owned()
        }
        Some(TrapCode::MemoryOutOfBounds) => "it read or wrote outside of its memory".to_owned(),
        Some(TrapCode::IntegerDivisionByZero) => "it divided an integer by zero".to_owned(),
        Some(TrapCode::IntegerOverflow) => "an integer overflowed".to_owned(),
        Some(TrapCode::BadConversionToInteger) => {
            "it made an integer of a number that is none".to_owned()
        }
        _ => error.to_string(),
    }
}
