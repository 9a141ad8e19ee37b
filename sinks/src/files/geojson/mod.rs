//! A map of all stations with their newest window, as GeoJSON, for QGIS and web maps.
//!
//! The file has the newest window of each sensor and the sink's position, and is replaced as a
//! whole: a crash leaves the old map or the new one, and the sink continues from its position.
//! Later panes of a window (`pane` > 0) are not shown, but counted.

mod map;
mod stations;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use seismic_proto::{Row, Schema, ValueRef};
use seismic_queue::{Finding, Offset, Span, lock_file};
use serde_json::Value;

use self::map::Map;
use self::stations::Stations;
use crate::compare::{Comparison, RowDifferenceKind};
use crate::entry::Entry;
use crate::options::{OptionKind, SinkOption};
use crate::position::mark::SinkMark;
use crate::rows::text::json;
use crate::{Context, Error, Result, Rows, Sink, SinkSpec, limits};

/// Its place in the list of sinks.
pub(crate) const ENTRY: Entry = Entry {
    scheme: "geojson",
    form: "geojson[:FILE]",
    target: Some("output/stations.geojson"),
    options: OPTIONS,
    place: &[],
    name: |spec| name(Path::new(spec.target())),
    passes_over: true,
    keeps_refused: false,
    is_remote: false,
    shows_only: false,
    file: |spec| Some(spec.target().into()),
    writes: |_| None,
    check: |_| Vec::new(),
    open: |spec, context| Ok(Box::new(GeoJson::open(spec, context)?)),
    examine,
    ddl: None,
    compare: Some(compare),
    mark: Some(|spec, _| {
        let map = Map::read(Path::new(spec.target()))?;
        Ok(map.map(|map| SinkMark { store_id: map.store, topic: Some(map.topic), next: map.next }))
    }),
    needs: |_| Vec::new(),
    rows_in: None,
    sends_back_to: None,
    lookup: None,
    bare: None,
};

const OPTIONS: &[SinkOption] = &[
    SinkOption {
        name: "stations",
        kind: OptionKind::Text("FILE"),
        default: "",
        doc: "CSV file with sensor_id, latitude and longitude; a sensor that is not in it has no place",
    },
    SinkOption {
        name: "flush_ms",
        kind: OptionKind::Duration { min_ms: 1, max_ms: 3_600_000 },
        default: "1000",
        doc: "longest time from a row until the map shows it: the file is written as a whole",
    },
];

/// Keeps one map.
#[derive(Debug)]
pub struct GeoJson {
    name: String,
    at: PathBuf,
    context: Context,
    stations: Stations,
    columns: Columns,
    map: Map,
    /// Locked until this is dropped.
    _lock: File,
}

/// Places of the columns that it looks at.
#[derive(Clone, Debug)]
struct Columns {
    sensor: usize,
    end: usize,
    pane: usize,
    /// All of them, with their names.
    all: Vec<(usize, String)>,
}

impl Columns {
    fn of(schema: &Schema) -> std::result::Result<Columns, String> {
        let place = |name: &str| {
            schema
                .index_of(name)
                .ok_or_else(|| format!("a map needs the column {name}, which the rows do not have"))
        };
        let all = schema.columns().iter().enumerate();
        Ok(Columns {
            sensor: place("sensor_id")?,
            end: place("window_end_ts")?,
            pane: place("pane")?,
            all: all.map(|(place, column)| (place, column.name.to_string())).collect(),
        })
    }

    /// The sensor of a row, if the map may show it.
    fn shown<'a>(&self, row: &'a Row) -> Option<&'a str> {
        match (row.get(self.sensor), row.get(self.pane)) {
            (ValueRef::Text(sensor), ValueRef::Int32(0)) => Some(sensor),
            _ => None,
        }
    }

    fn end(&self, row: &Row) -> i64 {
        match row.get(self.end) {
            ValueRef::Int64(end) => end,
            _ => i64::MIN,
        }
    }

    fn properties(&self, schema: &Schema, row: &Row) -> Value {
        serde_json::from_str(&json(schema, row, &self.all)).unwrap_or_default()
    }
}

impl GeoJson {
    /// The sink of that spec, with its file locked.
    ///
    /// # Errors
    /// [`Error::Owned`], naming the process that writes there; a file of stations that is none.
    pub fn open(spec: &SinkSpec, context: &Context) -> Result<Self> {
        let at = PathBuf::from(spec.target());
        let columns = Columns::of(&context.schema);
        let columns = columns.map_err(|what| Error::Config { at: at.clone(), what })?;
        let stations = match spec.text("stations") {
            "" => Stations::new(),
            file => stations::read(Path::new(file))?,
        };
        let lock = lock(&at)?;
        let (context, map) = (context.clone(), Map::default());
        Ok(GeoJson { name: name(&at), at, context, stations, columns, map, _lock: lock })
    }
}

impl Sink for GeoJson {
    fn name(&self) -> &str {
        &self.name
    }

