//! The fields of a record, by the names they have in `seismic.proto`.

use seismic_proto::SeismicRecord;

use super::event_time::{TimeFormat, TimeUnit};
use super::number;
use super::refusal::Refusal;
use crate::Hint;

/// A field that a column may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum RecordField {
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

/// How values are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ValueFormat {
    pub(crate) time: TimeFormat,
    pub(crate) has_decimal_comma: bool,
}

impl ValueFormat {
    /// Of copies: numbers are what they are.
    pub(crate) fn copied() -> Self {
        let time = TimeFormat { unit: Some(TimeUnit::Milliseconds), is_utc: false };
        ValueFormat { time, has_decimal_comma: false }
    }
}

impl RecordField {
    /// All of them, with their names, and as protobuf's own JSON calls them.
    pub(crate) const ALL: [(RecordField, &'static str, &'static str); 11] = [
        (RecordField::SensorId, "sensor_id", "sensorId"),
        (RecordField::CollectTimestamp, "collect_timestamp", "collectTimestamp"),
        (RecordField::Longitude, "longitude", "longitude"),
        (RecordField::Latitude, "latitude", "latitude"),
        (RecordField::Depth, "depth", "depth"),
        (RecordField::SeismicAmplitude, "seismic_amplitude", "seismicAmplitude"),
        (RecordField::Frequency, "frequency", "frequency"),
        (RecordField::PhaseType, "phase_type", "phaseType"),
        (RecordField::DataQuality, "data_quality", "dataQuality"),
        (RecordField::NetworkStatus, "network_status", "networkStatus"),
        (RecordField::ArrivalMs, "arrival_ms", "arrivalMs"),
    ];

    /// Without these there is no measurement.
    pub(crate) const REQUIRED: [RecordField; 3] =
        [RecordField::SensorId, RecordField::CollectTimestamp, RecordField::SeismicAmplitude];

    /// The field of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<RecordField> {
        let has = |(_, snake, camel): &(RecordField, &str, &str)| *snake == name || *camel == name;
        Self::ALL.into_iter().find(has).map(|(field, ..)| field)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// Whether it is text, and not a number.
    pub(crate) fn is_text(self) -> bool {
        matches!(self, RecordField::SensorId | RecordField::PhaseType)
    }

    /// Sets the field of a record from text that is not empty.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(crate) fn set(
        self,
        record: &mut SeismicRecord,
        text: &str,
        format: &ValueFormat,
    ) -> Result<(), Refusal> {
        let dotted;
        let mut number = text;
        if format.has_decimal_comma && !self.is_text() && text.contains([',', '.']) {
            let is_iso = text.contains(':');
            if !is_iso && (text.contains('.') || text.matches(',').count() > 1) {
                return Err(format!("{text:?} is not a number with a decimal comma").into());
            }
            dotted = text.replace(',', ".");
            number = &dotted;
        }
        let result = match self {
            RecordField::SensorId => {
                check_id(text)?;
                text.clone_into(&mut record.sensor_id);
                Ok(())
            }
            RecordField::PhaseType => {
                text.clone_into(&mut record.phase_type);
                Ok(())
            }
            RecordField::CollectTimestamp => {
                record.collect_timestamp = format.time.parse(number)?;
                Ok(())
            }
            RecordField::ArrivalMs => {
                record.arrival_ms = format.time.parse(number)?;
                Ok(())
            }
            RecordField::Longitude => number::float(number).map(|v| record.longitude = v),
            RecordField::Latitude => number::float(number).map(|v| record.latitude = v),
            RecordField::Depth => number::whole(number).map(|v| record.depth = v),
            RecordField::SeismicAmplitude => {
                number::float(number).map(|v| record.seismic_amplitude = v)
            }
            RecordField::Frequency => number::whole(number).map(|v| record.frequency = v),
            RecordField::DataQuality => number::whole(number).map(|v| record.data_quality = v),
            RecordField::NetworkStatus => number::whole(number).map(|v| record.network_status = v),
        };
        result.map_err(|what| {
            let is_comma = !format.has_decimal_comma
                && text.matches(',').count() == 1
                && number::float::<f64>(&text.replace(',', ".")).is_ok();
            match is_comma {
                true => Refusal::hinting(what, Hint::DecimalComma),
                false => what.into(),
            }
        })
    }
}

