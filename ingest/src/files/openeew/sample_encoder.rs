//! Samples of a message as packed records.

use seismic_proto::SeismicRecord;

use super::locations::Locations;
use super::message::Message;
use super::options::Options;
use crate::Result;
use crate::codec::{encode, pack_record};
use crate::files::sensor_table::SensorTable;

/// Knows where devices are.
pub(super) struct SampleEncoder {
    locations: Option<Locations>,
    sensors: Option<SensorTable>,
}

/// The value of a message, and of which sensor.
pub(super) struct Pack {
    pub(super) sensor: String,
    pub(super) value: Vec<u8>,
    pub(super) records: u32,
}

impl SampleEncoder {
    /// # Errors
    /// A table that is wrong.
    pub(super) fn new(options: &Options) -> Result<Self> {
        let locations = options.locations.as_deref().map(Locations::read).transpose()?;
        let sensors = options.sensors.as_deref().map(SensorTable::read).transpose()?;
        Ok(SampleEncoder { locations, sensors })
    }

    /// The table of locations as it was read.
    pub(super) fn locations(&self) -> &str {
        self.locations.as_ref().map_or("", |locations| &locations.content)
    }

    /// The samples as one packed message, or as several when the table of sensors says that the
    /// device became another sensor between them.
    ///
    /// # Errors
    /// When the device is in no table.
    pub(super) fn encode(
        &self,
        message: &Message,
        amplitudes: &[f32],
    ) -> Result<Vec<Pack>, String> {
        let place = self.locations.as_ref().map(|table| (table.at(), table.get(&message.device)));
        let (longitude, latitude) = match place {
            None => (0.0, 0.0),
            Some((_, Some(place))) => place,
            Some((at, None)) => {
                let device = &message.device;
                return Err(format!("device {device:?} is missing in {}", at.display()));
            }
        };
        let mut packs: Vec<Pack> = Vec::with_capacity(1);
        let mut bytes = Vec::new();
        for (i, &amplitude) in amplitudes.iter().enumerate() {
            let mut record = SeismicRecord {
                sensor_id: message.device.clone(),
                collect_timestamp: message.sample_ms(i),
                longitude,
                latitude,
                seismic_amplitude: amplitude,
                frequency: message.rate_hz.round() as i32,
                phase_type: "N".to_owned(),
                data_quality: 1,
                arrival_ms: message.arrival_ms(),
                ..SeismicRecord::default()
            };
            if let Some(sensors) = &self.sensors {
                sensors.apply(&mut record).map_err(|refusal| refusal.what)?;
            }
            bytes.clear();
            encode(&record, &mut bytes);
            if packs.last().is_none_or(|pack| pack.sensor != record.sensor_id) {
                packs.push(Pack { sensor: record.sensor_id, value: Vec::new(), records: 0 });
            }
            let pack = packs.last_mut().expect("it was added");
            pack_record(&mut pack.value, &bytes);
            pack.records += 1;
        }
        Ok(packs)
    }
}
