//! What makes output rows of rows: a compiled statement, or the module of an operator. Rows in, output
//! rows out, each with the row it was made of.

mod places;
mod statement;
mod tables;

use std::sync::Arc;

use seismic_sql::{Batch, Error, Kept};

use self::statement::StatementPlan;
use crate::definition::Definition;
use crate::definition::fault::DefinitionFault;
use crate::function::module::Module;
pub use crate::output::answers::Answers;
use crate::row_operator::RowOperator;

/// What makes output rows.
#[derive(Debug)]
pub enum Plan {
    /// A statement.
    Statement(Box<StatementPlan>),
    /// A module.
    Operator(Box<RowOperator>),
}

impl Plan {
    /// That of a definition.
    ///
    /// # Errors
    /// Everything that is wrong with its statement.
    pub fn new(definition: &Definition) -> Result<Plan, DefinitionFault> {
        Ok(match &definition.operator {
            Some(operator) => Plan::Operator(Box::new(RowOperator::new(definition, operator)?)),
            None => Plan::Statement(Box::new(StatementPlan::new(definition)?)),
        })
    }

    /// The same for a proof, which logs nothing.
    #[must_use]
    pub fn silent(mut self) -> Plan {
        if let Plan::Operator(operator) = &mut self {
            operator.silence();
        }
        self
    }

    /// From here on things are looked up in these rows of the table at that place.
    pub fn set_dimension(&self, place: usize, rows: &Arc<Kept>) {
        match self {
            Plan::Statement(plan) => plan.set_dimension(place, rows),
            Plan::Operator(operator) => operator.set_table(place, rows),
        }
    }

    /// From here on calls of the function at that place are calls of this module.
    pub fn set_function(&self, place: usize, module: Arc<Module>) {
        match self {
            Plan::Statement(plan) => plan.set_function(place, module),
            Plan::Operator(operator) => operator.set_module(module),
        }
    }

    /// Makes output rows of `rows`, which it takes, and appends them to `into`, as those of the rows
    /// from the `first`-th on.
    ///
    /// # Errors
    /// When it fails for one of the rows, or cannot be run; `into` is as it was.
    pub fn run(&self, rows: Batch, first: usize, into: &mut Answers) -> Result<(), Error> {
        match self {
            Plan::Statement(plan) => plan.run(rows, first, into),
            Plan::Operator(operator) => operator.run(rows, first, into),
        }
    }

    /// Makes output rows of a window, and puts them into `into`, which is empty.
    ///
    /// # Errors
    /// When it fails, or cannot be run.
    pub fn run_window(&self, rows: &Arc<Kept>, into: &mut Answers) -> Result<(), Error> {
        match self {
            Plan::Statement(plan) => plan.run_window(rows, into),
            Plan::Operator(operator) => operator.run_window(rows, into),
        }
    }

    /// Whether messages of the output have a key of their own.
    pub fn has_key(&self) -> bool {
        match self {
            Plan::Statement(plan) => plan.has_key(),
            Plan::Operator(operator) => operator.has_key(),
        }
    }
}
