//! Floats as text: numbers exactly as they were written, and words for those that are none.

use std::str::FromStr;

/// A float of decimal text, rounded once; also `NaN`, `Infinity` and `-Infinity`.
///
/// # Errors
/// What is wrong with the text; also a number that only infinity is near to.
pub(crate) fn parse<F: FromStr + Copy + Into<f64>>(text: &str) -> Result<F, String> {
    let value: F = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
    if value.into().is_infinite() && text.contains(|c: char| c.is_ascii_digit()) {
        return Err(format!("{text} is too large"));
    }
    Ok(value)
}

/// A float of JSON text: a number, or one of the words as a string.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_json<F: FromStr + Copy + Into<f64>>(text: &str) -> Result<F, String> {
    match text {
        r#""NaN""# | r#""Infinity""# | r#""-Infinity""# => parse(text.trim_matches('"')),
        _ => parse(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_and_the_three_words_are_floats() {
        assert!(parse::<f32>("NaN").unwrap().is_nan());
        assert_eq!(parse_json::<f64>(r#""-Infinity""#), Ok(f64::NEG_INFINITY));
        assert!(parse::<f64>("-0").unwrap().is_sign_negative());
        for wrong in ["1e39", "null", "", "1,5", r#""1.5""#, r#""inf""#] {
            assert!(parse_json::<f32>(wrong).is_err(), "{wrong:?}");
        }
    }
}
