//! Values of a job file as the types of options: text, numbers, durations, words and lists.
//!
//! Errors say what to write instead.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use clap::ValueEnum;
use toml::Spanned;
use toml::de::DeValue;

use crate::job::time_span::TimeSpan;

pub fn put<T>(option: &mut Option<T>, value: Result<T, String>) -> Result<(), String> {
    *option = Some(value?);
    Ok(())
}

pub fn flag(option: &mut bool, value: &DeValue<'_>) -> Result<(), String> {
    let DeValue::Boolean(is_set) = value else {
        return Err("write true or false".to_owned());
    };
    *option = *is_set;
    Ok(())
}

/// Text, or what stands for itself as text.
pub fn text(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(_) => integer(value).map(|number| number.to_string()),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Datetime(time) => Ok(time.to_string()),
        DeValue::Boolean(is_so) => Ok(is_so.to_string()),
        DeValue::Array(_) => Err("write one value, not a list".to_owned()),
        DeValue::Table(_) => Err("write one value, not a table".to_owned()),
    }
}

pub fn parsed<T: FromStr<Err: Display>>(value: &DeValue<'_>) -> Result<T, String> {
    text(value)?.parse().map_err(|error: T::Err| error.to_string())
}

pub fn integer(value: &DeValue<'_>) -> Result<i128, String> {
    let DeValue::Integer(number) = value else {
        return Err("write a whole number".to_owned());
    };
    let read = i128::from_str_radix(number.as_str(), number.radix());
    read.map_err(|error| error.to_string())
}

pub fn number(value: &DeValue<'_>, range: RangeInclusive<u64>) -> Result<u64, String> {
    let number = integer(value)?;
    let found = u64::try_from(number).ok().filter(|number| range.contains(number));
    found.ok_or_else(|| format!("{number} is not between {} and {}", range.start(), range.end()))
}

pub fn duration(value: &DeValue<'_>) -> Result<TimeSpan, String> {
    match value {
        DeValue::Integer(_) => {
            let number = integer(value)?;
            if number == 0 {
                return Ok(TimeSpan::from_ms(0));
            }
            Err(format!("a duration has a unit: write \"{number}ms\" or \"{number}s\""))
        }
        DeValue::String(_) => parsed(value),
        _ => Err("write a duration as text, as in \"250ms\", \"10s\" or \"7d\"".to_owned()),
    }
}

/// A duration under a name that ends in `_ms`.
pub fn millis(value: &DeValue<'_>) -> Result<TimeSpan, String> {
    let number = integer(value).map_err(|why| format!("{why} of ms"))?;
    let ms = i64::try_from(number).map_err(|_| format!("{number} is too large"))?;
    Ok(TimeSpan::from_ms(ms))
}

pub fn choice<T: ValueEnum>(value: &DeValue<'_>) -> Result<T, String> {
    let text = text(value)?;
    let names = || {
        let all = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        all.map(|value| format!("{:?}", value.get_name())).collect::<Vec<_>>().join(", ")
    };
    T::from_str(&text, false).map_err(|_| format!("{text:?} is none of {}", names()))
}

/// A list, or its only element.
pub fn list<T>(
    value: &DeValue<'_>,
    one: fn(&DeValue<'_>) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let DeValue::Array(values) = value else {
        return Ok(vec![one(value)?]);
    };
    let (mut all, mut faults) = (Vec::new(), Vec::new());
    for value in values.iter().map(Spanned::get_ref) {
        match one(value) {
            Ok(value) => all.push(value),
            Err(why) => faults.push(why),
        }
    }
    if faults.is_empty() { Ok(all) } else { Err(faults.join("; ")) }
}
