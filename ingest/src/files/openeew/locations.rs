//! Locations of devices: a CSV with the columns `device_id`, `latitude` and `longitude` in any
//! order. Fields are plain, without quotes, as in OpenEEW's `devices_locations.csv`.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::limits;
use crate::{Error, Result};

/// Longitude and latitude by device, degrees.
pub(crate) struct Locations {
    at: PathBuf,
    /// As it was read; part of what names an import.
    pub(crate) content: String,
    by_device: HashMap<String, (f64, f64)>,
}

impl Locations {
    pub(crate) fn read(at: &Path) -> Result<Self> {
        let failed = |doing| move |source| Error::Io { at: at.to_owned(), doing, source };
        let wrong = |line, what: &str| Error::Line { at: at.to_owned(), line, what: what.into() };
        let mut content = String::new();
        let file = File::open(at).map_err(failed("opening"))?;
        file.take(limits::LOCATIONS_BYTES + 1)
            .read_to_string(&mut content)
            .map_err(failed("reading"))?;
        if content.len() as u64 > limits::LOCATIONS_BYTES {
            return Err(wrong(1, "the table is too long for one of locations"));
        }
        let mut lines = (1..).zip(content.trim_start_matches('\u{feff}').lines());
        let header = lines.next().map_or("", |(_, header)| header);
        let column = |name| header.split(',').position(|field| field.trim() == name);
        let columns = (column("device_id"), column("longitude"), column("latitude"));
        let (Some(device), Some(longitude), Some(latitude)) = columns else {
            return Err(wrong(1, "its columns are not device_id, latitude and longitude"));
        };
        let mut places = HashMap::new();
        for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let fields: Vec<_> = line.split(',').map(str::trim).collect();
            let degrees = |column: usize, limit: f64| {
                let number: f64 = fields.get(column)?.parse().ok()?;
                (number.abs() <= limit).then_some(number)
            };
            let id = fields.get(device).filter(|id| !id.is_empty());
            let place = (id, degrees(longitude, 180.0), degrees(latitude, 90.0));
            let (Some(id), Some(longitude), Some(latitude)) = place else {
                return Err(wrong(number, "it is not a device with its longitude and latitude"));
            };
            if places.insert((*id).to_owned(), (longitude, latitude)).is_some() {
                return Err(wrong(number, "the device is in the table twice"));
            }
        }
        Ok(Locations { at: at.to_owned(), content, by_device: places })
    }

    pub(crate) fn at(&self) -> &Path {
        &self.at
    }

    /// Longitude and latitude of a device, degrees.
    pub(crate) fn get(&self, device: &str) -> Option<(f64, f64)> {
        self.by_device.get(device).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &str) -> Result<Locations> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        Locations::read(file.path())
    }

    #[test]
    fn columns_are_found_by_name() {
        let locations = read("longitude,device_id,latitude\n-96.5,001,15.67\n").unwrap();
        assert_eq!(locations.get("001"), Some((-96.5, 15.67)));
        assert_eq!(locations.get("002"), None);
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (content, line) in [
            ("device,latitude,longitude\n", 1),
            ("", 1),
            ("device_id,latitude,longitude\n001,1,2\n002,91,2\n", 3),
            ("device_id,latitude,longitude\n001,1,2\n\n001,1,2\n", 4),
            ("device_id,latitude,longitude\n001,NaN,2\n", 2),
        ] {
            match read(content) {
                Err(Error::Line { line: found, .. }) => assert_eq!(found, line, "{content:?}"),
                _ => panic!("{content:?} is wrong"),
            }
        }
    }
}
