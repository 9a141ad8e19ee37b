//! An operator of this kind, of whichever sort.

use seismic_pipeline::Operator;

use crate::definition::Definition;
use crate::join::operator::JoinOperator;
use crate::operator::StatementOperator;
use crate::state::State;
use crate::windows::operator::WindowOperator;

/// An operator of this kind.
pub enum Made<'a> {
    Statement(&'a StatementOperator),
    Join(&'a JoinOperator),
    Window(&'a WindowOperator),
}

impl<'a> Made<'a> {
    pub fn of(operator: &'a dyn Operator) -> Option<Self> {
        let operator: &dyn std::any::Any = operator;
        let made = operator.downcast_ref().map(Made::Statement);
        let made = made.or_else(|| operator.downcast_ref().map(Made::Join));
        made.or_else(|| operator.downcast_ref().map(Made::Window))
    }

    pub fn definition(&self) -> &'a Definition {
        match self {
            Made::Statement(made) => made.definition(),
            Made::Join(made) => made.definition(),
            Made::Window(made) => made.definition(),
        }
    }

    pub fn state(&self) -> &'a State {
        match self {
            Made::Statement(made) => made.state(),
            Made::Join(made) => made.state(),
            Made::Window(made) => made.state(),
        }
    }
}
