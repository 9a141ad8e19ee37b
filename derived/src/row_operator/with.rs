//! The operator with its module, in a program that has modules.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seismic_sql::{Batch, Error, Kept};
use wasmi::Linker;

use super::calls;
use super::host::{Host, OF_RECORD, OF_WINDOW, Room};
use super::instance::Instance;
use super::log::LogBook;
use super::shape::Shape;
use crate::definition::Definition;
use crate::definition::fault::DefinitionFault;
use crate::definition::row_operator::RowOperatorDefinition;
use crate::function::instance::bounds;
use crate::function::module::Module;
use crate::function::undo::Undo;
use crate::output::answers::Answers;

/// A module in place of a statement.
pub struct RowOperator {
    shape: Arc<Shape>,
    inside: Mutex<Inside>,
}

struct Inside {
    program: Option<Program>,
    tables: Vec<Arc<Kept>>,
    log: LogBook,
}

/// A module, and what it calls.
#[derive(Clone)]
struct Program {
    module: Arc<Module>,
    linker: Arc<Linker<Host>>,
}

impl RowOperator {
    /// Without a module.
    ///
    /// # Errors
    /// Never here: modules are there.
    pub fn new(
        definition: &Definition,
        operator: &RowOperatorDefinition,
    ) -> Result<Self, DefinitionFault> {
        let no_rows = |columns: usize| Arc::new(Kept::new(Batch::new(columns)));
        let tables = definition.dimensions.iter().map(|it| no_rows(it.columns.len())).collect();
        let inside = Inside { program: None, tables, log: LogBook::new() };
        let shape = Arc::new(Shape::new(definition, operator));
        Ok(RowOperator { shape, inside: Mutex::new(inside) })
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has it log nothing.
    pub fn silence(&mut self) {
        self.lock().log = LogBook::silent();
    }

    /// From here on things are found in these rows of the table at that place.
    pub fn set_table(&self, place: usize, rows: &Arc<Kept>) {
        if let Some(table) = self.lock().tables.get_mut(place) {
            *table = Arc::clone(rows);
        }
    }

    /// From here on this module is called.
    pub fn set_module(&self, module: Arc<Module>) {
        let linker = calls::shared(module.wasm().engine());
        self.lock().program = linker.ok().map(|linker| Program { module, linker });
    }

    /// Whether messages have a key of their own.
    pub fn has_key(&self) -> bool {
        self.shape.key.is_some()
    }

    /// Calls it with each row, as if in an instance of its own: one that was called before serves where
    /// calls leave nothing behind.
    ///
    /// # Errors
    /// When it fails for one of the rows; `into` is as it was.
    pub fn run(&self, rows: Batch, first: usize, into: &mut Answers) -> Result<(), Error> {
        let rows = Arc::new(Kept::new(rows));
        let before = into.mark();
        let count = rows.rows().rows();
        let ran = self.with_host((&rows, OF_RECORD), into, |program, mut host| {
            let Program { module, linker } = program;
            let is_kept = module.writes_nothing();
            host.undo = is_kept.then(Undo::default);
            let begin = |host| Instance::new(module, linker, host);
            let mut instance = match begin(host) {
                Ok(instance) => instance,
                Err(failed) => return (failed.1, Err(failed.0)),
            };
            for row in 0..count {
                if row > 0 && is_kept {
                    instance.begin_again();
                } else if row > 0 {
                    instance = match begin(instance.into_host()) {
                        Ok(instance) => instance,
                        Err(failed) => return (failed.1, Err(failed.0)),
                    };
                }
                let host = instance.host();
                host.begin_record();
                host.go_to_row(Some(row), first + row);
                let called = instance.call_row();
                if called.is_err() {
                    let mut host = instance.into_host();
                    if count > 1 {
                        // Each row is called alone then, and logs again.
                        host.lines.clear();
                    }
                    return (host, called);
                }
            }
            (instance.into_host(), Ok(()))
        });
        if ran.is_err() {
            into.cut_to(before);
        }
        ran
    }

    /// Calls one instance with each row of a window, and then behind them.
    ///
    /// # Errors
    /// When it fails.
    pub fn run_window(&self, rows: &Arc<Kept>, into: &mut Answers) -> Result<(), Error> {
        let count = rows.rows().rows();
        self.with_host((rows, OF_WINDOW), into, |program, host| {
            let mut instance = match Instance::new(&program.module, &program.linker, host) {
                Ok(instance) => instance,
                Err(failed) => return (failed.1, Err(failed.0)),
            };
            let mut called = Ok(());
            for row in 0..count {
                instance.host().go_to_row(Some(row), 0);
                called = instance.call_row();
                if called.is_err() {
                    break;
                }
            }
            if called.is_ok() {
                instance.host().go_to_row(None, 0);
                called = instance.call_end();
            }
            (instance.into_host(), called)
        })
    }

    /// Runs something with the rows before it, and takes what was made.
    fn with_host(
        &self,
        (rows, room): (&Arc<Kept>, Room),
        into: &mut Answers,
        run: impl FnOnce(&Program, Host) -> (Host, Result<(), String>),
    ) -> Result<(), Error> {
        let mut inside = self.lock();
        let failed = |what: String| Error::Failed { what, rows: rows.rows().rows() as u64 };
        let program = inside.program.clone();
        let program = program.ok_or_else(|| failed("its module is not there yet".to_owned()))?;
        let bounds = bounds(program.module.definition());
        let before = (Arc::clone(rows), inside.tables.clone());
        let mut host = Host::new(bounds, &self.shape, before, std::mem::take(into), room);
        host.may_log = inside.log.is_open();
        let (mut host, ran) = run(&program, host);
        inside.log.write(&mut host.lines);
        *into = host.into_answers();
        ran.map_err(failed)
    }
}

impl fmt::Debug for RowOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowOperator").finish_non_exhaustive()
    }
}
