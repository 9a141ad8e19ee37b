//! Messages as rows of the input table.

pub mod json_line;
mod window_row;

use seismic_proto::{Row, Schema};
use seismic_sql::Batch;

use self::json_line::JsonLines;
use self::window_row::WindowRows;
use crate::definition::timing::{EVENT_TIME, WINDOW};
use crate::definition::{Definition, InputDefinition, InputFormat};
use crate::output::reason::Fault;

/// Reads records.
#[derive(Debug)]
pub enum RowDecoder {
    /// Of JSON lines.
    Json(JsonLines),
    /// Of window statistics.
    Windows(Box<WindowRows>),
}

impl RowDecoder {
    /// The one of an input.
    pub fn new(input: &InputDefinition) -> Self {
        match input.format {
            InputFormat::Json => RowDecoder::Json(JsonLines::new(input.columns.clone())),
            InputFormat::Windows => {
                RowDecoder::Windows(Box::new(WindowRows { row: Row::new(Schema::windows()) }))
            }
        }
    }

    /// Columns of the table.
    pub fn columns(&self) -> Vec<seismic_sql::Column> {
        match self {
            RowDecoder::Json(lines) => (lines.columns().iter())
                .map(|column| seismic_sql::Column::new(column.name.clone(), column.kind.of_sql()))
                .collect(),
            RowDecoder::Windows(_) => window_row::columns(),
        }
    }

    /// Calls `take` with each record of a message: there is one at least.
    pub fn each_record<'m>(&self, message: &'m [u8], take: &mut dyn FnMut(&'m [u8])) {
        match self {
            RowDecoder::Windows(_) => take(message),
            RowDecoder::Json(_) => {
                let lines = message.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
                let mut lines = lines.filter(|line| !line.is_empty()).peekable();
                if lines.peek().is_none() {
                    take(b"");
                }
                lines.for_each(take);
            }
        }
    }

    /// Appends the row that a record is.
    ///
    /// # Errors
    /// Why it is none; nothing is appended then.
    pub fn push(&mut self, record: &[u8], into: &mut Batch) -> Result<(), Fault> {
        match self {
            RowDecoder::Json(lines) => lines.push(record, into),
            RowDecoder::Windows(rows) => rows.push(record, into),
        }
    }
}

/// Columns of the rows that the statement of a definition reads.
pub fn columns(definition: &Definition) -> Vec<seismic_sql::Column> {
    let mut columns = match &definition.join {
        Some(join) => columns_of_pairs(&definition.input, &join.right),
        None => RowDecoder::new(&definition.input).columns(),
    };
    let of_time = definition.timing.iter().map(|_| EVENT_TIME);
    let of_time = of_time.chain(definition.window().into_iter().flat_map(|_| WINDOW));
    let hidden = |name| seismic_sql::Column::new(name, seismic_sql::Kind::Integer).hidden();
    columns.extend(of_time.map(hidden));
    columns
}

/// Columns of rows that are joined: each is named after its input and its column there.
fn columns_of_pairs(left: &InputDefinition, right: &InputDefinition) -> Vec<seismic_sql::Column> {
    let of = |input: &InputDefinition| {
        let name = input.name.clone();
        let columns = RowDecoder::new(input).columns().into_iter();
        columns.map(move |it| seismic_sql::Column::new(format!("{name}_{}", it.name), it.kind))
    };
    of(left).chain(of(right)).collect()
}
