//! The parts of a channel's name.

use rusqlite::types::{Value, ValueRef};

use super::function::{Answer, Function, text};

pub const FUNCTIONS: [Function; 1] = [Function { name: "nslc", arguments: 2, call: nslc }];

const PARTS: [&str; 4] = ["network", "station", "location", "channel"];

/// A part of an NSLC code: `IU.ANMO.00.BHZ`, or as an FDSN source identifier
/// `FDSN:IU_ANMO_00_B_H_Z` (FDSN Source Identifiers 1.0, 2020). NULL where the id has not four
/// parts.
fn nslc(arguments: &[ValueRef<'_>]) -> Answer {
    let (id, wanted) = (text(arguments[0])?, text(arguments[1])?);
    let place = PARTS.iter().position(|part| *part == wanted);
    let place =
        place.ok_or_else(|| format!("{wanted:?} is none of its parts: {}", PARTS.join(", ")))?;
    Ok(parts(id).map_or(Value::Null, |parts| Value::Text(parts[place].clone())))
}

fn parts(id: &str) -> Option<[String; 4]> {
    let owned = |parts: Vec<&str>| parts.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let parts = match id.strip_prefix("FDSN:") {
        None => owned(id.split('.').collect()),
        Some(id) => {
            let [network, station, location, band, source, subsource] =
                <[&str; 6]>::try_from(id.split('_').collect::<Vec<_>>()).ok()?;
            let channel = match [band, source, subsource].iter().all(|code| code.len() <= 1) {
                true => [band, source, subsource].concat(),
                // Codes of several letters keep the sign between them.
                false => [band, source, subsource].join("_"),
            };
            [owned(vec![network, station, location]), vec![channel]].concat()
        }
    };
    <[String; 4]>::try_from(parts).ok()
}
