//! The fields of a record, by the names they have in `seismic.proto`.

use std::str::FromStr;

use seismic_proto::SeismicRecord;

use super::float;

/// A field that a column may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    SensorId,
    CollectTimestamp,
    Longitude,
    Latitude,
    Depth,
    SeismicAmplitude,
    Frequency,
    PhaseType,
    DataQuality,
    NetworkStatus,
    ArrivalMs,
}

impl Field {
    /// All of them, with their names.
    pub(crate) const ALL: [(Field, &'static str); 11] = [
        (Field::SensorId, "sensor_id"),
        (Field::CollectTimestamp, "collect_timestamp"),
        (Field::Longitude, "longitude"),
        (Field::Latitude, "latitude"),
        (Field::Depth, "depth"),
        (Field::SeismicAmplitude, "seismic_amplitude"),
        (Field::Frequency, "frequency"),
        (Field::PhaseType, "phase_type"),
        (Field::DataQuality, "data_quality"),
        (Field::NetworkStatus, "network_status"),
        (Field::ArrivalMs, "arrival_ms"),
    ];

    pub(crate) fn named(name: &str) -> Option<Field> {
        Self::ALL.into_iter().find(|(_, known)| *known == name).map(|(field, _)| field)
    }

    pub(crate) fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// Sets the field of a record from text; no text is the default. Spaces around numbers mean
    /// nothing, those in text do.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(crate) fn set(self, record: &mut SeismicRecord, text: &str) -> Result<(), String> {
        let number = text.trim_ascii();
        match self {
            Field::SensorId => text.clone_into(&mut record.sensor_id),
            Field::PhaseType => text.clone_into(&mut record.phase_type),
            _ if number.is_empty() => {}
            Field::CollectTimestamp => record.collect_timestamp = whole(number)?,
            Field::Longitude => record.longitude = float::parse(number)?,
            Field::Latitude => record.latitude = float::parse(number)?,
            Field::Depth => record.depth = whole(number)?,
            Field::SeismicAmplitude => record.seismic_amplitude = float::parse(number)?,
            Field::Frequency => record.frequency = whole(number)?,
            Field::DataQuality => record.data_quality = whole(number)?,
            Field::NetworkStatus => record.network_status = whole(number)?,
            Field::ArrivalMs => record.arrival_ms = whole(number)?,
        }
        Ok(())
    }
}

fn whole<I: FromStr<Err = std::num::ParseIntError>>(text: &str) -> Result<I, String> {
    let bits = 8 * size_of::<I>();
    text.parse().map_err(|_| format!("{text:?} is not a whole number of {bits} bits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_in_the_order_of_their_numbers() {
        for (number, (field, name)) in Field::ALL.into_iter().enumerate() {
            assert_eq!((field as usize, field.name()), (number, name));
            assert_eq!(Field::named(name), Some(field));
        }
    }
}
