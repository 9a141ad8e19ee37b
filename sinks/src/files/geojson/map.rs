//! The file: a FeatureCollection (RFC 7946) with a feature for each sensor, and the position of the
//! sink as a member that map software ignores.
//!
//! ```text
//! {"type": "FeatureCollection",
//!  "seismic": {"layout": 1, "store": ID, "topic": NAME, "next": [OFFSET, …], "panes_skipped": N},
//!  "features": [{"type": "Feature", "id": SENSOR, "geometry": POINT or null, "properties": ROW}, …]}
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use seismic_queue::Offset;
use serde_json::{Value, json};

use super::stations::Stations;
use crate::{Error, Result};

/// Layout of the member `seismic`.
const LAYOUT: u64 = 1;

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Map {
    pub(super) store: String,
    pub(super) topic: String,
    /// Next row of each partition.
    pub(super) next: Vec<Offset>,
    /// Rows of later panes, which are not shown.
    pub(super) panes_skipped: u64,
    /// The newest window of each sensor.
    pub(super) newest: BTreeMap<String, Value>,
}

impl Map {
    /// Reads the file; `None` where there is none.
    pub(super) fn read(at: &Path) -> Result<Option<Map>> {
        let bytes = match fs::read(at) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(Error::io(at, "reading the map"))?,
        };
        let damaged = || {
            Error::Config {
            at: at.to_owned(),
            what: "it is no map of this sink; name another file, or remove it: the sink begins again with \
                   the oldest row"
                .to_owned(),
        }
        };
        let file: Value = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        let ours = &file["seismic"];
        if ours["layout"] != LAYOUT {
            return Err(damaged());
        }
        let text = |name: &str| ours[name].as_str().map(str::to_owned).ok_or_else(damaged);
        let next = ours["next"].as_array().ok_or_else(damaged)?;
        let next = next.iter().map(|at| at.as_u64().map(Offset).ok_or_else(damaged));
        let features = file["features"].as_array().ok_or_else(damaged)?;
        let newest = features.iter().map(|feature| {
            let sensor = feature["id"].as_str().ok_or_else(damaged)?;
            Ok((sensor.to_owned(), feature["properties"].clone()))
        });
        Ok(Some(Map {
            store: text("store")?,
            topic: text("topic")?,
            next: next.collect::<Result<_>>()?,
            panes_skipped: ours["panes_skipped"].as_u64().unwrap_or(0),
            newest: newest.collect::<Result<_>>()?,
        }))
    }

    /// Replaces the file: readers see the old one or the new one, also after a crash.
    pub(super) fn write(&self, at: &Path, stations: &Stations) -> Result<()> {
        let feature = |(sensor, row): (&String, &Value)| {
            let point = stations.get(sensor).map(|(longitude, latitude)| {
                json!({"type": "Point", "coordinates": [longitude, latitude]})
            });
            json!({"type": "Feature", "id": sensor, "geometry": point, "properties": row})
        };
        let next: Vec<u64> = self.next.iter().map(|next| next.0).collect();
        let file = json!({
            "type": "FeatureCollection",
            "seismic": {
                "layout": LAYOUT,
                "store": self.store,
                "topic": self.topic,
                "next": next,
                "panes_skipped": self.panes_skipped,
            },
            "features": self.newest.iter().map(feature).collect::<Vec<_>>(),
        });
        let new = at.with_added_extension("new");
        let written = || -> io::Result<()> {
            let mut to = File::create(&new)?;
            to.write_all(file.to_string().as_bytes())?;
            to.sync_all()?;
            fs::rename(&new, at)?;
            let folder = at.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        written().map_err(Error::io(at, "writing the map"))
    }
}
