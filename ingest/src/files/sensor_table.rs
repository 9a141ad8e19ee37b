//! A table of sensors: position and calibration, with the time range in which they apply.
//!
//! CSV with the columns `id`, and optionally `alias`, `valid_from`, `valid_to`, `latitude`,
//! `longitude`, `depth`, `gain`, `offset` and `unit`. A record matches the row with its `id` or
//! `alias` whose time range, from inclusive, to exclusive, contains it. It gets the row's id and
//! position, and its amplitude becomes value · gain + offset.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use seismic_proto::SeismicRecord;

use super::parse::csv_fields::CsvFields;
use super::parse::event_time::TimeFormat;
use super::parse::number;
use super::parse::refusal::Refusal;
use crate::{Error, Result, limits};

/// The columns.
const COLUMNS: [&str; 10] = [
    "id",
    "alias",
    "valid_from",
    "valid_to",
    "latitude",
    "longitude",
    "depth",
    "gain",
    "offset",
    "unit",
];

/// Rows by id and alias, in order of time.
pub(crate) struct SensorTable {
    by_name: HashMap<String, Vec<SensorRow>>,
}

/// A sensor in one stretch of time.
#[derive(Clone, Debug)]
struct SensorRow {
    line: u64,
    id: String,
    from_ms: i64,
    to_ms: i64,
    latitude: Option<f64>,
    longitude: Option<f64>,
    depth: Option<i32>,
    gain: f64,
    offset: f64,
    unit: String,
}

impl SensorTable {
    /// Reads a table.
    ///
    /// # Errors
    /// A file that cannot be read, and the first line that is wrong.
    pub(crate) fn read(at: &Path) -> Result<Self> {
        let failed = |doing| move |source| Error::Io { at: at.to_owned(), doing, source };
        let mut bytes = Vec::new();
        let file = File::open(at).map_err(failed("opening"))?;
        file.take(limits::LOCATIONS_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(failed("reading"))?;
        if bytes.len() as u64 > limits::LOCATIONS_BYTES {
            return Err(Error::Line { at: at.to_owned(), line: 1, what: "it is too long".into() });
        }
        Self::parse(&bytes).map_err(|(line, what)| Error::Line { at: at.to_owned(), line, what })
    }

    /// # Errors
    /// The first line that is wrong, and what is.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, (u64, String)> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut fields = CsvFields::default();
        let mut columns: Option<Vec<usize>> = None;
        let mut table = SensorTable { by_name: HashMap::new() };
        for (line, text) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
            if text.trim_ascii().is_empty() || text.starts_with(b"#") {
                continue;
            }
            fields.split(text, b',', limits::COLUMNS).map_err(|why| (line, why.into()))?;
            let texts: Vec<String> = fields
                .iter()
                .map(|field| String::from_utf8_lossy(field).trim().to_owned())
                .collect();
            match &columns {
                None => columns = Some(header(&texts).map_err(|what| (line, what))?),
                Some(columns) => {
                    table.add(line, columns, &texts).map_err(|what| (line, what))?;
                }
            }
        }
        if columns.is_none() {
            return Err((1, "there is no header".to_owned()));
        }
        table.check()?;
        Ok(table)
    }

    fn add(&mut self, line: u64, columns: &[usize], texts: &[String]) -> Result<(), String> {
        if texts.len() != columns.len() {
            let (have, want) = (texts.len(), columns.len());
            return Err(format!("it has {have} fields; the header names {want}"));
        }
        let text = |column: usize| {
            let place = columns.iter().position(|&it| it == column);
            place.map(|place| texts[place].as_str()).filter(|text| !text.is_empty())
        };
        let named = |column: usize| move |what: String| format!("{}: {what}", COLUMNS[column]);
        let float = |column: usize| {
            let value =
                text(column).map(number::float::<f64>).transpose().map_err(named(column))?;
            match value {
                Some(value) if !value.is_finite() => Err(named(column)("it is no number".into())),
                value => Ok(value),
            }
        };
        let time = |column: usize| {
            let time = TimeFormat { unit: None, is_utc: true };
            text(column)
                .map(|text| time.parse(text))
                .transpose()
                .map_err(|refusal| named(column)(refusal.what))
        };
        let degrees = |column: usize, limit: f64| match float(column)? {
            Some(value) if value.abs() > limit => Err(named(column)("it is out of range".into())),
            value => Ok(value),
        };
        let id = text(0).ok_or("it has no id")?.to_owned();
        let row = SensorRow {
            line,
            id: id.clone(),
            from_ms: time(2)?.unwrap_or(i64::MIN),
            to_ms: time(3)?.unwrap_or(i64::MAX),
            latitude: degrees(4, 90.0)?,
            longitude: degrees(5, 180.0)?,
            depth: text(6).map(number::whole).transpose().map_err(named(6))?,
            gain: float(7)?.unwrap_or(1.0),
            offset: float(8)?.unwrap_or(0.0),
            unit: text(9).unwrap_or_default().to_owned(),
        };
        if row.from_ms >= row.to_ms {
            return Err("valid_to is not after valid_from".to_owned());
        }
        if let Some(alias) = text(1).filter(|alias| *alias != id) {
            self.by_name.entry(alias.to_owned()).or_default().push(row.clone());
        }
        self.by_name.entry(id).or_default().push(row);
        Ok(())
    }

    /// A name means one sensor at a time, and a sensor keeps its unit.
    fn check(&mut self) -> Result<(), (u64, String)> {
        for (name, rows) in &mut self.by_name {
            rows.sort_by_key(|row| row.from_ms);
            for pair in rows.windows(2) {
                let (first, second) = (&pair[0], &pair[1]);
                if first.to_ms > second.from_ms {
                    let what =
                        format!("{name} is valid at the same time as in line {}", first.line);
                    return Err((second.line, what));
                }
                if first.id == second.id && first.unit != second.unit {
                    let what = format!("{name} has another unit than in line {}", first.line);
                    return Err((second.line, what));
                }
            }
        }
        Ok(())
    }

    /// Makes a record that of its sensor.
    ///
    /// # Errors
    /// When the table has no row for it.
    pub(crate) fn apply(&self, record: &mut SeismicRecord) -> Result<(), Refusal> {
        let row = self.row(&record.sensor_id, record.collect_timestamp)?;
        row.id.clone_into(&mut record.sensor_id);
        record.latitude = row.latitude.unwrap_or(record.latitude);
        record.longitude = row.longitude.unwrap_or(record.longitude);
        record.depth = row.depth.unwrap_or(record.depth);
        if row.gain != 1.0 || row.offset != 0.0 {
            let value = f64::from(record.seismic_amplitude);
            record.seismic_amplitude = (value * row.gain + row.offset) as f32;
        }
        Ok(())
    }

    fn row(&self, name: &str, time_ms: i64) -> Result<&SensorRow, Refusal> {
        let Some(rows) = self.by_name.get(name) else {
            return Err(format!("sensor {name:?} is not in the table of sensors").into());
        };
        let after = rows.partition_point(|row| row.from_ms <= time_ms);
        let row = after.checked_sub(1).map(|at| &rows[at]).filter(|row| time_ms < row.to_ms);
        row.ok_or_else(|| {
            format!("sensor {name:?} has no row in the table of sensors at {time_ms} ms").into()
        })
    }
}

