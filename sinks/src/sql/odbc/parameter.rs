//! Values of parameters as a driver takes them: an array for each parameter of a statement, which is
//! done once for each row of the arrays.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// The length that stands for NULL.
const NULL: isize = -1;

/// A date and time, laid out as `SQL_TIMESTAMP_STRUCT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Stamp {
    year: i16,
    month: u16,
    day: u16,
    hour: u16,
    minute: u16,
    second: u16,
    /// ns.
    fraction: u32,
}

/// Times that every database can hold, ms since 1970 UTC: the years 1753 (before which SQL Server has
/// none) to 9999, without its last hours, which the calendar of our library has not.
const TIMES_MS: std::ops::RangeInclusive<i64> = -6_847_804_800_000..=253_402_207_200_000;

impl Stamp {
    /// A time in ms since 1970 as date and time of UTC; `None` where no column can hold it.
    pub(super) fn of(ms: i64) -> Option<Stamp> {
        TIMES_MS.contains(&ms).then_some(())?;
        let civil = Offset::UTC.to_datetime(Timestamp::from_millisecond(ms).ok()?);
        let [month, day, hour, minute, second] =
            [civil.month(), civil.day(), civil.hour(), civil.minute(), civil.second()]
                .map(|part| u16::from(part.cast_unsigned()));
        let fraction = civil.subsec_nanosecond().cast_unsigned();
        Some(Stamp { year: civil.year(), month, day, hour, minute, second, fraction })
    }

    /// ms since 1970 UTC; `None` where it is no whole ms, or no date of the calendar.
    pub(super) fn ms(self) -> Option<i64> {
        let [month, day, hour, minute, second] =
            [self.month, self.day, self.hour, self.minute, self.second]
                .map(|part| i8::try_from(part).unwrap_or(-1));
        let nanos = i32::try_from(self.fraction).ok()?;
        let civil = DateTime::new(self.year, month, day, hour, minute, second, nanos).ok()?;
        let at = Offset::UTC.to_timestamp(civil).ok()?;
        (nanos % 1_000_000 == 0).then(|| at.as_millisecond())
    }
}

/// How the values of a parameter are handed over, and of what type it is in the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Whole numbers of 64 bits.
    Long,
    /// The same as decimal digits: Oracle's driver takes no integers of 64 bits.
    Digits,
    Double,
    Text,
    Bytes,
    /// Date and time of UTC.
    Time,
}

/// The values of one parameter.
#[derive(Debug)]
pub(super) enum Values {
    Long(Vec<i64>),
    Double(Vec<f64>),
    Time(Vec<Stamp>),
    /// Cells of `width` bytes each: UTF-16, digits, or bytes.
    Cells {
        width: usize,
        bytes: Vec<u8>,
    },
}

/// One parameter of a statement, with a value for each row.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) form: Form,
    pub(super) values: Values,
    /// Length of each value in bytes, or that it is NULL.
    pub(super) lengths: Vec<isize>,
}

/// A value on its way into a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Long(i64),
    Double(f64),
    Time(Stamp),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl Parameter {
    /// A parameter with these values. One that is not of the form is NULL.
    pub(super) fn new<'a>(form: Form, values: impl Iterator<Item = Value<'a>>) -> Parameter {
        match form {
            Form::Long => {
                let (values, lengths) = fixed(values, |value| match value {
                    Value::Long(value) => Some(value),
                    _ => None,
                });
                Parameter { form, values: Values::Long(values), lengths }
            }
            Form::Double => {
                let (values, lengths) = fixed(values, |value| match value {
                    Value::Double(value) => Some(value),
                    _ => None,
                });
                Parameter { form, values: Values::Double(values), lengths }
            }
            Form::Time => {
                let (values, lengths) = fixed(values, |value| match value {
                    Value::Time(value) => Some(value),
                    _ => None,
                });
                Parameter { form, values: Values::Time(values), lengths }
            }
            Form::Digits | Form::Text | Form::Bytes => {
                let cells: Vec<Option<Vec<u8>>> = values
                    .map(|value| match value {
                        Value::Long(value) => Some(value.to_string().into_bytes()),
                        Value::Text(text) => {
                            Some(text.encode_utf16().flat_map(u16::to_ne_bytes).collect())
                        }
                        Value::Bytes(bytes) => Some(bytes.to_vec()),
                        _ => None,
                    })
                    .collect();
                let longest = cells.iter().flatten().map(Vec::len).max().unwrap_or(0);
                // Some drivers refuse a column without room.
                let width = longest.max(2).next_multiple_of(2);
                let (mut bytes, mut lengths) = (vec![0; width * cells.len()], Vec::new());
                for (into, cell) in bytes.chunks_mut(width).zip(&cells) {
                    let cell = cell.as_deref();
                    lengths.push(cell.map_or(NULL, |cell| cell.len().cast_signed()));
                    let cell = cell.unwrap_or_default();
                    into[..cell.len()].copy_from_slice(cell);
                }
                Parameter { form, values: Values::Cells { width, bytes }, lengths }
            }
        }
    }

    /// One with a single value.
    pub(super) fn one(form: Form, value: Value<'_>) -> Parameter {
        Parameter::new(form, std::iter::once(value))
    }

    /// Values that it has.
    pub(super) fn rows(&self) -> usize {
        self.lengths.len()
    }
}

/// Values of a fixed length, and which of them are NULL.
fn fixed<'a, T: Default>(
    values: impl Iterator<Item = Value<'a>>,
    take: impl Fn(Value<'a>) -> Option<T>,
) -> (Vec<T>, Vec<isize>) {
    values
        .map(|value| match take(value) {
            Some(value) => (value, size_of::<T>().cast_signed()),
            None => (T::default(), NULL),
        })
        .unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_to_the_millisecond_and_others_are_none() {
        for ms in [0, -1, 1, 1_709_164_800_123, *TIMES_MS.start(), *TIMES_MS.end()] {
            assert_eq!(Stamp::of(ms).unwrap().ms(), Some(ms), "{ms}");
        }
        for ms in [TIMES_MS.start() - 1, TIMES_MS.end() + 1, i64::MIN, i64::MAX] {
            assert_eq!(Stamp::of(ms), None, "{ms}");
        }
        assert_eq!(Stamp { month: 2, day: 30, ..Stamp::of(0).unwrap() }.ms(), None);
        assert_eq!(Stamp { fraction: 1, ..Stamp::of(0).unwrap() }.ms(), None);
    }

    #[test]
    fn cells_are_as_wide_as_the_longest_and_say_how_long_each_is() {
        let texts = [Value::Text("ab\u{1f30b}"), Value::Null, Value::Text("")];
        let parameter = Parameter::new(Form::Text, texts.into_iter());
        assert_eq!(parameter.lengths, [8, -1, 0]);
        let Values::Cells { width, bytes } = parameter.values else { panic!("they are texts") };
        assert_eq!((width, bytes.len()), (8, 24));
        let digits = Parameter::one(Form::Digits, Value::Long(-12));
        assert_eq!(digits.lengths, [3]);
    }
}
