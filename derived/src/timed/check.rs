//! What is wrong with event times, clocks and windows in a definition.

use crate::definition::event_time::TimeDefinition;
use crate::definition::fault::DefinitionFault;
use crate::definition::timing::{EVENT_TIME, TimeBasis, WINDOW};
use crate::definition::{Definition, InputDefinition};
use crate::input::RowDecoder;
use crate::limits;

/// Everything that is wrong with them.
pub fn faults(definition: &Definition) -> Vec<DefinitionFault> {
    let mut faults = Vec::new();
    let mut fault = |key, why: String| faults.push(DefinitionFault::new(key, why));
    for input in definition.inputs() {
        let of = definition.join.as_ref().map_or_else(String::new, |_| format!("{}: ", input.name));
        if let Some(time) = &input.time
            && let Err(why) = check_time(input, time)
        {
            fault("input", format!("{of}time: {why}"));
        }
    }
    let input = &definition.input;
    let Some(timing) = &definition.timing else {
        if input.key.is_some() {
            let why = "key: it is what the clock of a job with event time goes by: write time too";
            fault("input", why.to_owned());
        }
        return faults;
    };
    if definition.join.is_some() {
        let why = "a join has its own clocks, and no windows: let another job read its rows";
        fault("window", why.to_owned());
        return faults;
    }
    match (timing.time, &input.time) {
        (TimeBasis::Event, None) => {
            let why = "time is missing: write time = { column = \"NAME\", format = \"ms\" }, or \
                       time = \"ingest\" at the top of the file for the append time";
            fault("input", why.to_owned());
        }
        (TimeBasis::Ingest, Some(time)) => {
            let why = format!(
                "\"ingest\" takes the append time, and the input has its time in {}: leave one out",
                time.column
            );
            fault("time", why);
        }
        _ => {}
    }
    let columns = RowDecoder::new(input).columns();
    if let Some(key) = &input.key {
        match columns.iter().find(|it| it.name.eq_ignore_ascii_case(key)) {
            None => fault("input", format!("key: {}", no_column(input, key))),
            Some(found) if found.kind == seismic_sql::Kind::Real => {
                fault("input", format!("key: {key} is real, and a key is text or int"));
            }
            Some(_) => {}
        }
    }
    let own =
        std::iter::once(EVENT_TIME).chain(WINDOW.into_iter().filter(|_| timing.window.is_some()));
    for name in own {
        if columns.iter().any(|it| it.name.eq_ignore_ascii_case(name)) {
            let why = format!("columns: {name} is a column that each row has: name it otherwise");
            fault("input", why);
        }
    }
    let most = limits::TIMING_MS;
    for (key, ms) in [("lateness", timing.lateness_ms), ("max_ahead", timing.max_ahead_ms)] {
        if !(0..=most).contains(&ms) {
            fault(key, format!("{ms} ms is not between 0 and {} hours", most / 3_600_000));
        }
    }
    if let Some(window) = &timing.window {
        let ms = window.length_ms;
        if !(limits::WINDOW_MS..=most).contains(&ms) {
            let (least, hours) = (limits::WINDOW_MS, most / 3_600_000);
            fault("window", format!("{ms} ms is not between {least} ms and {hours} hours"));
        }
    }
    faults
}

fn check_time(input: &InputDefinition, time: &TimeDefinition) -> Result<(), String> {
    let columns = RowDecoder::new(input).columns();
    let TimeDefinition { column, format } = time;
    let found = columns.iter().find(|it| it.name.eq_ignore_ascii_case(column));
    let found = found.ok_or_else(|| no_column(input, column))?;
    match format.fits(found.kind) {
        true => Ok(()),
        false => {
            let (kind, kinds) = (found.kind.word().to_lowercase(), format.kinds());
            Err(format!("{column} is {kind}, and a time as {format} is {kinds}"))
        }
    }
}

fn no_column(input: &InputDefinition, name: &str) -> String {
    let columns = RowDecoder::new(input).columns();
    let near = seismic_sql::nearest(name, columns.iter().map(|it| it.name.as_str()));
    let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
    format!("{} has no column {name}{near}", input.name)
}
