//! A module at work for one row, or for one window.

use wasmi::{Linker, Memory, Store, TypedFunc};

use super::host::Host;
use crate::definition::row_operator::ON_ROW;
use crate::function::host::ON_END;
use crate::function::instance::{MEMORY, words};
use crate::function::module::Module;
use crate::limits;

/// A module at work.
pub struct Instance<'m> {
    module: &'m Module,
    store: Store<Host>,
    on_row: TypedFunc<(), ()>,
    on_end: Option<TypedFunc<(), ()>>,
    memory: Option<Memory>,
    /// Steps that it may yet be given.
    left: u64,
}

impl<'m> Instance<'m> {
    /// A new one, as if nothing had been called.
    ///
    /// # Errors
    /// When its memory or its data does not fit, with what it had before it.
    pub fn new(
        module: &'m Module,
        linker: &Linker<Host>,
        host: Host,
    ) -> Result<Self, Box<(String, Host)>> {
        let mut store = Store::new(module.wasm().engine(), host);
        store.limiter(|host| &mut host.bounds);
        let mut begin = || -> Result<_, wasmi::Error> {
            store.set_fuel(limits::FUEL_OF_BEGINNING)?;
            let instance = linker.instantiate_and_start(&mut store, module.wasm())?;
            let on_row = instance.get_typed_func::<(), ()>(&store, ON_ROW)?;
            let on_end = instance.get_typed_func::<(), ()>(&store, ON_END).ok();
            Ok((on_row, on_end, instance.get_memory(&store, MEMORY)))
        };
        match begin() {
            Ok((on_row, on_end, memory)) => {
                let left = limits::OPERATOR_WINDOW_FUEL;
                let _ = store.set_fuel(0);
                Ok(Instance { module, store, on_row, on_end, memory, left })
            }
            Err(error) => {
                let why =
                    format!("the module cannot begin: {}", words(&error, module.definition()));
                Err(Box::new((why, store.into_data())))
            }
        }
    }

    /// What it has before it.
    pub fn host(&mut self) -> &mut Host {
        self.store.data_mut()
    }

    /// The same, when all is done.
    pub fn into_host(self) -> Host {
        self.store.into_data()
    }

    /// Calls it with the row. What it has not used of its steps it may use later.
    ///
    /// # Errors
    /// Why it failed, in the same words each time.
    pub fn call_row(&mut self) -> Result<(), String> {
        let call = self.on_row;
        self.call(call, ON_ROW)
    }

    /// Is again as if nothing had been called: the module writes nothing itself, and what was written
    /// for it is taken back.
    pub fn begin_again(&mut self) {
        self.left = limits::OPERATOR_WINDOW_FUEL;
        let _ = self.store.set_fuel(0);
        let undo = self.host().undo.take();
        if let (Some(mut undo), Some(memory)) = (undo, self.memory) {
            undo.put_back(memory, &mut self.store);
            self.host().undo = Some(undo);
        }
    }

    /// Calls it behind the rows of a window, if it has something to call.
    ///
    /// # Errors
    /// As [`Instance::call_row`].
    pub fn call_end(&mut self) -> Result<(), String> {
        match self.on_end {
            Some(call) => self.call(call, ON_END),
            None => Ok(()),
        }
    }

    fn call(&mut self, call: TypedFunc<(), ()>, name: &str) -> Result<(), String> {
        let definition = self.module.definition();
        let said = |error: wasmi::Error| format!("{name}: {}", words(&error, definition));
        let more = definition.fuel.min(self.left);
        self.left -= more;
        let fuel = self.store.get_fuel().map_err(said)?.saturating_add(more);
        self.store.set_fuel(fuel).map_err(said)?;
        call.call(&mut self.store, ()).map_err(said)
    }
}
