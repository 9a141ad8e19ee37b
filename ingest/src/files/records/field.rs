//! The fields of a record, by the names they have in `seismic.proto`.

use std::str::FromStr;

use seismic_proto::SeismicRecord;

use super::float;

/// A field that a column may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordField {
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

impl RecordField {
    /// All of them, with their names.
    pub(crate) const ALL: [(RecordField, &'static str); 11] = [
        (RecordField::SensorId, "sensor_id"),
        (RecordField::CollectTimestamp, "collect_timestamp"),
        (RecordField::Longitude, "longitude"),
        (RecordField::Latitude, "latitude"),
        (RecordField::Depth, "depth"),
        (RecordField::SeismicAmplitude, "seismic_amplitude"),
        (RecordField::Frequency, "frequency"),
        (RecordField::PhaseType, "phase_type"),
        (RecordField::DataQuality, "data_quality"),
        (RecordField::NetworkStatus, "network_status"),
        (RecordField::ArrivalMs, "arrival_ms"),
    ];

    pub(crate) fn named(name: &str) -> Option<RecordField> {
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
            RecordField::SensorId => text.clone_into(&mut record.sensor_id),
            RecordField::PhaseType => text.clone_into(&mut record.phase_type),
            _ if number.is_empty() => {}
            RecordField::CollectTimestamp => record.collect_timestamp = whole(number)?,
            RecordField::Longitude => record.longitude = float::parse(number)?,
            RecordField::Latitude => record.latitude = float::parse(number)?,
            RecordField::Depth => record.depth = whole(number)?,
            RecordField::SeismicAmplitude => record.seismic_amplitude = float::parse(number)?,
            RecordField::Frequency => record.frequency = whole(number)?,
            RecordField::DataQuality => record.data_quality = whole(number)?,
            RecordField::NetworkStatus => record.network_status = whole(number)?,
            RecordField::ArrivalMs => record.arrival_ms = whole(number)?,
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
        for (number, (field, name)) in RecordField::ALL.into_iter().enumerate() {
            assert_eq!((field as usize, field.name()), (number, name));
            assert_eq!(RecordField::named(name), Some(field));
        }
    }
}