/// The place of each column among [`COLUMNS`].
fn header(texts: &[String]) -> Result<Vec<usize>, String> {
    let mut places = Vec::with_capacity(texts.len());
    for text in texts {
        let Some(place) = COLUMNS.iter().position(|name| name == text) else {
            let known = COLUMNS.join(", ");
            return Err(format!(
                "no column of a table of sensors is called {text:?}; known are {known}"
            ));
        };
        if places.contains(&place) {
            return Err(format!("the header names {text:?} twice"));
        }
        places.push(place);
    }
    if !places.contains(&0) {
        return Err("there is no column id".to_owned());
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(table: &SensorTable, id: &str, time_ms: i64) -> Option<SeismicRecord> {
        let mut record = SeismicRecord {
            sensor_id: id.to_owned(),
            collect_timestamp: time_ms,
            seismic_amplitude: 2.0,
            ..SeismicRecord::default()
        };
        table.apply(&mut record).ok().map(|()| record)
    }

    #[test]
    fn a_device_that_was_moved_and_swapped_is_the_right_sensor_at_each_time() {
        let table = SensorTable::parse(
            b"id,alias,valid_from,valid_to,latitude,longitude,gain,offset\n\
              S1,dev7,,2020-09-13T12:26:40Z,10,20,,\n\
              S2,dev7,2020-09-13T12:26:40Z,,11,21,0.5,1\n\
              S1,dev8,1600000000000,,12,22,,\n",
        )
        .unwrap();
        for (name, time_ms, id, latitude, amplitude) in [
            ("dev7", 1_599_999_999_999, "S1", 10.0, 2.0),
            ("dev7", 1_600_000_000_000, "S2", 11.0, 2.0),
            ("dev8", 1_600_000_000_000, "S1", 12.0, 2.0),
            ("S1", 0, "S1", 10.0, 2.0),
        ] {
            let record = applied(&table, name, time_ms).unwrap();
            assert_eq!((record.sensor_id.as_str(), record.latitude), (id, latitude));
            assert_eq!(record.seismic_amplitude, amplitude);
        }
        assert_eq!(applied(&table, "dev7", 1_700_000_000_000).unwrap().longitude, 21.0);
        assert!(applied(&table, "dev8", 0).is_none() && applied(&table, "x", 0).is_none());
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (table, line, says) in [
            ("", 1, "no header"),
            ("alias\n", 1, "no column id"),
            ("id,lat\n", 1, "\"lat\""),
            ("id,latitude\nS,91\n", 2, "latitude: it is out of range"),
            ("id,gain\nS,NaN\n", 2, "gain"),
            ("id\nS\nS\n", 3, "at the same time"),
            ("id,valid_from,valid_to\nS,2,1\n", 2, "not after"),
            ("id,valid_to,valid_from,unit\nS,1,,gal\nS,,1,counts\n", 3, "another unit"),
        ] {
            let (at, what) = SensorTable::parse(table.as_bytes()).err().unwrap();
            assert!(at == line && what.contains(says), "{table:?}: line {at}: {what}");
        }
    }
}