/// An id that looks like another one, or like none, is a slip: it would become a sensor of its own.
fn check_id(id: &str) -> Result<(), Refusal> {
    let is_unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}')
    };
    match id.chars().find(|&c| is_unseen(c)) {
        Some(c) => Err(format!("it has the control character U+{:04X}", u32::from(c)).into()),
        None => Ok(()),
    }
}

/// A record while its fields are set.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) record: SeismicRecord,
    /// Fields that have a value, by their bits.
    set: u16,
}

/// Fields that had no value and took their default, by their bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Defaulted(u16);

impl Defaulted {
    pub(crate) fn has(self, field: RecordField) -> bool {
        self.0 & (1 << field as u16) != 0
    }
}

impl Draft {
    /// Sets a field from text; spaces around it are nothing, and no text is no value.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(crate) fn set(
        &mut self,
        field: RecordField,
        text: &str,
        format: &ValueFormat,
    ) -> Result<(), Refusal> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(());
        }
        field
            .set(&mut self.record, text, format)
            .map_err(|refusal| refusal.of_field(field.name()))?;
        self.set |= 1 << field as u16;
        Ok(())
    }

    pub(crate) fn has(&self, field: RecordField) -> bool {
        self.set & (1 << field as u16) != 0
    }

    /// The record, where quality and phase have their default if they have no value.
    ///
    /// # Errors
    /// Which of sensor, time and amplitude has no value. An amplitude that the file has no column
    /// for is no number.
    pub(crate) fn finish(
        mut self,
        has_amplitudes: bool,
    ) -> Result<(SeismicRecord, Defaulted), Refusal> {
        let mut defaulted = 0;
        for field in RecordField::REQUIRED {
            if self.has(field) {
                continue;
            }
            if field == RecordField::SeismicAmplitude && !has_amplitudes {
                self.record.seismic_amplitude = f32::NAN;
                defaulted |= 1 << field as u16;
                continue;
            }
            return Err(format!("{} is missing", field.name()).into());
        }
        if !self.has(RecordField::DataQuality) {
            self.record.data_quality = 1;
            defaulted |= 1 << RecordField::DataQuality as u16;
        }
        if !self.has(RecordField::PhaseType) {
            "N".clone_into(&mut self.record.phase_type);
            defaulted |= 1 << RecordField::PhaseType as u16;
        }
        Ok((self.record, Defaulted(defaulted)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_in_the_order_of_their_numbers() {
        for (number, (field, name, camel)) in RecordField::ALL.into_iter().enumerate() {
            assert_eq!((field as usize, field.name()), (number, name));
            assert_eq!(RecordField::named(name), Some(field));
            assert_eq!(RecordField::named(camel), Some(field));
        }
    }

    #[test]
    fn ids_with_characters_that_nobody_sees_are_refused() {
        for id in ["A\0", "\u{1b}A", "A\u{200b}", "\u{feff}A", "A\tB"] {
            let error = Draft::default().set(RecordField::SensorId, id, &ValueFormat::default());
            assert!(error.unwrap_err().what.contains("control character"), "{id:?}");
        }
        let mut draft = Draft::default();
        draft.set(RecordField::SensorId, " \u{a0}CI.É \t", &ValueFormat::default()).unwrap();
        assert_eq!(draft.record.sensor_id, "CI.É");
    }

    #[test]
    fn decimal_commas_are_read_where_they_are_said_to_be() {
        let set = |text, has_decimal_comma| {
            let mut draft = Draft::default();
            let format = ValueFormat { has_decimal_comma, ..ValueFormat::default() };
            draft.set(RecordField::SeismicAmplitude, text, &format)?;
            Ok::<_, Refusal>(draft.record.seismic_amplitude)
        };
        assert_eq!(set("-1,5", true), Ok(-1.5));
        assert_eq!(set("-1,5", false).unwrap_err().hint, Some(Hint::DecimalComma));
        for thousands in ["1.500", "1.500,5", "1,500,000"] {
            assert!(set(thousands, true).is_err(), "{thousands}");
        }
    }
}