    /// A new map begins with the oldest row that the topic still has.
    fn recover(&mut self, rows: &[Span]) -> Result<Vec<Offset>> {
        let mut map = Map::read(&self.at)?.unwrap_or_else(|| Map {
            store: self.context.store_id.clone(),
            topic: self.context.topic.clone(),
            ..Map::default()
        });
        if map.store != self.context.store_id || map.topic != self.context.topic {
            let (at, asked) = (self.at.clone(), self.context.store_id.clone());
            return Err(Error::OtherStore { at, stored: map.store, asked });
        }
        let new = rows.get(map.next.len()..).unwrap_or_default();
        map.next.extend(new.iter().map(|span| span.first));
        self.map = map;
        self.map.write(&self.at, &self.stations)?;
        Ok(self.map.next.clone())
    }

    fn write(&mut self, rows: &Rows<'_>) -> Result<()> {
        for at in rows.iter() {
            let Some(sensor) = self.columns.shown(at.row) else {
                self.map.panes_skipped += 1;
                continue;
            };
            let end = self.columns.end(at.row);
            let known = self.map.newest.get(sensor);
            if known.is_some_and(|row| row["window_end_ts"].as_i64() > Some(end)) {
                continue;
            }
            if known.is_none() && self.map.newest.len() >= limits::MAP_SENSORS {
                let what = format!("a map shows at most {} sensors", limits::MAP_SENSORS);
                return Err(Error::Config { at: self.at.clone(), what });
            }
            let row = self.columns.properties(rows.schema(), at.row);
            self.map.newest.insert(sensor.to_owned(), row);
        }
        self.map.next[rows.partition().0 as usize] = rows.next();
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.map.write(&self.at, &self.stations)
    }
}

/// Its path as it is from everywhere, once there is such a folder.
fn name(at: &Path) -> String {
    let folder = at.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize();
    let whole = folder.ok().zip(at.file_name()).map(|(folder, file)| folder.join(file));
    format!("geojson:{}", whole.as_deref().unwrap_or(at).display())
}

/// Makes the folder if it is missing, and locks the file beside the map.
fn lock(at: &Path) -> Result<File> {
    let doing = "locking the map";
    if let Some(folder) = at.parent() {
        std::fs::create_dir_all(folder).map_err(Error::io(folder, "making the folder"))?;
    }
    let beside = at.with_added_extension("lock");
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&beside);
    let mut file = file.map_err(Error::io(&beside, doing))?;
    if !lock_file(&file).map_err(Error::io(&beside, doing))? {
        let by = std::fs::read_to_string(&beside).unwrap_or_default();
        let by = if by.is_empty() { "another process".to_owned() } else { by };
        return Err(Error::Owned { at: at.to_owned(), by });
    }
    file.set_len(0)
        .and_then(|()| write!(file, "process {}", std::process::id()))
        .map_err(Error::io(&beside, doing))?;
    Ok(file)
}

fn examine(spec: &SinkSpec) -> Vec<Finding> {
    let at = Path::new(spec.target());
    let mut findings = Vec::new();
    match Map::read(at) {
        Ok(None) => findings.push(Finding::fine("there is no map yet; the sink makes it")),
        Ok(Some(map)) => findings.push(Finding::fine(format!(
            "the map shows {} sensors, and passed over {} later panes",
            map.newest.len(),
            map.panes_skipped
        ))),
        Err(error) => findings.push(Finding::problem(error.to_string(), "name another file")),
    }
    match spec.text("stations") {
        "" => findings.push(Finding::warning(
            "no file of stations is named: sensors have no place on the map",
            "name a CSV file with sensor_id, latitude and longitude: stations=FILE",
        )),
        file => match stations::read(Path::new(file)) {
            Ok(stations) => {
                findings.push(Finding::fine(format!("{} stations have a place", stations.len())));
            }
            Err(error) => findings.push(Finding::problem(error.to_string(), "correct the file")),
        },
    }
    findings
}

/// Compares the map with the newest rows of the topic up to its position; how many are the same.
/// Sensors whose newest row retention has deleted are passed over.
fn compare(spec: &SinkSpec, context: &Context, into: &mut Comparison<'_>) -> Result<u64> {
    let at = Path::new(spec.target());
    let nothing = |what: &str| Error::NothingToCompare { sink: name(at), what: what.to_owned() };
    let map = Map::read(at)?.ok_or_else(|| nothing("there is no map"))?;
    if (&map.store, &map.topic) != (&context.store_id, &context.topic) {
        return Err(nothing("the map is of another store"));
    }
    let columns = Columns::of(&context.schema);
    let columns = columns.map_err(|what| Error::Config { at: at.to_owned(), what })?;
    let mut newest = BTreeMap::new();
    for (partition, &next) in into.topic.all().zip(&map.next) {
        let held = into.held[partition.0 as usize];
        let mut rows = into.rows(partition, held.first, next)?;
        while let Some((offset, row)) = rows.next_row()? {
            let Some(sensor) = columns.shown(&row).map(str::to_owned) else { continue };
            let known: Option<&(_, _, Row)> = newest.get(&sensor);
            if known.is_none_or(|(.., known)| columns.end(known) <= columns.end(&row)) {
                newest.insert(sensor, (partition, offset, row));
            }
        }
    }
    let mut same = 0;
    for (sensor, (partition, offset, row)) in newest {
        let kind = match map.newest.get(&sensor) {
            Some(found) if *found == columns.properties(&context.schema, &row) => {
                same += 1;
                continue;
            }
            Some(_) => RowDifferenceKind::Differs,
            None => RowDifferenceKind::Missing,
        };
        into.add(partition, kind, Some(&row), None, Some(offset));
    }
    Ok(same)
}
