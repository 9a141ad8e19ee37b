//! Where in the answer of a statement the columns of the output are.

use seismic_sql::Target;

use crate::definition::OutputDefinition;
use crate::definition::fault::DefinitionFault;

/// Whether the statement inserts into the output.
///
/// # Errors
/// What it inserts into instead.
pub fn check_output_name(head: &Target, output: &OutputDefinition) -> Result<(), DefinitionFault> {
    let Some((name, place)) = &head.name else { return Ok(()) };
    if name.eq_ignore_ascii_case(&output.name) {
        return Ok(());
    }
    let near = seismic_sql::nearest(name, [output.name.as_str()]);
    let near = match near {
        Some(near) => format!("; did you mean {near}?"),
        None => format!("; the output is {}", output.name),
    };
    Err(DefinitionFault::new("sql", format!("{place}: there is no output {name}{near}")))
}

/// Where in the answer each column of the output is. By name; behind INSERT INTO, by its place, as
/// SQL has it.
///
/// # Errors
/// What does not fit.
pub fn places(
    head: &Target,
    output: &OutputDefinition,
    answer: &[String],
) -> Result<Vec<usize>, DefinitionFault> {
    let fault = |why: String| Err(DefinitionFault::new("sql", why));
    let names = || output.columns.iter().map(|column| column.name.as_str());
    let missing = |name: &str| match seismic_sql::nearest(name, names()) {
        Some(near) => format!("; did you mean {near}?"),
        None => format!("; the columns are {}", names().collect::<Vec<_>>().join(", ")),
    };
    let is_same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    if head.name.is_some() {
        let listed: Vec<&str> = match head.columns.is_empty() {
            true => names().collect(),
            false => head.columns.iter().map(|(name, _)| name.as_str()).collect(),
        };
        for (name, place) in &head.columns {
            if !names().any(|known| is_same(known, name)) {
                let what = format!("the output has no column {name}{}", missing(name));
                return fault(format!("{place}: {what}"));
            }
        }
        if listed.len() != answer.len() {
            return fault(format!(
                "the statement gives {} columns, and {} are inserted: {}",
                answer.len(),
                listed.len(),
                listed.join(", ")
            ));
        }
        // Values go by their places. Names that are all known and stand otherwise are a slip.
        let is_known = |name: &String| listed.iter().any(|known| is_same(known, name));
        let is_at_place = |(name, known): (&String, &&str)| is_same(name, known);
        if answer.iter().all(is_known) && !answer.iter().zip(&listed).all(is_at_place) {
            return fault(format!(
                "INSERT INTO takes values by their places, and these stand otherwise: the statement \
                 gives {}, and the output has {}; put them in the same order",
                answer.join(", "),
                listed.join(", ")
            ));
        }
        let place = |name: &str| listed.iter().position(|known| is_same(known, name));
        return names().map(|name| place(name).map_or_else(|| lacks(name), Ok)).collect();
    }
    for (i, name) in answer.iter().enumerate() {
        if !names().any(|known| is_same(known, name)) {
            return fault(format!("the output has no column {name}{}", missing(name)));
        }
        if answer[..i].iter().any(|other| is_same(other, name)) {
            return fault(format!("the statement gives two columns {name}"));
        }
    }
    let place = |name: &str| answer.iter().position(|found| is_same(found, name));
    names().map(|name| place(name).map_or_else(|| lacks(name), Ok)).collect()
}

fn lacks(name: &str) -> Result<usize, DefinitionFault> {
    let why = format!("the output has a column {name}, which the statement does not give");
    Err(DefinitionFault::new("sql", why))
}
